"""Numbers in English words: amounts, ordinals, fractions, ranges, codes, versions, Roman numerals."""

from __future__ import annotations

import functools
import math
import re
from typing import Final

from offhook.conversation.text.abbreviations import STREET
from offhook.conversation.text.moments import MONTHS
from offhook.conversation.text.rule_table import Format, Rule, by_rules, either, with_figures
from offhook.conversation.text.spelling import decimal, digits, fraction, in_pairs, ordinal, roman, spelled

DIGITS_CUTOFF = 2099
"""`numberToDigitsCutoff` unless it is given. The API names 2025, its current year then: years are to be read
as years."""

_APART = r"(?<!\S)\d(?: \d)+(?!\w)"
_NUMBER = re.compile(
    _APART
    + r"|(?<![\w.,:$€£/-])([-−]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(?![\w/%°]|[.,:-]\d|-\w(?<!-[a-z]))"
)
_DAY_OF_MONTH = re.compile(rf"\b(?:{'|'.join(MONTHS)})(?: \d{{1,2}} to)? $")
_LONGEST_MONTH = len("September 10 to ") + 1

_CODE_WORDS: Final = (
    "code", "codes", "PIN", "pin", "passcode", "password", "OTP", "zip", "ZIP", "ID", "id", "extension",
    "ending in", "ends in", "ending with", "last four", "last four digits", "confirmation", "reference",
    "tracking", "flight", "Flight", "account", "Account", "policy", "Policy", "invoice", "Invoice",
    "ticket", "Ticket", "serial", "license", "plate", "number", "Code", "Number", "Reference",
    "Confirmation", "Zip", "Pin",
)  # fmt: skip
_CODE = re.compile(
    rf"\b({either(_CODE_WORDS)})((?:[ ](?:number|code|no\.|ID))?"
    rf"[ ]?(?:is|are|was)?[:=]?[ ]?(?:now[ ])?#?)(?<=[ #:])"
    r"((?=[A-Z\d-]{0,24}\d)[A-Z\d]{1,24}(?:-[A-Z\d]{1,24}){0,5})"
    r"(?![\w/%]|[.,:]\d|-\w|[ ](?:hundred|thousand|million|percent|minutes|hours|days|dollars))"
)
_ROOM = re.compile(
    r"\b(?i:(room|suite|apartment|gate|bus|line|box|flight|route|highway|interstate))[ ]"
    r"(\d{3,4})(?![\w/:%-]|[.,]\d)"
)
_MIXED = re.compile(
    r"(?<![\w-])(?=[A-Z\d-]{5,24}(?![\w-]))(?=[A-Z-]{0,23}\d[A-Z-]{0,22}\d)(?=[\d-]{0,23}[A-Z])[A-Z\d]{1,24}(?:-[A-Z\d]{1,24}){0,5}(?![\w-])"
)
_GROUPS = re.compile(
    r"(?<![\w-])(?:[A-Z]{2}\d\d(?:[ ][A-Z\d]{4}){2,7}(?:[ ][A-Z\d]{1,4})?|\d{4}(?:[ -]\d{4}){3})(?![\w-])"
)
_MIXED_NAME = re.compile(r"[A-Z]{3,12}-\d{1,3}|[A-Z]{3,12}\d{1,2}")
_VERSION_WORDS: Final = (
    "version", "Version", "release", "Release", "section", "Section", "chapter", "Chapter", "Python", "Java",
    "Node", "Windows", "Ubuntu", "Android", "iOS", "macOS", "Django", "Rails", "Ruby", "Go", "PHP",
    "Postgres",
    "PostgreSQL", "Fedora", "Debian", "Firefox", "Chrome", "TLS", "HTTP", "Bluetooth", "Figure", "Table",
    "Exercise", "Article", "article", "rule", "Rule", "paragraph", "Step", "step",
)  # fmt: skip
_VERSION = re.compile(
    rf"\b({either(_VERSION_WORDS)})([ ]v?)(\d{{1,4}})\.(\d{{1,4}})(?![\w%]|\.\d)|"
    rf"(?<!\w)([vV])(\d{{1,4}})\.(\d{{1,4}})(?![\w]|\.\d)"
)
_DOTTED = re.compile(r"(?<![\w.,])[vV]?(\d{1,5}(?:\.\d{1,5}){2,5})(?![\w]|\.\d)")
_ALWAYS: Final = {
    "24/7": "twenty-four seven",
    "9/11": "nine eleven",
    "50/50": "fifty fifty",
    "50-50": "fifty fifty",
}
_SAID_SO = re.compile(rf"(?<![\w./-])({either(_ALWAYS)})(?![\w/-]|\.\d)")
_OUT_OF = re.compile(
    r"(?<![\w./-])(\d{1,2}\.\d|\d{1,3})/(5|10|100)(?=[ ]?(?:stars?|points?|rating)|[.!?,;)]|$|[ ][a-z])"
    r"(?![ ](?:of|a|an|cup|inch|mile|teaspoon|tablespoon|pound|hour)\b)"
)
_SIGNS: Final = {
    "½": "1/2",
    "⅓": "1/3",
    "⅔": "2/3",
    "¼": "1/4",
    "¾": "3/4",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}
