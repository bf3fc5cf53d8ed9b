"""The outside: addresses, datagram sockets, and the guard that decides what may be reached."""

from .addresses import Address
from .datagrams import DatagramOpener, Datagrams, Receive, bound_datagrams, datagrams_on, open_datagrams
from .guard import AddressGuard, AddressRefused, ConnectFailed, NameNotFound
from .http import MAX_ANSWER, BodyRefused, BodyTooLarge, Reply, at_most, causes, guarded_client, read_bounded
from .outside import Outside
from .words import INTERNAL, words_of

__all__ = [
    "INTERNAL",
    "MAX_ANSWER",
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
    "at_most",
    "bound_datagrams",
    "causes",
    "datagrams_on",
    "guarded_client",
    "open_datagrams",
    "read_bounded",
    "words_of",
]
