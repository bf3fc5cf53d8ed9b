"""Asking a vendor's model as an assistant does, at a fake that stands at the vendor's address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from offhook.language.language_model import Message, Reply, Text, ToolDefinition
from offhook.speech.engine_request import Account
from tests.engines.making import model_of
from tests.speech.servers import HttpServer, outside

MESSAGES: list[Message] = [{"role": "user", "content": "Hello."}]
TOOL = ToolDefinition("look_up", "Looks up.", {"type": "object", "properties": {"id": {"type": "string"}}})
SAID = "We are open until five."


F = TypeVar("F", contravariant=True)


class Ask(Protocol[F]):
    async def __call__(
        self,
        fake: F,
        settings: Mapping[str, Any] | None = ...,
        messages: Sequence[Message] = ...,
        tools: Sequence[ToolDefinition] = ...,
        key: str = ...,
    ) -> list[Reply]: ...


async def talk(
    served: AbstractAsyncContextManager[HttpServer],
    key: str,
    settings: Mapping[str, Any],
    *asked: Sequence[Message],
    tools: Sequence[ToolDefinition] = (),
) -> list[list[Reply]]:
    """One call: the replies to each of `asked`, by the same engine."""
    provider = str(settings["provider"])
    async with served as server, outside() as reach:
        accounts: dict[str, Any] = {provider: Account(key, server.url)}
        made = await model_of(reach, settings, **accounts)
        await made.start()
        try:
            return [[one async for one in made.respond(messages, tools)] for messages in asked or (MESSAGES,)]
        finally:
            await made.close()


def asking(
    served: Callable[[F], AbstractAsyncContextManager[HttpServer]], usual: Mapping[str, Any], usual_key: str
) -> Ask[F]:
    """Asks a fake once, with the usual settings and key unless others are given."""

    async def ask(
        fake: F,
        settings: Mapping[str, Any] | None = None,
        messages: Sequence[Message] = MESSAGES,
        tools: Sequence[ToolDefinition] = (),
        key: str = usual_key,
    ) -> list[Reply]:
        (replies,) = await talk(served(fake), key, settings or usual, messages, tools=tools)
        return replies

    return ask


def text_of(replies: Sequence[Reply]) -> str:
    return "".join(one.text for one in replies if isinstance(one, Text))


def called(*calls: tuple[str, str, str], text: str | None = None) -> Message:
    """The assistant's message with these calls (id, name, arguments)."""
    wire = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    return {"role": "assistant", "content": text, "tool_calls": wire}


def results(*calls: tuple[str, str, str]) -> list[Message]:
    return [{"role": "tool", "tool_call_id": i, "content": f"{i} is ready"} for i, _, _ in calls]
