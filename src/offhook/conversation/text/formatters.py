"""The formatters of `voice.chunkPlan.formatPlan`: each turns one kind of writing into what is spoken.

`FORMATTERS` has them by the API's names, in the order in which they run, each taking from the text what the
later ones would misread. Those in `ENGLISH` make English words."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from datetime import date

from offhook.conversation.text.spelling import decimal, digits, spelled
from offhook.schema.assistants.chunk import Formatter

Format = Callable[[str], str]

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_LINE_MARK = re.compile(r"(?m)^[ \t]*(?:#{1,6}[ \t]+|[-*•][ \t]+|>[ \t]*)")
_EMOJI = re.compile("[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe00-\ufe0f\u200d\U0001f000-\U0001faff]")
_IN_ASTERISKS = re.compile(r"\*\*[^*\n]+\*\*|\*[^*\n]+\*")
_NEWLINES = re.compile(r"([.!?,;:。！？]?)[ \t]*\n\s*")
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SITE = re.compile(
    r"(?<!\]\()\b(?:https?://(?:www\.)?|(?<!/)www\.)([\w-]+(?:\.[\w-]+)+)((?:/[\w.~-]+)*)/?(?:[?#]\S*)?"
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE_BIG_END = re.compile(r"(?<![\w./-])(\d{4})([-/. ])(\d\d)\2(\d\d)(?![\w/-]|\.\d)")
_DATE_AMERICAN = re.compile(r"(?<![\w./-])(\d\d?)([-/])(\d\d?)\2(\d{4})(?![\w/-]|\.\d)")
_TIME = re.compile(r"(?<![\w:.])(\d\d?):(\d\d)(?::\d\d)?(?![\w:])[ ]?(?:([ap])\.?m\b\.?)?", re.IGNORECASE)
_TIME_JOINED = re.compile(r"(?<![\w:.])(\d\d?):(\d\d)([ap])\.?m\b\.?", re.IGNORECASE)
_MONEY = re.compile(
    r"([$€£])[ ]?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d\d?)(?!\d))?(?!\.?\d)"
    r"(?:[ ](thousand|million|billion|trillion)\b)?"
)
_PERCENT = re.compile(r"(?<=\d)[ ]?%")
_PHONE = re.compile(
    r"(?<![\w.,$€£/-])(?:\+\d{7,15}|"
    r"(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?|\d{2,4}[ .-])\d{2,4}(?:[ .-]\d{2,4}){0,3})"
    r"(?![\w/-]|[.,]\d)"
)
_APART = r"(?<!\S)\d(?: \d)+(?!\w)"
_NUMBER = re.compile(
    _APART + r"|(?<![\w.,:$€£/-])(-?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(?![\w:/%°]|[.,-]\d|-\w)"
)
_DAY_OF_MONTH = re.compile(rf"\b(?:{'|'.join(_MONTHS)}) $")
_LONGEST_MONTH = len("September ") + 1
_ACRONYM = re.compile(r"(?<![\w.])\.?[A-Z]{2,6}(?![\w])")
_AS_WORDS = frozenset(
    {"NASA", "NATO", "UNICEF", "UNESCO", "OPEC", "FIFA", "AIDS", "PIN", "SIM", "RAM", "ZIP", "ASAP", "NET"}
)


def _markdown(text: str) -> str:
    """Links keep their words; headings, bullets, pictures and the marks of emphasis and code go."""
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", text))
    text = _EMOJI.sub("", re.sub(r"[`~]", "", text))
    text = re.sub(r"(?<=[^\W_])_(?=[^\W_])", " ", text).replace("_", "")
    return re.sub(r"\s&\s", " and ", text)


def _asterisk(text: str) -> str:
    return _IN_ASTERISKS.sub("", text)


def _strip_asterisk(text: str) -> str:
    return text.replace("*", "")


def _quote(text: str) -> str:
    return re.sub(r"[\"“”„«»]", "", text).replace("’", "'").replace("‘", "'")


def _dash(text: str) -> str:
    """Dashes that part a sentence become commas; hyphens inside words stay."""
    text = re.sub(r"(?<=\d)\s*–\s*(?=\d)", " to ", text)
    return re.sub(r"\s*(?:—|–|(?<=\s)--?(?=\s))\s*", ", ", text)


def _newline(text: str) -> str:
    return _NEWLINES.sub(lambda found: f"{found[1] or '.'} ", text.strip())


def _colon(text: str) -> str:
    return re.sub(r":(?=\s|$)", ".", text)


def _acronym(text: str) -> str:
    """Those that are read as words become words; of the others, those without a vowel are spelled."""
    return _ACRONYM.sub(lambda found: _as_spoken(found[0]), text)


def _as_spoken(word: str) -> str:
    if word.lstrip(".") in _AS_WORDS:
        return word.replace(".", "dot ").lower()
    return word if re.search("[AEIOUY.]", word) else " ".join(word)


_CURRENCIES: Mapping[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
}


def _money(text: str) -> str:
    return _MONEY.sub(_amount, text)


def _amount(found: re.Match[str]) -> str:
    one, many, part, parts = _CURRENCIES[found[1]]
    whole, scale = int(found[2].replace(",", "")), found[4]
    if scale:
        amount = decimal(str(whole), found[3]) if found[3] else spelled(whole)
        return f"{amount} {scale} {many}"
    small = int((found[3] or "0").ljust(2, "0"))
    change = f"{spelled(small)} {part if small == 1 else parts}"
    if not whole and small:
        return change
    amount = f"{spelled(whole)} {one if whole == 1 else many}"
    return f"{amount} and {change}" if small else amount


_SIGNS = {"@": " at ", ".": " dot ", "_": " underscore ", "-": " dash ", "+": " plus ", "/": " slash "}


def _email(text: str) -> str:
    """Addresses, of mail and of the web."""
    text = _SITE.sub(lambda found: _read_out(found[1] + found[2]), text)
    return _ADDRESS.sub(lambda found: _read_out(found[0]), text)


def _read_out(address: str) -> str:
    return "".join(_SIGNS.get(each, each) for each in address)


def _date(text: str) -> str:
    text = _DATE_BIG_END.sub(lambda found: _day(found, found[1], found[3], found[4]), text)
    return _DATE_AMERICAN.sub(lambda found: _day(found, found[4], found[1], found[3]), text)


def _day(found: re.Match[str], year: str, month: str, day: str) -> str:
    first, second = int(month), int(day)
    if first > 12:
        first, second = second, first
    try:
        meant = date(int(year), first, second)
    except ValueError:
        return found[0]
    return f"{_DAYS[meant.weekday()]}, {_MONTHS[meant.month - 1]} {meant.day}, {meant.year}"


def _time(text: str) -> str:
    """10:30 -> 10 30, 9:05 PM -> 9 oh 5 PM, 14:00 -> 14, 10:00 -> 10 o'clock."""
    return _TIME.sub(_moment, _TIME_JOINED.sub(r"\1:\2 \3m", text))


