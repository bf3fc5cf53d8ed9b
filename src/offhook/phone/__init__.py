"""A phone made of the same rooms as the service: `offhook call`, the demo's caller, and the tests' one."""

from offhook.phone.handset import PhoneCall
from offhook.phone.line import Line, destination, open_line
from offhook.phone.listening import Listening
from offhook.phone.wav import AudioFileError, read_wav, write_wav

__all__ = [
    "AudioFileError",
    "Line",
    "Listening",
    "PhoneCall",
    "destination",
    "open_line",
    "read_wav",
    "write_wav",
]
