"""Regular expressions written by an assistant's owner, run on the event loop: by RE2 (schema/pattern.py), and
on so much text that the work of all of them together has a bound."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

from offhook.schema.javascript_pattern import PatternRefused
from offhook.schema.pattern import MOST_PROGRAMS, WHOLE_WORD_GROUP, compiled

log = logging.getLogger(__name__)

MOST_STEPS = 2_000_000
"""Characters times instructions, of all patterns that look at a text one after the other: a few milliseconds
where RE2 takes every one of them."""
MOST_SEARCHES = 4
"""So many times as much may be looked at where every match is to be replaced."""

LONGEST_SPOKEN = 2000
"""Characters for a voice; replacements can make much of little."""

_REFERENCE = re.compile(r"\$(?:([$&`'])|(\d\d?)|<([^>]*)>)")


class Pattern:
    """A compiled pattern; `found_in(text)` searches like JavaScript's `RegExp.test`, `replace_in` like its
    `String.replaceAll`. `together`: instructions of all the patterns that it shares its time with."""

    __slots__ = ("_group", "_program", "_reach")

    def __init__(self, program: Any, whole_word: bool, together: int) -> None:
        self._program = program
        self._group = WHOLE_WORD_GROUP if whole_word else 0
        self._reach = MOST_STEPS // together

    def found_in(self, text: str) -> bool:
        """Of a text that is too long the end is looked at."""
        return self._program.search(_whole(text[-self._reach :])) is not None

    def replace_in(self, text: str, value: str) -> str:
        """`text` with every match replaced by `value`, in which `$1` is what the first group matched, `$<a>`
        the group `a`, `$&` all of it, `` $` `` and `$'` what stands before and after it, and `$$` a dollar
        sign (ECMAScript §22.1.3.19.1). Too long a text is left as it is, and no more is made of one than
        can be spoken."""
        if len(text) > self._reach:
            return text
        text = _whole(text)
        left, room = MOST_SEARCHES * self._reach, LONGEST_SPOKEN
        parts: list[str] = []
        at = done = 0
        while at <= len(text) and left > 0 and room > 0:
            left -= len(text) - at + 1
            found = self._program.search(text, at)
            if found is None:
                break
            start, end = found.span(self._group)
            parts += (text[done:start], self._substitution(found, value, room))
            room -= len(parts[-2]) + len(parts[-1])
            done = end
            at = end if end > start else end + 1
        return "".join((*parts, text[done:]))

    def _substitution(self, found: Any, value: str, room: int) -> str:
        """Beyond `room` characters what `value` refers to is left out."""
        own = self._program.groups - (WHOLE_WORD_GROUP + 1 if self._group else 0)
        start, end = found.span(self._group)

        def group(number: int) -> str:
            return str(found[self._group + number] or "")

        def of(reference: re.Match[str]) -> str:
            nonlocal room
            meant = meaning(reference) if room > 0 else ""
            room -= len(meant)
            return meant

        def meaning(reference: re.Match[str]) -> str:
            sign, number, name = reference.groups()
            if sign:
                text = str(found.string)
                return {"$": "$", "&": text[start:end], "`": text[:start], "'": text[end:]}[sign]
            if number:
                for digits in (number, number[:1]):
                    if 1 <= int(digits) <= own:
                        return group(int(digits)) + number[len(digits) :]
                return reference[0]
            names = self._program.groupindex
            if not names:
                return reference[0]
            return str(found[name] or "") if name in names else ""

        return _REFERENCE.sub(of, value[:LONGEST_SPOKEN])


def compile_patterns(
    wanted: Sequence[tuple[str, Sequence[str]]], groups: bool = False
) -> list[Pattern | None]:
    """Patterns that look at a text one after the other, each with names of the API's regexOptions; `groups`:
    to replace by. None, and a warning in the log, for one that is broken, that RE2 cannot run, or for which
    the others have left no room."""
    programs: list[Any] = []
    room, effort = MOST_PROGRAMS, 2 * MOST_PROGRAMS
    for source, options in wanted:
        program = None
        if effort < 0:
            log.warning("regular expressions are left out after too many that cannot be run: %.80r", source)
            programs += [None] * (len(wanted) - len(programs))
            break
        try:
            program = compiled(source, frozenset(options), groups)
            if program.programsize > room:
                large, program = program.programsize, None
                raise PatternRefused("must have fewer or smaller ones beside it", large)
            room -= program.programsize
        except PatternRefused as refused:
            effort -= refused.cost
            log.warning("a regular expression is left out: it %s: %.80r", refused, source)
        programs.append(program)
    together = max(MOST_PROGRAMS - room, 1)
    return [
        None if program is None else Pattern(program, "whole-word" in options, together)
        for program, (_, options) in zip(programs, wanted, strict=True)
    ]


def compile_pattern(source: str, options: Sequence[str] = (), groups: bool = False) -> Pattern | None:
    """One that is alone with its text."""
    return compile_patterns([(source, options)], groups)[0]


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can bring and RE2 cannot read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
