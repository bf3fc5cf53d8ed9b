"""A rule table: patterns, and what is said instead of what they find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Format = Callable[[str], str]
Instead = str | Callable[[re.Match[str]], str]
_FIGURE = re.compile(r"[\d¼-¾⅓-⅞]")
Rule = tuple[re.Pattern[str], Instead]


def by_rules(*rules: Rule) -> Format:
    """Each rule once, in this order. A pattern's repetitions are bounded: a piece is looked through in time
    that grows with its length alone."""

    def apply(text: str) -> str:
        for pattern, instead in rules:
            text = pattern.sub(instead, text)
        return text

    return apply


def with_figures(apply: Format) -> Format:
    """The same for texts that have one, others are left alone: most have none."""
    return lambda text: apply(text) if _FIGURE.search(text) is not None else text


def either(words: Iterable[str]) -> str:
    """One of these words, as part of a pattern; the longest that fits."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
