"""Days, dates and times of day as they are said in English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from offhook.conversation.text.rule_table import Format, by_rules, either, with_figures

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_MONTHS: Final[Mapping[str, str]] = {
    **{name[:3]: name for name in MONTHS if name != "May"}, "Sept": "September",
}  # fmt: skip
_SHORT_DAYS: Final[Mapping[str, str]] = {
    **{name[:3]: name for name in _DAYS}, "Tues": "Tuesday", "Weds": "Wednesday", "Thur": "Thursday",
    "Thurs": "Thursday",
}  # fmt: skip
_ZONES: Final[Mapping[str, str]] = {
    "ET": "Eastern time", "EST": "Eastern time", "EDT": "Eastern time", "CT": "Central time",
    "CST": "Central time", "CDT": "Central time", "MT": "Mountain time", "MST": "Mountain time",
    "MDT": "Mountain time", "PT": "Pacific time", "PST": "Pacific time", "PDT": "Pacific time",
    "GMT": "G M T", "UTC": "U T C", "Z": "U T C", "BST": "British summer time",
    "CET": "Central European time", "CEST": "Central European time", "IST": "Indian time",
    "AEST": "Australian Eastern time", "JST": "Japan time",
}  # fmt: skip
_ANY_DAY = either([*_SHORT_DAYS, *_DAYS])
_ANY_MONTH = either([*_SHORT_MONTHS, *MONTHS])
_TO = r"[ ]?(?:[-–—]|\bto\b|\buntil\b|\btill\b)[ ]?"

_STAMP = re.compile(r"(?<![\w-])(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]00:?00)?(?!\w)")
_BIG_END = re.compile(r"(?<![\w./-])(\d{4})([-/. ])(\d\d?)\2(\d\d?)(?![\w/-]|\.\d)")
_LITTLE_END = re.compile(r"(?<![\w./-])(\d\d?)([-/.])(\d\d?)\2(\d{4}|\d\d)(?![\w/-]|\.\d)")
_WITHOUT_YEAR = re.compile(
    r"(?i)\b(on|by|until|till|from|since|before|after|between|through|due|dated?)([ ](?:the[ ])?)"
    r"(\d\d?)/(\d\d?)(?:(?:[ ]?[-–][ ]?|[ ]to[ ]|[ ]and[ ])(\d\d?)/(\d\d?))?(?![\w/]|\.\d)"
)
_MONTH_RANGE = re.compile(
    rf"\b({_ANY_MONTH})\.?[ ](\d\d?)[ ]?[-–—][ ]?(\d\d?)(?![\w:/]|[-.]\d)(?:(?=,?[ ]\d{{4}}\b)|(?!,?\d))"
)
_MONTH_SPAN = re.compile(rf"\b({_ANY_MONTH})\.?{_TO}({_ANY_MONTH})\b\.?(?=[ ,.;:)]|$)")
_MONTH_DAY = re.compile(
    rf"\b({either(_SHORT_MONTHS)})\b\.?(?=[ ]\d{{1,4}}(?!\w|[:/])|[ ]\d{{1,2}}(?:st|nd|rd|th)\b)"
)
_DAYS_OF_MONTH = re.compile(
    rf"\b(?:the[ ])?(\d\d?)(?:st|nd|rd|th)?[ ]?[-–—][ ]?(\d\d?)(?:st|nd|rd|th)?[ ](?:of[ ])?({_ANY_MONTH})\b",
    re.IGNORECASE,
)
_ORDINALS = re.compile(r"\b(\d\d?(?:st|nd|rd|th))[ ]?[-–—][ ]?(?=\d\d?(?:st|nd|rd|th)\b)")
_DAY_MONTH = re.compile(
    rf"\b((?:the[ ])?)(\d\d?)(?:st|nd|rd|th)?[ ](?:of[ ])?"
    rf"({_ANY_MONTH})\b(?:\.(?=[ ](?-i:[a-z\d])))?(,?)([ ]\d{{4}}\b)?",
    re.IGNORECASE,
)
_DAY_SPAN = re.compile(rf"\b({_ANY_DAY})\b\.?{_TO}({_ANY_DAY})\b(?:\.(?=[ ][a-z\d(]))?")
_DAY_LIST = re.compile(
    rf"\b({either(_SHORT_DAYS)})\b\.?(?=[ ]?(?:,|&|/|and\b)[ ]?(?:and[ ])?(?:{_ANY_DAY})\b)"
)
_DAY_LISTED = re.compile(
    rf"\b((?:{either(_DAYS)})(?:,|[ ]?&|[ ]?/|[ ]and|,[ ]and)[ ]?)"
    rf"({either(_SHORT_DAYS)})\b(?:\.(?=[ ][a-z\d]))?"
)
_DAY_SLASH = re.compile(rf"\b({either(_DAYS)})/(?=(?:{either(_DAYS)})\b)")
_DAY_BEFORE = re.compile(
    rf"\b({either(_SHORT_DAYS)})\b\.?(?=,?[ ](?:\d|{_ANY_MONTH}|at[ ]\d|from[ ]\d)|[ ]?:(?!\d))"
)
_DAY_SURE = re.compile(r"\b(Mon|Tue|Tues|Wed|Weds|Thu|Thur|Thurs|Fri)\b(?:\.(?=[ ][a-z\d]))?(?!['’-])")

_GOES_ON = rf"(?-i:[a-z]|(?:{_ANY_DAY}|{_ANY_MONTH}|{either(_ZONES)}|Eastern|Central|Mountain|Pacific)\b)"
_HALF = rf"(?:([ap])\.?[ ]?m\b(?:\.(?=[ ]?[-–—,;:)]|[ ]\d|[ ]?{_GOES_ON}))?)"
_SPAN = re.compile(
    rf"(?<![\w:./$€£-])(?:(\d\d?)(?::(\d\d))?[ ]?{_HALF}?){_TO}"
    rf"(\d\d?)(?::(\d\d))?[ ]?{_HALF}?(?![\w:/]|[.-]\d)",
    re.IGNORECASE,
)
_TIME = re.compile(
    rf"(?<![\w:./-])(\d\d?):(\d\d)(?::\d\d)?(?![\w:]|[ap]m)(?:[ ]?{_HALF})?|"
    rf"(?<![\w:./-])(\d\d?)(?::(\d\d))?[ ]?{_HALF}",
    re.IGNORECASE,
)
_TO_NOON = re.compile(r"(?i)(?<=[\dm.])[ ]?[-–—][ ]?(?=(?:noon|midnight)\b)")
_FROM_NOON = re.compile(r"(?i)\b(noon|midnight)[ ]?[-–—][ ]?(?=\d)")
_ZONE = re.compile(
    rf"(?<=[AP]M|\d\d|ck| \d|ed)[ ]\(?({either(_ZONES)})\b\)?(?:[ ]?([+-])(\d\d?)(?::?00)?\b)?"
)


def _day(first: str, second: str, year: str, day_first: bool) -> date | None:
    """Whichever can be a month is one; `day_first` decides where both can."""
    one, two = int(first), int(second)
    day, month = (one, two) if (day_first and two <= 12) or one > 12 else (two, one)
    try:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    except ValueError:
        return None


def _dates(day_first: bool) -> Format:
    def said(meant: date | None, written: str) -> str:
        if meant is None:
            return written
        week_day, month = _DAYS[meant.weekday()], MONTHS[meant.month - 1]
        order = f"{meant.day} {month}" if day_first else f"{month} {meant.day},"
        return f"{week_day}, {order} {meant.year}"

    def big_end(found: re.Match[str]) -> str:
        return said(_day(found[3], found[4], found[1], False), found[0])

    def little_end(found: re.Match[str]) -> str:
        """Between dots the day comes first everywhere; 1.2.34 may be a version."""
        dots = found[2] == "."
        if dots and len(found[4]) == 2 and found[1][0] != "0" and int(found[1]) < 13:
            return found[0]
        return said(_day(found[1], found[3], found[4], day_first or dots), found[0])

    def without_year(found: re.Match[str]) -> str:
        begun = _day_and_month(found[3], found[4], day_first)
        ended = _day_and_month(found[5], found[6], day_first) if found[5] else ""
        if begun is None or ended is None:
            return found[0]
        link = " and " if " and " in found[0] else " to "
        return f"{found[1]} {begun}{link + ended if ended else ''}"

    numeric = by_rules(
        (_STAMP, lambda found: f"{found[1]} at {found[2]}{' UTC' if found[3] else ''}"),
        (_BIG_END, big_end),
        (_LITTLE_END, little_end),
        (_WITHOUT_YEAR, without_year),
        (_MONTH_RANGE, lambda found: f"{_month(found[1])} {found[2]} to {found[3]}"),
        (_DAYS_OF_MONTH, _days_of_month),
        (_ORDINALS, r"\1 to "),
        (_MONTH_DAY, lambda found: _month(found[1])),
        (_DAY_MONTH, _day_of_month),
    )
    numeric = with_figures(numeric)
    return lambda text: _names(numeric(text))


def _day_and_month(first: str, second: str, day_first: bool) -> str | None:
    one, two = int(first), int(second)
    day, month = (one, two) if (day_first and two <= 12) or one > 12 else (two, one)
    return f"{MONTHS[month - 1]} {day}" if 1 <= month <= 12 and 1 <= day <= 31 else None


def _month(name: str) -> str:
    return _SHORT_MONTHS.get(name.capitalize(), name)


def _weekday(name: str) -> str:
    return _SHORT_DAYS.get(name.capitalize(), name)


def _day_of_month(found: re.Match[str]) -> str:
    """25 Dec. 2025 -> the 25th of December, 2025."""
    day = int(found[2])
    if not 1 <= day <= 31 or (found[3][0].islower() and found[3].lower() in ("mar", "may", "jan", "march")):
        return found[0]
    year = f", {found[5].strip()}" if found[5] else found[4]
    return f"the {day}{_suffix(day)} of {_month(found[3])}{year}"


def _days_of_month(found: re.Match[str]) -> str:
    first, last = int(found[1]), int(found[2])
    return f"the {first}{_suffix(first)} to the {last}{_suffix(last)} of {_month(found[3])}"


def _suffix(day: int) -> str:
    return "th" if 10 < day % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


_names = by_rules(
    (_MONTH_SPAN, lambda found: f"{_month(found[1])} to {_month(found[2])}"),
    (_DAY_SPAN, lambda found: f"{_weekday(found[1])} to {_weekday(found[2])}"),
    (_DAY_LIST, lambda found: _weekday(found[1])),
    (_DAY_LISTED, lambda found: found[1] + _weekday(found[2])),
    (_DAY_SLASH, r"\1 and "),
    (_DAY_BEFORE, lambda found: _weekday(found[1])),
    (_DAY_SURE, lambda found: _weekday(found[1])),
)
american_date: Format = _dates(day_first=False)
european_date: Format = _dates(day_first=True)


def _span(found: re.Match[str]) -> str:
    """9:00 AM - 5:00 PM -> 9 AM to 5 PM. Two numbers without a colon and without a half are no times."""
    hour, minute, half, last_hour, last_minute, last_half = found.groups()
    sure = minute or last_minute or half or last_half
    if not sure or not (_is_time(hour, minute) and _is_time(last_hour, last_minute)):
        return found[0]
    if (minute is None) != (last_minute is None) and not (half or last_half):
        return found[0]
    after = " " if found[0].endswith(" ") else ""
    return f"{_said(hour, minute, half, '')} to {_said(last_hour, last_minute, last_half, '')}{after}"


def _moment(found: re.Match[str]) -> str:
    """10:30 -> 10 30, 9:05 PM -> 9 oh 5 PM, 14:00 -> 14 hundred, 10:00 -> 10 o'clock."""
    hour, minute, half = (found[1], found[2], found[3]) if found[1] else (found[4], found[5], found[6])
    if not _is_time(hour, minute):
        return found[0]
    return _said(hour, minute, half, " o'clock") + (" " if found[0].endswith(" ") else "")


def _is_time(hour: str, minute: str | None) -> bool:
    return int(hour) <= 24 and int(minute or 0) <= 59


def _said(hour: str, minute: str | None, half: str | None, clock: str) -> str:
    ending = f" {half.upper()}M" if half else ""
    hours, minutes = int(hour), int(minute or 0)
    if minutes:
        return f"{hours} {f'oh {minutes}' if minutes < 10 else minutes}{ending}"
    if ending:
        return f"{hours}{ending}"
    if hours in (0, 24):
        return "midnight"
    return f"{hours}{clock}" if hours <= 12 else f"{hours} hundred"


def _zone(found: re.Match[str]) -> str:
    shift = f" {'plus' if found[2] == '+' else 'minus'} {int(found[3])}" if found[2] else ""
    return f" {_ZONES[found[1]]}{shift}"


time: Format = with_figures(
    by_rules((_TO_NOON, " to "), (_FROM_NOON, r"\1 to "), (_SPAN, _span), (_TIME, _moment), (_ZONE, _zone))
)
