"""What a caller dictated, written as one would write it: numbers in digits, spelled names in letters,
addresses of mail with their signs. Only where it was asked for, or plainly is so; all else stays as it was
heard.

The result of a result with more behind it is the result of the whole, so pieces may be written one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from offhook.conversation.turns.dictation import Wanted, wish_in
from offhook.language.words import word_set

MOST_CHARACTERS: Final = 600
"""Nobody dictates as much in one go: a longer turn stays as it was heard."""

_UNITS: Final[Mapping[str, str]] = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_TEENS: Final[Mapping[str, str]] = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS: Final[Mapping[str, str]] = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_REPEATS: Final[Mapping[str, int]] = {"double": 2, "triple": 3, "treble": 3, "troubled": 3}
_SOUND_LIKE_DIGITS: Final[Mapping[str, str]] = {
    "for": "4", "fore": "4", "to": "2", "too": "2", "won": "1", "ate": "8", "hero": "0", "owe": "0",
    "tree": "3", "free": "3", "fife": "5", "size": "5", "bite": "5", "sicks": "6", "sex": "6", "fix": "6",
    "heaven": "7", "wine": "9", "nein": "9", "when": "1", "thicks": "6", "or": "4",
}  # fmt: skip
"""Where digits were asked for, among digits."""
_SOUND_LIKE_LETTERS: Final[Mapping[str, str]] = {
    "ay": "A", "be": "B", "bee": "B", "see": "C", "sea": "C", "dee": "D", "ee": "E", "eff": "F", "ef": "F",
    "gee": "G", "aitch": "H", "eye": "I", "jay": "J", "kay": "K", "okay": "OK", "el": "L", "ell": "L",
    "em": "M", "am": "M", "en": "N", "an": "N", "and": "N", "in": "N", "end": "N", "oh": "O", "owe": "O",
    "pea": "P", "pee": "P", "cue": "Q", "queue": "Q", "ar": "R", "are": "R", "our": "R", "ess": "S",
    "tea": "T", "tee": "T", "you": "U", "vee": "V", "ex": "X", "why": "Y", "zee": "Z", "zed": "Z",
    "emmy": "ME", "me": "ME", "any": "NE", "envy": "NV", "icy": "IC", "easy": "EZ", "essay": "SA",
    "cutie": "QT", "ellie": "LE", "kale": "KL", "hey": "A", "he": "E", "tease": "TS", "peas": "PS",
}  # fmt: skip
"""Where letters were asked for, among letters."""
_ONE_OF_A_WORD: Final = word_set("and in an end am he or our hey okay me any")
"""Those of them that stand between words as well: a letter has to be on both sides."""
_WORDS_TOO: Final = word_set("i a see you are am oh")
"""Of these alone sentences are made."""
_ORDINALS: Final = word_set("first second third fourth fifth sixth seventh eighth ninth")
_MAIL_SIGNS: Final[Mapping[str, str]] = {
    "at": "@", "dot": ".", "point": ".", "period": ".", "underscore": "_", "dash": "-", "hyphen": "-",
    "minus": "-", "plus": "+",
}  # fmt: skip
_BEFORE_MAIL: Final = word_set(
    "is its it's it my email e-mail mail address yes sure okay so well um uh the that's thats would be yeah "
    "you can reach me use to send i'm im on"
)
_TOP: Final = "com|net|org|edu|gov|io|co\\.uk|co|uk|de|fr|es|it|nl|ch|eu|us|ca|au|info|biz|me|app|dev|ai|tv"
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_WHOLE_NAME = re.compile(
    rf"[a-z\d][a-z\d._+-]{{0,63}}@[a-z\d-]{{1,63}}(?:\.[a-z\d-]{{1,63}}){{0,3}}\.(?:{_TOP})$"
)
_APART = re.compile(r"[\s,.\-–]*")
_AS_WRITTEN = re.compile(r"(?<=\d)(?:[.,]|(?<!\d{3})-|-(?!\d{3}))(?=\d)")
"""3.50 and 5-10 are not dictated digit by digit."""
_IN_PIECES = re.compile(r"\d[.,!?]?\s")
_NUMBER_IS = re.compile(r"\b(?:number|code|id|account|reference|phone|cell|mobile) (?:is |at |on )?$")
_AT_A_TIME = re.compile(r"(?i)\b(?:at|by|until|till|around|about|before|after|from)\s*$")
_OF_A_TIME = re.compile(r"(?i)[\s,]*(?:[ap]\.?\s?m\b|o['’]?clock\b)")
_THOUSANDS = re.compile(r"(?i)\b(?:thousand|million)(?:\s+and)?\s*$")
_OF_THOUSANDS = re.compile(r"(?i)\s*(?:thousand|million)\b")
_ASKS_FOR_DIGITS = re.compile(r"\b(?:number|digits?|codes?|id|pin|last (?:four|4))\b")
_LEAST_SURE: Final = 4
"""Digits that are plainly some, beside which a word that only sounds like one is one."""
_LEAST_UNASKED: Final = 4
"""Words. "Two, four and six" is not dictated."""
_LEAST_OF_A_PHONE: Final = 7
"""Digits."""
_NUMBERS: Final = frozenset({Wanted.PHONE, Wanted.CODE})


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    start: int
    end: int
    last: bool  # of its sentence


def as_dictated(text: str, asked: str, heard_as_words: bool) -> str:
    """`asked`: what the assistant has said before. `heard_as_words`: by a transcriber that writes down what
    it hears, and mishears single digits and letters; what others have put in form stays so."""
    if len(text) > MOST_CHARACTERS:
        return text
    wish = wish_in(asked)
    what = wish.what if wish is not None else None
    if what is Wanted.CODE and not _ASKS_FOR_DIGITS.search(asked[-600:].lower()):
        what = None  # "Can I take your order?"
    if what is Wanted.EMAIL:
        return _mail(text)
    if what is Wanted.LETTERS:
        return _letters(text, heard_as_words, 2)
    if what is Wanted.NAME:
        return _letters(text, False, 3)  # two are initials
    if what in _NUMBERS or what is Wanted.ADDRESS or what is None:
        return _numbers(text, what, heard_as_words)
    return text


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(found[0].lower(), *found.span(), text[found.end() : found.end() + 1] in ("", ".", "!", "?"))
        for found in _TOKEN.finditer(text)
    ]


def _together(text: str, one: _Token, other: _Token) -> bool:
    """Is there nothing between them that parts words?"""
    found = _APART.match(text, one.end)
    apart = found is None or found.end() < other.start
    return not apart and _AS_WRITTEN.match(text, one.end) is None


# numbers


def _numbers(text: str, what: Wanted | None, heard_as_words: bool) -> str:
    tokens, parts, done, at = _tokens(text), [], 0, 0
    while at < len(tokens):
        digits, end, spoken = _run(text, tokens, at, heard_as_words and what in _NUMBERS)
        if end == at:
            at += 1
            continue
        first, last = tokens[at], tokens[end - 1]
        before, after = text[: first.start], text[last.end :]
        written = spoken == 0 and not (heard_as_words and _IN_PIECES.search(text[first.start : last.end]))
        if not (written or _is_amount(before, digits, after, first)) and _is_number(
            before, digits, after, spoken, what
        ):
            parts += [text[done : first.start], _grouped(digits, what)]
            done = last.end
        at = end
    return "".join([*parts, text[done:]])


def _run(text: str, tokens: Sequence[_Token], at: int, guess: bool) -> tuple[str, int, int]:
    """The digits from this token on, the token behind them, and how many of them were words. What only
    sounds like a digit is one beside enough others."""
    digits, start, spoken, guessed = "", at, 0, 0
    while at < len(tokens) and (at == start or _together(text, tokens[at - 1], tokens[at])):
        found, taken = _digits_at(tokens, at, bool(digits), guess)
        if not found:
            break
        spoken += not tokens[at].word.isdecimal()
        guessed += any(token.word in _SOUND_LIKE_DIGITS for token in tokens[at : at + taken])
        digits, at = digits + found, at + taken
    if guessed and len(digits) - guessed < max(_LEAST_SURE, 2 * guessed):
        return _run(text, tokens, start, False)
    return digits, at, spoken


def _digits_at(tokens: Sequence[_Token], at: int, within: bool, guess: bool) -> tuple[str, int]:
    word, after = tokens[at].word, tokens[at + 1].word if at + 1 < len(tokens) else ""
    if word.isdecimal() and word.isascii():
        return word, 1
    if word in _REPEATS and len(repeated := _unit(after, guess)) == 1:
        return repeated * _REPEATS[word], 2
    if word in _TENS and after not in _ORDINALS:  # not Twenty First Street
        one = _UNITS.get(after, "0") if after not in ("oh", "o", "zero") else "0"
        return (_TENS[word] + one, 2) if one != "0" else (_TENS[word] + "0", 1)
    if word in _TEENS:
        return _TEENS[word], 1
    if word in ("o", "oh") and not within and not _unit(after, False):
        return "", 0
    if after == "hundred" and word in _UNITS:
        return _hundreds(tokens, at)
    if word in _UNITS:
        return _UNITS[word], 1
    ends = within and tokens[at].last
    likely = guess and (ends or len(_unit(after, within)) == 1)
    return (_SOUND_LIKE_DIGITS[word], 1) if likely and word in _SOUND_LIKE_DIGITS else ("", 0)


def _hundreds(tokens: Sequence[_Token], at: int) -> tuple[str, int]:
    """Eight hundred -> 800; two hundred (and) five -> 205, unless digits go on behind it."""
    first, place = _UNITS[tokens[at].word], at + 2
    joins = place < len(tokens) and tokens[place].word == "and"
    place += joins
    rest, taken = _below_hundred(tokens, place)
    goes_on = not joins and _below_hundred(tokens, place + taken)[1] > 0
    if 0 < len(rest) <= 2 and not goes_on:
        return first + rest.zfill(2), place + taken - at
    return first + "00", 2


def _below_hundred(tokens: Sequence[_Token], at: int) -> tuple[str, int]:
    words = [token.word for token in tokens[at : at + 2]]
    if not words or words[1:] == ["hundred"]:
        return "", 0
    return _digits_at(tokens[at : at + 2], 0, True, False)


def _unit(word: str, guess: bool) -> str:
    if word.isdecimal() and word.isascii():
        return word
    return _UNITS.get(word) or (_SOUND_LIKE_DIGITS.get(word, "") if guess else "")


def _is_number(before: str, digits: str, after: str, spoken: int, what: Wanted | None) -> bool:
    """Amounts and years that nobody asked for as digits stay as they are."""
    if what in _NUMBERS:
        return len(digits) > 1 or not (before.strip() or after.strip(" .,!?"))
    if what is Wanted.ADDRESS:
        return spoken > 0 and len(digits) > 1
    begun = _NUMBER_IS.search(re.sub(r"[^\w ]", "", before.lower()[-40:])) is not None
    in_a_row = spoken >= _LEAST_UNASKED and spoken >= len(digits) / 2
    return spoken > 0 and (begun or in_a_row or len(digits) >= _LEAST_OF_A_PHONE)


def _is_amount(before: str, digits: str, after: str, first: _Token) -> bool:
    """A time of day, thousands, or an "Oh, one moment"."""
    if first.word in ("o", "oh") and len(digits) < 3:
        return True
    if len(digits) <= 4 and (_AT_A_TIME.search(before[-20:]) or _OF_A_TIME.match(after)):
        return True
    return _THOUSANDS.search(before[-20:]) is not None or _OF_THOUSANDS.match(after) is not None


def _grouped(digits: str, what: Wanted | None) -> str:
    if what in (Wanted.PHONE, None) and len(digits) == 10:
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    if what is Wanted.PHONE and len(digits) == 11 and digits[0] == "1":
        return f"1-{digits[1:4]}-{digits[4:7]}-{digits[7:]}"
    return digits


# letters


def _letters(text: str, guess: bool, least: int) -> str:
    tokens, parts, done, at = _tokens(text), [], 0, 0
    while at < len(tokens):
        letters, end = _spelled(text, tokens, at, guess)
        if len(letters) < least or not _is_spelling(tokens[at:end]):
            at += 1
            continue
        parts += [text[done : tokens[at].start], "-".join(letters)]
        done, at = tokens[end - 1].end, end
    return "".join([*parts, text[done:]])


def _is_spelling(tokens: Sequence[_Token]) -> bool:
    """Half of it has to be letters, and no "I see you"."""
    if _WORDS_TOO.issuperset(token.word for token in tokens):
        return False
    sure = sum(len(token.word) == 1 or token.word in _REPEATS for token in tokens)
    return (sure > 1 and 2 * sure >= len(tokens)) or any(_example(tokens, at) for at in range(len(tokens)))


def _spelled(text: str, tokens: Sequence[_Token], at: int, guess: bool) -> tuple[str, int]:
    letters, start = "", at
    while at < len(tokens) and (at == start or _together(text, tokens[at - 1], tokens[at])):
        found, taken = _letters_at(tokens, at, bool(letters), guess)
        if not found:
            break
        letters, at = letters + found, at + taken
    return letters, at


def _letters_at(tokens: Sequence[_Token], at: int, within: bool, guess: bool) -> tuple[str, int]:
    word = tokens[at].word
    after = tokens[at + 1].word if at + 1 < len(tokens) else ""
    if word == "double" and after == "you":
        return "W", 2
    if word == "double" and after and (one := _letter(after, guess)):
        return one * 2, 2
    example = _example(tokens, at)
    if example and (len(word) == 1 or guess):
        return example.upper(), 4 if tokens[at + 1].word in ("as", "is", "of") else 3
    if len(word) == 1 and word.isalpha() and word.isascii():
        return word.upper(), 1
    if not guess or word not in _SOUND_LIKE_LETTERS:
        return "", 0
    if word in _ONE_OF_A_WORD and not (within and after and _letter(after, False)):
        return "", 0
    return (_SOUND_LIKE_LETTERS[word], 1) if within or _letter(after, guess) else ("", 0)


def _example(tokens: Sequence[_Token], at: int) -> str:
    """The letter that "S as in Sam" and "S for Sam" name; the word is heard better than the letter."""
    words = [token.word for token in tokens[at : at + 4]]
    if len(words) == 4 and words[1] in ("as", "is", "of") and words[2] in ("in", "the") and len(words[3]) > 1:
        return words[3][0]
    if len(words) > 2 and words[1] in ("for", "like") and len(words[2]) > 2 and words[2][0] == words[0][0]:
        return words[2][0] if len(words[0]) == 1 else ""
    return ""


def _letter(word: str, guess: bool) -> str:
    if len(word) == 1 and word.isalpha() and word.isascii():
        return word.upper()
    found = _SOUND_LIKE_LETTERS.get(word, "") if guess else ""
    return found if len(found) == 1 else ""


# addresses of mail


def _mail(text: str) -> str:
    """An address that is whole; one that is only begun waits for the rest."""
    words = text.split()
    bare = [word.strip(".,;:!?").lower() for word in words]
    at = next((place for place, word in enumerate(bare) if word == "at" and place), None)
    if at is None:
        return text
    start = at
    while start > 0 and at - start < 12 and bare[start - 1] not in _BEFORE_MAIL:
        start -= 1
    for end in range(len(words), at + 1, -1):
        address = "".join(_MAIL_SIGNS.get(word, word) for word in bare[start:end])
        if start < at and _WHOLE_NAME.match(address):
            mark = words[end - 1][-1:] if words[end - 1][-1:] in ".,!?" else ""
            return " ".join([*words[:start], address + mark, *words[end:]])
    return text
