"""Words as the extractive model compares them: without endings, by what they are about, and forgiving what
a transcriber mishears."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

from offhook.language.local.lexicon import CONCEPTS, SAME, TOKENS, WEAK

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_POSSESSIVE = re.compile(r"['’](?:s|re|ll|d|ve|m)$")


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Sounds that transcribers spell in many ways; they mean no more than a nod. The local one writes "Mehamu."
# for a hummed "mm hmm", so a word of these letters alone counts, with both an m and an h in it.
_HUMMING = re.compile(r"u+h+|u+m+|h+m+|m+|a+h+|o+h+|e+h+|u+hu+h+|a+ha+|(?=.*m)(?=.*h)[mhuaeo]{3,}")
_WORDS_OF_THOSE_LETTERS = word_set("home ham hem hum homo")

NEVER_LAST = word_set("um uh er erm and or but because the a an my")
"""No phrase ends with these."""


def hums(word: str) -> bool:
    """Is this lower-case word the spelling of a hum?"""
    return word not in _WORDS_OF_THOSE_LETTERS and _HUMMING.fullmatch(word) is not None


STOP = word_set(
    """a about accept ah all also always am an and any are as at back be been building business but
    by call can clinic come company could did do does doing done dont else example find for from get
    give go going gonna good got had has have having he hello help her hey hi him his how i id if
    ill im in into is it its ive just know let like look looking make many may me might mine moment
    more most much my need no not now of off office oh ok okay on one or our out place please
    practice question really restaurant right said say see shall she shop should so some somebody
    someone something sorry store such sure take tell than thank thanks that thats the their them
    then there these they thing think this those till time to told too uh um until up us use usually
    very wanna want was we well were what whats when which while who whom why will with work would
    yeah yes yet you your youre yours"""
)
"""Words that say nothing about what is asked for on the phone of a business."""

_ENDINGS = (
    ("ations", "at"),
    ("ation", "at"),
    ("ings", ""),
    ("ing", ""),
    ("ions", ""),
    ("ion", ""),
    ("ies", "y"),
    ("ied", "y"),
    ("ly", ""),
    ("ed", ""),
    ("es", ""),
    ("s", ""),
    ("e", ""),
)
_SMALL_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMERALS = {word: str(value) for value, word in enumerate(_SMALL_NUMBERS, 2)}
WEEKDAYS = word_set("monday tuesday wednesday thursday friday saturday sunday")


def words(text: str) -> list[str]:
    """Lower-case words, "what's" as "what"."""
    bare = (_POSSESSIVE.sub("", word) for word in _WORD.findall(text.lower()))
    return [word.replace("'", "").replace("’", "") for word in bare]


@functools.lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """The word without its ending: opening, opened, opens -> open; located, location -> locat."""
    if word.removesuffix("s") in WEEKDAYS:
        return word.removesuffix("s")
    if len(word) <= 3 or word.isdigit():
        return word
    for ending, instead in _ENDINGS:
        least = 4 if ending in ("e", "es") and not word.endswith(("xes", "ses", "hes")) else 3  # care, rates
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + instead
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def _stem_set(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in text.split())


SOFT = _stem_set(
    """today tomorrow tonight morning afternoon evening week weekend month year day monday tuesday wednesday
    thursday friday saturday sunday next last first new old long soon early late january february march april
    june july august september october november december"""
)
"""Stems that narrow a question but are seldom what it is about."""

_SAME: Mapping[str, str] = {
    stem(word): stem(line.split()[0]) for line in SAME.splitlines() for word in line.split()
}
WEAK_STEMS = _stem_set(WEAK) | SOFT

CONCEPT_STEMS: Mapping[str, frozenset[str]] = {concept: _stem_set(text) for concept, text in CONCEPTS.items()}
"""What phone callers ask for, each with the stems of its words."""

_BY_STEM: dict[str, list[str]] = {}
for _concept, _stems in CONCEPT_STEMS.items():
    for _stem in _stems:
        _BY_STEM.setdefault(_stem, []).append(_concept)


_TOKENS = tuple((re.compile(rf"\b(?:{written})(?!\w)"), token) for written, token in TOKENS)
_SPELLED = re.compile(r"\b[b-hj-z](?:[ .-][a-z]\b){1,5}")


def joined(text: str) -> str:
    """In lower case, with what is one word written as one: "check in", "gift card", "V P N"."""
    low = text.lower().replace("’", "'")
    for written, token in _TOKENS:
        low = written.sub(token, low)
    return _SPELLED.sub(lambda found: re.sub(r"[ .-]", "", found[0]), low)


def stems(text: str) -> list[str]:
    """Stems of the words that mean something, those that mean the same as one, small numbers in figures."""
    found = (NUMERALS.get(word) or stem(word) for word in words(joined(text)) if word not in STOP)
    return [_SAME.get(each, each) for each in found if each not in STOP]


def concepts_of(some: Iterable[str]) -> set[str]:
    """What these stems are about. An email address is no address."""
    found = {concept for each in some for concept in _BY_STEM.get(each, ())}
    if found & {"email", "website"}:
        found.discard("address")
    return found


def is_concept_word(each: str) -> bool:
    return each in _BY_STEM


def alike(a: str, b: str) -> bool:
    """The same word, or one that a transcriber may have made of it: one wrong letter in four or more, two in
    seven or more, or the same sound in other letters; the first letter right."""
    if a == b:
        return True
    shorter = min(len(a), len(b))
    most = 2 if shorter >= 7 else 1
    if shorter < 4 or a[0] != b[0] or abs(len(a) - len(b)) > 2 or a.isdigit() or b.isdigit():
        return False
    if abs(len(a) - len(b)) <= most and distance(a, b, most) <= most:
        return True
    return sound(a) == sound(b)


_SOUNDS = (
    (r"gh(?=t)|(?<=.)h", ""),
    (r"ph", "f"),
    (r"[ckq]+", "k"),
    (r"[sz]+", "s"),
    (r"ey$|ie$|ee$|y$", "i"),
    (r"ai|ay|ei|ea|ee", "e"),
    (r"ou|au|oo|aw|ow", "o"),
    (r"(.)\1+", r"\1"),
    (r"(?<=.)e$", ""),
)
_SOUND_PATTERNS = tuple((re.compile(written), instead) for written, instead in _SOUNDS)


@functools.lru_cache(maxsize=8192)
def sound(word: str) -> str:
    """English spelling made less of: words that sound alike are written alike, most of the time."""
    for written, instead in _SOUND_PATTERNS:
        word = written.sub(instead, word)
    return word


@functools.lru_cache(maxsize=16384)
def distance(a: str, b: str, most: int) -> int:
    """Levenshtein's; `most` + 1 stands for everything beyond `most`."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