_SIGN = re.compile(f"(\\d?)[ ]?([{''.join(_SIGNS)}])")
_FRACTION = re.compile(
    r"(?<![\w./,-])(?:(\d{1,4})[ -])?([1-9]\d?)/(2|3|4|5|6|7|8|9|10|12|16|32|64)(?![\w/-]|[.,]\d)"
)
_ORDINAL = re.compile(r"(?<![\w.,$])(\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:st|nd|rd|th)\b", re.IGNORECASE)
_TITLED: Final = (
    "War", "Chapter", "Part", "Volume", "Act", "Phase", "Type", "Class", "Stage", "Level", "Tier", "Section",
    "Title", "Article", "Book", "Bowl", "Rocky", "Mark", "Schedule", "Appendix", "Category", "Factor",
)  # fmt: skip
_RULERS: Final = (
    "Henry", "Charles", "Elizabeth", "Louis", "George", "Edward", "James", "William", "Richard", "Philip",
    "Mary", "Catherine", "Frederick", "Alexander", "Nicholas", "Peter", "Napoleon", "Leo", "Pius", "Paul",
    "Benedict", "Gregory", "Wilhelm", "Ivan", "Victor", "Francis",
)  # fmt: skip
_ROMAN = re.compile(rf"\b({either(_TITLED)})[ ]([IVXL]{{1,7}})\b(?!['’])")
_RULER = re.compile(rf"\b({either(_RULERS)})[ ]([IVX]{{1,6}})\b(?!['’.][ ]?[a-z])")
_STREET_NAME: Final = (
    r"(?:[A-Z][\w'’]{1,20}|\d{1,3}(?:st|nd|rd|th)|[a-z]{3,12}(?:st|nd|rd|th))(?:[ ][A-Z][\w'’]{1,20}){0,2}[ ]"
)
_HOUSE = re.compile(rf"(?<![\w.,$#/-])(\d{{3,4}})(?=[ ](?:(?:{_STREET_NAME})(?:{STREET})|Broadway)\b)")
_WHOLE = r"\d{1,3}(?:,\d{3}){1,4}|\d{1,9}"
_RANGE = re.compile(
    rf"(?<![\w.,/:$#-])((?:{_WHOLE})(?:\.\d{{1,3}})?)[ ]?[-–—][ ]?"
    rf"((?:{_WHOLE})(?:\.\d{{1,3}})?)(?![\w/:-]|[.,]\d)"
)
_MAGNITUDE = re.compile(r"(?<![\w.,$])(\d{1,6})(\.\d{1,3})?([KkMB]|bn|mn)(?![\w-])")
_MAGNITUDES: Final = {
    "K": "thousand",
    "k": "thousand",
    "M": "million",
    "mn": "million",
    "B": "billion",
    "bn": "billion",
}
_RATIO = re.compile(r"(?<![\w:.])(\d{1,3}):(\d)(?![\w:]|\.\d)")
_HASH = re.compile(r"(?<![\w&])#[ ]?(?=\d|:)")
_TAG = re.compile(r"(?<![\w&])#(?=[A-Za-z]\w)")
_ABOUT = re.compile(r"(?<!\w)([≈~≥≤])[ ]?(?=[\d$€£])")
_ABOUTS: Final = {"≈": "about", "~": "about", "≥": "at least", "≤": "at most"}
_PLUS = re.compile(r"(?<![\w+)])\+[ ]?(?=\d)")
_MORE = re.compile(r"(?<=\d)\+(?=[ ][a-z]|[.,;!?)]|$)")
_MORE_OR_LESS = re.compile(r"(?<!\w)(?:±|\+/-)[ ]?(?=\d)")
_SUM = re.compile(r"(?<=\d)[ ]?([+=×÷*])[ ]?(?=\d)|(?<=\d)[ ]([-−x/])[ ](?=\d)")
_SUMS: Final = {
    "+": "plus",
    "=": "equals",
    "×": "times",
    "÷": "divided by",
    "*": "times",
    "-": "minus",
    "−": "minus",
    "x": "times",
    "/": "divided by",
}
_TIMES = re.compile(r"(?<![\w.])(\d{1,4}(?:\.\d)?)[x×](?=[ ][a-z]|[.,;!?]|$)")
_POWER = re.compile(r"(?<=\d)\^(?=\d)")
_SQUARED = re.compile(r"(?<=\d)([²³])")
_AFTER_LETTERS = re.compile(r"(?<![\w-])([A-Za-z]{1,12})-(\d{1,3})(?![\w-]|[.,/]\d)")
_AROUND_LETTERS = re.compile(r"(?<![\w.,-])(\d{1,4})-(?=[a-z]{2,20})")


