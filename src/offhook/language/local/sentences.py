"""Paragraphs into sentences."""

from __future__ import annotations

import re

_LONGEST_ABBREVIATION = 8
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?P<close>[\"'”’)]*)\s+(?=(?P<mark>[\"'“(]?)(?P<next>[A-Z0-9$€£][a-z]*|[a-z]+))"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|St|No|Ave|Rd|vs|etc|Prof|Jr|Sr|approx|min|incl|ext|dept|inc|ltd|co)"
    r"|\b[A-Za-z]\.[A-Za-z]"
    r"|\b[A-Z])\.$",
    re.I,
)
_HALF_DAY = re.compile(r"\b[ap]\.m\.$", re.I)
_GOES_ON = re.compile(r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)|[A-Z]?[a-z]?$|[0-9a-z]")


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; "Dr. Smith", "9 a.m. Monday" and what is quoted stay whole. One may begin
    with a small letter, as people type."""
    found: list[str] = []
    start = counted = 0
    quoted = False
    for match in _SENTENCE_END.finditer(text):
        end = match.end("close")
        quoted ^= text.count('"', counted, end) % 2 == 1
        counted = end
        if not quoted and not _goes_on(text, start, match):
            found.append(text[start:end].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [each for each in found if each]


def _goes_on(text: str, start: int, match: re.Match[str]) -> bool:
    before = text[max(start, match.start() - _LONGEST_ABBREVIATION) : match.start()]
    if match["close"] and match["next"].islower():
        return True
    if _HALF_DAY.search(before):
        return _GOES_ON.match(match["next"]) is not None
    return _ABBREVIATION.search(before) is not None
