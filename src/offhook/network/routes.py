"""The address of ours that others see."""

from __future__ import annotations

import socket
from typing import Final

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 compared with, not bound to

DISCARD: Final = 9
"""Any port, for asking the kernel about a route (RFC 863)."""


def source_towards(host: str) -> str:
    """The address that the kernel would send from. Connecting a UDP socket sends nothing. It is asked each
    time (16 µs), since addresses come and go. Raises OSError if there is no route to `host`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, DISCARD))
        return str(probe.getsockname()[0])
