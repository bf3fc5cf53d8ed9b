"""Which facts answer a question, and which cue it calls up: by the words that they share.

Each word of the question weighs by how rare it is among the facts; one that says little weighs little, and
one that no fact knows as much as the rarest: who asks for the price of whitening is not told the price of a
cleaning. A fact that has less than THRESHOLD of the question's weight does not answer, unless what it stands
behind (its key, or its own question) is all in there. A cue is called up by the words of one of its cases."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offhook.language.local.facts import Fact
from offhook.language.local.lexicon import PHRASES
from offhook.language.words import (
    SOFT,
    WEAK_STEMS,
    alike,
    concepts_of,
    is_concept_word,
    joined,
    stem,
    stems,
    words,
)

THRESHOLD = 0.52
MOST_ANSWERS = 3
_MOST_WORDS = 24
_FUZZY = 0.8
_MOST_COMPARED = 40
"""Words of the facts with which one that is in none of them is compared: those that begin like it and are
about as long."""
_MOST_REMEMBERED = 256
"""Words of callers whose likenesses are kept."""
_HEADING = 0.9
_WEAK_WEIGHT = 0.3
_UNKNOWN_WEAK_WEIGHT = 0.1
_NAMED = 0.15
_SAME = 0.93
_BY_KEY = 0.3
"""The share of a question that is enough where a fact's key is asked for whole."""
_CASE = 0.66
"""The share of a case's weight that calls up its cue."""
_WHERE = stem("where")
_UNKNOWN_WEIGHT = 0.8
_VERB_WEIGHT = 0.6
_STRICT_WEIGHT = 1.25
_LOOSE_WEIGHT = 0.3
_NEAR = 0.5
_NO_PRICE = 0.7
_ASIDE_WEIGHT = 0.4
_IS_WHERE = re.compile(
    r"\bwhere(?:s| is| are|) (?:exactly )?(?:you|your|the|this|is|are)\b|\bwhere$|^(?:well )?you located"
)
_PREMISES = frozenset(
    stems("hospital hotel salon gym library school firm agency branch lobby desk center garage")
)
_WITHOUT = re.compile(r"\bwithout (?:an? |any |my )?\w+")
_OR = re.compile(r"\b\w+ or (?:other |any )?\w+")
_DOING = re.compile(
    r"\b(?:i|you|we|they|to|can|could|will|would|may|he|she|who|was|be|get|got|been|am) (?P<verb>[a-z]{3,})\b"
)
"""A word that stands where verbs stand: it says less than a thing's name."""
_PHRASES = tuple(
    (re.compile(rf"\b(?:{written})\b" if not written.endswith("$") else written), concept)
    for written, concept in PHRASES
)
_FIRST = frozenset(("emergency", "complaint"))
"""What goes before all else that the caller is about."""
_VALUES = frozenset(("price", "hours", "duration", "phone", "address", "email", "website"))
"""What is asked of a thing, and told by the form of a value."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of a question that matter, and what it is about."""

    words: Sequence[str]
    concepts: frozenset[str]
    doing: frozenset[str] = frozenset()
    """Those that stand where verbs do."""
    loose: frozenset[str] = frozenset()
    """Those that are one of several: "snakes or lizards"."""

    def __bool__(self) -> bool:
        return bool(self.words or self.concepts)


