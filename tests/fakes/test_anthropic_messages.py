"""Anthropic's own client against the fake: what it takes for Anthropic, ours may be tested with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anthropic
import pytest

from tests.fakes.anthropic_messages import (
    KEY,
    SIGNATURE,
    Fake,
    broken,
    forbidden,
    overloaded,
    served,
    spent,
    too_many,
)

HELLO = [{"role": "user", "content": "Hello."}]
TOOL = {"name": "look_up", "input_schema": {"type": "object"}}
CALLS = [("toolu_1", "look_up", '{"id": "7"}'), ("toolu_2", "look_up", '{"id": "8"}')]


async def ask(fake: Fake, key: str = KEY, **request: Any) -> Any:
    async with served(fake) as server:
        client = anthropic.AsyncAnthropic(api_key=key, base_url=server.url, max_retries=0)
        given: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": HELLO, **request}
        async with client, client.messages.stream(**given) as stream:
            return await stream.get_final_message()


async def test_it_reads_text_and_usage() -> None:
    message = await ask(Fake())
    assert message.content[0].text == "We are open until five."
    assert (message.stop_reason, message.usage.cache_read_input_tokens) == ("end_turn", 3)
    assert message.usage.output_tokens == 7


async def test_it_reads_thoughts_and_several_tool_calls() -> None:
    message = await ask(Fake(text="", thought="Which one? ", calls=CALLS), tools=[TOOL])
    assert message.content[0].signature == SIGNATURE
    assert [one.input for one in message.content[1:]] == [{"id": "7"}, {"id": "8"}]
    assert message.stop_reason == "tool_use"


async def test_it_sends_results_as_the_fake_wants_them() -> None:
    use = [{"type": "tool_use", "id": i, "name": n, "input": {}} for i, n, _ in CALLS]
    results = [{"type": "tool_result", "tool_use_id": i, "content": "ok"} for i, _, _ in CALLS]
    messages = [*HELLO, {"role": "assistant", "content": use}, {"role": "user", "content": results}]
    assert (await ask(Fake(), messages=messages, tools=[TOOL])).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="tool_result"):
        await ask(Fake(), messages=[*messages[:2], *HELLO], tools=[TOOL])


@pytest.mark.parametrize(
    ("fake", "given", "raised"),
    [
        (Fake(), {"key": "sk-wrong"}, anthropic.AuthenticationError),
        (Fake(), {"model": "claude-gone"}, anthropic.NotFoundError),
        (Fake(), {"extra_body": {"temperature": 0.5}}, anthropic.BadRequestError),
        (Fake(), {"thinking": {"type": "enabled", "budget_tokens": 1024}}, anthropic.BadRequestError),
        (
            Fake(),
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            anthropic.APIError,
        ),
        (Fake(refusals=[too_many()]), {}, anthropic.RateLimitError),
        (Fake(refusals=[spent()]), {}, anthropic.BadRequestError),
        (Fake(refusals=[broken()]), {}, anthropic.InternalServerError),
        (Fake(refusals=[overloaded()]), {}, anthropic.OverloadedError),
        (Fake(refusals=[forbidden()]), {}, anthropic.PermissionDeniedError),
        (Fake(error_after=3), {}, anthropic.APIError),
    ],
)
async def test_it_knows_its_refusals(fake: Fake, given: Mapping[str, Any], raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await ask(fake, **given)
