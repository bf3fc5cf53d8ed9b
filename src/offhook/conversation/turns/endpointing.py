"""How long to wait after the caller's speech before answering (`startSpeakingPlan`, vapi-wire §5).

Two waits count from the real end of speech and run beside each other, so the longer one holds:
`waitSeconds`, the least time before the assistant is heard, and the endpointing wait, which depends on the
words. For the latter the first that applies is taken: a matching `customEndpointingRules` entry,
`smartEndpointingPlan`, `transcriptionEndpointingPlan`.

Smart endpointing asks for a model that judges whether a sentence is finished. With `custom-endpointing-model`
the owner's server is asked (`endpointing_request.py`). No other model is built in: a likelihood from the
text alone (`likelihood_of_more`) stands in for it, put through the plan's waitFunction."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from offhook.conversation.text.patterns import Pattern
from offhook.conversation.turns.interruption import words_of
from offhook.json_document import ResourceDocument
from offhook.language.words import NEVER_LAST

_SENTENCE_END = tuple(".!?。！？।॥۔")
_TRAILING = " \t\r\n\"'”’)]}»"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words after which an English phrase is not over.
_OPEN_ENDS = _set(
    "a an the my your his her its our their this these those and or but because so if when while that which "
    "who whose with without for from to of in on at by about into like than as is are was were am be been "
    "has have had do does did can could will would shall should may might must i im ill id ive we you they "
    "he she it let lets um uh er erm hmm well also just maybe actually between until since"
)
# Words that end a phrase as often as they open one: not enough alone.
_OFTEN_CLOSED = _set("that this these those it you well in on so about is are was do does did can will")
_OPEN_PHRASES = re.compile(
    r"(?:would like to|want to|going to|need to|have to|trying to|looking for|wondering if|such as|"
    r"for example|my number is|my name is|it is|that is|how about|what about)$"
)
_NUMBER_WORDS = _set(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand double triple"
)


WHOLE = 0.35
"""Likelihood of more up to which words without punctuation may well be all."""


@dataclass(frozen=True, slots=True)
class EndpointingRule:
    """`timeoutSeconds` if every pattern that is set is found: `assistant` in the assistant's last message,
    `customer` in what the caller is saying."""

    seconds: float
    assistant: Pattern | None = None
    customer: Pattern | None = None

    def matches(self, customer: str, assistant: str) -> bool:
        if self.assistant is not None and not self.assistant.found_in(assistant):
            return False
        return self.customer is None or self.customer.found_in(customer)


@dataclass(frozen=True, slots=True)
class EndpointingPlan:
    """`smart`: from the likelihood that the caller goes on to a wait, where smart endpointing is on. `asks`:
    a server judges instead, `server` or the one that messages go to; `smart` stands in if it does not.
    `on_whole_phrase`: after words without punctuation that may well be all, where a transcriber hears whole
    phrases (`whole`) and now and then forgets the full stop; None: as after any without. `by_words`: the
    owner has written how long to wait by what the words end with, so that no transcriber judges."""

    wait_seconds: float = 0.4
    on_punctuation: float = 0.1
    on_no_punctuation: float = 1.5
    on_number: float = 0.5
    on_whole_phrase: float | None = None
    rules: tuple[EndpointingRule, ...] = ()
    smart: Callable[[float], float] | None = None
    asks: bool = False
    server: ResourceDocument | None = None
    by_words: bool = False

    def wait(self, customer: str, assistant: str, whole: bool = False, judged: float | None = None) -> float:
        """Seconds from the end of the caller's speech to the earliest reply. `customer` is what was said,
        `assistant` the assistant's last message. `judged`: how long the transcriber has it last, where it
        judges by itself."""
        return max(self.wait_seconds, self.endpointing(customer, assistant, whole, judged))

    def ruled(self, customer: str, assistant: str) -> float | None:
        """What the first rule that matches says, None if none does."""
        return next((rule.seconds for rule in self.rules if rule.matches(customer, assistant)), None)

    def endpointing(
        self, customer: str, assistant: str, whole: bool = False, judged: float | None = None
    ) -> float:
        """Seconds from the end of speech until it is taken for the end of the turn."""
        ruled = self.ruled(customer, assistant)
        if ruled is not None:
            return ruled
        if self.smart is not None:
            return self.smart(likelihood_of_more(customer))
        if judged is not None and not self.by_words:
            return judged
        ending = ending_of(customer)
        if ending == "number":
            return self.on_number
        if ending == "punctuation":
            return self.on_punctuation
        if whole and self.on_whole_phrase is not None and likelihood_of_more(customer) <= WHOLE:
            return self.on_whole_phrase
        return self.on_no_punctuation


def ending_of(text: str) -> Literal["number", "punctuation", "open"]:
    """What a transcript ends with. A number counts before its punctuation: transcribers put a full stop after
    the first half of a telephone number. So does a word that leaves a phrase open ("I would like to, um.")
    before a full stop: transcribers of whole phrases set one at every pause."""
    stripped = text.rstrip(_TRAILING)
    words = words_of(stripped)
    if words and (words[-1].isdigit() or words[-1] in _NUMBER_WORDS):
        return "number"
    if words and words[-1] in NEVER_LAST and not stripped.endswith(("?", "!")):
        return "open"
    return "punctuation" if stripped.endswith(_SENTENCE_END) and not stripped.endswith("...") else "open"


def likelihood_of_more(text: str) -> float:
    """0 (the caller is done) to 1 (in the middle of a phrase), from the words alone."""
    stripped = text.rstrip(_TRAILING)
    words = words_of(stripped)
    if not words:
        return 0.5
    ending = ending_of(stripped)
    if stripped.endswith((",", "-", "…", "...")) or _OPEN_PHRASES.search(" ".join(words)):
        return 0.9
    if words[-1] in _OPEN_ENDS:
        return 0.2 if ending == "punctuation" and words[-1] in _OFTEN_CLOSED else 0.9
    if ending == "number":
        return 0.4
    return 0.05 if ending == "punctuation" else 0.35
