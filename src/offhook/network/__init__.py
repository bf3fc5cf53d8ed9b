"""The outside: addresses, datagram sockets, and the guard that decides what may be reached. What speaks HTTP
(`http.py`, `outside.py`) is imported by file: a process that carries sound has no use for it."""

from offhook.network.addresses import Address
from offhook.network.datagrams import (
    DatagramOpener,
    Datagrams,
    Receive,
    bound_datagrams,
    datagrams_on,
    open_datagrams,
    socket_address,
)
from offhook.network.error_words import INTERNAL, without, words_of
from offhook.network.guard import AddressGuard, AddressRefused, ConnectFailed, NameNotFound

__all__ = [
    "INTERNAL",
    "Address",
    "AddressGuard",
    "AddressRefused",
    "ConnectFailed",
    "DatagramOpener",
    "Datagrams",
    "NameNotFound",
    "Receive",
    "bound_datagrams",
    "datagrams_on",
    "open_datagrams",
    "socket_address",
    "without",
    "words_of",
]