class Index:
    """The facts of one system message, ready to be asked."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._rarest = math.log(1 + max(len(facts), 1))
        self._places: dict[str, dict[int, float]] = {}
        self._about: dict[str, set[int]] = {}
        self._cases: dict[str, set[int]] = {}
        for number, fact in enumerate(facts):
            for key in fact.heading:
                self._places.setdefault(key, {})[number] = _HEADING
            for key in fact.keys:
                self._places.setdefault(key, {})[number] = 1.0
            for key in fact.near:
                self._places.setdefault(key, {}).setdefault(number, _NEAR)
            for concept in fact.concepts | fact.topics if fact.cue is None else ():
                self._about.setdefault(concept, set()).add(number)
            for key in frozenset().union(*fact.cases):
                self._cases.setdefault(key, set()).add(number)
        self._similar = functools.lru_cache(maxsize=_MOST_REMEMBERED)(self._find_similar)
        self._by_form: dict[tuple[str, int], list[str]] = {}
        for key in self._places:
            self._by_form.setdefault((key[0], len(key)), []).append(key)

    @property
    def concepts(self) -> list[str]:
        """What the facts are about, in their order."""
        told = (fact for fact in self._facts if fact.cue is None)
        return list(dict.fromkeys(c for fact in told for c in sorted(fact.topics or fact.concepts)))

    def asks(self, question: str) -> bool:
        """Whether there is anything in it that could be looked for."""
        return bool(asked_in(question))

    def answer(self, question: str | Asked) -> list[Fact]:
        """The facts that answer it, in the order of the message; none if none does well enough."""
        asked = asked_in(question) if isinstance(question, str) else question
        scored = [
            (score, number)
            for number, share in sorted(self._shares(asked).items())
            if self._facts[number].cue is None and (score := self._score(asked, number, share))
        ]
        best = max((score for score, _ in scored), default=0.0)
        return [self._facts[number] for score, number in scored if score >= best * _SAME][:MOST_ANSWERS]

    def sureness(self, question: str) -> float:
        """The share of the question that the best fact has; nothing if none answers."""
        asked = asked_in(question)
        shares = ((number, share) for number, share in self._shares(asked).items())
        answering = (share for number, share in shares if self._score(asked, number, share))
        return max(answering, default=0.0)

    def cue(self, said: str, urgent: bool = False) -> tuple[Fact, float] | None:
        """The cue that the caller's words call up, and how sure that is; None if none. `urgent`: the words
        are of an emergency, whatever else they are about."""
        asked = asked_in(said)
        has = {*stems(said)[:_MOST_WORDS], *asked.concepts}
        heard = {self._likest(each) for each in has}
        found: tuple[Fact, float] | None = None
        for number in sorted(set().union(*(self._cases.get(each, set()) for each in heard))):
            fact = self._facts[number]
            sure = max(self._covered(case, heard, asked) for case in fact.cases)
            if sure >= _CASE and fact.concepts & _FIRST:
                sure += _NAMED
            if sure >= _CASE and (found is None or sure > found[1]):
                found = fact, sure
        if found is None and urgent:
            about = (fact for fact in self._facts if fact.cue is not None and "emergency" in fact.concepts)
            found = next(((fact, _CASE) for fact in about), None)
        return found

    def _covered(self, case: frozenset[str], heard: set[str], asked: Asked) -> float:
        weights = {each: self._case_weight(each) for each in case}
        total = sum(weights.values())
        has = sum(
            weight
            for each, weight in weights.items()
            if each in heard or (is_concept_word(each) and concepts_of([each]) & asked.concepts)
        )
        return has / total if total else 0.0

    def _case_weight(self, each: str) -> float:
        return self._weight(len(self._places.get(each, ()))) * (_WEAK_WEIGHT if each in WEAK_STEMS else 1.0)

    def _score(self, asked: Asked, number: int, share: float) -> float:
        """Nothing for a fact that does not answer."""
        fact = self._facts[number]
        named = _NAMED * bool(asked.concepts & fact.topics)
        if share >= THRESHOLD:
            return share + named
        if (
            share >= _BY_KEY
            and fact.key
            and fact.key <= {*asked.words, *self._words_of(asked.concepts, fact.key)}
        ):
            return share + named
        return 0.0

    def _words_of(self, concepts: Iterable[str], key: frozenset[str]) -> set[str]:
        return {each for each in key if is_concept_word(each) and concepts_of([each]) & set(concepts)}

    def _shares(self, asked: Asked) -> dict[int, float]:
        """The share of the question's weight that each fact has, of those that have any."""
        total = 0.0
        had: defaultdict[int, float] = defaultdict(float)
        for each in asked.words:
            places, weight = self._find(each)
            if not places and each not in WEAK_STEMS:
                strict = asked.concepts & _VALUES  # a price of what is not there is no price
                weight *= (
                    _LOOSE_WEIGHT
                    if each in asked.loose
                    else _VERB_WEIGHT
                    if each in asked.doing
                    else _STRICT_WEIGHT
                    if strict
                    else _UNKNOWN_WEIGHT
                )
            elif each in asked.doing:
                weight *= _VERB_WEIGHT
            total += weight
            for number, credit in places.items():
                had[number] += weight * credit
        for concept in asked.concepts:
            about = self._about.get(concept, set())
            unknown = 1.0 if about else _UNKNOWN_WEIGHT
            weight = (
                self._weight(len(about))
                * unknown
                * (_ASIDE_WEIGHT if concept == "duration" and asked.words else 1.0)
            )
            total += weight
            for number in about:
                had[number] += weight
        return (
            {number: self._fitting(asked, number) * weight / total for number, weight in had.items()}
            if total
            else {}
        )

    def _fitting(self, asked: Asked, number: int) -> float:
        """Who asks for a price is not told of something else about the thing."""
        fact = self._facts[number]
        return 1.0 if "price" not in asked.concepts or "price" in fact.concepts | fact.topics else _NO_PRICE

    def _find(self, each: str) -> tuple[dict[int, float], float]:
        """The facts with this word, each with how surely, and the word's weight. Only a word that is nowhere
        is taken for a misheard one."""
        places = self._places.get(each)
        if each in SOFT:
            return places or {}, self._rarest * _WEAK_WEIGHT
        if each in WEAK_STEMS or (each.isdigit() and not places):
            weight = (
                self._weight(len(places)) * _WEAK_WEIGHT if places else self._rarest * _UNKNOWN_WEAK_WEIGHT
            )
            return places or {}, weight
        if places is not None:
            return places, self._weight(len(places))
        heard: dict[int, float] = {}
        for key in self._similar(each):
            for number, credit in self._places[key].items():
                heard[number] = max(heard.get(number, 0.0), credit * _FUZZY)
        return heard, self._weight(len(heard))

    def _likest(self, each: str) -> str:
        """The word of the facts that this one is, or was before it was misheard."""
        if each in self._places or each in WEAK_STEMS:
            return each
        return next(iter(self._similar(each)), each)

    def _find_similar(self, each: str) -> Sequence[str]:
        lengths = sorted(range(len(each) - 2, len(each) + 3), key=lambda length: abs(length - len(each)))
        near = (key for length in lengths for key in self._by_form.get((each[0], length), ()))
        return [key for key in itertools.islice(near, _MOST_COMPARED) if alike(each, key)]

    def _weight(self, count: int) -> float:
        """What is found in `count` of the facts; what is found in none weighs as the rarest."""
        return math.log(1 + len(self._facts) / count) if count else self._rarest


def asked_in(question: str) -> Asked:
    """Words that only name a concept are counted as that concept: "opening hours" and "when do you close" ask
    the same."""
    question = _WITHOUT.sub(" ", question)
    plain = " ".join(words(joined(question)))
    found = list(dict.fromkeys(stems(question)))
    by_phrase = {concept for pattern, concept in _PHRASES if pattern.search(plain)}
    concepts = concepts_of(found) | by_phrase
    if by_phrase & _VALUES:
        concepts -= {
            "service",
            "duration",
            "payment",
        } - by_phrase
    rest = [each for each in found if not is_concept_word(each) and each != _WHERE]
    if _IS_WHERE.search(plain) and not concepts:
        concepts.add("address")  # "where are you?", but not "where can I park?"
        rest = [each for each in rest if each not in _PREMISES]
    doing = frozenset(stem(found["verb"]) for found in _DOING.finditer(question))
    loose = frozenset(each for found in _OR.finditer(question) for each in stems(found[0]))
    return Asked(rest[:_MOST_WORDS], frozenset(concepts), doing, loose)
