"""Regular expressions from outside, run by RE2: in a time that grows with the text alone, whatever stands in
them. `re` goes back and tries again, for hours if an owner's pattern has it so, with all calls waiting."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Final

import re2
from pydantic import AfterValidator, ValidationInfo

from offhook.schema.javascript_pattern import MOST_REPEATS, PatternRefused, re2_syntax

LONGEST_PATTERN: Final = 1000
"""Characters."""
MOST_PROGRAM: Final = 10_000
"""Instructions of RE2's for one pattern. A plain word has as many as it has letters, `.{0,100}` 1,000, and so
has each class of Unicode's letters."""
MOST_PROGRAMS: Final = 20_000
"""Of all patterns of one list."""

MOST_OF_A_DOCUMENT: Final = 100_000
"""Instructions of all patterns of one document, wherever they stand: what RE2 compiles in 50 ms or so."""
_AT_LEAST: Final = 25
"""Instructions that a pattern counts for, however small it is."""

_MOST_MEMORY: Final = 1024 * 1024
"""Bytes for one compiled pattern, with what it learns while it runs."""
_KEPT: Final = 128


class Writing:
    """The context of a validation in which a pattern that cannot be run is an error; made for each document.
    Everywhere else, in what was stored or has been answered, a pattern is taken, and left out when the call
    begins."""

    def __init__(self) -> None:
        self._room = MOST_OF_A_DOCUMENT

    def compiled(self, source: str, options: frozenset[str] = frozenset()) -> Any:
        """Raises PatternRefused, also when the patterns before have left no room."""
        if self._room < 0:
            raise PatternRefused("must have fewer or smaller regular expressions beside it")
        try:
            program = compiled(source, options)
        except PatternRefused as refused:
            self._room -= refused.cost
            raise
        self._room -= max(program.programsize, _AT_LEAST)
        return program


_TOO_LARGE: Final = "must be a smaller regular expression: repeat less, or name fewer characters"
_NOT_OF_A_WORD: Final = (
    r"\x{0}-/:-@\[-\^`\{-\x{a9}\x{ab}-\x{b1}\x{b4}\x{b6}-\x{b8}\x{bb}\x{bf}\x{d7}\x{f7}\x{60c}\x{61b}\x{61f}"
    r"\x{6d4}\x{964}\x{965}\x{2000}-\x{206f}\x{20a0}-\x{20cf}\x{2190}-\x{2bff}\x{3000}-\x{3004}"
    r"\x{3008}-\x{3020}\x{30fb}\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}\x{1f000}-\x{1faff}"
)
"""Spaces, marks and signs: RE2's `\\b` knows the letters of English only."""
WHOLE_WORD_GROUP: Final = 2
"""The group of a whole-word pattern that is the match itself; the pattern's own come after it."""


def compiled(source: str, options: frozenset[str] = frozenset(), groups: bool = False) -> Any:
    """The pattern as `re2` has it. `options`: names of the API's regexOptions. Without `groups` all that can
    be asked is whether, and where, it is found. Raises PatternRefused."""
    found = _compiled(source, options, groups)
    if isinstance(found, PatternRefused):
        raise PatternRefused(str(found), found.cost)
    return found


@lru_cache(maxsize=_KEPT)
def _compiled(source: str, options: frozenset[str], groups: bool) -> Any:
    """The refusal is kept too: RE2 needs longest for what is too large."""
    try:
        return _compile(source, options, groups)
    except PatternRefused as refused:
        return refused


def _compile(source: str, options: frozenset[str], groups: bool) -> Any:
    if len(source) > LONGEST_PATTERN:
        raise PatternRefused(f"must be shorter than or equal to {LONGEST_PATTERN} characters")
    text = re2_syntax(source)
    if "whole-word" in options:
        text = f"(^|[{_NOT_OF_A_WORD}])({text})([{_NOT_OF_A_WORD}]|$)"
    if "multi-line" in options:
        text = f"(?m){text}"
    settings = re2.Options()
    settings.max_mem = _MOST_MEMORY
    settings.log_errors = False
    settings.never_capture = not groups
    settings.case_sensitive = "ignore-case" not in options
    try:
        program = re2.compile(text, settings)
    except re2.error as error:
        raise PatternRefused(reason := _explained(error), 2 * MOST_PROGRAM * (reason == _TOO_LARGE)) from None
    if program.programsize > MOST_PROGRAM:
        raise PatternRefused(_TOO_LARGE, 2 * MOST_PROGRAM)
    return program


def _explained(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    if "too large" in text:
        return _TOO_LARGE
    if text.startswith("invalid repetition size"):
        return f"must not repeat anything more than {MOST_REPEATS} times, nested repetitions multiplied"
    return f"must be a valid regular expression: {text[:100]}"


def _runs(source: str, info: ValidationInfo) -> str:
    if isinstance(info.context, Writing):
        info.context.compiled(source)
    return source


def runs_together(sources: Iterable[tuple[str, frozenset[str]]], info: ValidationInfo) -> None:
    """For the validator of a list: patterns and options of all its entries. Raises PatternRefused."""
    if not isinstance(info.context, Writing):
        return
    room = MOST_PROGRAMS
    for source, options in sources:
        room -= info.context.compiled(source, options).programsize
        if room < 0:
            raise PatternRefused("must have fewer or smaller regular expressions")


Regex = Annotated[str, AfterValidator(_runs)]
"""A pattern as JavaScript writes it; see `Writing`."""
