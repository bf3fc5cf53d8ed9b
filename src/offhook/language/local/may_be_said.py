"""What of a prompt may be said, and how a value behind a key is said as a sentence."""

from __future__ import annotations

import re

from offhook.language.words import concepts_of, stems

_SPOKEN_KEYS = {
    "hours": "Our opening hours are {}",
    "address": "Our address is {}",
    "phone": "Our phone number is {}",
    "email": "Our email address is {}",
    "website": "Our website is {}",
}
_PLAIN_KEY = frozenset(
    stems(
        "opening open business working regular normal hours times address location street phone telephone"
        " number main contact email e-mail mail website web site url"
    )
)
"""Of keys that say no more than the forms above: "quiet hours" are no opening hours."""
_VERB = re.compile(
    r"\b(?:is|are|am|was|were|be|can|will|may|must|do|does|have|has|had|accept|take|offer|open|close|cost"
    r"|start"
    r"|provide|serve|speak|need|require|include|welcome|available|allow|ship|deliver|charge|find|call|visit"
    r"|see)"
    r"s?\b",
    re.I,
)
_SUBJECT = re.compile(
    r"^(?:we|our|there|you|it|they|the|a|an|this|all|every|most|yes|no|please|to|i|my|\w+s)\b", re.I
)
_NOT_SAID = re.compile(
    r"\[[A-Za-z][^\]]{1,80}\]|\{\{|\{%|->|=>|→|</?\w|\|\s*\||\bstep \d|\bproceed to\b|\bgo to step\b"
    r"|\b(?:ask|tell|inform|transfer"
    r"|greet) (?:them|the"
    r" (?:caller|customer|user|guest|patient|client|person))\b|\bthe (?:caller|user)\b|\bask for (?:the"
    r"|their|your) (?:name"
    r"|full name)\b|\bknowledge base\b|\bsystem prompt\b|\bfunction call\b|\btool\b.{0,20}\bcall\b"
    r"|\bwait for\b.{0,20}\bresponse"
    r"|\bAI model\b|\bTTS\b|\btranscript\b|\bdo not (?:say|mention|reveal|disclose|answer)\b|\bnever (?:say"
    r"|mention|reveal"
    r"|disclose|answer|give|quote|promise|ask|argue|guarantee|diagnose)\b",
    re.I,
)
_UNIT = re.compile(r"\b(?:minutes|hours|days|weeks|nights|people|guests)\b", re.I)
_MONEY = re.compile(r"[$€£]")
_PRICE = re.compile(r"^(?:price|cost|fee|rate)$", re.I)
_MARKS = re.compile(r"[*_`#<>|{}=\[\]]+|(?<!\w)\"|\"(?!\w)|[“”]")


def may_be_said(text: str) -> bool:
    """Whether a caller may hear this: nothing that is meant for the assistant or a program."""
    return _NOT_SAID.search(text) is None and any(c.isalnum() for c in text)


def has_verb(text: str) -> bool:
    return _VERB.search(text) is not None


def sentence(text: str) -> str:
    """With a capital at the beginning, a full stop at the end, and no marks of writing."""
    text = _MARKS.sub(" ", text).replace("  ", " ").strip()
    if text[-1:] not in (".", "!", "?"):
        text = text.rstrip(",;: ") + "."
    return text[:1].upper() + text[1:]


def said_of_key(key: str, value: str) -> str:
    """A sentence to say for `key: value`."""
    if _is_sentence(value):
        return value
    topics = concepts_of(stems(key))
    for concept, form in _SPOKEN_KEYS.items():
        if concept in topics and _PLAIN_KEY.issuperset(stems(key)):
            return form.format(_uncapitalised(value))
    if key.isupper():
        key = key.capitalize()
    return f"{key.replace('_', ' ')}: {value}"


def said_of_column(column: str, value: str) -> str:
    """A value below the title of a column, or behind a name of JSON, in a row of others."""
    unit = _UNIT.search(column)
    if unit and value.isdigit():
        return f"{value} {unit[0].lower()}"
    return value if _MONEY.match(value) and _PRICE.search(column) else f"{column} {value}"


def _is_sentence(value: str) -> bool:
    return len(value.split()) >= 3 and bool(_SUBJECT.match(value)) and bool(_VERB.search(value))


def _uncapitalised(value: str) -> str:
    first = value.split()[0]
    return (
        value[0].lower() + value[1:]
        if first in ("From", "The", "Every", "All", "Open", "At", "On")
        else value
    )
