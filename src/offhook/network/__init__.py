"""The outside: addresses, datagram sockets, and the guard that decides what may be reached."""

from .addresses import Address
from .datagrams import DatagramOpener, Datagrams, Receive, open_datagrams
from .guard import AddressGuard, AddressRefused, ConnectFailed, NameNotFound
from .http import BodyRefused, BodyTooLarge, Reply, causes, guarded_client, read_bounded
from .outside import Outside

__all__ = [
    "Address",
    "AddressGuard",
    "AddressRefused",
    "BodyRefused",
    "BodyTooLarge",
    "ConnectFailed",
    "DatagramOpener",
    "Datagrams",
    "NameNotFound",
    "Outside",
    "Receive",
    "Reply",
    "causes",
    "guarded_client",
    "open_datagrams",
    "read_bounded",
]
