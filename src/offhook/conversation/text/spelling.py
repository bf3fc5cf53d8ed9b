"""Numbers in English words."""

from __future__ import annotations

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
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


def decimal(whole: str, fraction: str) -> str:
    """`2`, `50` -> two point five zero."""
    places = " ".join(_SMALL[int(each)] for each in fraction)
    return f"{spelled(int(whole))} point {places}"


def digits(number: str) -> str:
    """`12345` -> 1 2 3 4 5; what is no digit is left out."""
    return " ".join(each for each in number if each.isdecimal())


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
