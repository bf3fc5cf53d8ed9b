"""The types of settings: how each is written in the environment, and what is refused.

A ValueError says what to write instead."""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from offhook.network.addresses import Address
from offhook.process import call_processes
from offhook.sip.errors import SipError
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.table import transport_of
from offhook.store.connecting import DRIVERS

_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")

HTTP: Final = Address("127.0.0.1", 8080)
SIP: Final = Address("0.0.0.0", 5060)  # noqa: S104 - calls come from elsewhere
SIP_TLS: Final = Address("0.0.0.0", 5061)  # noqa: S104 - the same
"""Where a node listens as a rule."""

_PREFIX = re.compile(r"\+?[0-9]{1,15}")


class PortRange(NamedTuple):
    """UDP ports for media, both ends included."""

    low: int
    high: int

    @property
    def calls(self) -> int:
        """How many calls they hold: RTP and RTCP take a port each."""
        return (self.high - self.low + 1) // 2

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


def parse_host_port(text: str, usual: Address = HTTP) -> Address:
    """`127.0.0.1:8080`, `example.org:80` or `[::1]:8080`; port 0 lets the system choose.

    Raises ValueError with a sentence that says what is expected, with `usual` for an example.
    """
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT with a port from 0 to 65535, such as {usual}")
    if bracketed != _is_ip(bare, 6) or not (bracketed or _HOST.fullmatch(bare)):
        raise ValueError(f"{text!r} is not HOST:PORT; an IPv6 address is written [::1]:{usual.port}")
    return Address(bare, int(port))


def parse_port_range(text: str) -> PortRange:
    """`40000-49999`: at least one pair of ports (RTP and RTCP), above the privileged ones."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*-\s*(\d{1,5})\s*", text, re.ASCII)
    low, high = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1024 <= low < high <= 65535:
        raise ValueError(f"{text!r} is not LOW-HIGH with ports from 1024 to 65535, such as 40000-49999")
    return PortRange(low, high)


def _is_ip(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def is_ip(text: str) -> bool:
    return _is_ip(text, 4) or _is_ip(text, 6)


def _address(usual: Address) -> BeforeValidator:
    return BeforeValidator(lambda value: parse_host_port(value, usual) if isinstance(value, str) else value)


def _port_range(value: object) -> object:
    return parse_port_range(value) if isinstance(value, str) else value


def _host(value: str) -> str:
    if not (_HOST.fullmatch(value) or _is_ip(value.strip("[]"), 6)):
        raise ValueError(f"{value!r} is not a host name, such as sip.example.org")
    return value.lower().rstrip(".")


def _hosts(value: object) -> object:
    return tuple(_host(part.strip()) for part in value.split(",")) if isinstance(value, str) else value


def _ip(value: str) -> str:
    if not is_ip(value):
        raise ValueError(f"{value!r} is not an IP address; phones send their audio to it")
    return value


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{value!r} is not a URL that starts with http:// or https://")
    return value.rstrip("/")


def _trunk(value: str) -> str:
    try:
        uri = Uri.parse(value)
        transport_of(uri)
    except SipError:
        uri = Uri("")
    if not uri.host or uri.password is not None or uri.headers:
        raise ValueError(
            "write sip:USER@HOST, sip:USER@HOST:PORT or sip:USER@HOST;transport=tls; the password has a"
            " setting of its own"
        )
    return value


def _prefixes(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _checked_prefixes(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not all(_PREFIX.fullmatch(prefix) for prefix in value or ()):
        raise ValueError("write the first digits of numbers, such as +1,+4420")
    return value


def _networks(value: object) -> object:
    return tuple(_network(part.strip()) for part in value.split(",")) if isinstance(value, str) else value


def _network(text: str) -> IpNetwork:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address or network, such as 192.0.2.7 or 10.0.0.0/8") from None


def _signing_secret(value: SecretStr) -> SecretStr:
    written = value.get_secret_value()
    if written.startswith("whsec_"):
        try:
            base64.b64decode(written.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError("what follows whsec_ is not Base64; copy it again") from None
    return value


def _processes(value: object) -> object:
    return call_processes(value) if isinstance(value, str) else value


def _database_url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in DRIVERS:
        raise ValueError("write postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE")
    return f"{DRIVERS[scheme]}://{rest}"


HttpAddress = Annotated[Address, NoDecode, _address(HTTP)]
SipAddress = Annotated[Address, NoDecode, _address(SIP)]
# What may be unset says so within, else its text would be read as JSON: `49` as a number.
SipTlsAddress = Annotated[Address | None, NoDecode, _address(SIP_TLS)]
Ports = Annotated[PortRange, NoDecode, BeforeValidator(_port_range)]
Hosts = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_hosts)]
Ip = Annotated[str, AfterValidator(_ip)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
TrunkUri = Annotated[str, AfterValidator(_trunk)]
Prefixes = Annotated[
    tuple[str, ...] | None, NoDecode, BeforeValidator(_prefixes), AfterValidator(_checked_prefixes)
]
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks = Annotated[tuple[IpNetwork, ...] | None, NoDecode, BeforeValidator(_networks)]
Processes = Annotated[int, BeforeValidator(_processes)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
# A short key could be guessed; so could a short signing secret.
Secret = Annotated[SecretStr, Field(min_length=16, max_length=512)]
SigningSecret = Annotated[Secret, AfterValidator(_signing_secret)]
