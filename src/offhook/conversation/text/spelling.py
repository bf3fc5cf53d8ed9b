"""Numbers in English words."""

from __future__ import annotations

from typing import Final

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_PARTS = {2: "half", 4: "quarter"}
_MANY_PARTS = {2: "halves"}
_ROMAN: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_ROMAN_UNITS = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_ROMAN_TENS = ("", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC")
MOST = 10**15
"""From here on a number is spelled digit by digit."""


def spelled(number: int) -> str:
    """42 -> forty-two, 1200 -> twelve hundred, -7 -> minus seven."""
    if number < 0:
        return f"minus {spelled(-number)}"
    if number >= MOST:
        return digits(str(number))
    if 1000 < number < 10_000 and number % 100 == 0 and number % 1000:
        return f"{spelled(number // 100)} hundred"
    parts: list[str] = []
    for scale, name in _SCALES:
        if number >= scale:
            parts.append(f"{_below_thousand(number // scale)} {name}")
            number %= scale
    if number or not parts:
        parts.append(_below_thousand(number))
    return " ".join(parts)


def ordinal(number: int) -> str:
    """21 -> twenty-first."""
    head, mark, last = spelled(number).rpartition("-")
    if not mark:
        head, mark, last = spelled(number).rpartition(" ")
    return f"{head}{mark}{_ordinal_of(last)}"


def _ordinal_of(word: str) -> str:
    return _ORDINALS.get(word) or (f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th")


def decimal(whole: str, fraction: str) -> str:
    """`2`, `50` -> two point five zero."""
    return f"{spelled(int(whole))} point {digit_words(fraction)}"


def fraction(top: int, bottom: int) -> str:
    """3, 4 -> three quarters."""
    part = _PARTS.get(bottom) or ordinal(bottom)
    return f"{spelled(top)} {part if top == 1 else _MANY_PARTS.get(bottom, part + 's')}"


def digits(number: str) -> str:
    """`12345` -> 1 2 3 4 5; what is no digit is left out."""
    return " ".join(each for each in number if each.isdecimal())


def digit_words(number: str) -> str:
    """`192` -> one nine two."""
    return " ".join(_SMALL[int(each)] for each in number)


def in_pairs(number: str) -> str:
    """As numbers of houses and rooms are said: 123 -> one twenty-three, 1205 -> twelve oh five."""
    if int(number) % 100 == 0 and number[0] != "0":
        return spelled(int(number))
    pairs = [number[max(end - 2, 0) : end] for end in range(len(number), 0, -2)]
    return " ".join(_pair(pair) for pair in reversed(pairs))


def _pair(pair: str) -> str:
    return f"oh {_SMALL[int(pair[1])]}" if len(pair) == 2 and pair[0] == "0" else spelled(int(pair))


def roman(numeral: str) -> int | None:
    """XIV -> 14; None for what is no numeral below 100."""
    value = 0
    for each, after in zip(numeral, [*numeral[1:], "I"], strict=True):
        step = _ROMAN.get(each, 0)
        value += -step if step < _ROMAN.get(after, 0) else step
    whole = 0 < value < 100 and _ROMAN_TENS[value // 10] + _ROMAN_UNITS[value % 10] == numeral
    return value if whole else None


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
    if rest or not parts:
        parts.append(_below_hundred(rest))
    return " ".join(parts)


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_SMALL[ones]}" if ones else _TENS[tens]
