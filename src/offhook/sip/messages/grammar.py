"""The pieces of RFC 3261 §25 that several headers share: tokens, quoted strings, lists, parameters, hosts.

All patterns are linear in the length of the text (possessive where they repeat)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from offhook.sip.errors import BadSyntax

Params = tuple[tuple[str, str | None], ...]
"""Parameters in order: lower-case name, then the value as on the wire (None where there is no `=`)."""

TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]++"  # noqa: S105 - no password but a pattern
QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
HOST: Final = r"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9_](?:[A-Za-z0-9_\-]|\.(?=[A-Za-z0-9_\-]|$|[;:?, \t]))*+)"

token = re.compile(TOKEN).fullmatch
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_MUST_ESCAPE = re.compile(r'([\x00-\x08\x0b\x0c\x0e-\x1f\x7f"\\])')
# An unbalanced quote or bracket runs to the end of the text, so that a hostile one costs one pass.
_LIST_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|$|\\$)|<[^>]*+(?:>|$)|,', re.DOTALL)
# A value is token / host / quoted-string; peers also send "/", "=", "@" and ":" unquoted (base64 tags).
_PARAM = re.compile(
    rf"[ \t]*+;[ \t]*+({TOKEN})(?:[ \t]*+=[ \t]*+({QUOTED}|[^\x00-\x20\x7f-\uffff;,\"<>?]++))?[ \t]*+",
    re.DOTALL,
)
_IPV4_LIKE = re.compile(r"[0-9.]+")
_IPV4_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_IPV4_OCTET}(?:\.{_IPV4_OCTET}){{3}}")
_THREE_COLONS = re.compile(r"(?<!:):::(?=[0-9]+\.[0-9.]+$)")

MAX_PARAMS: Final = 64
"""More parameters than any peer sends on one value or URI; keeps one hostile value from costing much."""


def unquote(text: str) -> str:
    """The content of a quoted-string with its quoted-pairs undone; any other text as it is."""
    if len(text) < 2 or text[0] != '"':
        return text
    inner = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def quote(text: str) -> str:
    """`text` as a quoted-string. ValueError for CR or LF, which no quoted-pair can carry."""
    if "\r" in text or "\n" in text:
        raise ValueError("a quoted string cannot hold a line break")
    return f'"{_MUST_ESCAPE.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match[1]


def split_list(value: str) -> list[str]:
    """The elements of a comma-separated value, outside quotes and angle brackets; empty ones are left out."""
    if "," not in value:
        stripped = value.strip()
        return [stripped] if stripped else []
    elements = []
    start = 0
    for piece in _LIST_PIECE.finditer(value):
        if piece[0] == ",":
            elements.append(value[start : piece.start()].strip())
            start = piece.end()
    elements.append(value[start:].strip())
    return [element for element in elements if element]


def parse_params(text: str, where: str) -> Params:
    """`;name=value;flag` to parameters, all of `text`. BadSyntax naming `where`."""
    if not text:
        return ()
    params: list[tuple[str, str | None]] = []
    position, end = 0, len(text)
    while position < end:
        match = _PARAM.match(text, position)
        if match is None or len(params) == MAX_PARAMS:
            raise BadSyntax(f"Malformed {where} Parameters")
        params.append((match[1].lower(), match[2]))
        position = match.end()
    return tuple(params)


def format_params(params: Iterable[tuple[str, str | None]]) -> str:
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def param(params: Params, name: str) -> str | None:
    """The value of the first `name`, unquoted; "" for one without a value, None when it is absent."""
    for key, value in params:
        if key == name:
            return "" if value is None else unquote(value)
    return None


def with_param(params: Params, name: str, value: str | None) -> Params:
    """`params` with `name` set: in its old place if it was there, else at the end."""
    if not any(key == name for key, _ in params):
        return (*params, (name, value))
    return tuple((key, value if key == name else old) for key, old in params)


def parse_host(text: str, where: str) -> str:
    """A host as `HOST` found it, to lower case, IPv6 without its brackets. BadSyntax if it is no address."""
    if text[0] == "[":
        return parse_ipv6(text[1:-1], where)
    if _IPV4_LIKE.fullmatch(text) and not _IPV4.fullmatch(text):
        raise BadSyntax(f"Malformed {where} Host")
    return text.lower()


def parse_ipv6(text: str, where: str) -> str:
    """An IPv6 address without brackets, to lower case."""
    # RFC 3261 has a slip that puts ":::" before an embedded IPv4 address; it must be taken (RFC 5118 §4.10).
    repaired = _THREE_COLONS.sub("::", text)
    try:
        ipaddress.IPv6Address(repaired)
    except ValueError:
        raise BadSyntax(f"Malformed {where} Host") from None
    return repaired.lower()


def format_host(host: str, port: int | None = None) -> str:
    """`host` or `host:port`, with brackets around an IPv6 address."""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


def parse_port(text: str, where: str) -> int:
    """Digits (as found by a pattern) to a port 1-65535."""
    port = int(text) if len(text) <= 5 else 0
    if not 1 <= port <= 65535:
        raise BadSyntax(f"Malformed {where} Port")
    return port


def parse_number(text: str, where: str, maximum: int) -> int:
    """ASCII digits, with leading zeroes too (RFC 4475 §3.1.1.1), to a number <= `maximum`; else BadSyntax."""
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit()) or len(stripped) > 64:
        raise BadSyntax(f"Malformed {where}")
    number = int(stripped)
    if number > maximum:
        raise BadSyntax(f"{where} Out of Range")
    return number
