"""OpenAI's own client against the fake: what it takes for OpenAI, ours may be tested with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
import pytest

from tests.fakes.openai_chat import KEY, Fake, broken, served, spent, too_many

HELLO = [{"role": "user", "content": "Hello."}]
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}


async def ask(fake: Fake, key: str = KEY, **request: Any) -> list[Any]:
    async with served(fake) as server:
        client = openai.AsyncOpenAI(api_key=key, base_url=server.url + "/v1", max_retries=0)
        given: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO, "stream": True, **request}
        given["stream_options"] = {"include_usage": True}
        stream: Any = await client.chat.completions.create(**given)
        async with client:
            return [chunk async for chunk in stream]


async def test_it_reads_text_and_usage() -> None:
    chunks = await ask(Fake())
    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert text == "We are open until five."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 19)


async def test_it_reads_several_tool_calls() -> None:
    calls = [("call_1", "look_up", '{"id": "7"}'), ("call_2", "look_up", '{"id": "8"}')]
    chunks = await ask(Fake(text="", calls=calls), tools=[TOOL])
    found: dict[int, list[str]] = {}
    for chunk in chunks:
        for call in (chunk.choices[0].delta.tool_calls or ()) if chunk.choices else ():
            found.setdefault(call.index, []).append(call.function.arguments)
    assert ["".join(parts) for parts in found.values()] == ['{"id": "7"}', '{"id": "8"}']


@pytest.mark.parametrize(
    ("fake", "given", "raised"),
    [
        (Fake(), {"key": "sk-wrong"}, openai.AuthenticationError),
        (Fake(), {"model": "gpt-gone"}, openai.NotFoundError),
        (Fake(), {"model": "gpt-5-mini", "max_tokens": 5}, openai.BadRequestError),
        (Fake(), {"model": "o3", "temperature": 0.5}, openai.BadRequestError),
        (Fake(refusals=[too_many()]), {}, openai.RateLimitError),
        (Fake(refusals=[spent()]), {}, openai.RateLimitError),
        (Fake(refusals=[broken()]), {}, openai.InternalServerError),
        (Fake(error_after=3), {}, openai.APIError),
    ],
)
async def test_it_knows_its_refusals(fake: Fake, given: Mapping[str, Any], raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await ask(fake, **given)


async def test_it_is_azure_too() -> None:
    async with served(Fake()) as server:
        client = openai.AsyncAzureOpenAI(
            api_key=KEY, azure_endpoint=server.url, api_version="2024-10-21", max_retries=0
        )
        request: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO, "stream": True}
        stream: Any = await client.chat.completions.create(**request)
        async with client:
            chunks = [chunk async for chunk in stream]
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "We are open until five."
