"""OpenAI's own client against the fake of its Responses API."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.fakes.openai_chat import KEY, broken, too_many
from tests.fakes.openai_responses import ENCRYPTED, Fake, served

HELLO = [{"role": "user", "content": "Hello."}]
TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object"}, "strict": False}
CALLS = [("call_1", "look_up", '{"id": "7"}'), ("call_2", "look_up", '{"id": "8"}')]


async def ask(fake: Fake, key: str = KEY, **request: Any) -> list[Any]:
    async with served(fake) as server:
        client = openai.AsyncOpenAI(api_key=key, base_url=server.url + "/v1", max_retries=0)
        given: dict[str, Any] = {"model": "gpt-5.2", "input": HELLO, "stream": True, **request}
        stream: Any = await client.responses.create(**given)
        async with client:
            return [event async for event in stream]


async def test_it_reads_text_and_usage() -> None:
    events = await ask(Fake())
    text = "".join(one.delta for one in events if one.type == "response.output_text.delta")
    assert text == "We are open until five."
    assert (events[-1].type, events[-1].response.usage.output_tokens) == ("response.completed", 7)


async def test_it_reads_thoughts_and_several_calls() -> None:
    done = [
        one.item for one in await ask(Fake(text="", calls=CALLS), tools=[TOOL]) if "item.done" in one.type
    ]
    assert done[0].encrypted_content == ENCRYPTED
    assert [(one.call_id, one.arguments) for one in done[1:]] == [(i, a) for i, _, a in CALLS]


async def test_it_reads_that_it_failed() -> None:
    (*_, last) = await ask(Fake(failed="server_error"))
    assert (last.type, last.response.error.code) == ("response.failed", "server_error")


@pytest.mark.parametrize(
    ("fake", "given", "raised"),
    [
        (Fake(), {"key": "sk-wrong"}, openai.AuthenticationError),
        (Fake(refusals=[too_many()]), {}, openai.RateLimitError),
        (Fake(refusals=[broken()]), {}, openai.InternalServerError),
        (
            Fake(),
            {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
            openai.BadRequestError,
        ),
    ],
)
async def test_it_knows_its_refusals(fake: Fake, given: dict[str, Any], raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await ask(fake, **given)
