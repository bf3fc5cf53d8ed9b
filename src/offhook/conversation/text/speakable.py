"""Text as written to text as spoken (`voice.chunkPlan.formatPlan`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from offhook.conversation.text.formatters import DAY_FIRST, ENGLISH, FORMATTERS, OFF_BY_DEFAULT, ORDER
from offhook.conversation.text.numbers import DIGITS_CUTOFF, numbers
from offhook.conversation.text.patterns import LONGEST_SPOKEN as LONGEST
from offhook.conversation.text.patterns import Pattern
from offhook.conversation.text.rule_table import Format
from offhook.conversation.text.tongue import plainly_not_english
from offhook.schema.assistants.chunk import Formatter

_LINE_TAG = re.compile(r"(?i)<(?:br|/p|/div|/li|/tr)[ ]?/?>")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)?[^<>\s@]{0,64}(?:@|://)[^<>\s]{1,200})>")
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
    chosen: Sequence[Formatter] | None = None,
    cutoff: float = DIGITS_CUTOFF,
    english: bool = True,
    day_first: bool = False,
) -> tuple[Format, ...]:
    """The formatters to apply: those that are `chosen`, else all that are on by default. Words are made for
    English only. `day_first`: 5/9 is in September."""
    wanted = set(get_args(Formatter)) - OFF_BY_DEFAULT if chosen is None else set(chosen)
    if not english:
        wanted -= ENGLISH
    made = {**FORMATTERS, **(DAY_FIRST if day_first else {}), "number": numbers(cutoff)}
    return tuple(made[name] for name in ORDER if name in wanted)


@dataclass(frozen=True, slots=True)
class FormattingPlan:
    """`steps`: what is done to a text, in order; `foreign`: to one that is plainly not English."""

    steps: tuple[Format, ...] = steps_of()
    replacements: tuple[Replacement, ...] = ()
    foreign: tuple[Format, ...] = steps_of(english=False)


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
    text = _AUTOLINK.sub(r"\1", _LINE_TAG.sub("\n", text)) if "<" in text else text
    text = _single_spaced(_TAG.sub("", text))
    for step in plan.foreign if plainly_not_english(text) else plan.steps:
        text = _single_spaced(step(text))
    text, _ = _replaced(text, unused)
    text = _BEFORE_MARK.sub("", _SPACES.sub(" ", text)).strip()
    return text if any(character.isalnum() for character in text) else ""
