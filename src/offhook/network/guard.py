"""Which outside addresses may be reached.

Webhooks, tools, engines and SIP destinations name addresses that a stranger may have typed. The guard
resolves a name, checks every address that it gets, and connects to the address that it has checked: a name
that resolves differently the second time (DNS rebinding) gains nothing."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from offhook.network.addresses import Address, plain_host
from offhook.network.host_names import NameNotFound, SystemResolver

__all__ = ["AddressGuard", "AddressRefused", "ConnectFailed", "NameNotFound", "Resolver"]

Resolver = Callable[[str], Awaitable[list[str]]]
"""From a host name to its IP literals, best first. Raises NameNotFound."""

IpAddress = IPv4Address | IPv6Address

NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this" network: Linux takes 0.0.0.0 for itself
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata at Alibaba
        "168.63.129.16/32",  # the host side of Azure, a public-looking address
        "192.0.0.0/24",  # protocol assignments, and metadata at Oracle
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",  # metadata at Amazon
        "fd20:ce::254/128",  # metadata at Google
    )
)
"""Always refused, whatever the settings say: no webhook is there, and some of these addresses give out
secrets."""

PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",
        "::1/128",
        "172.16.0.0/12",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001::/23",  # protocol assignments, RFC 2928
        "2001:db8::/32",
        "3fff::/20",
    )
)
"""Refused unless private addresses are allowed (IANA special-purpose registries, RFC 6890)."""

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The only IPv6 space that is assigned for public use (RFC 4291 §2.4)."""

TRANSLATED = tuple(ip_network(text) for text in ("::/96", "::ffff:0:0/96", "64:ff9b::/96"))
"""IPv6 prefixes outside of that space. They stand for the IPv4 address inside, and for nothing else."""

LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})

CONNECT_TIMEOUT = 10.0
"""Seconds for all addresses of a host together."""

ATTEMPT_TIMEOUT = 3.0
"""Seconds for one address while there are others to try."""

MAX_ADDRESSES = 16

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


ALLOWING: Final = "unless OFFHOOK_ALLOW_PRIVATE_URLS=1 is set"
ONLY_WEB: Final = f"only http and https URLs with a host are reached, private ones not {ALLOWING}"


class AddressRefused(Exception):
    """The guard refuses this host. `reason` is one line for its owner."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")


class ConnectFailed(OSError):
    """No address of the host accepted the connection."""


def embedded_ipv4(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address may lead to through a translator or tunnel: IPv4-mapped and
    -compatible (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052), ISATAP (RFC 5214)."""
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    found: list[IPv4Address] = []
    if number >> 32 in (0, 0xFFFF) and number > 1:
        found.append(last)
    if number >> 32 == 0x0064FF9B << 64:
        found.append(last)
    if number >> 112 == 0x2002:
        found.append(IPv4Address((number >> 80) & 0xFFFFFFFF))
    if number >> 96 == 0x20010000:
        found += [IPv4Address((number >> 64) & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF)]
    if (number >> 32) & 0xFDFFFFFF == 0x00005EFE:
        found.append(last)
    return found


