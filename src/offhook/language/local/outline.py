"""How a prompt is laid out: its headings, lists, pairs of question and answer, tables and JSON, as items that
know what stands above them. What is shown as an example is no item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offhook.language.local.may_be_said import said_of_column
from offhook.language.local.prompt_json import JsonFact, json_facts

_SPACES = re.compile(r"\s{2,}")
_LONGEST_TITLE = 300
"""Characters."""
_MOST_TITLE_WORDS = 5
_MOST_CELLS = 12
_HEADING = re.compile(
    r"^(?:(?P<level>#{1,6})\s*(?P<hash>.+?)\s*#*|\[(?P<bracket>[^\]]{2,60})\]|\*\*(?P<bold>[^*]{2,60})\*\*"
    r"|[=~-]{2,}\s*(?P<ruled>[^=~-]{2,60}?)\s*[=~-]*):?\s*$"
)
_LABEL_LINE = re.compile(r"^(?P<label>[A-Za-z_][\w &/'’()-]{1,50}):\s*$")
_TITLE_LINE = re.compile(r"^[A-Z][A-Za-z&/'’ -]{2,40}$")
_BULLET = re.compile(r"^(?:[-*•–+]|\(?\d{1,2}(?:\.\d{1,2})*[.)]|\d{1,2}(?:\.\d{1,2})+|[a-z][.)])\s+")
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w-]{0,40})>")
_MARKS = re.compile(r"\*\*|__|`+|^>\s*")
_LINK = re.compile(r"\[([^\]]{1,100})\]\((?:[^)]{1,200})\)")
_QUESTION = re.compile(
    r"^(?:Q|Question|FAQ)\s*\d*\s*[:.)]\s*(?P<q>.+?)(?:\s+(?:A|Answer)\s*[:.)]\s*(?P<a>.+))?$", re.I
)
_ANSWER = re.compile(r"^(?:A|Answer)\s*[:.)]\s*(?P<a>.+)$", re.I)
_SPOKEN_LINE = re.compile(
    r"^(?:user|caller|customer|guest|client|patient|agent|assistant|ai|bot|you|me|rep|human)\s*:", re.I
)
KEY_VALUE = re.compile(r"^(?P<key>[^\W\d][^:.!?\n]{0,60}?)\s*:\s+(?P<value>\S.*)$")
_DASHED = re.compile(r"^([A-Z][\w '’/&]{1,30}?)\s+[–—-]\s+(?=\S)")
_KEYED = re.compile(rf"{KEY_VALUE.pattern}|{_DASHED.pattern}")
_NAMING = ("name", "title", "service", "item", "product", "plan", "day", "type")
_ARROW = re.compile(r"->|=>|→|⇒")
_JSON_LINE = re.compile(r'^"(?P<key>[\w -]{1,60})"\s*:\s*(?:"(?P<text>[^"]*)"?|(?P<bare>[\w.-]+)),?$')
_BRACKETS = re.compile(r"^[\s{}\[\],]+$")

INSTRUCTIVE = re.compile(
    r"instruction|\brules?\b|guideline|style|personality|\brole|identity|\btone|behaviou?r|\btasks?\b"
    r"|\bgoals?\b"
    r"|objecti(?:ve|on)|\bsteps?\b|flow|respon[sd]|persona\b|guardrail|error handling|script|conversation"
    r"|constraint|important|\bnotes?\b|prompt|greeting|compliance|how to (?:talk|speak|behave|act)"
    r"|who you are"
    r"|you are|\bvoice\b|manner|do'?s and|don'?ts?\b|safety|scenario|situation|handling|fallback|closing"
    r"|opening line"
    r"|protocol|procedure|process|escalat|boundar|\bhow to (?:route|handle|respond|answer)|routing|triage",
    re.I,
)
_CASE = re.compile(r"(?:if|when|whenever|in case)\b", re.I)
"""A heading that is a case: what stands below is to be done in it."""
_EXAMPLE = re.compile(r"\bexamples?\b|\bsample|dialog(?:ue)?s?\b|transcript", re.I)
_FACTUAL = re.compile(
    r"faq|questions and answers|information\b|\bfacts?\b|knowledge|\bhours\b|location|pric|\bmenu\b|services"
    r"|polic(?:y|ies)|about (?:us|the)|contact|insurance|details about|return process|background|context",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Item:
    """`text` as it stands there. `question`: what it answers, or the key that it stands behind. `told`:
    whether it is told to the assistant, below a heading of instructions. `whole`: it is one statement."""

    text: str
    heading: str = ""
    question: str = ""
    told: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    level: float
    told: bool = False
    shown: bool = False
    case: str = ""


_TOP = _Section("", -1.0)
_TAG_LEVEL = 0.0
_DEEPEST_TAG = 9


def outline(system: str) -> Iterator[Item]:
    for part in json_facts(system):
        if isinstance(part, JsonFact):
            told = INSTRUCTIVE.search(part.path) is not None
            yield Item(part.text, part.heading, part.key, told, whole=not told)
        else:
            yield from _Lines().walk(part)


class _Lines:
    """Walks over the lines of a prompt."""

    def __init__(self) -> None:
        self._sections = [_TOP]
        self._listed = False
        self._prose = ""
        self._question = ""
        self._entry = ""
        self._columns: Sequence[str] = ()

    def walk(self, text: str) -> Iterator[Item]:
        # Runs of space are one: some patterns would look through a run from each of its places.
        lines = [_SPACES.sub(" ", raw.strip()) for raw in _tags_on_lines(text)]
        for at, line in enumerate(lines):
            before = lines[at - 1] if at else ""
            after = lines[at + 1] if at + 1 < len(lines) else ""
            yield from self._line(line, before, after)
        yield from self._flush()

    @property
    def _section(self) -> _Section:
        return self._sections[-1]

    def _line(self, raw: str, before: str, after: str) -> Iterator[Item]:
        bulleted = _BULLET.match(raw) is not None
        line = _LINK.sub(r"\1", _MARKS.sub("", _BULLET.sub("", raw))).strip()
        title = _title(raw, before, after, bulleted)
        if not raw.startswith("|"):
            self._columns = ()
        if title is not None:
            yield from self._flush()
            self._begin(*title)
        elif not line:
            yield from self._blank()
        elif self._section.shown or _SPOKEN_LINE.match(line) or _BRACKETS.match(line):
            yield from self._flush()
        elif raw.startswith("|"):
            yield from self._flush()
            yield from self._row(line)
        else:
            yield from self._words(line, bulleted, after)

    def _words(self, line: str, bulleted: bool, after: str) -> Iterator[Item]:
        asked, answered, written = _QUESTION.match(line), _ANSWER.match(line), _JSON_LINE.match(line)
        if asked:
            yield from self._flush()
            self._question = asked["q"]
            yield from self._answered(asked["a"])
        elif answered and self._question:
            yield from self._answered(answered["a"])
        elif self._question:
            yield from self._answered(line)
        elif _is_question(line) and after and not self._section.told and not _is_question(after):
            yield from self._flush()
            self._question = line
        elif written and not bulleted and not self._section.told:
            yield from self._flush()
            value = written["text"] or written["bare"] or ""
            yield self._item(f"{written['key'].replace('_', ' ')}: {value}")
        elif bulleted or _KEYED.match(line) or self._listed:
            yield from self._flush()
            self._listed = self._listed or bulleted
            yield self._item(self._of_entry(_DASHED.sub(r"\1: ", line), bulleted))
        else:
            self._prose = f"{self._prose} {line}".strip()
            if (line[-1] not in ",;:-" and _ARROW.search(line)) or (
                line[-1].isalnum() and after[:1].isupper()
            ):
                yield from self._flush()

    def _of_entry(self, line: str, bulleted: bool) -> str:
        """In a list of records each begins with its name: what follows is about that."""
        pair = KEY_VALUE.match(line)
        if bulleted:
            self._entry = pair["value"] if pair and pair["key"].lower() in _NAMING else ""
        elif self._entry and pair:
            return f"{self._entry} {pair['key']}: {pair['value']}"
        return line

    def _blank(self) -> Iterator[Item]:
        yield from self._flush()
        self._entry = ""
        if self._listed:
            # What comes after a list is not under its heading any more, unless it is a list again.
            self._listed = False
            if not self._section.told and len(self._sections) > 1:
                self._sections[-1] = _Section("", self._section.level)

    def _begin(self, title: str, level: float) -> None:
        if level == _TAG_LEVEL:  # tags stand above all headings, each within the one that is open
            level = min(_DEEPEST_TAG, sum(one.level < 1.0 for one in self._sections)) / 10
            if title.startswith("/"):
                open_tags = [one for one in self._sections if one.level < 1.0]
                self._sections = open_tags[:-1] or [_TOP]
                return
        self._sections = [one for one in self._sections if one.level < level] or [_TOP]
        above = self._section
        factual = _FACTUAL.search(title) is not None
        case = title if _CASE.match(title) else ""
        told = bool(case) or (not factual and (above.told or INSTRUCTIVE.search(title) is not None))
        shown = _EXAMPLE.search(title) is not None and not factual
        self._sections.append(_Section("" if told or shown else title, level, told, shown, case))
        self._listed, self._entry = False, ""
        self._question = title if _is_question(title) and not told else ""

    def _row(self, line: str) -> Iterator[Item]:
        cells = [cell.strip() for cell in line.strip("|").split("|")][:_MOST_CELLS]
        if all(not cell.strip(":- ") for cell in cells):
            return
        if not self._columns:
            self._columns = cells
            return
        named = [
            said_of_column(column.lower(), value) if len(cells) > 2 else value
            for column, value in zip(self._columns[1:], cells[1:], strict=False)
            if value
        ]
        if cells[0] and named:
            heading = " ".join([self._section.title, *self._columns])
            text = f"{cells[0]}: {', '.join(named)}"
            yield Item(text, heading, cells[0], self._section.told, whole=True)

    def _answered(self, answer: str | None) -> Iterator[Item]:
        if answer:
            yield Item(answer, self._section.title, self._question, self._section.told, whole=True)
            self._question = ""

    def _flush(self) -> Iterator[Item]:
        prose, self._prose = self._prose, ""
        if prose:
            yield self._item(prose)

    def _item(self, text: str) -> Item:
        if self._section.case:
            text = f"{self._section.case}, {text[:1].lower()}{text[1:]}"
        return Item(text, self._section.title, told=self._section.told)


def _tags_on_lines(text: str) -> list[str]:
    """Each XML tag as a heading on a line of its own; the end of one is a heading too, of what is around."""
    return _TAG.sub(lambda tag: f"\n<{tag['end']}{tag['name']}>\n", text).splitlines()


def _title(raw: str, before: str, after: str, bulleted: bool) -> tuple[str, float] | None:
    """The title in a line, and how deep it stands."""
    if len(raw) > _LONGEST_TITLE:
        return None
    if tag := _TAG.fullmatch(raw):
        return tag["end"] + tag["name"].replace("_", " ").replace("-", " "), _TAG_LEVEL
    if match := _HEADING.match(raw):
        title = match["hash"] or match["bracket"] or match["bold"] or match["ruled"]
        level = len(match["level"]) if match["level"] else 7.0 if match["bold"] else 1.0
        return _MARKS.sub("", title).strip(" :*"), level
    bare = _MARKS.sub("", _BULLET.sub("", raw)).strip()
    if label := _LABEL_LINE.match(bare):
        return label["label"].replace("_", " "), 9.0 if bulleted else 8.0
    if bulleted or not after or not _TITLE_LINE.match(raw) or len(raw.split()) > _MOST_TITLE_WORDS:
        return None
    ended = not before or before[-1] in ".!?:\"'" or raw.isupper()
    return (raw, 7.5) if ended and (raw.isupper() or len(after) > len(raw)) else None


def _is_question(line: str) -> bool:
    return line.endswith("?") and len(line) <= 200
