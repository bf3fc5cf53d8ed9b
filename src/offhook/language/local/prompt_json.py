"""JSON in a prompt, as facts: what is written for a program, said as one would read it out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from offhook.language.local.may_be_said import said_of_column

_MOST_TRIED = 20
"""Places in a prompt at which JSON may begin."""
_DEEPEST = 8
_MOST_IN_A_SENTENCE = 6
_BEGIN = re.compile(r"^[ \t]*(?:```\w*\s*)?(?P<json>[{\[])", re.M)
Pairs = Sequence[tuple[str, object]]
"""Of an object: names and values."""
_QUESTION_KEYS = ("question", "q", "ask", "prompt")
_ANSWER_KEYS = ("answer", "a", "response", "reply")
_NAME_KEYS = (
    "name",
    "title",
    "type",
    "service",
    "item",
    "product",
    "plan",
    "day",
    "treatment",
    "room",
    "label",
)
_NAMELESS = frozenset(("type", "name", "value", "id", "key", "description", "text", "content"))


@dataclass(frozen=True, slots=True)
class JsonFact:
    """`path`: the names of all that it stands in."""

    text: str
    heading: str
    key: str
    path: str


def json_facts(text: str) -> Iterator[str | JsonFact]:
    """The text as it is, but JSON in it as facts."""
    done = 0
    for tried, found in enumerate(_BEGIN.finditer(text)):
        if tried == _MOST_TRIED:
            break
        start = found.start("json")
        if start < done:
            continue
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if not isinstance(value, dict | list) or not value:
            continue
        yield text[done:start]
        yield from _facts(value, "", "")
        done = end
    yield text[done:]


def _facts(value: object, name: str, path: str) -> Iterator[JsonFact]:
    if path.count("/") > _DEEPEST:
        return
    if isinstance(value, Mapping):
        yield from _of_object(list(value.items()), name, path)
    elif isinstance(value, list):
        yield from _of_list(value, name, path)
    elif (said := _said(value)) is not None and name:
        yield JsonFact(f"{name.capitalize()}: {said}", _last(path), name, path + name)


def _of_object(pairs: Pairs, name: str, path: str) -> Iterator[JsonFact]:
    asked, answer = _first(pairs, _QUESTION_KEYS), _first(pairs, _ANSWER_KEYS)
    if asked and answer:
        yield JsonFact(answer, name, asked, path)
        return
    plain = {_plain(key): one for key, one in pairs}
    below = f"{path}{name}/"
    scalars = {key: said for key, one in plain.items() if (said := _said(one)) is not None}
    if name and len(scalars) == len(plain) and 0 < len(scalars) <= _MOST_IN_A_SENTENCE:
        told = ", ".join(
            said if key in _NAMELESS else said_of_column(key, said) for key, said in scalars.items()
        )
        yield JsonFact(f"{name.capitalize()}: {told}", f"{_last(path)} {' '.join(scalars)}", name, below)
        return
    for key, one in plain.items():
        yield from _facts(one, key, below)


def _of_list(value: list[object], name: str, path: str) -> Iterator[JsonFact]:
    texts = [said for one in value if (said := _said(one)) is not None]
    if texts and len(texts) == len(value):
        if len(", ".join(texts)) < 300 and not any(one.endswith((".", "!", "?")) for one in texts):
            yield JsonFact(f"{name.capitalize()}: {', '.join(texts)}", _last(path), name, path + name)
        for text in texts:
            yield JsonFact(text, name, "", path + name)
        return
    for one in value:
        own = _first(list(one.items()), _NAME_KEYS) if isinstance(one, Mapping) else ""
        if isinstance(one, Mapping) and own:
            rest = {key: inner for key, inner in one.items() if inner != own}
            yield from _facts(rest, own, f"{path}{name}/")
        else:
            yield from _facts(one, name, f"{path}/" if isinstance(one, list) else path)


def _said(value: object) -> str | None:
    """A value that can be said; None for what holds others."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        return value.strip() or None
    return None


def _first(pairs: Pairs, names: tuple[str, ...]) -> str:
    low = {key.lower(): one for key, one in pairs}
    return next((one for name in names if isinstance(one := low.get(name), str) and one.strip()), "")


def _plain(key: str) -> str:
    """`pricePerNight` and `price_per_night` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).replace("_", " ").replace("-", " ").lower().strip()


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
