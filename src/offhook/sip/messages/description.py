"""Session descriptions (RFC 8866, the parts that audio calls use), from bytes and to bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from offhook.network.addresses import Address
from offhook.sip.errors import BadSyntax, SipError
from offhook.sip.messages.grammar import HOST, parse_host, parse_ipv6

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Attributes = tuple[tuple[str, str | None], ...]

DIRECTIONS: Final[tuple[Direction, ...]] = ("sendrecv", "sendonly", "recvonly", "inactive")

MAX_DESCRIPTION: Final = 32768
"""Octets; an audio offer has about 500, one with many ICE candidates some 10 kB."""
MAX_LINES: Final = 1000
MAX_MEDIA: Final = 32
"""m= lines; each must be answered (RFC 3264 §6), so their number bounds our answer too."""
MAX_FORMATS: Final = 128
"""There are no more RTP payload types."""

_MEDIA = re.compile(
    r"([A-Za-z0-9\-.!%*_+]++) ([0-9]{1,5})(?:/([0-9]{1,5}))? ([A-Za-z0-9\-.!%*_+/]++)((?: ++[^ ]++)++) *+"
)
# A user name may hold no blank, but some phones put their display name there.
_ORIGIN = re.compile(r"(.*[^ ]) ([0-9]{1,20}) ([0-9]{1,20}) IN IP[46] ([^ ]++) ?")
_CONNECTION = re.compile(r"IN (IP4|IP6) ([^ /]++)(?:/[0-9/]++)? ?")
_HOST = re.compile(HOST)
_RTPMAP = re.compile(r"([0-9]{1,3}) ++([A-Za-z0-9\-.!%*_+]++)/([0-9]{1,6})(?:/([0-9]{1,2}))? ?")
_RTCP = re.compile(r"([0-9]{1,5})(?: (IN IP[46] .++))?")


class SdpError(SipError):
    """A description that cannot be read (400) or agreed to (488)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made the description; `version` grows with each change (RFC 3264 §8)."""

    session_id: int
    version: int
    address: str
    username: str = "-"


@dataclass(frozen=True, slots=True)
class RtpMap:
    payload_type: int
    encoding: str
    """In upper case."""
    rate: int
    """Hz."""
    channels: int = 1

    @property
    def format(self) -> tuple[str, int, int]:
        """What it is, whatever number it has."""
        return self.encoding, self.rate, self.channels


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One m= line with what follows it. Port 0 means refused or removed (RFC 3264 §6, §8.2)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: Attributes = ()
    address: str | None = None
    """Its own c= line's; None when the session's holds."""

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute, "" for a flag, None when it is absent."""
        return _attribute(self.attributes, name)

    @property
    def rtpmaps(self) -> dict[int, list[RtpMap]]:
        """The encodings that a=rtpmap names, by payload type; malformed ones are left out. Some name several
        for one payload type."""
        maps: dict[int, list[RtpMap]] = {}
        for name, value in self.attributes:
            match = _RTPMAP.fullmatch(value) if name == "rtpmap" and value else None
            if match is not None:
                number, encoding, rate, channels = match.groups()
                maps.setdefault(int(number), []).append(
                    RtpMap(int(number), encoding.upper(), int(rate), int(channels or 1))
                )
        return maps

    def __str__(self) -> str:
        lines = [f"m={self.kind} {self.port} {self.protocol} {' '.join(self.formats)}\r\n"]
        if self.address is not None:
            lines.append(_connection_line(self.address))
        return "".join([*lines, *_attribute_lines(self.attributes)])


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description. Lines that an audio call has no use for (i, u, e, p, b, z, k) are not kept."""

    origin: Origin
    media: tuple[MediaDescription, ...]
    address: str | None = None
    """Of the session's c= line."""
    attributes: Attributes = ()
    name: str = "-"
    times: tuple[str, ...] = ("0 0",)

    @classmethod
    def parse(cls, data: bytes) -> SessionDescription:
        """SdpError (400) for what is no session description. Lines may end in LF alone (RFC 8866 §5)."""
        return _Parser().parse(data)

    def to_bytes(self) -> bytes:
        origin = self.origin
        family = _family(origin.address)
        lines = [
            "v=0\r\n",
            f"o={origin.username} {origin.session_id} {origin.version} IN {family} {origin.address}\r\n",
            f"s={self.name}\r\n",
        ]
        if self.address is not None:
            lines.append(_connection_line(self.address))
        lines += [f"t={time}\r\n" for time in self.times]
        lines += _attribute_lines(self.attributes)
        lines += [str(media) for media in self.media]
        return "".join(lines).encode()

    def address_of(self, media: MediaDescription) -> str | None:
        """Where `media` is to be sent: its own c= line's address or the session's."""
        return media.address or self.address

    def rtcp_of(self, media: MediaDescription) -> Address | None:
        """Where RTCP is to be sent: a=rtcp (RFC 3605), else the next port; None without any address."""
        host = self.address_of(media)
        if host is None:
            return None
        if media.attribute("rtcp-mux") is not None:
            return Address(host, media.port)
        match = _RTCP.fullmatch(media.attribute("rtcp") or "")
        if match is None or not 1 <= int(match[1]) <= 65535:
            return Address(host, min(media.port + 1, 65535))
        try:
            return Address(_parse_connection(match[2]) if match[2] else host, int(match[1]))
        except SdpError:
            return Address(host, int(match[1]))

    def direction_of(self, media: MediaDescription) -> Direction:
        """From the describer's side; the media's own attribute before the session's, else sendrecv."""
        for attributes in (media.attributes, self.attributes):
            for name, _ in attributes:
                if name in DIRECTIONS:
                    return name
        return "sendrecv"


