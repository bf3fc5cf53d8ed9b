"""What is written for the eye alone: Markdown, tables, quotation marks, dashes, lines."""

from __future__ import annotations

import html
import re

from offhook.conversation.text.rule_table import by_rules

_FENCE = re.compile(r"(?m)^[ \t]{0,9}(?:```|~~~)[ \t]?[\w+#.-]{0,20}[ \t]?$")
_RULE = re.compile(r"(?m)^[ \t]{0,3}(?:[-*_=][ \t]?){3,100}$")
_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,300})\](?:\([^()\s]{0,500}(?:[ ]\"[^\"\n]{0,100}\")?\)|\[[^\[\]\n]{0,80}\])"
)
_FOOTNOTE = re.compile(r"\[\^?\d{1,3}\]:?")
_LINE_MARK = re.compile(
    r"(?m)^[ \t]{0,12}(?:#{1,6}[ \t]+|[-*•‣◦▪+–][ \t]+(?:\[[ xX]\][ \t]+)?|(?:>[ \t]?){1,5})"
)
_NUMBERED = re.compile(r"(?m)^[ \t]{0,12}(\d{1,3})\)[ ]")
_EMOJI = re.compile(
    "[\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff\ufe00-\ufe0f\u200d\u20e3\U0001f000-\U0001faff\U000e0020-\U000e007f]"
)
_ARROW = re.compile(r"[ ]?(?:[→⇒⟶]|(?<![-<=])[-=]>)[ ]?")
_TABLE_RULE = re.compile(r"\|?[ ]?:?-{2,100}:?[ ]?(?:\|[ ]?:?-{2,100}:?[ ]?){0,40}\|?")
_ROW = re.compile(r"(?m)^[ \t]?\|(.*)$")
_BARS = re.compile(r"[ ]?\|[ ]?")
_IN_ASTERISKS = re.compile(r"\*\*[^*\n]+\*\*|\*[^*\n]+\*")
_NEWLINES = re.compile(r"([.!?,;:。！？]?)[ \t]*\n\s*")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|~>$-])")


def markdown(text: str) -> str:
    """Links and pictures keep their words; headings, bullets, fences, rules and the marks of emphasis and
    code go; the cells of a table's row become a list."""
    text = html.unescape(text) if "&" in text else text
    text = _ESCAPED.sub(r"\1", _FENCE.sub("", text))
    text = _table(text) if "|" in text else text
    text = _NUMBERED.sub(r"\1. ", text)
    text = _LINE_MARK.sub("", _LINK.sub(r"\1", _RULE.sub("", text)))
    text = _EMOJI.sub("", _ARROW.sub(", ", _FOOTNOTE.sub("", text)))
    text = re.sub(r"`|~(?![\d$€£])", "", text)
    text = re.sub(r"(?<=[^\W_])_(?=[^\W_])", " ", text).replace("_", "")
    return re.sub(r"\s&\s", " and ", text)


def _table(text: str) -> str:
    """A bar alone may be a full stop of Hindi: it stays."""
    text = _ROW.sub(_row, _TABLE_RULE.sub(_rule_of_table, text))
    return re.sub(r"(?<=[A-Za-z\d)]) \| (?=[A-Z\d(])", ", ", text)


def _rule_of_table(found: re.Match[str]) -> str:
    return "" if "|" in found[0] else found[0]


def _row(found: re.Match[str]) -> str:
    cells = [cell for cell in _BARS.split(found[1]) if cell.strip()]
    return ", ".join(cell.strip() for cell in cells)


def asterisk(text: str) -> str:
    return _IN_ASTERISKS.sub("", text)


def strip_asterisk(text: str) -> str:
    return text.replace("*", "")


quote = by_rules((re.compile(r"[\"“”„«»]"), ""), (re.compile("[’‘]"), "'"))

dash = by_rules(
    (re.compile(r"(?<=\d)\s*–\s*(?=\d)|(?<=\d)[ ]-[ ](?=\d{1,9}(?!\d|[ ]?=))"), " to "),
    (re.compile(r"\s*(?:—|–|(?<=\s)(?<!\d )--?(?=\s)|(?<=\s)--?(?=\s)(?!-? ?\d))\s*"), ", "),
)
"""Dashes that part a sentence become commas; hyphens inside words stay."""


def newline(text: str) -> str:
    return _NEWLINES.sub(lambda found: f"{found[1] or '.'} ", text.strip())


def colon(text: str) -> str:
    return re.sub(r":(?=\s|$)", ".", text)
