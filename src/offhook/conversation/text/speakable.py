"""Text as written to text as spoken (`voice.chunkPlan.formatPlan`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from offhook.conversation.text.formatters import ENGLISH, FORMATTERS, OFF_BY_DEFAULT, Format, numbers
from offhook.conversation.text.patterns import LONGEST_SPOKEN as LONGEST
from offhook.conversation.text.patterns import Pattern
from offhook.schema.assistants.chunk import Formatter

DIGITS_CUTOFF = 2099
"""`numberToDigitsCutoff` unless it is given. The API names 2025, its current year then: years are to be read
as years."""
_TAG = re.compile(r"(?<!<)<(?!/?(?:break|spell)\b|<)[^<>\s][^<>\n]{0,100}>(?!>)")
_RUNS = re.compile(r"\s{2,}")
_SPACES = re.compile(r"[ \t]{2,}")
_BEFORE_MARK = re.compile(r"[ \t]+(?=[,.!?;](?:\s|$))")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Matches of `pattern`, or a fixed `text` (its first occurrence, or `every` one), become `value`."""

    value: str
    text: str | None = None
    every: bool = False
    pattern: Pattern | None = None


def steps_of(
    chosen: Sequence[Formatter] | None = None, cutoff: float = DIGITS_CUTOFF, english: bool = True
) -> tuple[Format, ...]:
    """The formatters to apply: those that are `chosen`, else all that are on by default. Words are made for
    English only."""
    wanted = set(get_args(Formatter)) - OFF_BY_DEFAULT if chosen is None else set(chosen)
    if not english:
        wanted -= ENGLISH
    steps = [step for name, step in FORMATTERS.items() if name in wanted]
    return (*steps, numbers(cutoff)) if "number" in wanted else tuple(steps)


@dataclass(frozen=True, slots=True)
class FormattingPlan:
    """`steps`: what is done to a text, in order."""

    steps: tuple[Format, ...] = steps_of()
    replacements: tuple[Replacement, ...] = ()


def _replaced(text: str, replacements: Sequence[Replacement]) -> tuple[str, Sequence[Replacement]]:
    """The text, and the replacements that found nothing in it."""
    unused = []
    for replacement in replacements:
        before = text = text[:LONGEST]
        if replacement.text:
            value = replacement.value[:LONGEST]
            # So many of a value are enough to fill all that is kept of the text.
            every = 1 + LONGEST // len(value) if value else -1
            text = text.replace(replacement.text, value, every if replacement.every else 1)
        elif replacement.pattern is not None:
            text = replacement.pattern.replace_in(text, replacement.value)
        if text == before:
            unused.append(replacement)
    return text[:LONGEST], unused


def _single_spaced(text: str) -> str:
    return _RUNS.sub(lambda run: "\n" if "\n" in run[0] else " ", text)


def speakable(text: str, plan: FormattingPlan) -> str:
    """The text to hand to a voice; empty if nothing in it can be spoken.

    A replacement applies to what was written; one that finds nothing there, to what is spoken instead."""
    text, unused = _replaced(text, plan.replacements)
    # Runs of space are one, also where a step leaves some: there are patterns that would look through a run
    # from each of its places.
    text = _single_spaced(_TAG.sub("", text))
    for step in plan.steps:
        text = _single_spaced(step(text))
    text, _ = _replaced(text, unused)
    text = _BEFORE_MARK.sub("", _SPACES.sub(" ", text)).strip()
    return text if any(character.isalnum() for character in text) else ""
