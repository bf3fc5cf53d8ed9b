"""Real-time media: packets, codecs, jitter, digits, reports, ports, and the one clock."""

from .clock import LATENESS_BOUNDS, TICK, Clock, Ticked
from .codecs import CODECS, FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, SILENCE, Codec
from .ports import MediaPort, PortPool, PortsExhausted
from .stream import AudioSink, AudioSource, Direction, RtpStream, StreamStatistics

__all__ = [
    "CODECS",
    "FRAME_BYTES",
    "FRAME_SAMPLES",
    "LATENESS_BOUNDS",
    "SAMPLE_RATE",
    "SILENCE",
    "TICK",
    "AudioSink",
    "AudioSource",
    "Clock",
    "Codec",
    "Direction",
    "MediaPort",
    "PortPool",
    "PortsExhausted",
    "RtpStream",
    "StreamStatistics",
    "Ticked",
]
