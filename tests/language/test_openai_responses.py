"""OpenAI's models with tools and an effort, which only its Responses API takes together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from offhook.language.language_model import Finished, Message, ModelError, Reply, ToolCall, ToolDefinition
from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_request import Account
from tests.engines.making import model_of
from tests.fakes.openai_chat import KEY, broken, spent, too_many
from tests.fakes.openai_responses import ENCRYPTED, Fake, served
from tests.language.vendor_talk import MESSAGES, SAID, TOOL, called, results, text_of
from tests.speech.servers import outside

CALLS = (("call_1", "look_up", '{"id": "7"}'), ("call_2", "look_up", '{"id": "8"}'))


async def talk(
    fake: Fake, *asked: Sequence[Message], tools: Sequence[ToolDefinition] = (TOOL,), **more: Any
) -> list[list[Reply]]:
    settings = {"provider": "openai", "model": "gpt-5.2", "reasoningEffort": "low", **more}
    async with served(fake) as server, outside() as reach:
        made = await model_of(reach, settings, openai=Account(KEY, server.url + "/v1"))
        return [[one async for one in made.respond(messages, tools)] for messages in asked or (MESSAGES,)]


@pytest.mark.parametrize("name", ["gpt-5.2", "gpt-5.4-mini", "gpt-5.6"])
@pytest.mark.parametrize("tools", [(), (TOOL,)])
async def test_it_thinks_beside_its_tools(name: str, tools: Sequence[ToolDefinition]) -> None:
    fake = Fake()
    (replies,) = await talk(fake, tools=tools, model=name)
    assert text_of(replies) == SAID
    assert replies[-1] == Finished("stop", 12, 7)
    (body,) = fake.asked
    assert (body["model"], body["reasoning"], body["store"]) == (name, {"effort": "low"}, False)
    assert "max_output_tokens" not in body


async def test_what_the_owner_has_set_is_sent() -> None:
    fake = Fake()
    strict = ToolDefinition("book", "Books.", {"type": "object"}, strict=True)
    await talk(fake, tools=[strict, TOOL], maxTokens=300, promptCacheKey="clinic")
    (body,) = fake.asked
    assert (body["max_output_tokens"], body["prompt_cache_key"]) == (300, "clinic")
    assert [tool["strict"] for tool in body["tools"]] == [True, False]


async def test_thoughts_go_back_with_the_results_of_tools() -> None:
    fake = Fake(text="", calls=CALLS)
    again = [*MESSAGES, called(*CALLS, text="Wait."), *results(*CALLS)]
    first, _ = await talk(fake, MESSAGES, again)
    assert [one for one in first if isinstance(one, ToolCall)] == [
        ToolCall("call_1", "look_up", {"id": "7"}),
        ToolCall("call_2", "look_up", {"id": "8"}),
    ]
    assert first[-1] == Finished("tool_calls", 12, 7)
    user, said, thought, *calls = fake.asked[1]["input"]
    assert (user["content"], said["content"]) == ("Hello.", "Wait.")
    assert thought["encrypted_content"] == ENCRYPTED
    assert [one["type"] for one in calls] == ["function_call"] * 2 + ["function_call_output"] * 2


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        (Fake(refusals=[too_many()]), "429-rate-limit-reached"),
        (Fake(refusals=[spent()]), "429-exceeded-quota"),
        (Fake(refusals=[broken()] * 2), "500-server-error"),
        (Fake(text="", failed="server_error"), "500-server-error"),
        (Fake(text="", failed="content_policy"), "llm-failed"),
        (Fake(breaks=5), "llm-failed"),
    ],
)
async def test_each_refusal_has_its_reason(fake: Fake, reason: str) -> None:
    with pytest.raises(ModelError) as caught:
        await talk(fake)
    made = pipeline_error(caught.value.provider, caught.value.suffix)
    assert made == f"pipeline-error-openai-{reason}"


async def test_an_answer_that_is_too_long_is_said_to_be() -> None:
    ((*_, last),) = await talk(Fake(state="incomplete"))
    assert last == Finished("length", 12, 7)
