"""A phone made of the same rooms as the service: `offhook call`, the demo's caller, and the tests' one."""

from offhook.phone.call_transcriber import CallTranscriber
from offhook.phone.handset import PhoneCall
from offhook.phone.phone_line import PhoneLine, destination, open_line
from offhook.phone.wav import AudioFileError, read_wav, write_wav

__all__ = [
    "AudioFileError",
    "CallTranscriber",
    "PhoneCall",
    "PhoneLine",
    "destination",
    "open_line",
    "read_wav",
    "write_wav",
]
