"""Templates in prompts, messages and tool fields: Liquid as LiquidJS reads it (vapi-wire §5.2).

The owner of an assistant writes them, so they are bounded as everything from outside is: in length, loops,
output and in the work of filters. They reach no file and no other template.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from liquid import Environment
from liquid.exceptions import LiquidError
from liquid.filter import with_context
from liquid.template import BoundTemplate
from liquid.undefined import is_undefined

from offhook.language.template_shape import Code, code_of
from offhook.language.template_work import (
    LONGEST_LIST,
    WORK,
    MeteredContext,
    MeteredTemplate,
    TemplateWork,
    TooMuch,
)
from offhook.network.error_words import words_of

log = logging.getLogger(__name__)

LONGEST_TEMPLATE = 200_000
"""Characters; a longer text is not read as a template. So is the output bounded, in bytes."""

_LONGEST_STRING = 100_000
_LONGEST_DATE = 64
_LONGEST_DATE_FORMAT = 200
_MOST_KEPT = 200_000
_SHORT = 1000
_MOST_AHEAD = 16
_FILTER_STEPS = 10
_FILTER_CHARACTERS = 20
_SLOW = {
    "strip_html": 40, "escapejs": 8, "escape_once": 6, "url_decode": 4, "strip_newlines": 3, "squish": 2,
    "url_encode": 2, "date": 3,
}  # fmt: skip
"""Filters that take so many times as long as others."""
_NOW = " now"  # with a space: no template can name them

_Filter = Callable[..., Any]
_Template = tuple[BoundTemplate, int]
"""With the length of its longest tag."""


def builtin_variables(now: float) -> dict[str, object]:
    """The clock's variables, in UTC; `now` in seconds since the epoch."""
    at = datetime.fromtimestamp(now, UTC)
    date = f"{at:%b} {at.day}, {at.year}"
    time = f"{at.hour % 12 or 12}:{at:%M} {'AM' if at.hour < 12 else 'PM'}"
    return {
        "now": f"{date} {time}",
        "date": date,
        "time": time,
        "month": f"{at:%B}",
        "day": str(at.day),
        "year": str(at.year),
        "currentDateTime": f"{date} {time}",
    }


