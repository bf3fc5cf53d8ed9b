"""Regular expressions written by an assistant's owner, run on the event loop: only such as end quickly.

Python's `re` backtracks, so a pattern like `(a+)+$` can hold the loop, and every call on it, for hours.
What is accepted: no repetition inside a repetition, at most `MAX_REPEATS` unbounded ones, and only the
last `MAX_TEXT` characters of the text are looked at."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence

log = logging.getLogger(__name__)

MAX_PATTERN = 500
MAX_REPEATS = 4
MAX_TEXT = 200

_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")
_REFERENCE = re.compile(r"\$([$&]|[1-9]\d?)")
_OPTIONS = {"ignore-case": re.IGNORECASE, "multi-line": re.MULTILINE}


class Pattern:
    """A compiled pattern; `found_in(text)` searches like JavaScript's `RegExp.test`."""

    __slots__ = ("_compiled",)

    def __init__(self, compiled: re.Pattern[str]) -> None:
        self._compiled = compiled

    def found_in(self, text: str) -> bool:
        return self._compiled.search(text[-MAX_TEXT:]) is not None

    def replace_in(self, text: str, value: str) -> str:
        """`text` with every match replaced by `value`, in which `$1` is what the first group matched, `$&`
        all of it, and `$$` a dollar sign (ECMAScript, GetSubstitution). Too long a text is left as it is."""
        if len(text) > 2 * MAX_TEXT:
            return text
        return self._compiled.sub(lambda found: _substitution(found, value), text)


def compile_pattern(source: str, options: Sequence[str] = ()) -> Pattern | None:
    """`options` are names of the API's regexOptions. None, and a warning in the log, for a pattern that is
    broken or could run away."""
    flags = 0
    source = _NAMED_GROUP.sub("(?P<", source)
    for name in options:
        flags |= _OPTIONS.get(name, 0)
    if len(source) > MAX_PATTERN or _could_run_away(source):
        log.warning("a regular expression was refused as too costly: %.80r", source)
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "[[" is legal, if odd
            return Pattern(re.compile(rf"\b(?:{source})\b" if "whole-word" in options else source, flags))
    except (re.error, RecursionError, OverflowError):
        log.warning("a regular expression does not compile: %.80r", source)
        return None


def _substitution(found: re.Match[str], value: str) -> str:
    def of(reference: re.Match[str]) -> str:
        name = reference[1]
        if name == "$":
            return "$"
        number = 0 if name == "&" else int(name)
        return (found[number] or "") if number <= len(found.groups()) else reference[0]

    return _REFERENCE.sub(of, value)


def _could_run_away(source: str) -> bool:
    """True for nested repetition (of repetition or of alternatives), back references and too many repeats."""
    open_groups: list[bool] = []  # per open group: does it hold a repetition or alternatives?
    repeats = 0
    position = 0
    while position < len(source):
        character = source[position]
        if character == "\\":
            if source[position + 1 : position + 2].isdigit() and source[position + 1 : position + 2] != "0":
                return True
            position += 2
            continue
        if character == "[":
            position = _after_class(source, position)
            continue
        if character == "(":
            open_groups.append(False)
        elif character == "|" and open_groups:
            open_groups[-1] = True
        elif character == ")" and open_groups:
            branching = open_groups.pop()
            if branching and _repeats_at(source, position + 1):
                return True
            if open_groups and branching:
                open_groups[-1] = True
        elif _repeats_at(source, position):
            repeats += 1
            if open_groups:
                open_groups[-1] = True
        position += 1
    return repeats > MAX_REPEATS


def _repeats_at(source: str, position: int) -> bool:
    """Is there `*`, `+` or a `{n,m}` (other than a small fixed count) here? `?` is no repetition."""
    character = source[position : position + 1]
    if character in ("*", "+"):
        return True
    counted = re.match(r"\{(\d*)(,?)(\d*)\}", source[position : position + 16])
    if counted is None:
        return False
    low, comma, high = counted.groups()
    return (bool(comma) and not high) or max(int(low or 0), int(high or 0)) > 16


def _after_class(source: str, position: int) -> int:
    """The position after the character class that opens at `position`."""
    position += 1
    if source[position : position + 1] == "^":
        position += 1
    if source[position : position + 1] == "]":
        position += 1
    while position < len(source) and source[position] != "]":
        position += 2 if source[position] == "\\" else 1
    return position + 1
