"""Text as written to text as spoken: markup and pictures go, a few symbols become words
(`voice.chunkPlan.formatPlan`, the light part of it)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from offhook.conversation.patterns import Pattern

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_TAG = re.compile(r"<[^<>\n]{1,100}>")
_HEADING_OR_BULLET = re.compile(r"(?m)^[ \t]*(?:#{1,6}[ \t]+|[-*•][ \t]+|>[ \t]*)")
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|~~|`{1,3})")
_EMOJI = re.compile("[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe00-\ufe0f\u200d\U0001f000-\U0001faff]")
_DOLLARS = re.compile(r"\$[ ]?(\d[\d,]*)(?:\.(\d\d))?(?!\.?\d)")
_EMAIL_AT = re.compile(r"(?<=\w)@(?=\w)")
_INTEGER = re.compile(r"(?<![\w.,:$/-])\d{3,}(?![\w:/]|[.,-]\d)")
_SPACES = re.compile(r"[ \t]{2,}")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Matches of `pattern`, or a fixed `text` (its first occurrence, or `every` one), become `value`."""

    value: str
    text: str | None = None
    every: bool = False
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True)
class FormatPlan:
    enabled: bool = True
    digits_cutoff: float = 2025
    replacements: tuple[Replacement, ...] = ()


def speakable(text: str, plan: FormatPlan) -> str:
    """The text to hand to a voice; empty if nothing in it can be spoken."""
    for replacement in plan.replacements:
        if replacement.text:
            text = text.replace(replacement.text, replacement.value, -1 if replacement.every else 1)
        elif replacement.pattern is not None:
            text = replacement.pattern.replace_in(text, replacement.value)
    text = _TAG.sub("", text)
    if plan.enabled:
        for step in _STEPS:
            text = step(text)
        text = _INTEGER.sub(lambda found: _digits_apart(found[0], plan.digits_cutoff), text)
    text = _SPACES.sub(" ", text).strip()
    return text if any(character.isalnum() for character in text) else ""


def _money(found: re.Match[str]) -> str:
    whole, cents = found[1], found[2]
    unit = "dollar" if whole == "1" else "dollars"
    return f"{whole} {unit}" if cents in (None, "00") else f"{whole} {unit} and {int(cents)} cents"


def _digits_apart(number: str, cutoff: float) -> str:
    return " ".join(number) if number.startswith("0") or int(number) > cutoff else number


_STEPS: tuple[Callable[[str], str], ...] = (
    lambda text: _LINK.sub(r"\1", text),
    lambda text: _HEADING_OR_BULLET.sub("", text),
    lambda text: _EMPHASIS.sub("", text),
    lambda text: _EMOJI.sub("", text),
    lambda text: _DOLLARS.sub(_money, text),
    lambda text: _EMAIL_AT.sub(" at ", text),
    lambda text: re.sub(r"(?<=\d)\s?%", " percent", text),
    lambda text: re.sub(r"\s&\s", " and ", text),
    lambda text: re.sub(r"(?<=\d)\s?°\s?([CF])\b", r" degrees \1", text),
    lambda text: text.replace("\n", " "),
)
