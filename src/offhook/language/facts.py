"""The facts in a system message: what an assistant may tell a caller, apart from what it is told to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from offhook.language.words import concepts_of, stems, word_set

LONGEST_SYSTEM_MESSAGE = 100_000
MOST_FACTS = 1000
_LONGEST_SPOKEN = 400
_LONGEST_KEY_WORDS = 7
_LONGEST_ABBREVIATION = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """`spoken`: the sentence to say. `keys`: the stems it is found by; `concepts`: what it is about;
    `heading`: the same of the heading above it; `topics`: the concepts that its key or heading names."""

    spoken: str
    keys: frozenset[str]
    concepts: frozenset[str]
    heading: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()


@dataclass(slots=True)
class Knowledge:
    """What a system message holds. `identity`: who the assistant is, in its own words, or None."""

    facts: list[Fact] = field(default_factory=list)
    identity: str | None = None


_SPACES = re.compile(r"\s{2,}")
_LONGEST_TITLE = 300
"""Characters."""
_HEADING = re.compile(
    r"^\s*(?:#{1,6}\s*(?P<hash>.+?)\s*#*|\[(?P<bracket>[^\]]{2,60})\]|\*\*(?P<bold>[^*]{2,60})\*\*):?\s*$"
)
_LABEL_LINE = re.compile(r"^(?P<label>[A-Z][\w &/'’-]{1,50}):\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_KEY_VALUE = re.compile(r"^(?P<key>[^\W\d][^:.!?\n]{0,60}?)\s*:\s+(?P<value>\S.*)$")
_QUESTION = re.compile(
    r"^(?:Q|Question)\s*\d*\s*[:.)]\s*(?P<q>.+?)(?:\s+(?:A|Answer)\s*[:.)]\s*(?P<a>.+))?$", re.I
)
_ANSWER = re.compile(r"^(?:A|Answer)\s*[:.)]\s*(?P<a>.+)$", re.I)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“(]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|St|No|Ave|Rd|vs|etc|Prof|Jr|Sr)|\b[A-Za-z]\.[A-Za-z]|\b[A-Z])\.$"
)
_MARKS = re.compile(r"\*\*|__|`+|^>\s*")

_INSTRUCTIVE_HEADING = re.compile(
    r"instruction|rule|guideline|style|personality|\brole|identity|tone|behaviou?r|task|\bgoal|objective"
    r"|\bsteps?\b|flow|respon[sd]|persona|guardrail|error handling|example|script|conversation|constraint"
    r"|important|\bnotes?\b|prompt|greeting",
    re.I,
)
_IMPERATIVE = word_set(
    """act add address adopt answer apologize ask assist assume avoid be begin behave book call check
    clarify collect confirm continue decline deliver direct do don't dont end ensure escalate
    explain follow gather give greet guide handle hang help if ignore inform introduce invite keep
    let limit listen maintain make mention model never always offer only pause politely present
    proceed provide read redirect refer refuse remember remain repeat reply respond request say
    sound speak spell start stay stick stop suggest summarize take talk tell thank transfer treat
    try under understand use verify wait when whenever once unless before after your you you're"""
)
_ABOUT_THE_CALLER = re.compile(
    r"^(?:the|this|each|every|any) "
    r"(?:caller|customer|user|patient|client|assistant|agent|ai|bot|conversation|call)s?\b"
    r"|\byou (?:are|must|should|may|can|will|need|have to|do not|don't|cannot|never|always)\b"
    r"|\byour (?:answers?|responses?|repl(?:y|ies)|role|job|task|goal|tone|name|purpose|primary|main)\b",
    re.I,
)
_IF_ASKED = re.compile(
    r"^(?:if|when|whenever) "
    r"(?:(?:the |a )?(?:callers?|customers?|users?|patients?|clients?|someone|anyone|somebody|they|people"
    r"|you are|you're) )?(?:(?:is|are) )?(?:asks?|asked|asking|wants? to know|inquires?)"
    r"(?: you)?(?: about| for| if| whether)?\s*(?P<key>[^,]{2,120}),\s*(?:then )?(?:please )?"
    r"(?:say|tell (?:them|him|her|the \w+)|answer|reply|respond|explain|inform (?:them|the \w+)"
    r"|let (?:them|the \w+) know|mention)(?: with)?(?: that)?\s*[:,]?\s*(?P<value>.{3,})$",
    re.I,
)
_IDENTITY = re.compile(r"^you(?: are|'re|’re)\s+(?P<who>.+)$", re.I)
_NO_IDENTITY = re.compile(r"(?:not|never|to|able|allowed|going)\b", re.I)
_AFTERTHOUGHT = re.compile(r"[.;]\s|, (?:and|who|whose|that)\b| who\b")
_NAME = re.compile(r"^your name is\s+(?P<who>.+)$", re.I)

