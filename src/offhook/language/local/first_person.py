"""What a prompt says about the caller and the assistant, as the assistant says it to the caller."""

from __future__ import annotations

import re

_THIRD = (
    r"(?:the|a|an|each|every|any|our) (?:caller|customer|user|patient|client|guest|tenant|parent|employee"
    r"|student"
    r"|member|person calling)s?|callers|he|she|them|(?<!\w )they(?! all)|(?<=\bif )they|(?<=\bwhen )they"
    r"|(?<=\bthat )they"
)
_ADDRESSED = (
    (re.compile(r"\b(?:their|his|her|the caller's|the customer's|the patient's)\b", re.I), "your"),
    (re.compile(rf"\b(?:{_THIRD})\s+(?:is|are)\b", re.I), "you are"),
    (re.compile(rf"\b(?:{_THIRD})\s+(?:has|have)\b", re.I), "you have"),
    (re.compile(rf"\b(?:{_THIRD})\s+(?:does|do)\b", re.I), "you do"),
    (re.compile(rf"\b(?:{_THIRD})\b", re.I), "you"),
    (re.compile(r"\bthemsel(?:f|ves)\b", re.I), "yourself"),
)
_MINE = (
    (re.compile(r"\byour\b", re.I), "my"),
    (re.compile(r"\byou are\b|\byou're\b", re.I), "I am"),
    (re.compile(r"\byou\b", re.I), "I"),
)


def addressed(text: str) -> str:
    """About the caller: "their paralegal will call them" becomes "your paralegal will call you"."""
    text = text.strip("\"'“”‘’ ")
    for pattern, instead in _ADDRESSED:
        text = pattern.sub(instead, text)
    return text


def reported(text: str) -> str:
    """What the assistant is told to tell: "you will call them back" becomes "I will call you back"."""
    return addressed(mine(text))


def mine(text: str) -> str:
    """About the assistant: "your shop" becomes "my shop"."""
    for pattern, instead in _MINE:
        text = pattern.sub(instead, text)
    return text
