"""Where something is on the network."""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """`host` is an IPv4 or IPv6 literal without brackets, `port` is 0..65535."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with brackets around an IPv6 host (RFC 3986 §3.2.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
