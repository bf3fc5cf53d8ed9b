"""Where something is on the network."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import NamedTuple


class Address(NamedTuple):
    """`host` is an IPv4 or IPv6 literal without brackets, `port` is 0..65535."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with brackets around an IPv6 host (RFC 3986 §3.2.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def plain_host(host: str) -> str:
    """The one spelling of an IPv6 literal (RFC 5952), IPv4-mapped ones as the IPv4 address that they stand
    for (RFC 4291 §2.5.5.2); anything else as it is."""
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or address)


@lru_cache(maxsize=4096)
def network_of(host: str) -> str:
    """The network of a host, as one that somebody has whole: /24 of IPv4, /64 of IPv6. Raises ValueError for
    what is no literal."""
    plain = plain_host(host)
    return str(ip_network(f"{plain}/{64 if ':' in plain else 24}", strict=False))
