"""`model.knowledgeBase`: before the model answers the caller, a server of the owner's is asked for documents,
or for the answer itself (knowledge-base-request; vapi-wire §4.4, §4.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from offhook.calls.world.tools.server_tool import text_of
from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.conversation.tools.tool_messages import content_of
from offhook.json_document import MessageDocument
from offhook.language.language_model import Finished, LanguageModel, Message, Reply, Text, ToolDefinition
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.server import Server
from offhook.schema.webhooks.answers import KnowledgeBaseAnswer
from offhook.schema.webhooks.server_message import MessageTimes, ServerMessageKnowledgeBaseRequest
from offhook.speech.engine_protocols import closing

MOST_SECONDS: Final = 8.0
"""Seconds for the server to answer, whatever its timeoutSeconds says: the caller waits, and the model has to
answer afterwards."""
MOST_DOCUMENTS: Final = 20
MOST_CHARACTERS: Final = 16_000
"""Characters of all documents together. A message may have a quarter of that."""

Ask = Callable[[Server, ServerMessageKnowledgeBaseRequest], Awaitable[KnowledgeBaseAnswer | None]]
"""Asks a server. None, with a log line, if it does not answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """`words` are spoken as they are. Without them `documents` are for the model, the most relevant first."""

    words: str = ""
    documents: tuple[str, ...] = ()


def with_knowledge(engines: EngineFactory, ask: Ask) -> EngineFactory:
    """An engine factory whose models first ask the server of their assistant's `knowledgeBase`."""

    async def build(assistant: Assistant) -> Engines:
        built = await engines(assistant)
        base = assistant.model.knowledge_base if assistant.model is not None else None
        if base is None or not base.server.url:
            return built
        return replace(built, model=Informed(built.model, base.server, ask))

    return build


class Informed:
    """A model, and the server that is asked each time before the model answers the caller."""

    def __init__(self, model: LanguageModel, server: Server, ask: Ask) -> None:
        self._model = model
        self._server = server
        self._ask = ask

    @property
    def provider(self) -> str:
        return self._model.provider

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def generative(self) -> bool:
        return self._model.generative

    async def start(self) -> None:
        await self._model.start()

    async def close(self) -> None:
        await self._model.close()

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        if messages and messages[-1].get("role") == "user":
            answer = await self._ask(self._server, question(messages))
            found = Found() if answer is None else found_in(answer)
            if found.words:
                yield Text(found.words)
                yield Finished("stop")
                return
            messages = with_documents(messages, found.documents)
        async with closing(self._model.respond(messages, tools)) as replies:
            async for reply in replies:
                yield reply


def question(messages: Sequence[Message]) -> ServerMessageKnowledgeBaseRequest:
    """The question, with the messages that the model is about to get. Their text is both `content` and
    `message`: servers read the one or the other."""
    shown = [dict(message) for message in messages]
    return ServerMessageKnowledgeBaseRequest(
        shown, messages=[{**message, "message": message.get("content") or ""} for message in shown]
    )


_ROLES: Final = {"assistant": "bot", "tool": "tool_call_result"}


def timed(
    asked: ServerMessageKnowledgeBaseRequest, said: Sequence[MessageDocument], began: float
) -> ServerMessageKnowledgeBaseRequest:
    """The question with messages as the API has them elsewhere. `said` are the call's messages so far: the
    last of each role gives the time of the last question message of that role. Messages that were never
    spoken have the time at which the call `began`, in milliseconds since the epoch."""
    left: dict[str, list[MessageDocument]] = {}
    for one in said:
        left.setdefault(str(one["role"]), []).append(one)
    messages: list[MessageDocument] = []
    for message in reversed(asked.messages or ()):
        role = _role(message)
        known = left[role].pop() if left.get(role) else None
        messages.append(_timed(message, role, known, round(began)))
    return replace(asked, messages=messages[::-1])


def _role(message: MessageDocument) -> str:
    given = str(message.get("role"))
    return "tool_calls" if message.get("tool_calls") else _ROLES.get(given, given)


def _timed(message: MessageDocument, role: str, known: MessageDocument | None, began: int) -> MessageDocument:
    times = MessageTimes(time=began, end_time=began if role in ("bot", "user") else None).given()
    return {**times, **(known or {}), **message, "role": role}


def found_in(says: KnowledgeBaseAnswer) -> Found:
    """`message` comes before `documents`. An answer of another shape counts as empty."""
    words = content_of(says.message)
    if words and words.strip():
        return Found(text_of(words.strip()[: MOST_CHARACTERS // 4]))
    fitting = sorted(says.documents, key=lambda one: one.similarity, reverse=True)
    documents, left = [], MOST_CHARACTERS
    for one in fitting[:MOST_DOCUMENTS]:
        text = text_of(one.content[:left])
        left -= len(text)
        if text:
            documents.append(text)
    return Found(documents=tuple(documents))


def with_documents(messages: Sequence[Message], documents: Sequence[str]) -> Sequence[Message]:
    """The messages with the documents before the caller's last words."""
    if not documents:
        return messages
    known = "\n\n".join(("What is known about this:", *documents))
    return [*messages[:-1], {"role": "system", "content": known}, messages[-1]]
