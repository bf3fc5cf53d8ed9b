"""What an owner's server answered, as one of our types.

Servers are written once and not looked at again: they send what an older or a newer version of the API knew,
and programs in typed languages send every property of their classes, those that nobody has set as "", 0,
null, [] or {}. Such properties are left out, and said in the log; only what is really meant and really wrong
is an error. Requests to the API are read strictly (errors.py): whoever writes those sees the answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from offhook.schema.error_path import MOST_PARTS, Location, keys_below
from offhook.schema.validation_messages import sentences

_log = logging.getLogger(__name__)

MOST_VALUES: Final = 10_000
"""In what one answer says of an assistant, a squad or a destination. Ten times a large one: the calls of all
others wait while it is read."""
DEEPEST: Final = 64
MOST_MISTAKES: Final = 1000
MOST_ROUNDS: Final = 6
"""One may bring to light what another hid: an object that has become empty."""
MOST_NAMED: Final = 20
"""Properties that one line of the log names."""
DEEPEST_EMPTY: Final = 8
"""Levels of an object that are looked through for something that is not empty."""

_CHOICES: Final = ("clientMessages", "serverMessages")
"""Lists of names: one that is not known here names what is never sent."""

_NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_NO_TIME: Final = "0001-01-01T00:00:00"


class NotValid(ValueError):
    """The text says what is wrong, in the sentences of the API."""


def read(kind: Any, answered: object, adapter: TypeAdapter[Any], what: str) -> BaseModel:
    """`kind`: a model or a union of models, for which `adapter` is; `what` names the answer in the log.
    Raises NotValid."""
    value, left_out = answered, []
    for _ in range(MOST_ROUNDS):
        try:
            parsed: BaseModel = adapter.validate_python(value, by_alias=True, by_name=False)
        except ValidationError as error:
            if error.error_count() > MOST_MISTAKES:
                raise NotValid(f"it has more than {MOST_MISTAKES} mistakes") from None
            found = error.errors(include_url=False, include_input=False, include_context=False)
            if sum(len(one["loc"]) for one in found) > MOST_PARTS:
                raise NotValid("its mistakes lie too deep") from None
            keys = keys_below(kind)
            places = ((one["type"], keys(one["loc"])) for one in found)
            needless = _needless(value, places)
            if not needless:
                raise NotValid(", ".join(sentences(error, kind))) from None
            value = _without(value, needless)
            left_out += needless
        else:
            _tell(what, left_out)
            return parsed
    raise NotValid("it has unknown properties within unknown properties")


def read_answered(kind: Any, answered: object, adapter: TypeAdapter[Any], what: str) -> Any:
    """The same of what has just been answered. Raises NotValid, also where it is too much to look at."""
    _measure(answered)
    return read(kind, answered, adapter, what)


def _measure(answered: object) -> None:
    level, seen = [answered], 0
    for _ in range(DEEPEST):
        deeper: list[object] = []
        for value in level:
            if isinstance(value, Mapping):
                deeper += value.values()
            elif isinstance(value, list):
                deeper += value
        seen += len(deeper)
        if seen > MOST_VALUES:
            raise NotValid(f"it has more than {MOST_VALUES} values")
        if not deeper:
            return
        level = deeper
    raise NotValid(f"it is nested more than {DEEPEST} levels deep")


def is_empty(value: object, depth: int = DEEPEST_EMPTY) -> bool:
    """What typed languages write for a value that nobody has set; objects and lists of nothing else too."""
    if isinstance(value, Mapping):
        return depth > 0 and all(is_empty(one, depth - 1) for one in value.values())
    if isinstance(value, list):
        return depth > 0 and all(is_empty(one, depth - 1) for one in value)
    if isinstance(value, str):
        return value in ("", _NO_ID) or value.startswith(_NO_TIME)
    return not value


def given(answer: Mapping[str, Any], name: str) -> Any:
    """A property of an answer, None where it is empty."""
    value = answer.get(name)
    return None if is_empty(value) else value


def unwrapped(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer itself, where it stands in `messageResponse` (the API's ServerMessageResponse)."""
    inner = answer.get("messageResponse")
    return inner if isinstance(inner, Mapping) and not is_empty(inner) else answer


def _needless(value: object, errors: Iterable[tuple[str, Location]]) -> list[Location]:
    """The unknown properties, and the empty ones in or around which the errors are; each once."""
    found: dict[Location, None] = {}
    known: dict[int, bool] = {}  # one list may be around hundreds of errors

    def empty(one: object) -> bool:
        if id(one) not in known:
            known[id(one)] = is_empty(one)
        return known[id(one)]

    for kind, keys in errors:
        if kind == "extra_forbidden":
            found[keys] = None
        else:
            way = _way(value, keys)
            at = next((depth for depth in range(1, len(way)) if empty(way[depth])), None)
            if at is not None:
                found[keys[:at]] = None
            elif len(keys) > 1 and keys[-2] in _CHOICES:
                found[keys] = None
    return list(found)


def _way(value: Any, keys: Location) -> list[Any]:
    """The values from the outermost to the innermost that is there."""
    way = [value]
    for key in keys:
        try:
            way.append(way[-1][key])
        except (KeyError, IndexError, TypeError):
            break
    return way


def _without(value: Any, places: Iterable[Location]) -> Any:
    """A copy, as deep as it must be, without what stands at these places."""
    below: dict[int | str, list[Location]] = {}
    gone = set()
    for place in places:
        if len(place) == 1:
            gone.add(place[0])
        elif place:
            below.setdefault(place[0], []).append(place[1:])

    def kept(key: int | str, inner: Any) -> Any:
        return _without(inner, below[key]) if key in below else inner

    if isinstance(value, Mapping):
        return {key: kept(key, inner) for key, inner in value.items() if key not in gone}
    if isinstance(value, list):
        return [kept(index, inner) for index, inner in enumerate(value) if index not in gone]
    return value


def _tell(what: str, left_out: list[Location]) -> None:
    if not left_out:
        return
    names = [".".join(str(key)[:100] for key in place)[:200] for place in left_out[:MOST_NAMED]]
    more = f" and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
    _log.warning("%s: unknown or empty properties are left out: %s%s", what, ", ".join(names), more)
