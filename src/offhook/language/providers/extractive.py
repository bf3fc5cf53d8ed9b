"""The platform's own model (provider `vapi`): no language model at all, but an honest receptionist.

It answers with the facts in the assistant's own system message, says so when there is none, and uses the
tools that end and transfer the call. It invents nothing, and the same conversation always gets the same
reply.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from offhook.language.facts import LONGEST_SYSTEM_MESSAGE, Knowledge, read
from offhook.language.intents import Intent, intent_of, name_in
from offhook.language.language_model import (
    Finished,
    LanguageModel,
    Message,
    Reply,
    Text,
    ToolCall,
    ToolDefinition,
)
from offhook.language.search import Index
from offhook.language.words import NAMES, NEVER_LAST, alike, stems, words
from offhook.schema.assistants.model import VapiModel
from offhook.speech.engine_request import EngineRequest

OFFER = "Would you like me to transfer you to a person?"
MORE = "Is there anything else I can help you with?"

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
_HANDING_ON = frozenset(
    stems("transfer connect forward redirect put through hand over handoff call speak talk")
)
_RECEPTION = stems("reception receptionist front desk operator main general")
_GO_ON = "I am listening. Please go on."
_FAREWELL = "Thank you for calling. Goodbye!"
_MOST_OFFERED = 3
_TOO_SHORT = 2
_LONGEST_UTTERANCE = 2000

_WORDS = re.compile(r"\S+\s*")
_DESTINATIONS = re.compile(r"Destinations: (?P<all>.*)", re.S)


LONG = 8000
"""Characters of a system message that is read in a thread: the calls of all others go on meanwhile."""


@functools.lru_cache(maxsize=64)
def _learned(system: str) -> tuple[Knowledge, Index]:
    knowledge = read(system)
    return knowledge, Index(knowledge.facts)


class ExtractiveModel:
    """Answers from the system message. Stateless: all it goes by is the conversation it is given."""

    provider = "vapi"
    name = "extractive"
    generative = False

    async def start(self) -> None:
        """Nothing to warm up: a system message is read when it first comes."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        if len(system := _system(messages)) > LONG:
            await asyncio.to_thread(_learned, system)
        turn = _Turn(messages, tools)
        answer = turn.answer()
        if isinstance(answer, ToolCall):
            yield answer
            yield Finished("tool_calls")
            return
        for piece in _WORDS.findall(answer):
            yield Text(piece)
        yield Finished("stop")


async def model(request: EngineRequest[VapiModel]) -> LanguageModel:
    return ExtractiveModel()