def _code(found: re.Match[str]) -> str:
    """Spelled, with a pause at each hyphen; two digits behind an ordinary word are a number."""
    code, word = found[3], found[1]
    written = code.replace("-", "")
    if word.lower() == "number" and len(written) < (3 if found[2].strip(" #") else 4):
        return found[0]
    if len(written) < 3 and written.isdecimal() and word.lower() not in ("extension", "pin"):
        return found[0]
    return f"{word}{found[2].replace('#', 'number ')}{_characters(code)}"


def _characters(code: str) -> str:
    if code.isdecimal() and len(code) == 16:
        code = "-".join(code[at : at + 4] for at in range(0, 16, 4))
    return ", ".join(" ".join(part) for part in code.split("-"))


def _mixed(found: re.Match[str]) -> str:
    return found[0] if _MIXED_NAME.fullmatch(found[0]) else _characters(found[0])


def _versioned(found: re.Match[str]) -> str:
    name, between, major, minor, v, only_major, only_minor = found.groups()
    if v:
        return f"version {_part(only_major)} point {_part(only_minor)}"
    return f"{name}{between.replace('v', 'version ')}{_part(major)} point {_part(minor)}"


def _part(number: str) -> str:
    return digits(number) if len(number) > 1 and number[0] == "0" else spelled(int(number))


def _dotted(found: re.Match[str]) -> str:
    return " point ".join(_part(part) for part in found[1].split("."))


def _out_of(found: re.Match[str]) -> str:
    given, most = found[1], found[2]
    return (
        f"{given} out of {most}"
        if float(given) <= int(most) and (most != "5" or len(given) > 1)
        else found[0]
    )


def _fraction(found: re.Match[str]) -> str:
    whole, top, bottom = found[1], int(found[2]), int(found[3])
    if top >= bottom or math.gcd(top, bottom) > 1:  # 10/12 may be a day
        return found[0]
    part = fraction(top, bottom)
    if not whole:
        return part
    return f"{spelled(int(whole))} and {'a ' + part[4:] if top == 1 and bottom in (2, 4) else part}"


def _roman(found: re.Match[str]) -> str:
    value = roman(found[2])
    return found[0] if value is None else f"{found[1]} {spelled(value)}"


def _ruler(found: re.Match[str]) -> str:
    value = roman(found[2])
    if value is None or (found[2] == "I" and found[1] not in ("Elizabeth", "Charles", "Napoleon", "Francis")):
        return found[0]
    return f"{found[1]} the {ordinal(value)}"


