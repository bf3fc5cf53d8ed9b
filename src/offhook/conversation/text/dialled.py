"""Telephone numbers in the groups in which they are said."""

from __future__ import annotations

import re

from offhook.conversation.text.rule_table import Format, by_rules, with_figures

_EXTENSION = r"(?:,?[ ]?(?:ext\.?|extension|x)[ ]?(\d{1,6})\b)?"
_PHONE = re.compile(
    r"(?<![\w.,$€£/-])(\+\d{7,15}|\+\d{1,3}(?:[ .-]?\(\d{1,5}\)|[ .-]\d{1,8})(?:[ .-]?\d{1,8}){1,4}|"
    r"(?:(?:\+\d{1,3}|1)[ .-]?)?(?:\(\d{2,5}\)[ .-]?|(?<=[ .-])\d{2,5}[ .-]|(?<![\d.])\d{2,5}[ .-])"
    r"\d{2,4}(?:[ .-]\d{2,4}){0,4})"
    rf"(?![\w/-]|[.,]\d){_EXTENSION}"
)
_PLAIN = re.compile(rf"(?<![\w.,$€£/+-])(1?)([2-9]\d\d)(\d{{3}})(\d{{4}})(?![\w/-]|[.,]\d){_EXTENSION}")
_VANITY = re.compile(
    r"(?<![\w+-])(1[ .-])?\(?(8(?:00|33|44|55|66|77|88)|900|[2-9]\d\d)\)?[ .-]"
    r"((?=[\dA-Z-]{0,12}[A-Z]{3})[A-Z\d]{2,11}(?:-[A-Z\d]{1,11}){0,3})(?![\w-])"
)
_CALLED = re.compile(r"\b((?i:call|dial|text|ring)[ ])(\d{3})(?![\w/%-]|[.,]\d|[ ][a-z]{3,20}s\b)")
_SHORT = re.compile(
    r"(?<![\w.,$€£/#-])(911|988|411|311|211|511|611|711|811)"
    r"(?![\w/%-]|[.,]\d|[ ](?:[a-z]+s)\b(?<!calls)(?<!services))"
)


def _grouped(groups: list[str]) -> str:
    return ", ".join("8 hundred" if each == "800" else " ".join(each) for each in groups if each)


def _ending(extension: str | None) -> str:
    return f", extension {' '.join(extension)}" if extension else ""


def _dialled(found: re.Match[str]) -> str:
    """Seven digits count as a telephone number when they are written as one."""
    number = found[1]
    groups = re.findall(r"\d{1,15}", number)
    count = sum(map(len, groups))
    looks_so = re.fullmatch(r"\d{3}[-.]\d{4}", number) is not None
    if not (looks_so or 10 <= count <= 15 or number.startswith("+") or found[2]):
        return found[0]
    plus = "plus " if number.startswith("+") else ""
    return plus + _grouped(_parted(groups[0], plus) if len(groups) == 1 else groups) + _ending(found[2])


def _parted(number: str, plus: str) -> list[str]:
    """One that is written in one run: the country of North America is known by its 1, of others two digits
    are taken; what is left goes in threes, and four at the end."""
    head: list[str] = []
    if plus:
        length = 1 if number[0] in "17" else 2
        head, number = [number[:length]], number[length:]
    while len(number) > 4:
        head, number = [*head, number[:3]], number[3:]
    if len(number) == 1:  # two twos instead of three and one
        head[-1], number = head[-1][:2], head[-1][2:] + number
    return [*head, number]


def _plain(found: re.Match[str]) -> str:
    return _grouped([found[1], found[2], found[3], found[4]]) + _ending(found[5])


def _vanity(found: re.Match[str]) -> str:
    words = re.sub(r"[A-Z]{3,11}", lambda word: word[0].capitalize(), found[3])
    first = ["1"] if found[1] else []
    said = " ".join(word if word[-1].islower() else " ".join(word) for word in words.split("-"))
    return f"{_grouped([*first, found[2]])}, {said}"


phone_number: Format = with_figures(
    by_rules(
        (_VANITY, _vanity),
        (_PHONE, _dialled),
        (_PLAIN, _plain),
        (_CALLED, lambda found: f"{found[1]}{' '.join(found[2])}"),
        (_SHORT, lambda found: " ".join(found[1])),
    )
)
