"""The values of single headers (RFC 3261 §20) as immutable types with `parse()` and `str()`.

Header parameters keep their wire form in `params` (quotes included), so that they go out as they came;
`param(name)` gives the unquoted value."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from offhook.sip.errors import BadSyntax
from offhook.sip.messages.grammar import (
    HOST,
    QUOTED,
    TOKEN,
    Params,
    format_host,
    format_params,
    param,
    parse_host,
    parse_ipv6,
    parse_number,
    parse_params,
    parse_port,
    quote,
    unquote,
    with_param,
)
from offhook.sip.messages.uri import Uri

MAX_SEQUENCE: Final = 2**31 - 1
"""CSeq numbers are below 2**31 (RFC 3261 §8.1.1.5)."""

# Beyond the grammar, letters outside ASCII are let through in an unquoted display name: phones send them.
_NAME_ADDR = re.compile(
    rf"[ \t]*+(?:({QUOTED})[ \t]*+|((?:[A-Za-z0-9\-.!%*_+`'~\x80-\uffff]++[ \t]*+)*+))<([^<>]*+)>[ \t]*+(.*)",
    re.DOTALL,
)
_ADDR_SPEC = re.compile(r"[ \t]*+([^;?,<>\"\s]++)[ \t]*+(;.*)?", re.DOTALL)
_VIA = re.compile(
    rf"({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]++"
    rf"({HOST})[ \t]*+(?::[ \t]*+([0-9]{{1,5}})[ \t]*+)?(;.*)?",
    re.DOTALL,
)
_CSEQ = re.compile(rf"([0-9]++)[ \t]++({TOKEN})")
_MEDIA_TYPE = re.compile(rf"({TOKEN})[ \t]*+/[ \t]*+({TOKEN})[ \t]*+(;.*)?", re.DOTALL)
_VALUE = re.compile(rf"({TOKEN})[ \t]*+(;.*)?", re.DOTALL)
_RECEIVED_IPV6 = re.compile(r"\[?([0-9A-Fa-f:.]++)\]?")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address with an optional display name and header parameters: From, To, Contact, Route, Refer-To, ...

    `display_name` is unquoted, None where there is none."""

    display_name: str | None
    uri: Uri
    params: Params = ()

    @classmethod
    def parse(cls, text: str, where: str = "Address") -> NameAddr:
        """name-addr or addr-spec with parameters; BadSyntax naming `where`."""
        match = _NAME_ADDR.fullmatch(text)
        if match is not None:
            quoted, tokens, uri, params = match.groups()
            name = unquote(quoted) if quoted is not None else tokens.strip() or None
            return cls(name, _parse_uri(uri, where), parse_params(params, where))
        match = _ADDR_SPEC.fullmatch(text)
        if match is None:
            raise BadSyntax(f"Malformed {where}")
        return cls(None, _parse_uri(match[1], where), parse_params(match[2] or "", where))

    @property
    def tag(self) -> str | None:
        return param(self.params, "tag")

    def param(self, name: str) -> str | None:
        """The header parameter's value, "" for one without a value, None when it is absent."""
        return param(self.params, name)

    def with_tag(self, tag: str) -> NameAddr:
        return replace(self, params=with_param(self.params, "tag", tag))

    def __str__(self) -> str:
        name = "" if self.display_name is None else f"{quote(self.display_name)} "
        return f"{name}<{self.uri}>{format_params(self.params)}"


def _parse_uri(text: str, where: str) -> Uri:
    try:
        return Uri.parse(text)
    except BadSyntax as error:
        raise BadSyntax(f"Malformed {where}") from error


@dataclass(frozen=True, slots=True)
class Via:
    """One hop (RFC 3261 §20.42). `protocol` is the transport in upper case: UDP, TCP, TLS, WS, ..."""

    protocol: str
    host: str
    port: int | None = None
    params: Params = ()
    version: str = "2.0"

    @classmethod
    def parse(cls, text: str) -> Via:
        match = _VIA.fullmatch(text)
        if match is None:
            raise BadSyntax("Malformed Via")
        _, version, protocol, host, port, params = match.groups()
        return cls(
            protocol.upper(),
            parse_host(host, "Via"),
            None if port is None else parse_port(port, "Via"),
            parse_params(params or "", "Via"),
            version,
        )

    @property
    def branch(self) -> str | None:
        return param(self.params, "branch")

    @property
    def received(self) -> str | None:
        """Where the message came from, without the brackets that IPv6 may or may not have (RFC 5118 §4.5)."""
        value = param(self.params, "received")
        if value is None or ":" not in value:
            return value
        match = _RECEIVED_IPV6.fullmatch(value)
        if match is None:
            raise BadSyntax("Malformed Via Received")
        return parse_ipv6(match[1], "Via Received")

    @property
    def wants_rport(self) -> bool:
        return param(self.params, "rport") is not None

    def __str__(self) -> str:
        sent_by = format_host(self.host, self.port)
        return f"SIP/{self.version}/{self.protocol} {sent_by}{format_params(self.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """RFC 3261 §20.16. `number` is below 2**31; the method is case-sensitive."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        match = _CSEQ.fullmatch(text)
        if match is None:
            raise BadSyntax("Malformed CSeq")
        return cls(parse_number(match[1], "CSeq", MAX_SEQUENCE), match[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class MediaType:
    """Content-Type or one element of Accept: `type/subtype` in lower case, and parameters."""

    kind: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> MediaType:
        match = _MEDIA_TYPE.fullmatch(text)
        if match is None:
            raise BadSyntax("Malformed Content-Type")
        return cls(f"{match[1]}/{match[2]}".lower(), parse_params(match[3] or "", "Content-Type"))

    def param(self, name: str) -> str | None:
        return param(self.params, name)

    def accepts(self, kind: str) -> bool:
        """Whether this element of Accept, a range perhaps, covers `kind`."""
        return self.kind in ("*/*", kind, f"{kind.partition('/')[0]}/*")

    def __str__(self) -> str:
        return f"{self.kind}{format_params(self.params)}"


@dataclass(frozen=True, slots=True)
class Parametrized:
    """`token;name=value...`: Content-Disposition, Subscription-State, Event, Reason; token in lower case."""

    value: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> Parametrized:
        match = _VALUE.fullmatch(text)
        if match is None:
            raise BadSyntax("Malformed Header")
        return cls(match[1].lower(), parse_params(match[2] or "", "Header"))

    def param(self, name: str) -> str | None:
        return param(self.params, name)

    def __str__(self) -> str:
        return f"{self.value}{format_params(self.params)}"