class _Turn:
    """One reply: the conversation so far and what may be done."""

    def __init__(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> None:
        self._messages = messages
        self._knowledge, self._index = _learned(_system(messages))
        self._end_call = next(iter(_tools(tools, "endcall", "hangup")), None)
        self._transfers = _tools(tools, "transfercall", "transfer", "handoff")
        self._said = [_content(m) for m in messages if m.get("role") == "assistant" and _content(m)]

    def answer(self) -> str | ToolCall:
        last = next((m for m in reversed(self._messages) if m.get("role") in ("user", "tool")), None)
        if last is None:
            return self._greeting()
        if self._messages[-1].get("role") == "system":
            # Another assistant's prompt behind a hand-over; or one in between, which is not to be followed.
            return self._greeting() if last.get("role") == "tool" else MORE
        if last.get("role") == "tool":
            return _content(last)[:400] or MORE
        text = _content(last)[:_LONGEST_UTTERANCE]
        return self._respond(text, intent_of(text))

    def _respond(self, text: str, intent: Intent) -> str | ToolCall:
        before = self._said[-1] if self._said else ""
        if intent is Intent.GOODBYE or (intent is Intent.NO and before.endswith(MORE)):
            return self._call(self._end_call, {}) if self._end_call else _FAREWELL
        if intent is Intent.PERSON or (intent is Intent.YES and before.endswith(OFFER)):
            return self._put_through(text)
        if intent is Intent.REPEAT:
            return before or "I have not said anything yet. How can I help you?"
        if intent is Intent.WHO:
            return self._knowledge.identity or "I am the assistant here. How can I help you?"
        if intent is Intent.HELP:
            return self._help()
        if intent is Intent.NAME:
            return self._greet_by_name(text)
        if intent in _FIXED:
            return _FIXED[intent]
        return self._look_up(text)

    def _look_up(self, text: str) -> str:
        facts = self._index.answer(text)
        if facts:
            return " ".join(dict.fromkeys(fact.spoken for fact in facts))
        if words(text)[-1:] and words(text)[-1] in NEVER_LAST:
            return _GO_ON
        if not self._index.asks(text) or len(words(text)) <= _TOO_SHORT:
            return _FIXED[Intent.NOTHING]
        unknown = sum(said.startswith(_UNKNOWN) for said in self._said)
        return f"{_UNKNOWN[unknown % len(_UNKNOWN)]} {self._offer()}"

    def _greet_by_name(self, text: str) -> str:
        name = name_in(text)
        facts = self._index.answer(text.partition(name or "")[2])
        if facts:
            return f"Thank you, {name}. {facts[0].spoken}"
        return f"Thank you, {name}. How can I help you?"

    def _offer(self) -> str:
        if self._transfers:
            return OFFER
        topics = self._topics()
        return f"I can tell you about {topics}." if topics else MORE

    def _help(self) -> str:
        topics = self._topics()
        return f"I can tell you about {topics}. What would you like to know?" if topics else MORE

    def _topics(self) -> str:
        names = [NAMES[concept] for concept in self._index.concepts if concept in NAMES][:_MOST_OFFERED]
        return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    def _greeting(self) -> str:
        who = self._knowledge.identity
        return f"Hello! {who} How can I help you?" if who else "Hello! How can I help you?"

    def _put_through(self, text: str) -> str | ToolCall:
        if not self._transfers:
            topics = self._topics()
            rest = f" I can tell you about {topics}." if topics else ""
            return f"I am sorry, I cannot transfer you to anybody.{rest}"
        arguments: dict[str, object] = {}
        # The tool whose destinations sound most like what the caller wants; of equals the first.
        wanted = [stem for stem in stems(text) if stem not in _HANDING_ON]
        tool = max(self._transfers, key=lambda each: _likeness(wanted, _about(each)))
        destination = _destination(tool, text)
        if destination is not None:
            arguments["destination"] = destination
        return self._call(tool, arguments)

    def _call(self, tool: ToolDefinition, arguments: Mapping[str, object]) -> ToolCall:
        calls = sum(len(m.get("tool_calls") or ()) for m in self._messages)
        return ToolCall(f"call_{calls + 1}", tool.name, arguments)


def _system(messages: Sequence[Message]) -> str:
    """As much of the system messages as is read."""
    told = "\n\n".join(_content(m) for m in messages if m.get("role") == "system")
    return told[:LONGEST_SYSTEM_MESSAGE]


def _content(message: Message) -> str:
    """The text of a message, whose content may be a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        content = " ".join(part for part in parts if isinstance(part, str))
    return content.strip() if isinstance(content, str) else ""


def _tools(tools: Sequence[ToolDefinition], *names: str) -> list[ToolDefinition]:
    """Those whose names begin with one of these, in the order of these, each once."""
    plain = [(tool.name.replace("_", "").replace("-", "").lower(), tool) for tool in tools]
    found = {tool.name: tool for name in names for own, tool in plain if own.startswith(name)}
    return list(found.values())


def _about(tool: ToolDefinition) -> list[str]:
    """Whom a tool leads to, in stems."""
    return stems(f"{re.sub('[_-]', ' ', tool.name)} {tool.description}")


def _destination(tool: ToolDefinition, text: str) -> str | None:
    """The destination whose description has most of the caller's words; if none has any, the reception, or
    the first."""
    properties = tool.parameters.get("properties")
    choice = properties.get("destination") if isinstance(properties, Mapping) else None
    values = choice.get("enum") if isinstance(choice, Mapping) else None
    if not isinstance(values, list) or not values:
        return None
    found = _DESTINATIONS.search(tool.description)
    listed = found["all"] if found else tool.description
    described = [stems(_description(str(value), listed)) for value in values]
    scores = [_likeness(stems(text), each) for each in described]
    if not max(scores):
        scores = [_likeness(_RECEPTION, each) for each in described]
    return str(values[scores.index(max(scores))])


def _description(value: str, listed: str) -> str:
    """What stands in parentheses after the destination in the tool's description."""
    start = listed.find(f"{value} (")
    if start < 0:
        return value
    described = listed[start + len(value) + 2 :]
    return f"{value} {described.split('); ')[0].rstrip(')')}"


def _likeness(wanted: Iterable[str], has: Sequence[str]) -> int:
    return sum(any(alike(each, other) for other in has) for each in wanted)
