"""What engines that live elsewhere reach the world through; both ends are guarded (see network/)."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx2

Connect = Callable[[str, int], Awaitable[socket.socket]]
"""Host name or address and port -> a connected, non-blocking TCP socket. Raises OSError, or what the guard
raises for an address that may not be reached."""


@dataclass(frozen=True, slots=True)
class Outside:
    http: httpx2.AsyncClient
    connect: Connect