class _Parser:
    """Collects one description line by line."""

    def __init__(self) -> None:
        self._origin: Origin | None = None
        self._name = "-"
        self._times: list[str] = []
        self._address: str | None = None
        self._attributes: list[tuple[str, str | None]] = []
        self._media: list[MediaDescription] = []
        self._open: MediaDescription | None = None
        self._open_attributes: list[tuple[str, str | None]] = []

    def parse(self, data: bytes) -> SessionDescription:
        if len(data) > MAX_DESCRIPTION:
            raise SdpError(413)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        if "\x00" in text:
            raise SdpError(400, "Malformed SDP")
        lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]
        if len(lines) > MAX_LINES or not lines or lines[0].rstrip() != "v=0":
            raise SdpError(400, "Malformed SDP")
        for line in lines[1:]:
            if line[1:2] != "=":
                raise SdpError(400, "Malformed SDP Line")
            self._line(line[0], line[2:])
        self._close_media()
        if self._origin is None:
            raise SdpError(400, "Missing SDP Origin")
        return SessionDescription(
            self._origin,
            tuple(self._media),
            self._address,
            tuple(self._attributes),
            self._name,
            tuple(self._times) or ("0 0",),
        )

    def _line(self, kind: str, value: str) -> None:
        if kind == "m":
            self._close_media()
            self._open = _parse_media(value)
        elif kind == "a":
            name, colon, rest = value.strip().partition(":")
            attributes = self._attributes if self._open is None else self._open_attributes
            attributes.append((name, rest.strip() if colon else None))
        elif kind == "c":
            self._connection(_parse_connection(value))
        elif kind == "o":
            self._origin = _parse_origin(value)
        elif kind == "s":
            self._name = value or "-"
        elif kind == "t":
            self._times.append(value)

    def _connection(self, address: str) -> None:
        """The first c= line of a section holds (RFC 8866 §5.7: further ones are for layered multicast)."""
        if self._open is None:
            self._address = self._address or address
        elif self._open.address is None:
            media = self._open
            self._open = MediaDescription(media.kind, media.port, media.protocol, media.formats, (), address)

    def _close_media(self) -> None:
        media = self._open
        if media is None:
            return
        if len(self._media) == MAX_MEDIA:
            raise SdpError(400, "Too Many Media Lines")
        attributes = tuple(self._open_attributes)
        self._open_attributes = []
        self._media.append(
            MediaDescription(media.kind, media.port, media.protocol, media.formats, attributes, media.address)
        )


def _parse_media(value: str) -> MediaDescription:
    match = _MEDIA.fullmatch(value)
    if match is None or int(match[2]) > 65535:
        raise SdpError(400, "Malformed SDP Media")
    kind, port, _, protocol, formats = match.groups()
    numbers = tuple(formats.split())
    if len(numbers) > MAX_FORMATS:
        raise SdpError(400, "Too Many Media Formats")
    return MediaDescription(kind.lower(), int(port), protocol, numbers)


def _parse_origin(value: str) -> Origin:
    match = _ORIGIN.fullmatch(value)
    if match is None:
        raise SdpError(400, "Malformed SDP Origin")
    return Origin(int(match[2]), int(match[3]), match[4], match[1])


def _parse_connection(value: str) -> str:
    match = _CONNECTION.fullmatch(value)
    if match is None:
        raise SdpError(400, "Malformed SDP Connection")
    family, host = match.groups()
    try:
        if family == "IP6" and ":" in host:
            return parse_ipv6(host, "SDP")
        if not _HOST.fullmatch(host):
            raise BadSyntax("Malformed SDP Host")
        return parse_host(host, "SDP")
    except BadSyntax as error:
        raise SdpError(400, "Malformed SDP Connection") from error


def _attribute(attributes: Attributes, name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _attribute_lines(attributes: Iterable[tuple[str, str | None]]) -> list[str]:
    return [f"a={name}\r\n" if value is None else f"a={name}:{value}\r\n" for name, value in attributes]


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _connection_line(address: str) -> str:
    return f"c=IN {_family(address)} {address}\r\n"
