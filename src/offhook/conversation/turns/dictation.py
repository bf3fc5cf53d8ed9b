"""What a caller dictates: digits, letters, addresses of mail; and whether it is all of what was asked for.

Transcribers hear it badly, most of all in pieces ("C A R" is "See you are."), so where something was asked
for, what was said counts as a part of it until it is whole, or plainly something else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from offhook.conversation.turns.interruption import words_of
from offhook.language.words import word_set

_DIGITS: Final[Mapping[str, str]] = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11",
    "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17",
    "eighteen": "18", "nineteen": "19", "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5",
    "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
}  # fmt: skip
_MISHEARD: Final[Mapping[str, str]] = {"to": "2", "too": "2", "for": "4", "ate": "8", "won": "1"}
"""What digits sound like; only where a digit stands on their other side."""
_TENS: Final = word_set("twenty thirty forty fifty sixty seventy eighty ninety")
_REPEATS: Final[Mapping[str, int]] = {"double": 2, "triple": 3, "treble": 3}
_BETWEEN: Final = frozenset({"and", "dash", "hyphen", "then", "plus"})


class Wanted(Enum):
    """What the assistant asked for that people dictate."""

    PHONE = auto()
    CODE = auto()
    LETTERS = auto()
    EMAIL = auto()
    ADDRESS = auto()
    BIRTH = auto()
    NAME = auto()


@dataclass(frozen=True, slots=True)
class Wish:
    """`digits`: how many of them, where that is known."""

    what: Wanted
    digits: int | None = None


_ASKS: Final[tuple[tuple[re.Pattern[str], Wanted], ...]] = (
    (re.compile(r"\bspell|\bletter by letter\b"), Wanted.LETTERS),
    (re.compile(r"\be-?\s?mail\b"), Wanted.EMAIL),
    (re.compile(r"\bdate of birth\b|\bbirthday\b|\bbirth ?date\b|\bborn\b"), Wanted.BIRTH),
    (
        re.compile(r"\b(?:phone|telephone|mobile|cell|call ?back)\b|\bnumber to (?:reach|call)\b"),
        Wanted.PHONE,
    ),
    (re.compile(r"\b(?:zip|post(?:al)?) ?codes?\b"), Wanted.CODE),
    (re.compile(r"\baddress\b|\bstreet\b|\bwhere do you live\b"), Wanted.ADDRESS),
    (
        re.compile(
            r"\b(?:order|account|policy|member|membership|reference|confirmation|booking|customer|card|"
            r"case|ticket|serial|invoice|tracking|reservation|security|insurance|pin|id)"
            r"(?: number| code| id|\b)|\bdigits\b|\bcode\b|\byour number\b"
        ),
        Wanted.CODE,
    ),
    (re.compile(r"\b(?:first|last|full|sur|your) ?name\b|\bwho am i speaking\b"), Wanted.NAME),
)
_REQUEST: Final = re.compile(
    r"\b(?:what|whats|which|can|could|may|would|please|tell|give|need|enter|say|confirm|spell|have|provide|your)\b"
)
_COUNT: Final = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|\d\d?)[ -]digits?\b|\blast (four|4)\b"
)
_OFFER: Final = re.compile(
    r"\b(?:shall|should) i\b|\bdo you (?:want|have|need)\b|\bwould you like\b|\bis (?:that|this|it)\b"
)


def wish_in(assistant: str) -> Wish | None:
    """What the last sentence of this asks for, None if nothing that is dictated."""
    sentence = _last_sentence(assistant).lower().replace("'", "").replace("’", "")
    if not _REQUEST.search(sentence) or _OFFER.search(sentence):
        return None
    for pattern, what in _ASKS:
        if pattern.search(sentence):
            return Wish(what, _count_in(sentence))
    return None


def _last_sentence(text: str) -> str:
    """The last one that asks, else the last."""
    sentences = [one for one in re.split(r"(?<=[.!?])\s", text[-600:]) if one.strip()]
    asking = [one for one in sentences if one.rstrip().endswith("?")]
    return (asking or sentences or [""])[-1]


def _count_in(sentence: str) -> int | None:
    found = _COUNT.search(sentence)
    if found is not None:
        word = found[1] or found[2]
        return int(word) if word.isdigit() else int(_DIGITS[word])
    if "zip" in sentence:
        return 5
    if "social security" in sentence:
        return 9
    return 4 if re.search(r"\bpin\b", sentence) else None


def digits_at_end(words: Sequence[str]) -> str:
    """The digits that these words end with, as they were dictated: four one five -> 415, double two -> 22,
    twenty one -> 21. "" if they end with none."""
    run: list[str] = []
    at = len(words)
    while at:
        word = words[at - 1]
        after = run[-1] if run else ""
        if (digits := _digits_of(word, words[at - 2] if at > 1 else "", bool(run))) is None:
            if word in _REPEATS and len(after) == 1:
                run[-1] = after * _REPEATS[word]
            elif word in _TENS:
                run.append(_DIGITS[word] + ("" if len(after) == 1 and run else "0"))
            elif not (word in _BETWEEN and run):
                break
        else:
            run.append(digits)
        at -= 1
    return "".join(reversed(run))


def _digits_of(word: str, before: str, within: bool) -> str | None:
    if word.isdecimal() and word.isascii():
        return word
    if word in _TENS:
        return None
    if word in _DIGITS:
        # "o" and "oh" are digits among digits only.
        return _DIGITS[word] if within or word not in ("o", "oh") or _is_digit(before) else None
    if word in _MISHEARD and (_is_digit(before) if within else before in _DIGITS and before not in _TENS):
        return _MISHEARD[word]
    return None


def _is_digit(word: str) -> bool:
    return word.isdecimal() or word in _DIGITS


def letters_at_end(words: Sequence[str]) -> str:
    """The single letters that these words end with, "S as in Sam" among them."""
    run: list[str] = []
    at = len(words)
    while at:
        word = words[at - 1]
        if len(word) == 1 and word.isascii() and word.isalpha():
            run.append(word)
            at -= 1
        elif at >= 4 and words[at - 3 : at - 1] in (["as", "in"], ["is", "in"]) and len(words[at - 4]) == 1:
            run.append(words[at - 4])
            at -= 4
        elif at >= 3 and words[at - 2] in ("for", "like") and words[at - 3] == word[0]:
            run.append(words[at - 3])
            at -= 3
        else:
            break
    return "".join(reversed(run))


_MAIL_OPEN: Final = word_set("at dot underscore dash hyphen point period")
_MAIL_END: Final = re.compile(
    r"(?:\.| dot | point )"
    r"(?:com|net|org|edu|gov|io|co|uk|de|fr|es|it|nl|at|ch|eu|us|ca|au|info|biz|me|app|dev)[.!?,]?$"
)
_OTHERWISE: Final = word_set(
    "dont cant wont not no what why how who when where which sorry pardon none never same already help "
    "person speak anyone nothing wrong cancel wait stop forget"
)
"""What somebody says who does not give what was asked for."""
_SURE: Final = word_set("sure yes yeah yep okay ok alright right course certainly absolutely of all")


def still_dictating(wish: Wish, text: str) -> bool:
    """Was this the beginning of an answer to that wish, and not all of it?"""
    words = words_of(text)
    if not words:
        return False
    if set(words) <= _SURE:
        return wish.what is not Wanted.NAME
    digits = digits_at_end(words)
    asks = len(words) > 4 and text.rstrip().endswith("?")
    if len(digits) < 3 and (_OTHERWISE & set(words[:8]) or len(words) > 14 or asks):
        return False
    match wish.what:
        case Wanted.PHONE:
            return not _whole_phone_number(digits)
        case Wanted.CODE:
            return len(digits) < wish.digits if wish.digits else True
        case Wanted.LETTERS:
            return not _spelled_out(words)
        case Wanted.EMAIL:
            return _MAIL_END.search(text.lower().rstrip()) is None
        case Wanted.ADDRESS:
            return len(digits) != 5 or len(words) < 5
        case Wanted.BIRTH:
            return len(digits) < 4 or not 1900 <= int(digits[-4:]) <= 2100
        case _:
            return bool(letters_at_end(words)) and not _spelled_out(words)


def _whole_phone_number(digits: str) -> bool:
    return len(digits) >= 10


def _spelled_out(words: Sequence[str]) -> bool:
    """Is the word that is spelled at the end one that was said before: "Carter, C A R T E R"?"""
    letters = letters_at_end(words)
    return len(letters) > 1 and letters in words[: len(words) - len(letters)]


_NUMBER_BEGINS: Final = re.compile(
    r"\b(?:number|code|id|account|reference|order|phone|cell|mobile|reach me|call me|back) "
    r"(?:back |is |its |at |on |number |will be |should be )*(?=\w)"
)
_LONGEST_NUMBER: Final = 16
"""Words. What is longer than that behind "my number is" is not the number any more."""


def dictates_unasked(text: str) -> bool:
    """Does it end in the middle of a number, of letters or of an address of mail that nobody asked for?"""
    words = words_of(text)
    if not words:
        return False
    if letters_at_end(words)[1:] and not _spelled_out(words):
        return True
    if words[-1] in _MAIL_OPEN and ("mail" in text.lower() or words[-1] in ("dot", "underscore")):
        return True
    return _is_in_a_number(words)


def _is_in_a_number(words: Sequence[str]) -> bool:
    digits = digits_at_end(words)
    if not digits or len(digits) >= 10:
        return False
    said = " ".join(words)
    for begins in _NUMBER_BEGINS.finditer(said):
        number = said[begins.end() :].split()
        if len(number) <= _LONGEST_NUMBER and any(_is_digit(word) for word in number[:2]):
            return sum(len(_DIGITS.get(word, word)) for word in number if _is_digit(word)) < 10
    run = words[len(words) - _length_of_run(words) :]
    # Digit by digit, as no amount, no time and no year is said.
    return len(run) >= 3 and all(len(_DIGITS.get(word, word)) == 1 and word not in _TENS for word in run)


def _length_of_run(words: Sequence[str]) -> int:
    """How many of these words the digits at their end take."""
    whole = len(digits_at_end(words))
    starts = (at for at in range(len(words) - 1, -1, -1) if len(digits_at_end(words[at:])) >= whole)
    return len(words) - next(starts, len(words))
