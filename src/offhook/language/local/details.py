"""Names and telephone numbers in what a caller says, as the local transcriber writes it."""

from __future__ import annotations

import re

from offhook.language.words import word_set, words

_MOST_NAMES = 4
_LEAST_DIGITS = 3
_LONGEST_NUMBER = 20
_TOLD = re.compile(
    r"\b(?:my (?:\w+ )?name is|my names|name is|name'?s|this is|i am called|im called|i'm called|call me"
    r"|it is|it's|its"
    r"|i am|i'm|speaking with|you are talking to)\s+(?P<name>[^,.!?;\d]+)",
    re.I,
)
_LEAD = re.compile(
    r"^(?:(?:yes|yeah|yep|sure|okay|ok|al(?:l )?right|right|um|uh|so|well|actually|of course|hi|hello|hey"
    r"|thanks|thank you|please|that is|that's|thats)(?:[,.!? ]+|$))+",
    re.I,
)
"""What is said before a name, and often without one."""
_NAME_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
_NO_NAMES = word_set(
    """a an the my me i it is not for about calling looking having trying from in on at to and or but with of
    want would like need please could can have just sorry what why how who where when number phone very really
    so going interested here there busy sick late happy fine good okay wondering sure still only also
    waiting"""
)
_ASKING = word_set(
    "are is do does did was were have has which shall should am hold wait nothing no nope thats"
)
"""No name begins with these words."""
_UNITS = {
    word: str(value)
    for value, each in enumerate(
        ("zero oh o null", "one won", "two", "three", "four", "five", "six", "seven", "eight ate", "nine")
    )
    for word in each.split()
}
_TEENS = {
    word: str(value)
    for value, word in enumerate(
        [
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
        10,
    )
}
_TENS = {
    word: str(value)
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_TIMES = {"double": 2, "triple": 3}


def number_in(text: str) -> str | None:
    """The digits of the first number of three or more that is said, in figures or in words."""
    runs, run, times, tens = [], "", 1, False
    for word in [*words(text), ""]:
        if word.isdigit() or word in _UNITS:
            digits = word if word.isdigit() else _UNITS[word]
            run = f"{run[:-1] if tens and len(digits) == 1 and digits != '0' else run}{digits * times}"
            times, tens = 1, False
        elif word in _TEENS or word in _TENS:
            run, tens = run + _TEENS.get(word, _TENS.get(word, "") + "0"), word in _TENS
        elif word in _TIMES:
            times = _TIMES[word]
        elif word in ("and", "dash", "uh", "um", "area", "code") and run:
            continue
        else:
            runs.append(run)
            run, times, tens = "", 1, False
    found = max(runs, key=len)
    return found[:_LONGEST_NUMBER] if len(found) >= _LEAST_DIGITS else None


def grouped(number: str) -> str:
    """As it is read back."""
    return f"{number[:3]}-{number[3:6]}-{number[6:]}" if len(number) == 10 else number


def told_name(text: str) -> str | None:
    """The name in an answer to the question for it, or in words that tell it."""
    match = _TOLD.search(text)
    bare = match["name"] if match else re.split(r"[,.!?;\d]", _LEAD.sub("", text.strip()))[0]
    names: list[str] = []
    for word in bare.split():
        if not names and word.lower() in _ASKING:
            break
        if not _NAME_WORD.fullmatch(word) or word.lower().strip(".'’") in _NO_NAMES:
            break
        names.append(word)
    if not names or len(names) > _MOST_NAMES:
        return None
    return " ".join(name[:1].upper() + name[1:] for name in names).rstrip(".")
