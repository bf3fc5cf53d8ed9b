"""The outside: addresses, datagram sockets, and the guard that decides what may be reached."""

from .addresses import Address
from .datagrams import DatagramOpener, Datagrams, Receive, open_datagrams

__all__ = ["Address", "DatagramOpener", "Datagrams", "Receive", "open_datagrams"]
