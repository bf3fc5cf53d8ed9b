"""One reply of the local model: what the caller wants by their last words and the conversation before them,
and what the prompt has for that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from offhook.language.answer import text_of
from offhook.language.language_model import Message, ToolCall, ToolDefinition
from offhook.language.local import wishes
from offhook.language.local.cues import HangUp, PutThrough, Say, TakeDetails, TellOf
from offhook.language.local.facts import Fact, Knowledge
from offhook.language.local.intents import (
    Intent,
    intent_of,
    is_problem,
    is_question,
    is_upset,
    is_wish,
    name_in,
    wants_no_more,
)
from offhook.language.local.lexicon import NAMES
from offhook.language.local.may_be_said import sentence
from offhook.language.local.search import Asked, Index, asked_in
from offhook.language.local.sentences import sentences
from offhook.language.local.transfer_choice import tools_named, way_to
from offhook.language.local.wishes import ASK_NAME, MORE, OFFER_MESSAGE, WILL_NOTE
from offhook.language.words import NEVER_LAST, SOFT, WEEKDAYS, words

OFFER = "Would you like me to transfer you to a person?"

_UNKNOWN = (
    "I am sorry, I do not have any information about that.",
    "I am afraid I cannot tell you that.",
    "That is something I do not know, I am sorry.",
)
_FIXED: Mapping[Intent, str] = {
    Intent.NOTHING: "I am sorry, I did not catch that. Could you say it again?",
    Intent.HEARING: "Yes, I can hear you. How can I help you?",
    Intent.GREETING: "Hello! How can I help you?",
    Intent.THANKS: f"You are welcome. {MORE}",
    Intent.WAIT: "Of course. What would you like to know?",
    Intent.ROBOT: "I am an automated assistant. How can I help you?",
    Intent.HOW_ARE_YOU: "I am doing well, thank you. How can I help you?",
    Intent.TELLS: "Thank you, I have noted that. How else can I help you?",
    Intent.ACKNOWLEDGE: MORE,
    Intent.YES: "All right. What would you like to know?",
    Intent.NO: "All right. How else can I help you?",
    Intent.WRONG: "I am sorry about that. What would you like to know?",
}
_GO_ON = "I am listening. Please go on."
_FAREWELL = "Thank you for calling. Goodbye!"
_IN_DANGER = "If anybody is in danger, please hang up and call your local emergency number right away."
_NOT_CALLED_AGAIN = (
    "I am sorry to have disturbed you. I will note that you do not want to be called. Goodbye!"
)
_NO_INTEREST = "I understand. Thank you for your time. Goodbye!"
_SORRY = "I am sorry about that."
_MOST_OFFERED = 3
_TOO_SHORT = 2
_LONGEST_UTTERANCE = 2000
_SURE = 0.99
"""Of a cue that goes before facts."""
_SURE_OF = 0.9
"""Of what the prompt tells the assistant to mention."""
_FOLLOWS = re.compile(
    r"^(?:and|but|or|what about|how about|also|until|till|for|on|at|with|by|since|from|then|so)\b", re.I
)
_POINTS_BACK = re.compile(r"\b(?:it|they|them|that|those|these|one|ones|there)\b", re.I)
_SHORT_FOLLOW_UP = 6
_MOST_PARTS = 4
"""Sentences that are looked up alone, from the last one on."""
_NEGATIVE = re.compile(
    r"^no\b|\bno (?:\w+ ){0,2}(?:appointments?|reservations?|bookings?|refunds?)\b|\bnot\b|n't\b", re.I
)
_VALUES = frozenset(("price", "hours", "duration", "phone", "address", "email", "website"))


@dataclass(slots=True)
class Told:
    text: str = ""
    call: ToolCall | None = None
    noted: dict[str, str] = field(default_factory=dict)


class ReplyTurn:
    """The conversation so far and what may be done."""

    def __init__(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition], knowledge: Knowledge, index: Index
    ) -> None:
        self._messages = messages
        self._knowledge, self._index = knowledge, index
        self._end_call = next(iter(tools_named(tools, "endcall", "hangup")), None)
        self._transfers = tools_named(tools, "transfercall", "transfer", "handoff")
        self._exchanges = wishes.pairs_of(self._said())
        self._own = [
            _text(m.get("content"))
            for m in messages
            if m.get("role") == "assistant" and _text(m.get("content"))
        ]
        self._before = self._own[-1] if self._own else ""

    def _said(self) -> Iterator[tuple[str, str]]:
        for message in self._messages:
            if message.get("role") in ("user", "assistant") and (text := _text(message.get("content"))):
                yield str(message["role"]), text[:_LONGEST_UTTERANCE]

    def answer(self) -> Told:
        last = next((m for m in reversed(self._messages) if m.get("role") in ("user", "tool")), None)
        if last is None:
            return Told(self._greeting())
        if self._messages[-1].get("role") == "system":
            # Another assistant's prompt behind a hand-over; or one in between, which is not to be followed.
            return Told(self._greeting() if last.get("role") == "tool" else MORE)
        if last.get("role") == "tool":
            return Told(_text(last.get("content"))[:400] or MORE)
        text = _text(last.get("content"))[:_LONGEST_UTTERANCE]
        return self._respond(text, intent_of(text))

    def _respond(self, text: str, intent: Intent) -> Told:
        if intent is Intent.GOODBYE or (self._before.endswith(MORE) and wants_no_more(text, intent)):
            return self._end()
        if intent is Intent.PERSON or (intent is Intent.YES and self._before.endswith(OFFER)):
            return self._put_through(text, "")
        if intent is Intent.REPEAT:
            return Told(self._before or "I have not said anything yet. How can I help you?")
        if intent is Intent.EMERGENCY:
            return self._emergency(text)
        asked = self._before_question()
        if asked is not None and intent is Intent.HEARING:
            return Told(f"Yes, I can hear you. {asked}")
        if asked is not None and intent not in (Intent.STOP_CALLING, Intent.WAIT, Intent.NOTHING):
            return self._go_on_asking(text, asked)
        if intent is Intent.YES and self._before.endswith(OFFER_MESSAGE):
            return self._take_details([])
        cue = self._cue(text)
        if cue is not None and intent not in _SMALL_TALK:
            return self._follow(cue, text)
        return self._by_intent(text, intent)

    def _by_intent(self, text: str, intent: Intent) -> Told:
        if intent is Intent.STOP_CALLING:
            return self._end(_NOT_CALLED_AGAIN, {wishes.MATTER: text})
        if intent is Intent.NOT_INTERESTED:
            return self._end(_NO_INTEREST)
        if intent is Intent.WHO:
            return Told(self._knowledge.identity or "I am the assistant here. How can I help you?")
        if intent in (Intent.HELP, Intent.INSTRUCTIONS):
            return Told(self._help())
        if intent is Intent.NAME and not is_wish(text):
            return self._greet_by_name(text)
        if intent in _FIXED:
            return Told(_FIXED[intent])
        return self._look_up(text)

    def _look_up(self, text: str) -> Told:
        facts = self._facts(text)
        wish = is_wish(text) and not _asks_a_value(text)
        if facts:
            told = _spoken(facts)
            if wish and not _NEGATIVE.search(told):
                told = f"{told} {OFFER_MESSAGE}"
            return Told(told)
        if wish or (is_problem(text) and not text.rstrip().endswith("?")):
            return self._take_details([_SORRY] if is_upset(text) else [])
        if words(text)[-1:] and words(text)[-1] in NEVER_LAST:
            return Told(_GO_ON)
        if not self._index.asks(text) or len(words(text)) <= _TOO_SHORT:
            return Told(_FIXED[Intent.NOTHING])
        unknown = sum(said.startswith(_UNKNOWN) for said in self._own)
        return Told(f"{_UNKNOWN[unknown % len(_UNKNOWN)]} {self._offer()}")

    def _facts(self, text: str) -> list[Fact]:
        """The facts that answer the caller's words, or these as they go on from what was asked before."""
        follows = _FOLLOWS.match(text) is not None
        short = len(words(text)) <= _SHORT_FOLLOW_UP
        if (follows or (short and _POINTS_BACK.search(text))) and (
            found := self._index.answer(self._joined_with_before(text))
        ):
            return found
        found = self._index.answer(text)
        for part in sentences(text)[:-_MOST_PARTS:-1] if not found else ():
            found = found or self._index.answer(part)
        if (
            not found
            and not is_wish(text)
            and (days := [day for day in asked_in(text).words if day in WEEKDAYS])
        ):
            found = self._index.answer(Asked(days, frozenset(("hours",))))
        if not found and short:
            found = self._index.answer(self._joined_with_before(text))
        return found

    def _joined_with_before(self, text: str) -> Asked:
        now = asked_in(text)
        before = next((one.said for one in self._exchanges[-2::-1] if asked_in(one.said)), "")
        if not now or not before:
            return Asked((), frozenset())
        earlier = asked_in(before)
        narrowed = any(each in SOFT for each in now.words)
        kept = [each for each in earlier.words if not (narrowed and each in SOFT)]
        concepts = earlier.concepts - _VALUES if now.concepts & _VALUES else earlier.concepts
        return Asked([*now.words, *kept], now.concepts | concepts)

    # What the prompt says is to be done.

    def _cue(self, text: str, urgent: bool = False) -> Fact | None:
        found = self._index.cue(text, urgent)
        if found is None:
            return None
        fact, sure = found
        if fact.cue is not None and all(isinstance(deed, TakeDetails) for deed in fact.cue.deeds):
            return fact if is_wish(text) or is_problem(text) else None
        if is_wish(text) and not _asks_a_value(text):
            return fact
        if not urgent and is_question(text) and (sure < _SURE or _asks_a_value(text)):
            answers = self._index.answer(text)
            if (
                answers
                and self._index.sureness(text) >= min(sure, _SURE)
                and not (sure >= _SURE and fact.spoken)
            ):
                return None
        return fact

    def _follow(self, fact: Fact, text: str) -> Told:
        assert fact.cue is not None
        named = (deed.topic for deed in fact.cue.deeds if isinstance(deed, TellOf))
        topics = [
            topic
            for topic in named
            if any(not each.isdigit() for each in asked_in(topic).words)
            and self._index.sureness(topic) >= _SURE_OF
        ]
        told = [
            *(sentence(deed.text) for deed in fact.cue.deeds if isinstance(deed, Say)),
            *(
                _spoken(self._index.answer(topic))
                for topic in topics
                if self._index.sureness(topic) >= _SURE_OF
            ),
        ]
        for deed in fact.cue.deeds:
            if isinstance(deed, PutThrough):
                put = self._put_through(text, f"{deed.whom} {fact.cue.case}" if deed.whom else "")
                return Told(" ".join([*told, put.text]).strip(), put.call, put.noted)
            if isinstance(deed, HangUp):
                return self._end(" ".join(told))
        if any(isinstance(deed, TakeDetails) for deed in fact.cue.deeds):
            return self._take_details(told)
        return Told(" ".join(told)) if told else self._look_up(text)

    def _emergency(self, text: str) -> Told:
        if (cue := self._cue(text, urgent=True)) is not None:
            return self._follow(cue, text)
        told = _spoken(self._index.answer(text))
        more = OFFER if self._transfers else ""
        return Told(" ".join(part for part in (told, _IN_DANGER, more) if part))

    def _put_through(self, text: str, whom: str) -> Told:
        if not self._transfers:
            return self._take_details(
                ["I am sorry, I cannot transfer you to anybody, but I can take a message."]
            )
        tool, arguments = way_to(self._transfers, whom or text, text)
        return Told(call=self._call(tool, arguments))

    def _end(self, told: str = "", noted: Mapping[str, str] | None = None) -> Told:
        call = self._call(self._end_call, {}) if self._end_call else None
        return Told(told or ("" if call else _FAREWELL), call, dict(noted or {}))

    # What only a person can fulfil.

    def _take_details(self, told: Sequence[str]) -> Told:
        """The first question about a wish, behind what is to be said to it."""
        exchange = wishes.since_the_wish([*self._exchanges, wishes.TurnPair(ASK_NAME, "")])[:-1]
        return self._next([*told] or [WILL_NOTE], wishes.details_of(exchange))

    def _go_on_asking(self, text: str, asked: str) -> Told:
        if wishes.gives_up(text):
            return Told("All right. How else can I help you?")
        if wishes.asks_instead(text) and (facts := self._index.answer(text)):
            return Told(f"{_spoken(facts)} {asked}")
        return self._next([], wishes.details_of(wishes.since_the_wish(self._exchanges)))

    def _next(self, told: Sequence[str], details: wishes.Details) -> Told:
        question = details.question
        if question is None:
            return Told(
                " ".join([*(each for each in told if each != WILL_NOTE), details.summary()]),
                noted=details.variables(),
            )
        if question == self._before_question():
            told = [*told, "I am sorry, I did not get that."]
        elif details.name and self._before_question() in (ASK_NAME, None):
            told = [f"Thank you, {details.name}.", *told]
        return Told(" ".join([*told, question]), noted=details.variables())

    def _before_question(self) -> str | None:
        """Of all that was said since the caller spoke before."""
        return wishes.question_of(self._exchanges[-1].before) if self._exchanges else None

    # What it says of itself.

    def _greet_by_name(self, text: str) -> Told:
        name = name_in(text)
        facts = self._index.answer(text.partition(name or "")[2])
        told = facts[0].spoken if facts else "How can I help you?"
        return Told(f"Thank you, {name}. {told}", noted={wishes.NAME: name} if name else {})

    def _offer(self) -> str:
        if self._transfers:
            return OFFER
        topics = self._topics()
        return f"I can tell you about {topics}. {OFFER_MESSAGE}" if topics else OFFER_MESSAGE

    def _help(self) -> str:
        topics = self._topics()
        return f"I can tell you about {topics}. What would you like to know?" if topics else MORE

    def _topics(self) -> str:
        names = [NAMES[concept] for concept in self._index.concepts if concept in NAMES][:_MOST_OFFERED]
        return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    def _greeting(self) -> str:
        who = self._knowledge.identity
        return f"Hello! {who} How can I help you?" if who else "Hello! How can I help you?"

    def _call(self, tool: ToolDefinition, arguments: Mapping[str, object]) -> ToolCall:
        calls = sum(len(m.get("tool_calls") or ()) for m in self._messages)
        return ToolCall(f"call_{calls + 1}", tool.name, arguments)


_SMALL_TALK = frozenset(
    (Intent.HEARING, Intent.GREETING, Intent.THANKS, Intent.WAIT, Intent.ROBOT, Intent.HOW_ARE_YOU,
     Intent.ACKNOWLEDGE, Intent.YES, Intent.NO, Intent.WRONG, Intent.NOTHING, Intent.WHO, Intent.HELP,
     Intent.INSTRUCTIONS)
)  # fmt: skip


def _asks_a_value(text: str) -> bool:
    return bool(asked_in(text).concepts & _VALUES) and is_question(text)


def _spoken(facts: Iterable[Fact]) -> str:
    return " ".join(dict.fromkeys(fact.spoken for fact in facts))


def _text(content: object) -> str:
    return text_of(content).strip()
