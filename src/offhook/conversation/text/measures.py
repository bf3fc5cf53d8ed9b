"""Lengths, weights and other measures in English words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from offhook.conversation.text.rule_table import Format, by_rules, either, with_figures

_LENGTHS: Final[Mapping[str, str]] = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter", "mi": "mile", "ft": "foot",
    "yd": "yard", "yds": "yard", "kms": "kilometer",
}  # fmt: skip
_UNITS: Final[Mapping[str, str]] = {
    "km/h": "kilometer per hour", "kph": "kilometer per hour", "kmh": "kilometer per hour",
    "mph": "mile per hour", "m/s": "meter per second", "kg": "kilogram", "mg": "milligram",
    "mcg": "microgram", "µg": "microgram", "g": "gram", "lbs": "pound", "lb": "pound", "oz": "ounce",
    "fl oz": "fluid ounce", "ml": "milliliter", "cl": "centiliter", "l": "liter", "gal": "gallon",
    "tsp": "teaspoon", "tbsp": "tablespoon", "qt": "quart", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte", "tb": "terabyte", "kbps": "kilobit per second", "mbps": "megabit per second",
    "gbps": "gigabit per second", "kw": "kilowatt", "w": "watt", "v": "volt", "kwh": "kilowatt hour",
    "mah": "milliamp hour", "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz",
    "db": "decibel", "psi": "pound per square inch", "rpm": "revolution per minute", "kcal": "kilocalorie",
    "°c": "degree Celsius", "°f": "degree Fahrenheit", "° c": "degree Celsius", "° f": "degree Fahrenheit",
    "sq ft": "square foot", "sq. ft": "square foot", "sqft": "square foot", "ft²": "square foot",
    "ft2": "square foot", "m²": "square meter", "m2": "square meter", "km²": "square kilometer",
    "sq m": "square meter", "sq mi": "square mile", "m³": "cubic meter", "m3": "cubic meter",
    "cu ft": "cubic foot", "ha": "hectare", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour",
    "h": "hour", "sec": "second", "secs": "second", "ms": "millisecond", "yr": "year", "yrs": "year",
    "wk": "week", "wks": "week", "mo": "month", "mos": "month",
}  # fmt: skip
_AS_WRITTEN: Final = frozenset({"m", "g", "h", "w", "v", "mi", "mo", "ha", "ms"})
"""In small letters; watts and volts in large ones."""
_LARGE: Final = frozenset({"w", "v"})
_PLURALS = {"foot": "feet", "square foot": "square feet", "cubic foot": "cubic feet"}
_CAPITAL_FOLLOWS = re.compile(r"\.?[ ][A-Z\d]")
_NUMBER = r"\d{1,3}(?:,\d{3}){1,5}|\d{1,12}"
_FEET_AND_INCHES = re.compile(
    r"(?<![\w.'’])(\d{1,2})[ ]?(?:'|’|′|ft\.?)[ ]?(\d{1,2})[ ]?"
    r"(?:''|\"|”|″|in\b\.?(?![ ]\w)|in\b(?=[ ](?:tall|high|long|wide|deep)))"
)
_MIXED = re.compile(r"\d \d{1,2}/\Z")
_INCHES = re.compile(r"(?<![\w.\"])(\d{1,2})[\"″](?=[ ][a-z]|$)")
_BY = re.compile(r"(?<=\d)[ ]?[x×][ ]?(?=\d{1,6}(?!\w|,\d{3})|\d{1,6}[ ]?(?:ft|in|cm|mm|m|km)\b)")
_DEGREES = re.compile(r"(?<=\d)[ ]?°(?![ ]?[CF]\b)")
_PERCENT_RANGE = re.compile(r"(?<=\d)(?:[ ]?%[ ]?[-–—][ ]?(?=\d)|[ ][-–—][ ](?=\d{1,3}[ ]?%))")
_PERCENT = re.compile(r"(?<=\d)[ ]?%")


def _measures(names: Mapping[str, str]) -> Format:
    pattern = re.compile(
        rf"(?<![\w.,])({_NUMBER})(\.\d{{1,9}})?([ -]?)({either(names)})(?!\w|['’]|/\w)"
        r"(\.(?=[ ](?-i:[a-z])|[ ][\d(]|[,;:)]))?",
        re.IGNORECASE,
    )

    def measure(found: re.Match[str]) -> str:
        whole, part, between, unit = found[1], found[2] or "", found[3], found[4]
        small = unit.lower()
        if small in _LARGE and _CAPITAL_FOLLOWS.match(found.string, found.end()):
            return found[0]  # 42 W 5th Street
        if small in _AS_WRITTEN and unit != (small.upper() if small in _LARGE else small):
            return found[0]
        if between == "-":  # a 5-km run
            return f"{whole}{part}-{names[small]}"
        half = found.string.startswith("/", found.start() - 1) and not _MIXED.search(
            found.string, max(found.start() - 6, 0), found.start()
        )
        return f"{whole}{part} {names[small] if half else _plural(names[small], whole + part)}"

    return with_figures(by_rules((pattern, measure)))


def _plural(name: str, number: str) -> str:
    if number == "1" or name.endswith("hertz"):
        return name
    if name in _PLURALS:
        return _PLURALS[name]
    head, of, rest = name.partition(" per ")
    if of:
        return f"{head}s{of}{rest}"
    if head.startswith("degree "):
        return f"degrees{head.removeprefix('degree')}"
    return f"{head}s"


def _inch(found: re.Match[str]) -> str:
    """A mark that closes a quotation is none."""
    return f"{found[1]} inch" if found.string.count('"') % 2 or "″" in found[0] else found[0]


_feet = with_figures(
    by_rules(
        (_FEET_AND_INCHES, lambda found: f"{found[1]} foot {found[2]}"),
        (_BY, " by "),
        (_INCHES, _inch),
    )
)
_lengths, _units = _measures(_LENGTHS), _measures(_UNITS)
_degrees = with_figures(by_rules((_DEGREES, " degrees")))


def distance(text: str) -> str:
    """`distance` of the API, with feet and inches, and 10 x 12."""
    return _lengths(_feet(text))


def unit(text: str) -> str:
    """`unit` of the API: weights, volumes, speeds, temperatures, data, durations."""
    return _degrees(_units(text))


percentage: Format = with_figures(by_rules((_PERCENT_RANGE, " to "), (_PERCENT, " percent")))