def render(text: str, variables: Mapping[str, object], now: float) -> str:
    """`text` with its templates filled from `variables` and the clock's (`variables` win). `now`: seconds
    since the epoch.

    A variable `first-name` can also be written `{{first_name}}` (vapi-wire §2.2). A missing one is blank.
    What is no valid template, or asks for too much, comes back as it was written."""
    if "{{" not in text and "{%" not in text:
        return text
    parsed = _parsed_template(text)
    if parsed is None:
        return text
    template, longest = parsed
    names = {**builtin_variables(now), **_with_underscores(variables), _NOW: now, WORK: TemplateWork(longest)}
    try:
        return template.render(names)
    except (LiquidError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
        _warn(text[:80], words_of(error))
        return text


def _with_underscores(variables: Mapping[str, object]) -> dict[str, object]:
    aliases = {name.replace("-", "_"): value for name, value in variables.items() if "-" in name}
    return {**aliases, **variables}


@functools.lru_cache(maxsize=512)
def _warn(start: str, error: str) -> None:
    """Cached, so that a template used in every call is complained of once."""
    log.warning("a template is left as it was written: %s: %r", error, start)


class _Parsed:
    """Templates as they are parsed, the latest used ones, as far as there is room: a character of code takes
    about 100 bytes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[_Template | None, int]] = OrderedDict()
        self._room = _MOST_KEPT

    def __contains__(self, text: str) -> bool:
        return text in self._kept

    def __call__(self, text: str) -> _Template | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found[0]
        template, size = _parse(text)
        self.keep(text, template, size)
        return template

    def keep(self, text: str, template: _Template | None, size: int) -> None:
        if text in self._kept:
            return
        self._kept[text] = template, size
        self._room -= size
        while self._room < 0:
            _, (_, freed) = self._kept.popitem(last=False)
            self._room += freed


def _parse(text: str) -> tuple[_Template | None, int]:
    """None for what is left as it was written; and what it counts for in memory."""
    size = 100 + len(text) // 50
    if len(text) > LONGEST_TEMPLATE:
        _warn(text[:80], "it is too long")
        return None, size
    try:
        code: Code = code_of(text)
        size += code.length
        return (_ENVIRONMENT.from_string(text), code.longest), size
    except (LiquidError, RecursionError, ValueError) as error:
        _warn(text[:80], words_of(error))
        return None, size


_parsed_template = _Parsed()


def _is_long(text: str) -> bool:
    return len(text) > _SHORT and ("{{" in text or "{%" in text)


async def parse_ahead(document: object) -> None:
    """Parse the larger templates of an assistant, beside the loop: the largest takes 50 ms. It has been read,
    so there are few enough values in it."""
    waiting, texts = [document], []
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and _is_long(one) and one not in _parsed_template:
            texts.append(one)
    for text in texts[:_MOST_AHEAD]:
        _parsed_template.keep(text, *await asyncio.to_thread(_parse, text))


def _spend(context: MeteredContext, values: tuple[object, ...], many: bool = False, times: int = 1) -> None:
    """Count the work of one filter call; refuse arguments that only exist to be expanded. `many`: every item
    of the first is compared with every other; `times` as long as another filter takes."""
    work = context.work
    work.spend(_FILTER_STEPS * times)
    sizes = []
    for value in values:
        if isinstance(value, int) and value.bit_length() > 1024:
            raise TooMuch("too large a number")
        items, characters = work.size(value)
        if isinstance(value, range) and items > LONGEST_LIST:
            raise TooMuch("too long a range")
        sizes.append(items + characters // _FILTER_CHARACTERS)
        work.spend(sizes[-1] * times)
    if many and sizes:
        work.spend(sizes[0] * sizes[0] // 20)
    if len(sizes) > 1 and isinstance(values[0], list | tuple):  # an argument may be made text for each item
        work.spend(sizes[0] * max(sizes[1:]) // 20)


def _bounded(function: _Filter, many: bool = False, times: int = 1) -> _Filter:
    """A filter of the library with its arguments and its result held to a size."""

    @functools.wraps(function)
    def bounded(*values: Any, context: MeteredContext, **named: Any) -> Any:
        _spend(context, (*values, *named.values()), many, times)
        if getattr(function, "with_context", False):
            named["context"] = context
        if getattr(function, "with_environment", False):
            named["environment"] = context.env
        result = function(*values, **named)
        if isinstance(result, str) and len(result) > _LONGEST_STRING:
            raise TooMuch("too long a string")
        if isinstance(result, list | tuple):
            if len(result) > LONGEST_LIST:
                raise TooMuch("too long a list")
            _spend(context, (result,))
        return result

    return with_context(bounded)


def _growing(function: _Filter, size: Callable[..., int]) -> _Filter:
    """A filter whose result may be a product of its arguments: its size is known before it is made."""

    @functools.wraps(function)
    def growing(*values: Any, **named: Any) -> Any:
        if size(*[_text(value) if not isinstance(value, list | tuple) else value for value in values]) > (
            _LONGEST_STRING
        ):
            raise TooMuch("too long a string")
        return function(*values, **named)

    return growing


def _text(value: object) -> str:
    return "" if value is None or is_undefined(value) else str(value)


def _last(items: Any = (), count: Any = None) -> Any:
    """`{{ messages | last: 5 }}`: the last five, as the API's examples have it; without a number the last."""
    if not isinstance(items, list | tuple) or not items:
        return [] if count is not None else None
    if count is None:
        return items[-1]
    return list(items[-count:]) if isinstance(count, int) and count > 0 else []


def _replaced(text: str = "", old: str = "", new: str = "") -> int:
    return len(text) + text.count(old) * len(new)


def _joined(items: object = "", separator: str = " ") -> int:
    parts = items if isinstance(items, list | tuple) else [items]
    return sum(len(_text(part)) + len(separator) for part in parts)


@with_context
def _date(value: Any, form: Any = "", zone: Any = None, *, context: MeteredContext) -> str:
    """`{{ "now" | date: "%H:%M", "Europe/Berlin" }}`: strftime of a moment in a time zone, UTC without one.
    What is no moment comes back unchanged."""
    if is_undefined(value) or value is None:
        return ""
    form = _text(form)
    if len(form) > _LONGEST_DATE_FORMAT:
        raise TooMuch("too long a date format")
    now = context.globals[_NOW]
    assert isinstance(now, float | int)
    at = _moment(value, float(now))
    if at is None or not form:
        return str(value)
    return at.astimezone(_zone(zone)).strftime(form)


def _moment(value: object, now: float) -> datetime | None:
    try:
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if not isinstance(value, str) or len(value) > _LONGEST_DATE:
            return None
        text = value.strip()
        if text in ("now", "today"):
            return datetime.fromtimestamp(now, UTC)
        if text.isdecimal():
            return datetime.fromtimestamp(int(text[:15]), UTC)
        return _parsed(text)
    except (ValueError, OverflowError, OSError):
        return None


def _parsed(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        for form in ("%b %d, %Y %I:%M %p", "%b %d, %Y", "%B %d, %Y"):
            try:
                at = datetime.strptime(text, form)
                break
            except ValueError:
                continue
        else:
            return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _zone(zone: object) -> tzinfo:
    """A name of the time zone database, or LiquidJS's number: minutes that UTC is ahead of it."""
    if isinstance(zone, int) and abs(zone) < 1440:
        return timezone(timedelta(minutes=-zone))
    if isinstance(zone, str) and zone:
        try:
            return ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            _warn(zone[:80], "an unknown time zone, UTC is taken")
    return UTC


class _Templates(Environment):
    template_class = MeteredTemplate
    loop_iteration_limit = 2000
    output_stream_limit = LONGEST_TEMPLATE
    local_namespace_limit = 500_000


def _environment() -> Environment:
    # A filter or a variable that does not exist changes nothing, as in LiquidJS.
    environment = _Templates(strict_filters=False)
    sizes: dict[str, Callable[..., int]] = {"replace": _replaced, "join": _joined}
    for name, function in list(environment.filters.items()):
        known = _growing(function, sizes[name]) if name in sizes else function
        environment.add_filter(name, _bounded(known, many=name == "uniq", times=_SLOW.get(name, 1)))
    environment.add_filter("date", _bounded(_date, times=_SLOW["date"]))
    environment.add_filter("last", _bounded(_last))
    for name in ("include", "render"):
        del environment.tags[name]
    return environment


_ENVIRONMENT = _environment()
