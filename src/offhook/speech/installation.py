"""What the local engines need on this machine, and what of it is missing."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from offhook.speech.jobs import WorkerFailed
from offhook.speech.models import VOICE_ACTIVITY
from offhook.speech.workers import Workers

_MODEL_FILES = {
    "moonshine_voice": ("assets/tiny-en/encoder_model.ort", "assets/tiny-en/decoder_model_merged.ort"),
    "hibari": ("assets/hibari.onnx",),
}
_PACKAGES = {"moonshine_voice": "moonshine-voice==0.1.0", "hibari": "hibari-tts==0.2.1"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps the engines from working: what it is and what to do, in one line."""

    text: str


async def check() -> list[Problem]:
    """What keeps the local engines from working on this machine; empty if nothing does. Starts one worker
    and stops it again."""
    problems = missing()
    if problems:
        return problems
    workers = Workers(1)
    try:
        await workers.start()
    except WorkerFailed as error:
        return [Problem(f"the local speech engines do not start ({error}): reinstall with `make install`")]
    await workers.close()
    return []


def missing() -> list[Problem]:
    """Packages and model files that are not there."""
    problems = []
    if not VOICE_ACTIVITY.is_file():
        problems.append(
            Problem(f"{VOICE_ACTIVITY} is missing: reinstall offhook (pip install --force-reinstall offhook)")
        )
    for module, files in _MODEL_FILES.items():
        install = f"pip install --force-reinstall {_PACKAGES[module]}"
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            problems.append(Problem(f"the package {_PACKAGES[module]} is missing: {install}"))
            continue
        folder = Path(spec.origin).parent
        problems += [
            Problem(f"{folder / name} is missing or empty: {install}")
            for name in files
            if not (folder / name).is_file() or not (folder / name).stat().st_size
        ]
    return problems
