"""`Headers`: the headers of one message, in order, by name in any case or compact form; and their types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar, cast

from offhook.sip.errors import BadSyntax
from offhook.sip.messages.fields import CSeq, MediaType, NameAddr, Parametrized, Via
from offhook.sip.messages.grammar import split_list, token

__all__ = ["CSeq", "Headers", "MediaType", "NameAddr", "Parametrized", "Via", "canonical_name"]

T = TypeVar("T")

COMPACT: Final[dict[str, str]] = {
    "a": "Accept-Contact",  # RFC 3841
    "b": "Referred-By",  # RFC 3892
    "c": "Content-Type",
    "d": "Request-Disposition",  # RFC 3841
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",  # RFC 3841
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",  # RFC 4474
    "o": "Event",  # RFC 6665
    "r": "Refer-To",  # RFC 3515
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",  # RFC 6665
    "v": "Via",
    "x": "Session-Expires",  # RFC 4028
    "y": "Identity",  # RFC 8224
}
"""RFC 3261 §7.3.3 and the RFCs named."""

LISTS: Final = frozenset(
    """
    Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info
    Contact Content-Encoding Content-Language Diversion Error-Info Geolocation History-Info In-Reply-To
    P-Asserted-Identity P-Associated-URI P-Preferred-Identity P-Visited-Network-ID Path
    Permission-Missing Proxy-Require Reason Record-Route Recv-Info Reject-Contact Request-Disposition
    Require Resource-Priority Route Security-Client Security-Server Security-Verify Service-Route
    Supported Trigger-Consent Unsupported Via Warning
    """.lower().split()
)
"""Headers whose grammar is a comma-separated list (RFC 3261 §7.3.1: any other comma is part of the value)."""

_USUAL: Final = """
    Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events
    Authentication-Info Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding
    Content-Language Content-Length Content-Transfer-Encoding Content-Type CSeq Date Diversion
    Error-Info Event Expires From History-Info Identity Identity-Info In-Reply-To Max-Forwards
    MIME-Version Min-Expires Min-SE Organization P-Asserted-Identity P-Preferred-Identity Path Priority
    Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To
    Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition Require Retry-After
    Route RSeq Server Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State
    Supported Target-Dialog Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate
""".split()  # noqa: SIM905 - a list of words reads better as words
_CANONICAL: Final = {name.lower(): name for name in _USUAL} | COMPACT
_LOWER: Final = {name: name.lower() for name in _USUAL}
_BY_SPELLING: Final = (
    {name: name for name in _USUAL}
    | COMPACT
    | {short.upper(): name for short, name in COMPACT.items()}
    | {name.lower(): name for name in _USUAL}
)

_BREAKS = re.compile(r"[\r\n]")

MAX_HEADERS: Final = 256
"""Header lines in one message; RFC 4475 §3.1.1.7 needs 44, a long proxy chain less than 100."""
MAX_ELEMENTS: Final = 128
"""Elements of one list that are parsed; a request that went through 70 proxies has 71 Vias."""

MAX_PIECES: Final = 1024
"""Commas, quotes and angle brackets in a list: each costs a step when it is split, empty elements too."""


def canonical_name(name: str) -> str | None:
    """The usual spelling of a header's name, long for a compact form; None for what is no token."""
    known = _BY_SPELLING.get(name)
    if known is not None:
        return known
    known = _CANONICAL.get(name.lower())
    if known is not None:
        return known
    return name if token(name) else None


