"""Real-time media: packets, codecs, jitter, digits, reports, ports, and the one clock."""

from offhook.frames import SILENCE

from .clock import Clock
from .ports import MediaPort, PortPool
from .stream import RtpStream

__all__ = ["SILENCE", "Clock", "MediaPort", "PortPool", "RtpStream"]
