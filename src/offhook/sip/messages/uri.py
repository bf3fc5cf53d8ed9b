"""SIP URIs (RFC 3261 §19.1, §25.1), and every other scheme as opaque text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import quote as escape
from urllib.parse import unquote_to_bytes

from offhook.sip.errors import BadSyntax
from offhook.sip.messages.grammar import HOST, MAX_PARAMS, Params, format_host, parse_host, parse_port

_UNRESERVED: Final = r"A-Za-z0-9\-_.!~*'()"
_USER_SAFE: Final = "!*'()&=+$,;?/~"
_PASSWORD_SAFE: Final = "!*'()&=+$,~"  # noqa: S105 - characters, no password
_PARAM_SAFE: Final = "!*'()[]/:&+$~"
_HEADER_SAFE: Final = "!*'()[]/?:+$~"

_PARAM_CHARS = rf"(?:[{_UNRESERVED}\[\]/:&+$]|%[0-9A-Fa-f]{{2}})"
_HEADER_CHARS = rf"(?:[{_UNRESERVED}\[\]/?:+$]|%[0-9A-Fa-f]{{2}})"
# "#" would have to be escaped; phones that dial feature codes send it as it is.
_SIP_URI = re.compile(
    rf"(?:((?:[{_UNRESERVED}&=+$,;?/#]|%[0-9A-Fa-f]{{2}})++)"
    rf"(?::((?:[{_UNRESERVED}&=+$,]|%[0-9A-Fa-f]{{2}})*+))?@)?"
    rf"({HOST})(?::([0-9]{{1,5}}))?"
    rf"((?:;{_PARAM_CHARS}++(?:={_PARAM_CHARS}*+)?)*+)"
    rf"(?:\?({_HEADER_CHARS}++=(?:{_HEADER_CHARS}|[=&])*+))?"
)
_ANY_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):([^\x00-\x20\x7f-\uffff<>\"]+)")

MAX_URI: Final = 4096
"""Characters; RFC 4475 §3.1.1.7 has one of about 500."""


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI. For `sip` and `sips` every part is unescaped; for other schemes `opaque` is all after a colon.

    `host` is lower case, an IPv6 address without brackets (it is the only host with a colon).
    `params` have lower-case names and None where there is no `=`."""

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Any URI; BadSyntax (400) for a malformed one. An unknown scheme is no error here."""
        return _parse(text)

    @property
    def is_sip(self) -> bool:
        return self.scheme in ("sip", "sips")

    def param(self, name: str) -> str | None:
        """The parameter's value, "" for one without a value (`;lr`), None when it is absent."""
        for key, value in self.params:
            if key == name:
                return "" if value is None else value
        return None

    def with_params(self, **params: str | None) -> Uri:
        """This URI with these parameters set (None: a parameter without a value)."""
        kept = tuple(pair for pair in self.params if pair[0] not in params)
        return replace(self, params=(*kept, *params.items()))

    def __str__(self) -> str:
        if not self.is_sip:
            return f"{self.scheme}:{self.opaque}"
        parts = [self.scheme, ":"]
        if self.user is not None:
            parts.append(escape(self.user, _USER_SAFE))
            if self.password is not None:
                parts += (":", escape(self.password, _PASSWORD_SAFE))
            parts.append("@")
        parts.append(format_host(self.host, self.port))
        for name, value in self.params:
            parts += (";", escape(name, _PARAM_SAFE))
            if value is not None:
                parts += ("=", escape(value, _PARAM_SAFE))
        separator = "?"
        for name, value in self.headers:
            parts += (separator, escape(name, _HEADER_SAFE), "=", escape(value, _HEADER_SAFE))
            separator = "&"
        return "".join(parts)


# The same few URIs come with every message of a dialog; values are immutable, so they may be shared.
@lru_cache(maxsize=1024)
def _parse(text: str) -> Uri:
    if len(text) > MAX_URI:
        raise BadSyntax("URI Too Long")
    match = _ANY_URI.fullmatch(text)
    if match is None:
        raise BadSyntax("Malformed URI")
    scheme, rest = match[1].lower(), match[2]
    if scheme not in ("sip", "sips"):
        return Uri(scheme, opaque=rest)
    match = _SIP_URI.fullmatch(rest)
    if match is None:
        raise BadSyntax("Malformed SIP URI")
    user, password, host, port, params, headers = match.groups()
    return Uri(
        scheme,
        None if user is None else unescape(user),
        None if password is None else unescape(password),
        parse_host(host, "URI"),
        None if port is None else parse_port(port, "URI"),
        _parse_params(params) if params else (),
        _parse_headers(headers) if headers else (),
    )


def unescape(text: str) -> str:
    """`%HH` undone once; octets that are not UTF-8 are read as Latin-1."""
    if "%" not in text:
        return text
    octets = unquote_to_bytes(text)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _parse_params(text: str) -> Params:
    if text.count(";") > MAX_PARAMS:
        raise BadSyntax("Too Many URI Parameters")
    params = []
    for piece in text[1:].split(";"):
        name, equals, value = piece.partition("=")
        params.append((unescape(name).lower(), unescape(value) if equals else None))
    return tuple(params)


def _parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    if text.count("&") >= MAX_PARAMS:
        raise BadSyntax("Too Many URI Headers")
    headers = []
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        if not (name and equals) or "=" in value:
            raise BadSyntax("Malformed URI Headers")
        headers.append((unescape(name), unescape(value)))
    return tuple(headers)