def _range(found: re.Match[str]) -> str:
    """12-34 is one; 00-12 and 415-2 are not plainly."""
    low, high = found[1], found[2]
    if any(len(each) > 1 and each[0] == "0" and "." not in each for each in (low, high)):
        return found[0]
    return f"{low} to {high}"


def _magnitude(found: re.Match[str]) -> str:
    whole, part, scale = found.groups()
    if not part and (scale == "B" or (len(whole) == 1 and scale in "Kk")):
        return found[0]  # Room 12B, a 5K run
    return f"{whole}{part or ''} {_MAGNITUDES[scale]}"


_WITHOUT_FIGURES: Final[tuple[Rule, ...]] = ((_ROMAN, _roman), (_RULER, _ruler), (_TAG, ""))
_RULES: Final[tuple[Rule, ...]] = (
    (_VERSION, _versioned),
    (_DOTTED, _dotted),
    (_SAID_SO, lambda found: _ALWAYS[found[1]]),
    (_SIGN, lambda found: f"{found[1]}{' ' if found[1] else ''}{_SIGNS[found[2]]}"),
    (_OUT_OF, _out_of),
    (_FRACTION, _fraction),
    (_ORDINAL, lambda found: ordinal(int(found[1].replace(",", "")))),
    (_MORE_OR_LESS, "plus or minus "),
    (_SUM, lambda found: f" {_SUMS[found[1] or found[2]]} "),
    (_RANGE, _range),
    (_MAGNITUDE, _magnitude),
    (_RATIO, r"\1 to \2"),
    (_HASH, lambda found: "number " if found.string[found.end() : found.end() + 1] != ":" else "number"),
    (_ABOUT, lambda found: f"{_ABOUTS[found[1]]} "),
    (_PLUS, "plus "),
    (_MORE, " plus"),
    (_TIMES, r"\1 times"),
    (_POWER, " to the power of "),
    (_SQUARED, lambda found: " squared" if found[1] == "²" else " cubed"),
    (_AFTER_LETTERS, r"\1 \2"),
)


@functools.lru_cache(maxsize=64)
def numbers(cutoff: float) -> Format:
    """Numbers in words; above `cutoff` (`numberToDigitsCutoff`) without separators, or with a zero in front,
    they are codes: digit by digit. Years, days of a month and digits apart stay as they are."""

    def number(found: re.Match[str]) -> str:
        sign, whole, part = found.groups()
        if whole is None:
            return found[0]
        minus = "minus " if sign else ""
        value = int(whole.replace(",", ""))
        if part is not None:
            return minus + decimal(str(value), part)
        if "," in whole:
            return minus + spelled(value)
        if (whole.startswith("0") and len(whole) > 1) or value > cutoff:
            return minus + _characters(whole)
        before = found.string[max(found.start() - _LONGEST_MONTH, 0) : found.start()]
        if (1900 <= value <= 2099 and len(whole) == 4) or (value <= 31 and _DAY_OF_MONTH.search(before)):
            return found[0]
        return minus + spelled(value)

    def code(found: re.Match[str]) -> str:
        """An owner who has the cutoff raised has no codes."""
        return found[0] if cutoff > DIGITS_CUTOFF and found[3].isdecimal() else _code(found)

    def paired(digits_of: str) -> str:
        return in_pairs(digits_of) if int(digits_of) <= cutoff else digits(digits_of)

    numerals, figures = (
        by_rules(*_WITHOUT_FIGURES),
        with_figures(
            by_rules(
                (_CODE, code),
                (_GROUPS, lambda found: _characters(found[0].replace(" ", "-"))),
                (_MIXED, _mixed),
                (_ROOM, lambda found: f"{found[1]} {paired(found[2])}"),
                (_HOUSE, lambda found: paired(found[1])),
                *_RULES,
                (_AROUND_LETTERS, lambda found: f"{spelled(int(found[1]))}-"),
                (_NUMBER, number),
            )
        ),
    )
    return lambda text: figures(numerals(text))
