"""Amounts of money in English words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from offhook.conversation.text.rule_table import Format, by_rules, either, with_figures
from offhook.conversation.text.spelling import decimal, spelled

_DOLLAR = ("dollar", "dollars", "cent", "cents")
_CURRENCIES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "$": _DOLLAR,
    "US$": _DOLLAR,
    "USD": _DOLLAR,
    "€": ("euro", "euros", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "JPY": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "INR": ("rupee", "rupees", "paisa", "paise"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "R$": ("real", "reals", "centavo", "centavos"),
    "MX$": ("peso", "pesos", "centavo", "centavos"),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "₺": ("lira", "lira", "kurush", "kurush"),
    "₿": ("bitcoin", "bitcoins", "", ""),
}
"""One, many; a hundredth, hundredths."""
_SCALES: Final[Mapping[str, str]] = {
    "k": "thousand", "m": "million", "mm": "million", "mn": "million", "mio": "million", "b": "billion",
    "bn": "billion", "t": "trillion", "tn": "trillion", "thousand": "thousand", "million": "million",
    "billion": "billion", "trillion": "trillion",
}  # fmt: skip
_PER: Final[Mapping[str, str]] = {
    "hr": "hour", "h": "hour", "hour": "hour", "min": "minute", "minute": "minute", "day": "day",
    "night": "night", "wk": "week", "week": "week", "mo": "month", "month": "month", "yr": "year",
    "year": "year", "person": "person", "pp": "person", "user": "user", "seat": "seat", "unit": "unit",
    "ea": "piece", "lb": "pound", "kg": "kilogram", "gal": "gallon", "sq ft": "square foot", "mile": "mile",
    "mi": "mile", "km": "kilometer", "call": "call", "visit": "visit", "session": "session",
}  # fmt: skip
_SYMBOL = either(name for name in _CURRENCIES if not name.isalpha())
_CODE = either(name for name in _CURRENCIES if name.isalpha())
_WHOLE = r"\d{1,3}(?:,\d{3}){1,6}|\d{1,18}"
_SCALE = rf"(?:[ ]?({either(_SCALES)})\b)"
_VALUE = rf"({_WHOLE})(?:\.(\d{{1,3}})(?!\d))?(?!\d|[.,]\d){_SCALE}?"
_AMOUNT = re.compile(rf"(?<![\w.])([-−]?)({_SYMBOL}|(?:{_CODE})[ ])[ ]?([-−]?){_VALUE}", re.IGNORECASE)
_AFTER = re.compile(rf"(?<![\w.,$€£])([-−]?){_VALUE}[ ]?(€|£|(?:{_CODE})\b)", re.IGNORECASE)
_COMMA_CENTS = re.compile(r"(?<![\w.,])(\d{1,9}),(\d\d)[ ]?€(?!\w)")
_SOME = rf"(?:{_WHOLE})(?:\.\d{{1,2}})?"
_RANGE = re.compile(
    rf"(?<![\w.])({_SYMBOL})[ ]?({_SOME})([ ]?(?:{either(_SCALES)})\b)?"
    rf"[ ]?[-–—][ ]?(?:\1)?({_SOME})([ ]?(?:{either(_SCALES)})\b)?(?![\d,.]{{0,3}}\d)",
    re.IGNORECASE,
)
_CENTS = re.compile(r"(?<![\w.])(\d{1,3})[ ]?¢")
_RATE = re.compile(rf"(?<=[a-z])[ ]?/[ ]?({either(_PER)})\b")


def _said(symbol: str, minus: str, whole: str, fraction: str | None, scale: str | None) -> str:
    one, many, part, parts = _CURRENCIES[symbol.strip().upper()]
    units, sign = int(whole.replace(",", "")), "minus " if minus else ""
    if scale:
        amount = decimal(str(units), fraction) if fraction else spelled(units)
        return f"{sign}{amount} {_SCALES[scale.lower()]} {many}"
    if fraction and (len(fraction) > 2 or not part):
        return f"{sign}{decimal(str(units), fraction)} {many}"
    small = int((fraction or "0").ljust(2, "0"))
    change = f"{spelled(small)} {part if small == 1 else parts}"
    if not units and small:
        return sign + change
    amount = f"{sign}{spelled(units)} {one if units == 1 else many}"
    return f"{amount} and {change}" if small else amount


def _amount(found: re.Match[str]) -> str:
    before, symbol, after, whole, fraction, scale = found.groups()
    return _said(symbol, before or after, whole, fraction, scale)


def _amount_before(found: re.Match[str]) -> str:
    minus, whole, fraction, scale, symbol = found.groups()
    return _said(symbol, minus, whole, fraction, scale)


def _from_to(found: re.Match[str]) -> str:
    """$5-10 is five to ten dollars."""
    symbol, low, scale, high, last = found.groups()
    if scale or (not last and ("." in low or "." in high)):
        return f"{symbol}{low}{scale or ''} to {symbol}{high}{last or ''}"
    whole, _, part = low.replace(",", "").partition(".")
    return f"{decimal(whole, part) if part else spelled(int(whole))} to {symbol}{high}{last or ''}"


_amounts: Format = by_rules(
    (_RANGE, _from_to),
    (_COMMA_CENTS, r"€\1.\2"),
    (_AMOUNT, _amount),
    (_AFTER, _amount_before),
    (_CENTS, lambda found: f"{spelled(int(found[1]))} {'cent' if int(found[1]) == 1 else 'cents'}"),
    (_RATE, lambda found: f" per {_PER[found[1]]}"),
)
money: Format = with_figures(_amounts)
"""`dollarAmount` of the API, for the currencies of `_CURRENCIES`."""
