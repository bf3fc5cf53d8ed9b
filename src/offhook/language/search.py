"""Which facts answer a question.

A question's words weigh as much as they are rare among the facts; a fact must have most of that weight, or
it does not answer. Among those that do, the ones whose key or heading is what was asked for come first. A
word that no fact knows weighs as much as the rarest: who asks for the price of whitening is not told the
price of a cleaning."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence

from offhook.language.facts import Fact
from offhook.language.words import SOFT, alike, concepts_of, is_concept_word, stem, stems, words

THRESHOLD = 0.55
MOST_ANSWERS = 3
_MOST_WORDS = 24
_FUZZY = 0.8
_MOST_COMPARED = 40
"""Words of the facts with which one that is in none of them is compared: those that begin like it and are
about as long."""
_HEADING = 0.9
_SOFT_WEIGHT = 0.3
_NAMED = 0.15
_SAME = 0.93
_WHERE = stem("where")

_PHRASES = (
    ("how much", "price"),
    ("what time", "hours"),
    ("how late", "hours"),
    ("when are you", "hours"),
    ("when do you", "hours"),
    ("how do i get", "address"),
    ("how can i get", "address"),
    ("how to get", "address"),
    ("how do i reach", "phone"),
    ("how can i reach", "phone"),
)


class Index:
    """The facts of one system message, ready to be asked."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._rarest = math.log(1 + max(len(facts), 1))
        self._places: dict[str, dict[int, float]] = {}
        self._about: dict[str, set[int]] = {}
        for number, fact in enumerate(facts):
            for key in fact.heading:
                self._places.setdefault(key, {})[number] = _HEADING
            for key in fact.keys:
                self._places.setdefault(key, {})[number] = 1.0
            for concept in fact.concepts | fact.topics:
                self._about.setdefault(concept, set()).add(number)
        self._by_form: dict[tuple[str, int], list[str]] = {}
        for key in self._places:
            self._by_form.setdefault((key[0], len(key)), []).append(key)

    @property
    def concepts(self) -> list[str]:
        """What the facts are about, in their order."""
        found = dict.fromkeys(c for fact in self._facts for c in sorted(fact.topics or fact.concepts))
        return list(found)

    def asks(self, question: str) -> bool:
        """Whether there is anything in it that could be looked for."""
        return any(_asked(question))

    def answer(self, question: str) -> list[Fact]:
        """The facts that answer it, in the order of the message; none if none does well enough."""
        wanted, concepts = _asked(question)
        scored = [
            (share + _NAMED * bool(concepts & self._facts[number].topics), number)
            for number, share in sorted(self._shares(wanted, concepts).items())
            if share >= THRESHOLD
        ]
        best = max((score for score, _ in scored), default=0.0)
        return [self._facts[number] for score, number in scored if score >= best * _SAME][:MOST_ANSWERS]

    def _shares(self, wanted: Sequence[str], concepts: set[str]) -> dict[int, float]:
        """The share of the question's weight that each fact has, of those that have any."""
        total = 0.0
        had: defaultdict[int, float] = defaultdict(float)
        for each in wanted:
            places, weight = self._find(each)
            total += weight
            for number, credit in places.items():
                had[number] += weight * credit
        for concept in concepts:
            about = self._about.get(concept, set())
            weight = self._weight(len(about))
            total += weight
            for number in about:
                had[number] += weight
        return {number: weight / total for number, weight in had.items()}

    def _find(self, each: str) -> tuple[dict[int, float], float]:
        """The facts with this word, each with how surely, and the word's weight. Only a word that is nowhere
        is taken for a misheard one."""
        if each in SOFT:
            return self._places.get(each, {}), self._rarest * _SOFT_WEIGHT
        if each in self._places:
            return self._places[each], self._weight(len(self._places[each]))
        places: dict[int, float] = {}
        lengths = sorted(range(len(each) - 2, len(each) + 3), key=lambda length: abs(length - len(each)))
        similar = (key for length in lengths for key in self._by_form.get((each[0], length), ()))
        for key in itertools.islice(similar, _MOST_COMPARED):
            if alike(each, key):
                for number, credit in self._places[key].items():
                    places[number] = max(places.get(number, 0.0), credit * _FUZZY)
        return places, self._weight(len(places))

    def _weight(self, count: int) -> float:
        """What is found in `count` of the facts; what is found in none weighs as the rarest."""
        return math.log(1 + len(self._facts) / count) if count else self._rarest


def _asked(question: str) -> tuple[list[str], set[str]]:
    """The words that matter, and what the question is about. Words that only name a concept are counted as
    that concept: "opening hours" and "when do you close" ask the same."""
    plain = " ".join(words(question))
    found = list(dict.fromkeys(stems(question)))
    concepts = concepts_of(found) | {concept for phrase, concept in _PHRASES if phrase in plain}
    rest = [each for each in found if not is_concept_word(each) and each != _WHERE]
    if _WHERE in found and not rest and not concepts:
        concepts.add("address")  # "where are you?", but not "where can I park?"
    return rest[:_MOST_WORDS], concepts
