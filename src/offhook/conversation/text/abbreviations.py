"""Abbreviations and acronyms as they are said in English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from offhook.conversation.text.rule_table import Format, by_rules, either

_STREETS: Final[Mapping[str, str]] = {
    "St": "Street", "Ave": "Avenue", "Av": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane",
    "Dr": "Drive", "Ct": "Court", "Pl": "Place", "Sq": "Square", "Hwy": "Highway", "Pkwy": "Parkway",
    "Ter": "Terrace", "Cir": "Circle",
}  # fmt: skip
STREET: Final = either([*_STREETS.values(), "Way", "Broadway"])
_POINTS: Final[Mapping[str, str]] = {
    "N": "North", "S": "South", "E": "East", "W": "West", "NE": "Northeast", "NW": "Northwest",
    "SE": "Southeast", "SW": "Southwest",
}  # fmt: skip
_BEFORE_NUMBER: Final[Mapping[str, str]] = {
    "Apt": "Apartment", "apt": "apartment", "Ste": "Suite", "Rm": "Room", "rm": "room", "Fl": "Floor",
    "Bldg": "Building", "bldg": "building", "No": "number", "no": "number", "Nr": "number", "Nos": "numbers",
    "nos": "numbers", "Hwy": "Highway", "Rte": "Route", "Ext": "extension", "ext": "extension",
    "Vol": "volume", "vol": "volume", "p": "page", "pp": "pages", "Fig": "figure", "fig": "figure",
    "Ch": "chapter", "ch": "chapter", "Sec": "section", "approx": "approximately", "Approx": "Approximately",
    "ca": "about",
}  # fmt: skip
_NEEDS_DOT: Final = frozenset(
    {"No", "no", "Fl", "p", "pp", "ca", "Ch", "ch", "Sec", "Nr", "Vol", "vol", "Fig", "fig"}
)
_TITLES: Final[Mapping[str, str]] = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Prof": "Professor", "Rev": "Reverend", "St": "Saint",
    "Gen": "General", "Col": "Colonel", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant",
    "Gov": "Governor", "Sen": "Senator", "Rep": "Representative", "Hon": "Honorable", "Mt": "Mount",
    "Ft": "Fort", "Fr": "Father",
}  # fmt: skip
_ANYWHERE: Final[Mapping[str, str]] = {
    "etc": "et cetera", "vs": "versus", "approx": "approximately", "dept": "department", "Dept": "Department",
    "est": "established", "incl": "including", "excl": "excluding", "max": "maximum", "Max": "Maximum",
    "min": "minimum", "Min": "Minimum", "appt": "appointment", "Appt": "Appointment", "appts": "appointments",
    "avg": "average", "Avg": "Average", "govt": "government", "Govt": "Government", "Inc": "Incorporated",
    "Ltd": "Limited", "Corp": "Corporation", "Co": "Company", "Bros": "Brothers", "Jr": "Junior",
    "Sr": "Senior", "misc": "miscellaneous", "tel": "telephone", "Tel": "Telephone", "qty": "quantity",
    "Qty": "Quantity", "mgr": "manager", "asst": "assistant", "hrs": "hours", "Hrs": "Hours",
    "mins": "minutes", "Assn": "Association", "Univ": "University",
}  # fmt: skip
_WITHOUT_DOT: Final = frozenset(
    {
        "vs",
        "etc",
        "appt",
        "appts",
        "Appt",
        "qty",
        "Qty",
        "hrs",
        "mins",
        "Jr",
        "Sr",
        "Ltd",
        "approx",
        "dept",
        "Dept",
    }
)
_NAMES_TOO: Final = frozenset({"Max", "Min"})
"""Before a number only: "Thanks, Max." """
_PHRASES: Final[Mapping[str, str]] = {
    "e.g.": "for example", "eg.": "for example", "i.e.": "that is", "w/o": "without", "w/": "with ",
    "b/c": "because", "c/o": "care of", "a.k.a.": "also known as", "N/A": "not applicable",
    "n/a": "not applicable", "and/or": "and or", "P.S.": "P S", "R.S.V.P.": "R S V P", "RSVP": "R S V P",
    "p.a.": "per year", "A/C": "A C", "a/c": "A C", "C++": "C plus plus", "C#": "C sharp", "F#": "F sharp",
    "Q&A": "Q and A", "R&D": "R and D", "B&B": "B and B", "AT&T": "A T and T", "M&A": "M and A",
    "P.O. Box": "P O Box", "PO Box": "P O Box", "D.C.": "D C", "a.s.a.p.": "asap",
}  # fmt: skip

_ENDS = r"(?:\.(?=[ ]?[a-z\d,;:)(]))?"
"""The dot that is no full stop."""
_PLACE = r"(?!(?:AM|PM)\b)[A-Z][\w'’]{0,20}|\d{1,3}(?:st|nd|rd|th)"
_BEGINS = (
    r"(?:The|We|It|It's|Our|Your|You'll|You're|I|I'm|They|There|There's|This|That|That's|Please|Is|Are|Do|"
    r"Does|Can|Could|Would|Should|What|When|Where|Which|Who|How|If|Once|Turn|Take|Parking|And|But|At|On|In)\b"
)
"""Words with which another sentence begins; no name does."""
_STREET = re.compile(
    rf"\b(\d{{1,6}}[ ](?:(?:{either(_POINTS)})\.?[ ])?(?:(?:{_PLACE})[ ]){{1,3}})"
    rf"({either(_STREETS)})\b{_ENDS}"
)
"""Behind the number of a house."""
_STREET_ALONE = re.compile(
    rf"\b(?!(?:See|The|Ask|Call|Dear|Hi|Hello|In|At|To|From|Near|"
    rf"With|By|And|For|On|Our|Your|Is)\b)({_PLACE})[ ]"
    rf"({either(_STREETS)})\b(?!\.?[ ](?!{_BEGINS})[A-Z]){_ENDS}"
)
_HOUSE_POINT = re.compile(
    rf"\b(\d{{1,6}}[ ])({either(_POINTS)})\b\.?"
    rf"(?=[ ](?:(?:{_PLACE})[ ]){{1,3}}(?:{either(_STREETS)}|{STREET})\b)"
)
_POINT_AFTER = re.compile(rf"\b({STREET})([ ])({either(_POINTS)})\b{_ENDS}")
_NUMBERED = re.compile(
    rf"(?<![\w.'’-])({either(_BEFORE_NUMBER)})\b(\.?)(?=[ ]?#?\d|[ ][A-Z\d]{{1,3}}\b)[ ]?#?"
)
_TITLE = re.compile(rf"(?<![\w.'’-])({either(_TITLES)})\b(\.?)[ ](?=[A-Z]|and[ ]Mrs?\b)")
_WORD = re.compile(rf"(?<![\w.'’-])({either(_ANYWHERE)})\b(?!['’-])(?:(\.)(?=[ ]?[a-z\d,;:)(]))?(?=(\.?))")
_PHRASE = re.compile(rf"(?<![\w.])({either(_PHRASES)})(?!\w(?<!w/\w))(?<!\ww/),?(?=(?:,)?)")
_AND = re.compile(r"(?<=[\w)])[ ]\+[ ](?=\w)")
_LETTERS_AND_DOTS = re.compile(r"(?<![\w.])((?:[A-Z]\.){2,5})(?=[ ]?[a-z\d,;:)])")
_ACRONYM = re.compile(r"(?<![\w.])\.?[A-Z]{2,6}(?![\w])")
_MANY = re.compile(r"(?<![\w.])([B-DF-HJ-NP-TV-XZ]{2,5})s\b")
_AS_WORDS: Final = frozenset(
    {
        "NASA", "NATO", "UNICEF", "UNESCO", "OPEC", "FIFA", "AIDS", "PIN", "SIM", "RAM", "ZIP", "ASAP", "NET",
        "COVID", "LASIK", "SWAT", "HIPAA", "OSHA", "FEMA", "NAFTA", "SCUBA", "TASER",
    }
)  # fmt: skip
_LEFT: Final = frozenset({"AM", "PM", "AD", "BC"})


def _title(found: re.Match[str]) -> str:
    """Without a dot only what cannot be anything else."""
    return (
        found[0] if not found[2] and found[1] not in ("Dr", "Mr", "Mrs", "Prof") else f"{_TITLES[found[1]]} "
    )


def _numbered(found: re.Match[str]) -> str:
    if not found[2] and found[1] in _NEEDS_DOT:
        return found[0]
    if not found.string[found.end() : found.end() + 1].isdecimal() and found[1] in _NEEDS_DOT | {"ca"}:
        return found[0]
    return f"{_BEFORE_NUMBER[found[1]]} "


def _word(found: re.Match[str]) -> str:
    dotted = found[2] or found[3]
    if found[1] in _NAMES_TOO and not found.string[found.end() + len(found[3]) :].lstrip()[:1].isdecimal():
        return found[0]
    return _ANYWHERE[found[1]] if dotted or found[1] in _WITHOUT_DOT else found[0]


def _phrase(found: re.Match[str]) -> str:
    return _PHRASES[found[1]] + ("," if found[0].endswith(",") else "")


def _as_spoken(found: re.Match[str]) -> str:
    """Those that are read as words become words; of the others, those without a vowel are spelled."""
    word = found[0]
    if word in _LEFT:
        return word
    if word.lstrip(".") in _AS_WORDS:
        return word.replace(".", "dot ").lower()
    if re.fullmatch("[IVXLC]{1,7}", word):
        return word  # may be a numeral
    return word if re.search("[AEIOUY.]", word) else " ".join(word)


acronym: Format = by_rules(
    (_PHRASE, _phrase),
    (_AND, " plus "),
    (_HOUSE_POINT, lambda found: f"{found[1]}{_POINTS[found[2]]}"),
    (_STREET, lambda found: f"{found[1]}{_STREETS[found[2]]}"),
    (_STREET_ALONE, lambda found: f"{found[1]} {_STREETS[found[2]]}"),
    (_POINT_AFTER, lambda found: f"{found[1]}{found[2]}{_POINTS[found[3]]}"),
    (_TITLE, _title),
    (_NUMBERED, _numbered),
    (_WORD, _word),
    (_LETTERS_AND_DOTS, lambda found: found[1].replace(".", "")),
    (_ACRONYM, _as_spoken),
    (_MANY, lambda found: f"{' '.join(found[1])}'s"),
)
"""`acronym` of the API: abbreviations are among them."""