def _moment(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    if hour > 24 or minute > 59:
        return found[0]
    half = f" {found[3].upper()}M" if found[3] else ""
    after = " " if found[0].endswith(" ") else ""
    if minute:
        return f"{hour} {f'oh {minute}' if minute < 10 else minute}{half}{after}"
    return f"{hour}{half or (' o' + chr(39) + 'clock' if 0 < hour <= 12 else '')}{after}"


_LENGTHS: Mapping[str, str] = {
    "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "m": "meter", "mi": "mile", "ft": "foot",
    "yd": "yard",
}  # fmt: skip
_UNITS: Mapping[str, str] = {
    "km/h": "kilometer per hour", "kph": "kilometer per hour", "mph": "mile per hour", "kg": "kilogram",
    "mg": "milligram", "g": "gram", "lbs": "pound", "lb": "pound", "oz": "ounce", "ml": "milliliter",
    "l": "liter", "gal": "gallon", "kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte", "tb": "terabyte",
    "kwh": "kilowatt hour", "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz",
    "°c": "degree Celsius", "°f": "degree Fahrenheit", "sq ft": "square foot", "min": "minute", "hr": "hour",
    "hrs": "hour", "sec": "second", "ms": "millisecond",
}  # fmt: skip
_PLURALS = {"foot": "feet", "square foot": "square feet", "kilowatt hour": "kilowatt hours"}


def _measures(names: Mapping[str, str]) -> Format:
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.,])(\d[\d,]*(?:\.\d+)?)[ ]?({either})\b(?![/'’])", re.IGNORECASE)

    def measure(found: re.Match[str]) -> str:
        return f"{found[1]} {_plural(names[found[2].lower()], found[1])}"

    return lambda text: pattern.sub(measure, text)


def _plural(name: str, number: str) -> str:
    if number == "1" or name.endswith("hertz"):
        return name
    if name in _PLURALS:
        return _PLURALS[name]
    first, space, rest = name.partition(" ")
    return f"{first}s{space}{rest}"


def _percentage(text: str) -> str:
    return _PERCENT.sub(" percent", text)


def _phone_number(text: str) -> str:
    return _PHONE.sub(_dialled, text)


def _dialled(found: re.Match[str]) -> str:
    """Seven digits count as a telephone number when they are written as one."""
    number = found[0]
    count = sum(each.isdecimal() for each in number)
    looks_so = re.fullmatch(r"\d{3}[-.]\d{4}", number) is not None
    return digits(number) if looks_so or 10 <= count <= 15 or number.startswith("+") else number


@functools.lru_cache(maxsize=64)
def numbers(cutoff: float) -> Format:
    """Numbers in words; above `cutoff` (`numberToDigitsCutoff`) without separators, or with a zero in front,
    they are codes: digit by digit. Years, days of a month and digits apart stay as they are."""

    def number(found: re.Match[str]) -> str:
        sign, whole, fraction = found.groups()
        if whole is None:
            return found[0]
        minus = "minus " if sign else ""
        value = int(whole.replace(",", ""))
        if fraction is not None:
            return minus + decimal(str(value), fraction)
        if "," in whole:
            return minus + spelled(value)
        if (whole.startswith("0") and len(whole) > 1) or value > cutoff:
            return minus + digits(whole)
        before = found.string[max(found.start() - _LONGEST_MONTH, 0) : found.start()]
        if (1900 <= value <= 2099 and len(whole) == 4) or (value <= 31 and _DAY_OF_MONTH.search(before)):
            return found[0]
        return minus + spelled(value)

    return lambda text: _NUMBER.sub(number, text)


FORMATTERS: Mapping[Formatter, Format] = {
    "email": _email,
    "markdown": _markdown,
    "asterisk": _asterisk,
    "quote": _quote,
    "dash": _dash,
    "newline": _newline,
    "acronym": _acronym,
    "dollarAmount": _money,
    "date": _date,
    "time": _time,
    "colon": _colon,
    "distance": _measures(_LENGTHS),
    "unit": _measures(_UNITS),
    "percentage": _percentage,
    "phoneNumber": _phone_number,
    "stripAsterisk": _strip_asterisk,
}
"""All but `number`, which runs behind them."""

ENGLISH: frozenset[Formatter] = frozenset(
    {
        "acronym", "dollarAmount", "email", "date", "time", "distance", "unit", "percentage", "phoneNumber",
        "number",
    }
)  # fmt: skip
OFF_BY_DEFAULT: frozenset[Formatter] = frozenset({"asterisk"})