_VALUE_PATTERNS = (
    ("email", re.compile(r"[\w.+-]+@[\w-]+\.\w+")),
    ("website", re.compile(r"https?://|\bwww\.|\b[\w-]+\.(?:com|org|net|io)\b", re.I)),
    ("phone", re.compile(r"\+?\d[\d\s().-]{7,}\d")),
    ("price", re.compile(r"[$€£]\s?\d|\b\d+ ?(?:USD|EUR|GBP)\b|\b(?:dollars?|euros?|pounds?)\b", re.I)),
    (
        "hours",
        re.compile(
            r"\b\d{1,2}(?::\d\d)?\s*(?:am|pm|a\.m|p\.m|o'clock)|\b24/7\b"
            r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b.*(?:\b(?:to|through|until|from)\b|[-–])",
            re.I,
        ),
    ),
    (
        "address",
        re.compile(
            r"\b(?:located|situated)\b|\b(?:street|avenue|road|boulevard|lane|drive|suite|plaza|square|highway)\b"
            r"|\b\d+ [A-Z]\w+ (?:St|Ave|Rd|Blvd|Ln|Dr)\b",
            re.I,
        ),
    ),
)

_SPOKEN_KEYS = {
    "hours": "Our opening hours are {}",
    "address": "Our address is {}",
    "phone": "Our phone number is {}",
    "email": "Our email address is {}",
    "website": "Our website is {}",
}
_VERB = re.compile(
    r"\b(?:is|are|am|was|were|be|can|will|may|must|do|does|have|has|had|accept|take|offer|open|close|cost|start"
    r"|provide|serve|speak|need|require|include|welcome|available|allow|ship|deliver|charge|find|call|visit|see)"
    r"s?\b",
    re.I,
)
_SUBJECT = re.compile(
    r"^(?:we|our|there|you|it|they|the|a|an|this|all|every|most|yes|no|please|to|i|my|\w+s)\b", re.I
)


def read(system: str) -> Knowledge:
    """Facts from bullets, `Key: value` lines, question and answer pairs, headed sections and prose; what only
    tells the assistant how to behave is left out."""
    knowledge = Knowledge()
    for text, heading in _Lines(knowledge).walk(system[:LONGEST_SYSTEM_MESSAGE]):
        for fact in _facts(text, heading, knowledge):
            knowledge.facts.append(fact)
            if len(knowledge.facts) >= MOST_FACTS:
                return knowledge
    return knowledge