class Headers:
    """An ordered multimap. Names are case-insensitive or compact; values are text without line breaks.

    What is parsed from it is remembered until it changes."""

    __slots__ = ("_all", "_first", "_index", "_items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = []
        self._index: dict[str, list[str]] | None = None  # by lower-case name
        self._first: dict[str, object] = {}
        self._all: dict[str, tuple[object, ...]] = {}
        for name, value in items:
            self.add(name, value)

    @classmethod
    def trusted(cls, items: list[tuple[str, str]]) -> Headers:
        """From a parser that has made sure of names (canonical) and values; takes over the list."""
        headers = cls.__new__(cls)
        headers._items = items
        headers._index = None
        headers._first = {}
        headers._all = {}
        return headers

    def get(self, name: str) -> str | None:
        """The first value as it stands (not split), or None."""
        values = self._values(name)
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """All values, in order; those of list headers split at commas, empty elements left out. None of a
        list beyond `MAX_PIECES`."""
        try:
            return list(_elements(_lower(name), self._values(name)))
        except BadSyntax:
            return []

    def lines(self, name: str) -> list[str]:
        """The value of each header line of that name, unsplit."""
        return list(self._values(name))

    def by_name(self) -> Mapping[str, Sequence[str]]:
        """The value of each line, by the long name in lower case."""
        index = self._index
        if index is None:
            index = self._index = {}
            for name, value in self._items:
                index.setdefault(_LOWER.get(name) or name.lower(), []).append(value)
        return index

    def add(self, name: str, value: str) -> None:
        """One more line after the others. ValueError for a name or value that would break the message."""
        self._items.append(_checked(name, value))
        self._changed()

    def prepend(self, name: str, value: str) -> None:
        """One more line before all others of that name (a new top Via, Route or Record-Route)."""
        item = _checked(name, value)
        places = self._places(item[0])
        self._items.insert(places[0] if places else 0, item)
        self._changed()

    def set(self, name: str, value: str) -> None:
        """Exactly one line, where the first of that name was, or at the end."""
        item = _checked(name, value)
        places = self._places(item[0])
        if not places:
            self._items.append(item)
        else:
            self._items[places[0]] = item
            for place in reversed(places[1:]):
                del self._items[place]
        self._changed()

    def replace_first(self, name: str, value: Via) -> None:
        """Put `value` in place of the first element of a list header (`received` on the top Via)."""
        item = _checked(name, str(value))
        place = self._places(item[0])[0]
        rest = split_list(self._items[place][1])[1:]  # it was parsed, so it is not long
        self._items[place] = (item[0], ", ".join([item[1], *rest]))
        # Every request gets its top Via stamped: what else was parsed stays as it is.
        key = _lower(item[0])
        if self._index is not None:
            self._index[key][0] = self._items[place][1]
        self._first.pop(key, None)
        parsed = self._all.get(key)
        if parsed:
            self._all[key] = (value, *parsed[1:])

    def remove(self, name: str) -> None:
        """Take away all lines of that name, if there are any."""
        places = self._places(canonical_name(name) or name)
        for place in reversed(places):
            del self._items[place]
        self._changed()

    def items(self) -> Iterator[tuple[str, str]]:
        """(name, value) of each line, in order; known names in their usual spelling."""
        return iter(self._items)

    def first(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The first element of that (lower-case) name, parsed once; None if there is none. BadSyntax as
        `all`."""
        try:
            return cast("T | None", self._first[name])
        except KeyError:
            values = _elements(name, self.by_name().get(name, ()))
            parsed = parse(values[0]) if values else None
            self._first[name] = parsed
            return parsed

    def all(self, name: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """All elements of that (lower-case) name, parsed once. BadSyntax for one that is malformed, and for
        more than `MAX_ELEMENTS` or `MAX_PIECES`."""
        try:
            return cast("tuple[T, ...]", self._all[name])
        except KeyError:
            values = _elements(name, self.by_name().get(name, ()))
            if len(values) > MAX_ELEMENTS:
                raise _too_many(name) from None
            parsed = tuple([parse(value) for value in values])
            self._all[name] = parsed
            return parsed

    def forget_parsed(self) -> None:
        """Let go of what was parsed; it is parsed again when asked for. For messages that are kept just
        in case, thousands at a time, each value being one more object for the garbage collector."""
        self._changed()

    def __contains__(self, name: str) -> bool:
        return bool(self._values(name))

    def __len__(self) -> int:
        return len(self._items)

    def _values(self, name: str) -> Sequence[str]:
        index = self.by_name()
        return index.get(name) or index.get(_lower(name)) or ()

    def _places(self, name: str) -> list[int]:
        key = name.lower()
        return [place for place, (other, _) in enumerate(self._items) if other.lower() == key]

    def _changed(self) -> None:
        self._index = None
        if self._first:
            self._first = {}
        if self._all:
            self._all = {}


def _lower(name: str) -> str:
    """The long form of a name in lower case."""
    key = _LOWER.get(name) or name.lower()
    return COMPACT[key].lower() if key in COMPACT else key


def _elements(name: str, values: Sequence[str]) -> Sequence[str]:
    """The values of a header, split at commas if its (lower-case) name is of a list. BadSyntax for one that
    it would take long to split."""
    if not values or name not in LISTS:
        return values
    if sum(map(len, values)) > MAX_PIECES and _pieces(values) > MAX_PIECES:
        raise _too_many(name)
    return [element for value in values for element in split_list(value)]


def _pieces(values: Sequence[str]) -> int:
    return sum([value.count(",") + value.count('"') + value.count("<") for value in values])


def _too_many(name: str) -> BadSyntax:
    return BadSyntax(f"Too Many {_CANONICAL.get(name, 'Header')} Values")


def _checked(name: str, value: str) -> tuple[str, str]:
    canonical = canonical_name(name)
    if canonical is None:
        raise ValueError(f"not a header name: {name!r}")
    if _BREAKS.search(value):
        raise ValueError(f"line break in {name}")
    return canonical, value
