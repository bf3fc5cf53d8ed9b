"""The platform's own model (provider `vapi`): no language model at all, but an honest receptionist.

It answers with the facts in the assistant's own system message, does what that tells it to do in a case where
this is said plainly (say something, transfer, end), takes down what only a person can do, and says so when it
knows nothing. It invents nothing, and the same conversation always gets the same reply.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Sequence

from offhook.language.answer import text_of
from offhook.language.language_model import (
    Finished,
    LanguageModel,
    Message,
    Noted,
    Reply,
    Text,
    ToolDefinition,
)
from offhook.language.local.facts import LONGEST_SYSTEM_MESSAGE, Knowledge, read
from offhook.language.local.reply_turn import ReplyTurn
from offhook.language.local.search import Index
from offhook.schema.assistants.model import VapiModel
from offhook.speech.engine_request import EngineRequest

_WORDS = re.compile(r"\S+\s*")

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
        system = _system(messages)
        if len(system) > LONG:
            await asyncio.to_thread(_learned, system)
        answer = ReplyTurn(messages, tools, *_learned(system)).answer()
        for piece in _WORDS.findall(answer.text):
            yield Text(piece)
        if answer.noted:
            yield Noted(answer.noted)
        if answer.call is not None:
            yield answer.call
        yield Finished("stop" if answer.call is None else "tool_calls")


async def model(request: EngineRequest[VapiModel]) -> LanguageModel:
    return ExtractiveModel()


def _system(messages: Sequence[Message]) -> str:
    """As much of the system messages as is read."""
    told = "\n\n".join(text_of(m.get("content")).strip() for m in messages if m.get("role") == "system")
    return told[:LONGEST_SYSTEM_MESSAGE]