class _Lines:
    """Walks over the lines of a system message."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._heading = ""
        self._skipping = False
        self._listed = False
        self._prose = ""
        self._question = ""

    def walk(self, system: str) -> Iterator[tuple[str, str]]:
        for raw in system.splitlines():
            # Runs of space are one: some patterns would look through a run from each of its places.
            yield from self._line(_SPACES.sub(" ", raw.strip()))
        yield from self._flush()

    def _line(self, raw: str) -> Iterator[tuple[str, str]]:
        bulleted = _BULLET.match(raw) is not None
        title = None if bulleted else _title(raw)
        line = _MARKS.sub("", _BULLET.sub("", raw)).strip()
        asked, answered = _QUESTION.match(line), _ANSWER.match(line)
        if title is not None:
            yield from self._flush()
            self._begin(title)
        elif not line:
            yield from self._flush()
            if self._listed:
                # What comes after a list is not under its heading any more, unless it is a list again.
                self._listed = False
                self._heading = self._heading if self._skipping else ""
        elif asked:
            yield from self._flush()
            self._question = asked["q"]
            yield from self._answered(asked["a"])
        elif answered and self._question:
            yield from self._answered(answered["a"])
        elif self._skipping:
            _identify(line, self._knowledge)
        elif bulleted or _KEY_VALUE.match(line):
            yield from self._flush()
            self._listed = self._listed or bulleted
            yield line, self._heading
        else:
            self._prose = f"{self._prose} {line}".strip()

    def _begin(self, title: str) -> None:
        self._skipping = _INSTRUCTIVE_HEADING.search(title) is not None
        self._heading = "" if self._skipping else title
        self._listed = False
        self._question = ""

    def _answered(self, answer: str | None) -> Iterator[tuple[str, str]]:
        if answer:
            yield f"{self._question}\n{answer}", self._heading
            self._question = ""

    def _flush(self) -> Iterator[tuple[str, str]]:
        prose, self._prose = self._prose, ""
        if prose:
            yield prose, self._heading


def _title(raw: str) -> str | None:
    if len(raw) > _LONGEST_TITLE:
        return None
    match = _HEADING.match(raw)
    if match:
        return (match["hash"] or match["bracket"] or match["bold"]).strip(" :*")
    label = _LABEL_LINE.match(raw.strip())
    return label["label"] if label else None


def _facts(text: str, heading: str, knowledge: Knowledge) -> Iterator[Fact]:
    if "\n" in text:
        question, answer = text.split("\n", 1)
        yield _fact(answer, question, heading)
        return
    for statement in _statements(text):
        pair, asked = _keyed(statement), _IF_ASKED.match(statement)
        if pair is not None:
            key, value = pair
            told = _INSTRUCTIVE_HEADING.search(key) or _ABOUT_THE_CALLER.search(key)
            if not told and (concepts_of(stems(key)) or not _instructs(value)):
                yield _fact(_said(key, value), key, heading, value)
        elif asked:
            yield _fact(asked["value"].strip("\"'“”‘’ "), asked["key"], heading)
        elif not _identify(statement, knowledge) and not _instructs(statement):
            yield _fact(statement, "", heading)


def _statements(text: str) -> list[str]:
    """The sentences of a paragraph, those that belong to `Key: value` together with it: all that follow, up
    to another key or to what is about something else."""
    found: list[str] = []
    concepts: set[str] | None = None  # of the key and value that may go on
    for sentence in sentences(text):
        if _keyed(sentence) is not None:
            found.append(sentence)
            concepts = _about(sentence)
        elif concepts is not None and _about(sentence) <= concepts:
            found[-1] = f"{found[-1]} {sentence}"
        else:
            found.append(sentence)
            concepts = None
    return found


def _about(sentence: str) -> set[str]:
    spoken = sentence[:_LONGEST_SPOKEN]
    return concepts_of(stems(spoken)) | _concepts(spoken)


def _keyed(sentence: str) -> tuple[str, str] | None:
    pair = _KEY_VALUE.match(sentence)
    if pair is None or len(pair["key"].split()) > _LONGEST_KEY_WORDS:
        return None
    return pair["key"], pair["value"]


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph; "Dr. Smith" and "9 a.m. Monday" stay whole."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text[max(start, match.start() - _LONGEST_ABBREVIATION) : match.start()]):
            found.append(text[start : match.start()].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [each for each in found if each]


def _identify(sentence: str, knowledge: Knowledge) -> bool:
    """Whether the sentence says who the assistant is. The first to do so is kept, in the first person."""
    for form, pattern in (("I am {}", _IDENTITY), ("My name is {}", _NAME)):
        match = pattern.match(sentence)
        if match:
            if knowledge.identity is None and not _NO_IDENTITY.match(match["who"]):
                who = re.sub(r"\byour\b", "my", match["who"].rstrip(". "), flags=re.I)
                who = _AFTERTHOUGHT.split(who)[0]
                knowledge.identity = form.format(who[:200]) + "."
            return True
    return False


def _instructs(sentence: str) -> bool:
    first = re.match(r"[\w'’]+", sentence)
    if first is not None and first[0].lower().replace("’", "'") in _IMPERATIVE:
        return True
    return _ABOUT_THE_CALLER.search(sentence) is not None


def _said(key: str, value: str) -> str:
    """A sentence to say for `key: value`."""
    if _is_sentence(value):
        return value
    topics = concepts_of(stems(key))
    for concept, form in _SPOKEN_KEYS.items():
        if concept in topics and len(key.split()) <= 3:
            return form.format(_uncapitalised(value))
    return f"{key}: {value}"


def _is_sentence(value: str) -> bool:
    return len(value.split()) >= 3 and bool(_SUBJECT.match(value)) and bool(_VERB.search(value))


def _uncapitalised(value: str) -> str:
    first = value.split()[0]
    return (
        value[0].lower() + value[1:]
        if first in ("From", "The", "Every", "All", "Open", "At", "On")
        else value
    )


def _fact(spoken: str, key: str, heading: str, written: str | None = None) -> Fact:
    """`written`: what the fact is found by if it is not all that is spoken."""
    spoken = spoken.strip()
    if len(spoken) > _LONGEST_SPOKEN:
        spoken = spoken[:_LONGEST_SPOKEN].rsplit(" ", 1)[0]
    if spoken[-1:] not in ".!?":
        spoken = spoken.rstrip(",;:") + "."
    key_stems, heading_stems = stems(key), stems(heading)
    all_stems = frozenset([*stems(written or spoken), *key_stems])
    return Fact(
        spoken=spoken[:1].upper() + spoken[1:],
        keys=all_stems,
        concepts=frozenset(concepts_of(all_stems) | _concepts(written or spoken)),
        heading=frozenset(heading_stems),
        topics=frozenset(concepts_of([*key_stems, *heading_stems])),
    )


_LONGEST_VALUE = 300
"""Characters that are looked through for an address, a price or a number: in one word without an end these
patterns begin again at each letter."""


def _concepts(value: str) -> set[str]:
    start = value[:_LONGEST_VALUE]
    return {concept for concept, pattern in _VALUE_PATTERNS if pattern.search(start)}
