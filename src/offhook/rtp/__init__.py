"""Real-time media: packets, codecs, jitter, digits, reports, ports, and the one clock."""

from .clock import Clock
from .codecs import SILENCE
from .ports import MediaPort, PortPool
from .stream import RtpStream

__all__ = ["SILENCE", "Clock", "MediaPort", "PortPool", "RtpStream"]
