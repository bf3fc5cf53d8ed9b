"""How long to wait after the caller's speech before answering (`startSpeakingPlan`, vapi-wire §5).

Two waits count from the real end of speech and run beside each other, so the longer one holds:
`waitSeconds`, the least time before the assistant is heard, and the endpointing wait, which depends on the
words. For the latter the first that applies is taken: a matching `customEndpointingRules` entry,
`smartEndpointingPlan`, what `transcriptionEndpointingPlan` says of words that end so, and the waits of
`SECONDS`.

Smart endpointing asks for a model that judges whether a sentence is finished. With `custom-endpointing-model`
the owner's server is asked (`endpointing_request.py`). No other model is built in: a likelihood from the
text alone (`likelihood_of_more`) stands in for it, put through the plan's waitFunction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from offhook.conversation.text.patterns import Pattern
from offhook.conversation.turns.dictation import dictates_unasked, digits_at_end, still_dictating, wish_in
from offhook.conversation.turns.interruption import words_of
from offhook.conversation.turns.open_ends import openness
from offhook.schema.server import Server

_SENTENCE_END = tuple(".!?。！？।॥۔")
_TRAILING = " \t\r\n\"'”’)]}»"
LONGEST_LOOKED_AT: Final = 400
"""Characters: how a turn ends does not depend on how a long one began."""


class Ending(Enum):
    """How what the caller has said so far ends."""

    WHOLE = auto()
    UNMARKED = auto()  # it may well be all, but has no full stop
    NUMBER = auto()  # a number that may be all
    PERHAPS = auto()  # as often all as not
    OPEN = auto()  # in the middle of a phrase
    DICTATING = auto()  # in the middle of a number, of letters, of an address
    THINKING = auto()  # the caller asks for time


SECONDS: Final[Mapping[Ending, float]] = {
    Ending.WHOLE: 0.1,
    Ending.UNMARKED: 1.5,
    Ending.NUMBER: 0.5,
    Ending.PERHAPS: 1.45,
    Ending.OPEN: 1.6,
    Ending.DICTATING: 1.9,
    Ending.THINKING: 3.5,
}
"""From the end of speech until it is taken for the end of the turn."""
LIKELIHOODS: Final[Mapping[Ending, float]] = {
    Ending.WHOLE: 0.05,
    Ending.UNMARKED: 0.35,
    Ending.NUMBER: 0.4,
    Ending.PERHAPS: 0.6,
    Ending.OPEN: 0.85,
    Ending.DICTATING: 0.9,
    Ending.THINKING: 1.0,
}
"""0: the caller is done, 1: in the middle of a phrase."""
WHOLE_PHRASE_SECONDS: Final = 0.8
"""For `Ending.UNMARKED` where a transcriber hears whole phrases, and now and then forgets the full stop."""


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
    """`on_punctuation`, `on_no_punctuation`, `on_number`: what the owner has written, None where nothing.
    `smart`: from the likelihood that the caller goes on to a wait, where smart endpointing is on. `asks`:
    a server judges instead, `server` or the one that messages go to; `smart` stands in if it does not.
    `by_words`: the owner has written how long to wait by what the words end with, so that no transcriber
    judges. `english`: the words may be looked at, not only their marks."""

    wait_seconds: float = 0.4
    on_punctuation: float | None = None
    on_no_punctuation: float | None = None
    on_number: float | None = None
    rules: tuple[EndpointingRule, ...] = ()
    smart: Callable[[float], float] | None = None
    asks: bool = False
    server: Server | None = None
    by_words: bool = False
    english: bool = True

    def wait(self, customer: str, assistant: str, whole: bool = False, judged: float | None = None) -> float:
        """Seconds from the end of the caller's speech to the earliest reply. `customer` is what was said,
        `assistant` the assistant's last message, `whole`: as a transcriber of whole phrases has heard it.
        `judged`: how long the transcriber has it last, where it judges by itself."""
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
        ending = self.ending(customer, assistant)
        if self.smart is not None:
            return self.smart(LIKELIHOODS[ending])
        if judged is not None and not self.by_words:
            return judged
        given = self._given(customer, ending)
        if given is not None:
            return given
        return WHOLE_PHRASE_SECONDS if whole and ending is Ending.UNMARKED else SECONDS[ending]

    def ending(self, customer: str, assistant: str) -> Ending:
        return ending_of(customer, assistant, self.english)

    def fixed(self, customer: str, assistant: str) -> bool:
        """Has the owner said how long to wait after these words?"""
        if self.smart is not None or self.asks or self.ruled(customer, assistant) is not None:
            return True
        return self._given(customer, self.ending(customer, assistant)) is not None

    def _given(self, customer: str, ending: Ending) -> float | None:
        if ending is Ending.WHOLE:
            return self.on_punctuation
        return self.on_number if ends_with_number(customer) else self.on_no_punctuation


def ends_with_number(text: str) -> bool:
    return bool(digits_at_end(words_of(text[-LONGEST_LOOKED_AT:])))


def ending_of(customer: str, assistant: str = "", english: bool = True) -> Ending:
    """A full stop alone decides nothing: transcribers of whole phrases set one at every pause, behind the
    first half of a telephone number as behind "I would like to"."""
    stripped = customer[-LONGEST_LOOKED_AT:].rstrip(_TRAILING)
    marked = stripped.endswith(_SENTENCE_END) and not stripped.endswith("...")
    if english and stripped:
        open_end = openness(stripped)
        if open_end == "thinking":
            return Ending.THINKING
        wish = wish_in(assistant)
        if still_dictating(wish, stripped) if wish is not None else dictates_unasked(stripped):
            return Ending.DICTATING
        if open_end != "closed":
            return Ending.OPEN if open_end == "open" else Ending.PERHAPS
    if ends_with_number(stripped):
        return Ending.NUMBER
    return Ending.WHOLE if marked else Ending.UNMARKED


def likelihood_of_more(customer: str, assistant: str = "") -> float:
    """0 (the caller is done) to 1 (in the middle of a phrase), from the words alone."""
    return LIKELIHOODS[ending_of(customer, assistant)]
