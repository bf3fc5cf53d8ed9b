"""Which facts answer a question.

A question's words weigh as much as they are rare among the facts; a fact must have most of that weight, or
it does not answer. Among those that do, the ones whose key or heading is what was asked for come first. A
word that no fact knows weighs as much as the rarest: who asks for the price of whitening is not told the
price of a cleaning."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from offhook.language.facts import Fact
from offhook.language.words import SOFT, alike, concepts_of, is_concept_word, stem, stems, words

THRESHOLD = 0.55
MOST_ANSWERS = 3
_FUZZY = 0.8
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
        counts = Counter(key for fact in facts for key in fact.keys | fact.heading)
        self._rarest = math.log(1 + max(len(facts), 1))
        self._weights = {key: math.log(1 + len(facts) / count) for key, count in counts.items()}
        self._concept_counts = Counter(concept for fact in facts for concept in fact.concepts | fact.topics)

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
        if not wanted and not concepts:
            return []
        shares = [self._share(fact, wanted, concepts) for fact in self._facts]
        if max(shares, default=0.0) < THRESHOLD:
            return []
        scored = [
            (share + _NAMED * bool(concepts & fact.topics), fact)
            for share, fact in zip(shares, self._facts, strict=True)
            if share >= THRESHOLD
        ]
        best = max(score for score, _ in scored)
        return [fact for score, fact in scored if score >= best * _SAME][:MOST_ANSWERS]

    def _share(self, fact: Fact, wanted: Sequence[str], concepts: set[str]) -> float:
        """The share of the question's weight that the fact has."""
        total = had = 0.0
        for each in wanted:
            weight = self._weight(each)
            total += weight
            had += weight * _match(each, fact)
        for concept in concepts:
            weight = math.log(1 + len(self._facts) / max(self._concept_counts[concept], 1))
            total += weight
            had += weight * (concept in fact.concepts or concept in fact.topics)
        return had / total if total else 0.0

    def _weight(self, each: str) -> float:
        if each in SOFT:
            return self._rarest * _SOFT_WEIGHT
        known = self._weights.get(each)
        if known is None:
            known = max(
                (self._weights[key] for key in self._weights if alike(each, key)), default=self._rarest
            )
        return known


def _asked(question: str) -> tuple[list[str], set[str]]:
    """The words that matter, and what the question is about. Words that only name a concept are counted as
    that concept: "opening hours" and "when do you close" ask the same."""
    plain = " ".join(words(question))
    found = list(dict.fromkeys(stems(question)))
    concepts = concepts_of(found) | {concept for phrase, concept in _PHRASES if phrase in plain}
    rest = [each for each in found if not is_concept_word(each) and each != _WHERE]
    if _WHERE in found and not rest and not concepts:
        concepts.add("address")  # "where are you?", but not "where can I park?"
    return rest, concepts


def _match(each: str, fact: Fact) -> float:
    if each in fact.keys:
        return 1.0
    if each in fact.heading:
        return _HEADING
    if any(alike(each, key) for key in fact.keys):
        return _FUZZY
    if any(alike(each, key) for key in fact.heading):
        return _FUZZY * _HEADING
    return 0.0
