"""What the messages of a call and its row repeat is written once, as parts, which they refer to.

Each message carries the whole conversation so far, three times and more, and the assistant as well. Stored
whole, the messages would grow with the square of the call. So a repeated value is replaced by the number of
its part, and of a list or text that has grown only the addition is written. The message itself is unchanged:
it is put together again exactly as it was."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from offhook.json_document import ResourceDocument
from offhook.store.json_text import ascii_json

LEAST_SHARED: Final = 64
"""Characters of JSON. A shorter value stays where it is used."""

DEPTH: Final = 4
"""Levels of a message at which values are shared: `message`, `artifact`, `messages` are three."""

Path = tuple[str, ...]
Named = list[tuple[Sequence[str], int]]
"""The places in a document, and the part that belongs there. Null stands there meanwhile."""

_MISSING: Final = "null"
_ALWAYS_VARYING: Final = frozenset({("message",)})


@dataclass(frozen=True, slots=True)
class Part:
    """`value` is JSON. With a `base` it follows the first `keep` elements, or characters, of that part's
    list, or text."""

    number: int
    base: int | None
    keep: int
    value: str


@dataclass(frozen=True, slots=True)
class Shared:
    """`text` is a whole document, `bare` the same without the values of the parts in `named`. `parts` are new
    ones."""

    text: str
    bare: str
    named: Named
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class _Known:
    """A part in comparable form: the JSON of an object or text, or of each element of a list."""

    number: int
    value: str | list[str]


class WrittenParts:
    """The parts of one call that are written already. A writer works on a `copy`, and keeps the copy once it
    is committed: so numbers are never used twice, whatever becomes of a commit."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count(1)
        self._known: dict[Path, _Known] = {}
        self._varying: frozenset[Path] = _ALWAYS_VARYING

    def copy(self) -> WrittenParts:
        told = WrittenParts()
        told._numbers, told._known, told._varying = self._numbers, dict(self._known), self._varying
        return told

    def forget(self) -> None:
        """Starts again without any parts: those so far may be deleted."""
        self._known.clear()

    def share(self, document: ResourceDocument) -> Shared:
        """Splits a document into parts. Raises ValueError for what is not JSON."""
        sharing = _Sharing(self._numbers, self._known, self._varying)
        text, bare = sharing.value(document, ())
        self._varying = frozenset(sharing.varying)
        return Shared(text, bare, sharing.named, sharing.parts)


class _Sharing:
    """Splits one document."""

    def __init__(self, numbers: Iterator[int], known: dict[Path, _Known], varying: Iterable[Path]) -> None:
        self._numbers = numbers
        self._known = known
        self._lists: dict[int, list[str]] = {}
        self.varying = set(varying)
        self.named: Named = []
        self.parts: list[Part] = []

    def value(self, value: Any, path: Path) -> tuple[str, str]:
        """The value's JSON, whole and bare."""
        if isinstance(value, Mapping):
            return self._object(value, path)
        if isinstance(value, list | tuple):
            return self._list(value, path)
        text = ascii_json(value)
        if isinstance(value, str) and len(text) >= LEAST_SHARED:
            return text, self._text(value, text, path)
        return text, text

    def _object(self, value: ResourceDocument, path: Path) -> tuple[str, str]:
        """An object. If it differs from the last one at its place, it will do so again: then its properties
        are shared instead."""
        if path and path not in self.varying:
            text = ascii_json(value)
            if len(text) < LEAST_SHARED:
                return text, text
            if self._named(path, text):
                return text, _MISSING
            if path not in self._known:
                self._new(path, text, text)
                return text, _MISSING
            self.varying.add(path)
        if len(path) == DEPTH:
            text = ascii_json(value)
            return text, text
        names = [ascii_json(str(name)) for name in value]
        written = [self.value(one, (*path, str(name))) for name, one in value.items()]
        whole, bare = (
            "{" + ",".join(f"{name}:{pair[side]}" for name, pair in zip(names, written, strict=True)) + "}"
            for side in (0, 1)
        )
        return whole, bare

    def _list(self, value: Sequence[Any], path: Path) -> tuple[str, str]:
        elements = self._lists.get(id(value))
        if elements is None:
            elements = self._lists[id(value)] = [ascii_json(one) for one in value]
        text = f"[{','.join(elements)}]"
        if len(text) < LEAST_SHARED:
            return text, text
        if not self._named(path, elements):
            last = self._known.get(path)
            keep = _in_common(last.value, elements) if last and isinstance(last.value, list) else 0
            self._new(path, elements, f"[{','.join(elements[keep:])}]", last if keep else None, keep)
        return text, _MISSING

    def _text(self, value: str, text: str, path: Path) -> str:
        """A text. It is compared as JSON, so that no text is taken for an object."""
        if not self._named(path, text):
            last = self._known.get(path)
            before = json.loads(last.value) if last and isinstance(last.value, str) else None
            keep = _in_common(before, value) if isinstance(before, str) else 0
            if keep * 2 > len(value):
                self._new(path, text, ascii_json(value[keep:]), last, keep)
            else:
                self._new(path, text, text)
        return _MISSING

    def _named(self, path: Path, value: str | list[str]) -> bool:
        """Refers to the part that equals this value, if there is one: usually the last at this place, else
        one at another place with the same value."""
        last = self._known.get(path)
        found = last if last is not None and last.value == value else None
        if found is None:
            found = next((one for one in self._known.values() if one.value == value), None)
        if found is None:
            return False
        self._known[path] = found
        self.named.append((path, found.number))
        return True

    def _new(
        self,
        path: Path,
        value: str | list[str],
        written: str,
        base: _Known | None = None,
        keep: int = 0,
    ) -> None:
        number = next(self._numbers)
        self.parts.append(Part(number, None if base is None else base.number, keep, written))
        self._known[path] = _Known(number, value)
        self.named.append((path, number))


def _in_common(before: Sequence[str], after: Sequence[str]) -> int:
    """The number of elements, or characters, with which both begin."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def whole(bare: str, named: Iterable[tuple[Sequence[str], int]], parts: Iterable[Part]) -> str:
    """Puts a document together again. Raises ValueError, LookupError or TypeError if something is missing."""
    document = json.loads(bare)
    known = {part.number: part for part in parts}
    for path, number in named:
        place = document
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = put_together(number, known)
    return ascii_json(document)


def put_together(number: int, parts: Mapping[int, Part]) -> Any:
    """The value of a part, put together from the parts that it builds on."""
    chain: list[Part] = []
    following: int | None = number
    while following is not None:
        part = parts[following]
        chain.append(part)
        following = part.base
    value = json.loads(chain.pop().value)
    for part in reversed(chain):
        value = value[: part.keep] + json.loads(part.value)
    return value