def _within(address: IpAddress, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def why_refused(address: IpAddress, allow_private: bool) -> str | None:
    """Why this address may not be reached. None if it may."""
    if _within(address, NEVER):
        return f"{address} is not an address of a host on the internet"
    if isinstance(address, IPv6Address):
        for inner in embedded_ipv4(address):
            if why_refused(inner, allow_private):
                return f"{address} leads to {inner}, which is not public"
        if not (allow_private or address in GLOBAL_UNICAST or _within(address, TRANSLATED)):
            return f"{address} is private: it is not reached {ALLOWING}"
    if not allow_private and _within(address, PRIVATE):
        return f"{address} is private: it is not reached {ALLOWING}"
    return None


def parse_host(host: str) -> IpAddress | str:
    """An IP literal (IPv6 with or without brackets) as an address, anything else as a lower-case host name
    without its last dot. Raises AddressRefused for spellings that resolvers read differently than they look:
    `0x7f.1`, `2130706433`, `0177.0.0.1`, `fe80::1%eth0`."""
    text = host.lower()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if "%" in text:
        raise AddressRefused(host, "a zone or an escape has no place in a host")
    try:
        return ip_address(text)
    except ValueError:
        pass
    name = text.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(host[:300], "not a host name")
    if _NUMERIC.fullmatch(labels[-1]):
        raise AddressRefused(host, "an unusual spelling of an IPv4 address")
    return name


def check_url(url: str, allow_private: bool, schemes: Collection[str]) -> None:
    """Checks what a URL shows before its name is looked up. Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    except ValueError:
        raise AddressRefused(url[:300], ONLY_WEB) from None
    host = parts.hostname or ""
    if parts.scheme not in schemes or not host:
        raise AddressRefused(url[:300], ONLY_WEB)
    check_port(host, port, allow_private)
    parsed = parse_host(host)
    if isinstance(parsed, str):
        check_name(parsed, allow_private)
    else:
        check_address(host, parsed, allow_private)


def check_name(name: str, allow_private: bool) -> None:
    """Raises AddressRefused for a name of this machine."""
    if not allow_private and (name in LOCAL_NAMES or name.endswith(".localhost")):
        raise AddressRefused(name, f"this is the machine itself: it is not reached {ALLOWING}")


def check_address(host: str, address: IpAddress, allow_private: bool) -> None:
    """Raises AddressRefused for an address that may not be reached."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise AddressRefused(host, "the address is valid on one link only")
    reason = why_refused(address, allow_private)
    if reason:
        raise AddressRefused(host, reason)


def check_port(host: str, port: int, allow_private: bool) -> None:
    """On public hosts only the web's own ports and those that no privilege is needed for: what is below
    (SMTP, SSH, DNS...) is nobody's webhook, and a request could be read there as commands. Raises
    AddressRefused."""
    if not 0 < port < 65536:
        raise AddressRefused(host, f"port {port} does not exist")
    if port < 1024 and port not in (80, 443) and not allow_private:
        raise AddressRefused(host, f"port {port} is not reached {ALLOWING}: use 80, 443 or one from 1024")


class AddressGuard:
    """`allow_private` lets loopback and private addresses through; link-local, metadata and multicast
    addresses stay refused. `resolver` is the system's unless a test brings its own."""

    def __init__(self, allow_private: bool = False, resolver: Resolver | None = None) -> None:
        self.allow_private = allow_private
        self._resolver = resolver if resolver is not None else SystemResolver()

    def for_operator(self) -> AddressGuard:
        """One for addresses that the operator has written: private ones too."""
        return AddressGuard(True, self._resolver)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses to connect to, best first, all of them checked. Raises AddressRefused if any of
        them (not only the first) may not be reached, NameNotFound if there are none."""
        check_port(host, port, self.allow_private)
        parsed = parse_host(host)
        if isinstance(parsed, str):
            return [Address(str(found), port) for found in await self._look_up(parsed)]
        check_address(host, parsed, self.allow_private)
        return [Address(str(parsed), port)]

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected non-blocking TCP socket to a checked address. Raises AddressRefused, NameNotFound,
        ConnectFailed or TimeoutError."""
        addresses = await self.resolve(host, port)
        problems: list[str] = []
        async with asyncio.timeout(CONNECT_TIMEOUT):
            for index, address in enumerate(addresses):
                last = index == len(addresses) - 1
                try:
                    async with asyncio.timeout(None if last else ATTEMPT_TIMEOUT):
                        return await _connect(address)
                except TimeoutError:
                    problems.append(f"{address}: no answer")
                except OSError as error:
                    problems.append(f"{address}: {error.strerror or error}")
        raise ConnectFailed("; ".join(problems))

    async def _look_up(self, name: str) -> list[IpAddress]:
        check_name(name, self.allow_private)
        addresses: list[IpAddress] = []
        for literal in (await self._resolver(name))[:MAX_ADDRESSES]:
            try:
                address = ip_address(literal)
            except ValueError:
                raise AddressRefused(name, "the name leads to something that is no address") from None
            check_address(name, address, self.allow_private)
            addresses.append(address)
        if not addresses:
            raise NameNotFound(name)
        return addresses

    def lets_media(self, to: Address, signalling_host: str) -> bool:
        """Whether audio may be sent to an address that a peer's SDP names, before anything came from there.
        `signalling_host` is the one that the peer's SIP comes from, where everything may go that answers it.

        Private addresses are those of our network, and not of a peer outside of it: one behind a NAT names
        its own."""
        host = plain_host(to.host)
        if host == plain_host(signalling_host):
            return True
        address, beside = ip_address(host), ip_address(plain_host(signalling_host))
        if why_refused(address, allow_private=True) or (
            isinstance(address, IPv6Address) and address.scope_id is not None
        ):
            return False
        if self.allow_private:
            return True
        if to.port < 1024 or (address.is_loopback and not beside.is_loopback):
            return False
        return not why_refused(address, allow_private=False) or bool(why_refused(beside, allow_private=False))


async def _connect(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock
