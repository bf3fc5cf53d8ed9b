"""The facts in a system message: what an assistant may tell a caller, apart from what it is told to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from offhook.language.local.cues import Cue, Say, cases_of, cue_of
from offhook.language.local.first_person import mine
from offhook.language.local.may_be_said import has_verb, may_be_said, said_of_key, sentence
from offhook.language.local.outline import INSTRUCTIVE, KEY_VALUE, Item, outline
from offhook.language.local.sentences import sentences
from offhook.language.words import concepts_of, stems, word_set

LONGEST_SYSTEM_MESSAGE = 100_000
MOST_FACTS = 1000
_LONGEST_SPOKEN = 400
_LONGEST_STATEMENT = 2000
"""Characters to which more is added that is to be done in a case."""
_LONGEST_KEY_WORDS = 7


@dataclass(frozen=True, slots=True)
class Fact:
    """`spoken`: the sentence to say. `keys`: the stems it is found by; `concepts`: what it is about;
    `heading`: the same of the heading above it; `topics`: the concepts that its key or heading names; `key`:
    the stems of its key or question alone. `near`: those of the sentence before it. `cases`: of a cue the
    stems of each of its cases."""

    spoken: str
    keys: frozenset[str]
    concepts: frozenset[str]
    heading: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    key: frozenset[str] = frozenset()
    near: frozenset[str] = frozenset()
    cue: Cue | None = None
    cases: tuple[frozenset[str], ...] = ()


@dataclass(slots=True)
class Knowledge:
    """What a system message holds. `identity`: who the assistant is, in its own words, or None."""

    facts: list[Fact] = field(default_factory=list)
    identity: str | None = None


_IMPERATIVE = word_set(
    """act add address adopt answer apologize ask assist assume avoid be begin behave book call check
    clarify collect confirm continue decline deliver direct do don't dont end ensure escalate
    explain follow gather give greet guide handle hang help ignore inform introduce invite keep
    let limit listen maintain make mention model never always offer only pause politely present
    proceed provide read redirect refer refuse remember remain repeat reply respond request say
    sound speak spell start stay stick stop suggest summarize take talk tell thank transfer treat
    try under understand use verify wait whenever your you you're
    acknowledge adjust adapt allow display emphasize encourage engage express focus identify include
    interrupt log mark note obtain prioritize process promise quote reassure record reference return
    route schedule send share show step wrap write first then next finally otherwise anything
    everything depending as ur u"""
)
_ABOUT_THE_CALLER = re.compile(
    r"^(?:the|this|each|every|any|such) "
    r"(?:callers?|users?|assistant|agent|ai|bot|conversation|call)\b"
    r"|\b(?:the|a) (?:caller|user|callers?'s?)\b|\bcallers\b"
    r"|^you (?:must|should|may|can|will|need|have to|do not|don't|cannot|never|always|assist|help|answer"
    r"|work|handle|speak|act|represent|support|also|only)\b"
    r"|\byou (?:must|should|are (?:not )?allowed|are to|never|always)\b"
    r"|\byour (?:answers?|responses?|repl(?:y|ies)|role|job|task|goal|tone|purpose|primary|main|objective)\b"
    r"|\b(?:tell|ask|inform|transfer|greet) (?:them|the (?:caller|customer|user|guest|patient|client))\b"
    r"|\bhere(?:'s| is|’s) (?:what|how|everything)\b|\bwhat you (?:need|should|have) (?:to )?know\b",
    re.I,
)
_THEIR_CUSTOMER = re.compile(
    r"^(?:customers|people|patients|clients|guests|tenants|parents) (?:will "
    r"|may )?(?:call|contact|ask)\b|^(?:the|this|each|every|any) (?:customer"
    r"|patient|client|guest)\b",
    re.I,
)
_OURS = re.compile(r"\b(?:we|our|us)\b", re.I)
_TO_DO_SO = re.compile(
    r"^(?:to|for|in order to) .{3,80}?,? you (?:need|can|will|must|should|have to|may)\b", re.I
)
_IDENTITY = re.compile(
    r"^(?:hi[,!] |hello[,!] )?(?:you are|you're|you’re|u are|u r|ur)\s+(?P<who>.+)$|^(?:act as"
    r"|play) (?P<role>.+)$",
    re.I,
)
_NO_IDENTITY = re.compile(
    r"(?:not|never|to|able|allowed|going|talking|speaking|calling|given|unsure|asked|free|required|discreet"
    r"|very"
    r"|always|only|on|in|here|also|responsible|currently)\b",
    re.I,
)
_AFTERTHOUGHT = re.compile(r"[.;]\s|, (?:and|who|whose|that|which|answering)\b| who\b| answering\b")
_NAME = re.compile(r"^your name is\s+(?P<who>.+)$", re.I)
_NAMING = re.compile(r"^(?:agent|assistant|you are|your name|name|agent name|assistant name|role)$", re.I)
_ORGANISATION = re.compile(
    r"\b(?:of|for|at|with|from|behalf of|called)\s(?P<org>(?:the )?[A-Z0-9][^,.]{1,60}), (?P<what>(?:an?"
    r"|the|our)\b(?:[^.]|(?<=Dr)\.|(?<=Mr)\.|(?<=Mrs)\.|(?<=Ms)\.){5,200})"
)
"""Whom the assistant works for, and what that is: a fact about it."""
_SUCH = re.compile(r"^such \w+ (?:should|must|can|may|are to) (?P<do>.+)$", re.I)
_META = re.compile(
    r"\b(?:tone|response|repl(?:y|ies)|answers?|sentences?|words?|speech|style|language|conversation"
    r"|callers?|users?|agent"
    r"|assistant|steps?|questions?|details|script|persona|empathy|emotion|silence|pause|politely|goal"
    r"|objective|prompt"
    r"|instruction|tools?|function|they|their|them)\b",
    re.I,
)
"""What statements below a heading of instructions are about that are no facts."""
_LEAST_WORDS = 4
_PROMPT_KEY = re.compile(r"^(?:name|role|agent|you are|be nice|language|model|version)$", re.I)
_VALUE_PATTERNS = (
    ("documents", re.compile(r"\b(?:bring|photo id)\b", re.I)),
    ("email", re.compile(r"[\w.+-]+@[\w-]+\.\w+")),
    (
        "website",
        re.compile(
            r"https?://|\bwww\.|(?<![@\w.-])[\w-]+(?:\.[\w-]+)?\.(?:com|org|net|io|example)\b",
            re.I,
        ),
    ),
    ("phone", re.compile(r"\+?\d[\d\s().-]{7,}\d")),
    ("price", re.compile(r"[$€£]\s?\d|\b\d+ ?(?:USD|EUR|GBP)\b|\b(?:dollars?|euros?|pounds?|bucks?|free"
     r"|cents?)\b|\b\d+\.\d\d\b|\bno (?:charge|cost|fee)s?\b", re.I)),
    (
        "hours",
        re.compile(
            r"\b\d{1,2}(?::\d\d)?\s*(?:am|pm|a\.m|p\.m|o'clock)|\b24/7\b|\b24 hours (?:a|per|every|for)\b"
            r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b.*(?:\b(?:to|through|until|from)\b|[-–])"
            r"|\bopen\b.*\bto\b",
            re.I,
        ),
    ),
    ("duration", re.compile(r"\b(?:\d+|an?|one|two|three|four|five|six|seven|ten|twenty|thirty"
     r"|forty)[ -](?:minute|min|hour|day|week|month|year)s?\b|\bdays\b", re.I)),
    (
        "address",
        re.compile(
            r"\b(?:located|situated)\b|\b(?:street|avenue|boulevard|lane|suite|plaza|highway)\b"
            r"|\b\d+ (?:[NSEW]\.? )?[A-Z]\w+ (?:St|Ave|Rd|Blvd|Ln|Dr|Road|Drive|Square)\b",
            re.I,
        ),
    ),
)  # fmt: skip
_LONGEST_VALUE = 300
"""Characters that are looked through for an address, a price or a number: in one word without an end these
patterns begin again at each letter."""


def read(system: str) -> Knowledge:
    """Facts from bullets, `Key: value` lines, question and answer pairs, tables, JSON, headed sections and
    prose; of what only tells the assistant how to behave what it is to do in which case."""
    knowledge = Knowledge()
    for item in outline(system[:LONGEST_SYSTEM_MESSAGE]):
        for fact in _facts(item, knowledge):
            knowledge.facts.append(fact)
            if len(knowledge.facts) >= MOST_FACTS:
                return knowledge
    return knowledge


def _facts(item: Item, knowledge: Knowledge) -> Iterator[Fact]:
    if item.whole:
        key_in_text = item.text.lower().startswith(f"{item.question.lower()}:") if item.question else False
        if may_be_said(item.text) and not item.told:
            said = (
                said_of_key(item.question, item.text[len(item.question) + 1 :].strip())
                if key_in_text
                else item.text
            )
            yield _fact(said, item.question, item.heading, item.text)
        return
    before = ""
    for statement in _parted(_statements(item.text)):
        if not _identify(statement, knowledge):
            yield from _fact_of(statement, item, before)
        elif (works_for := _ORGANISATION.search(statement)) and may_be_said(works_for["what"]):
            yield _fact(f"{works_for['org']} is {works_for['what']}", "", item.heading)
        before = statement


def _fact_of(statement: str, item: Item, before: str) -> Iterator[Fact]:
    pair = _keyed(statement)
    about = pair is not None and bool(concepts_of(stems(pair[0])))
    if such := _SUCH.match(statement):
        statement = f"Callers with {before} should {such['do']}"
    cue = cue_of(statement, item.told, keyed=about and not item.told)
    if cue is not None and (cue.deeds or _OURS.search(statement) is None or item.told):
        yield from _cued(cue, item.heading)
    elif pair is not None:
        key, value = pair
        told = INSTRUCTIVE.search(key) or _ABOUT_THE_CALLER.search(key) or _PROMPT_KEY.match(key)
        if not told and (about if item.told else about or not _instructs(value)) and may_be_said(value):
            yield _fact(said_of_key(key, value), key, item.heading, value)
    elif not _instructs(statement) and (not item.told or _is_fact(statement)) and may_be_said(statement):
        yield _fact(statement, "", item.heading, near=before)


def _is_fact(statement: str) -> bool:
    """Whether it is one though it stands among instructions."""
    if _OURS.search(statement):
        return True
    return len(statement.split()) >= _LEAST_WORDS and has_verb(statement) and _META.search(statement) is None


def _parted(statements: Iterable[str]) -> Iterator[str]:
    """What is told behind a semicolon apart, where one part is a fact and the other an instruction."""
    for one in statements:
        parts = one.split("; ")
        yield from parts if len(parts) > 1 and _instructs(one) and cue_of(one, True, False) is None else [one]


def _cued(cue: Cue, heading: str) -> Iterator[Fact]:
    deeds = tuple(each for each in cue.deeds if not isinstance(each, Say) or may_be_said(each.text))
    cases = tuple(frozenset(found) for case in cases_of(cue.case) if (found := stems(case)))
    if not deeds or not cases:
        return
    spoken = " ".join(sentence(each.text) for each in deeds if isinstance(each, Say))
    made = _fact(spoken, cue.case, heading)
    yield replace(made, spoken=made.spoken if spoken else "", cue=Cue(cue.case, deeds), cases=cases)


def _statements(text: str) -> list[str]:
    """The sentences of a paragraph, those that belong to `Key: value` together with it: all that follow, up
    to another key or to what is about something else; and what is to be done in a case with all of it."""
    found: list[str] = []
    concepts: set[str] | None = None  # of the key and value that may go on
    for one in sentences(text):
        if _keyed(one) is not None:
            found.append(one)
            concepts = _about(one)
        elif (
            concepts is not None and not _instructs(one) and (_PRONOUN.match(one) or _about(one) <= concepts)
        ):
            found[-1] = f"{found[-1]} {one}"
        else:
            if found and len(found[-1]) < _LONGEST_STATEMENT and _goes_on(found[-1], one):
                found[-1] = f"{found[-1]} {one}"
            else:
                found.append(one)
            concepts = None
    return found


_PRONOUN = re.compile(r"^(?:it|they|these|those|this|that)\b", re.I)
_GOES_ON = re.compile(r"^(?:then|and then|after that|also|and)\b", re.I)


def _goes_on(before: str, after: str) -> bool:
    return _GOES_ON.match(after) is not None and _instructs(after) and _instructs(before)


def _about(one: str) -> set[str]:
    spoken = one[:_LONGEST_SPOKEN]
    return concepts_of(stems(spoken)) | _concepts(spoken)


def _keyed(one: str) -> tuple[str, str] | None:
    pair = KEY_VALUE.match(one)
    if pair is None or len(pair["key"].split()) > _LONGEST_KEY_WORDS:
        return None
    return pair["key"], pair["value"]


def _identify(one: str, knowledge: Knowledge) -> bool:
    """Whether the sentence says who the assistant is. The first to do so is kept, in the first person."""
    if (pair := _keyed(one)) is not None and _NAMING.match(pair[0]):
        _keep_identity(knowledge, "I am {}", pair[1])
        return True
    for form, pattern in (("I am {}", _IDENTITY), ("My name is {}", _NAME)):
        match = pattern.match(one)
        if match:
            who = match["who"] or match["role"]
            if not _NO_IDENTITY.match(who):
                _keep_identity(knowledge, form, who)
            return True
    return False


def _keep_identity(knowledge: Knowledge, form: str, who: str) -> None:
    if knowledge.identity is None:
        who = _AFTERTHOUGHT.split(mine(who.rstrip(". ")))[0].strip("\"'“” ")
        said = form.format(who[:200].replace('"', "")) + "."
        knowledge.identity = said if may_be_said(said) else None


_MAY_DO = re.compile(
    r"^you (?:can|may|will|need to|have to) (?:also |always |either )?(?:borrow|pay|find|park|book|reach"
    r"|order|visit|use"
    r"|buy|get|bring|cancel|return|pick|drop|renew|reserve|download|sign|register|rent|choose|come|see"
    r"|reset|request"
    r"|freeze|switch|change|add|track|send|call us|contact us|apply|leave your|make an appointment|check in"
    r"|check out)\b",
    re.I,
)
"""What callers may do, said to them."""
_CONDITION = re.compile(r"^(?:if|when|once|unless|before|after|until|in case|while)\b", re.I)
_OF_CALLERS = re.compile(
    r"\b(?:callers?|users?|customers?|they|them|you are (?:asked|unsure|not sure)"
    r"|asked)\b",
    re.I,
)


def _instructs(one: str) -> bool:
    if _TO_DO_SO.match(one) or (_MAY_DO.match(one) and _OF_CALLERS.search(one) is None):
        return False
    if _CONDITION.match(one):
        if _OF_CALLERS.search(one):
            return True
        one = one.partition(", ")[2] or one
    first = re.match(r"[\w'’]+", one)
    if first is not None and first[0].lower().replace("’", "'") in _IMPERATIVE:
        return True
    return _ABOUT_THE_CALLER.search(one) is not None or _THEIR_CUSTOMER.match(one) is not None


def _fact(spoken: str, key: str, heading: str, written: str | None = None, near: str = "") -> Fact:
    """`written`: what the fact is found by if it is not all that is spoken."""
    spoken = spoken.strip()
    if len(spoken) > _LONGEST_SPOKEN:
        spoken = spoken[:_LONGEST_SPOKEN].rsplit(" ", 1)[0]
    key_stems, heading_stems = stems(key), stems(heading)
    all_stems = frozenset([*stems(written or spoken), *key_stems])
    return Fact(
        spoken=sentence(spoken),
        keys=all_stems,
        concepts=frozenset(
            concepts_of([*stems(_LASTING.sub(" ", written or spoken)), *key_stems])
            | _concepts(written or spoken)
        ),
        heading=frozenset(heading_stems),
        topics=frozenset(concepts_of([*key_stems, *stems(_LASTING.sub(" ", heading))])),
        near=frozenset(stems(near)),
        key=frozenset(key_stems),
    )


_LASTING = re.compile(
    r"\b(?:\d+|one|two|three|four|half an?|per|an)[ -]?(?:business |working )?hours?\b(?! a day)|\bhourly\b",
    re.I,
)
"""Hours that are no opening hours."""


def _concepts(value: str) -> set[str]:
    start = value[:_LONGEST_VALUE]
    return {concept for concept, pattern in _VALUE_PATTERNS if pattern.search(start)}
