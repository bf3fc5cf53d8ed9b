"""Files of models that come with Offhook."""

from pathlib import Path
from typing import Final

VOICE_ACTIVITY: Final = Path(__file__).parent / "silero_vad.onnx"
