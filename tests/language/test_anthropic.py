"""Anthropic's models, against a fake that Anthropic's own client takes for it."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.language.http_model import DECLINED
from offhook.language.language_model import Finished, Message, ModelError, ToolCall, ToolDefinition
from offhook.schema.calls.ended_reason import pipeline_error
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
from tests.language.vendor_talk import MESSAGES, SAID, TOOL, asking, called, results, talk, text_of

CALLS = (("toolu_1", "look_up", '{"id": "7"}'), ("toolu_2", "look_up", '{"id": "8"}'))
THINKING = {"type": "enabled", "budgetTokens": 1024}


def claude(model: str = "claude-sonnet-4-20250514", **more: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "model": model, **more}


ask = asking(served, claude(), KEY)


MODELS = [
    ("claude-3-opus-20240229", True),
    ("claude-3-7-sonnet-20250219", True),
    ("claude-opus-4-20250514", True),
    ("claude-sonnet-4-5-20250929", True),
    ("claude-haiku-4-5", True),
    ("claude-opus-4-6", True),
    ("claude-opus-4-7", False),
    ("claude-sonnet-5", False),
    ("claude-haiku-5-5", False),
    ("claude-fable-5-1", False),
    ("claude-of-tomorrow", False),
]


@pytest.mark.parametrize(("name", "older"), MODELS)
async def test_every_kind_of_model_answers(name: str, older: bool) -> None:
    fake = Fake()
    replies = await ask(fake, claude(name, temperature=2))
    assert text_of(replies) == SAID
    assert replies[-1] == Finished("stop", 12, 7)
    assert fake.asked[0].get("temperature") == (1 if older else None)
    assert fake.asked[0]["max_tokens"] == 250


@pytest.mark.parametrize(("name", "older"), MODELS[:-1])
async def test_every_kind_of_model_thinks_without_a_word_of_it(name: str, older: bool) -> None:
    fake = Fake(thought="They want to know. ")
    assert text_of(await ask(fake, claude(name, thinking=THINKING))) == SAID
    (body,) = fake.asked
    assert body["thinking"]["type"] == ("enabled" if older else "adaptive")
    assert body["max_tokens"] == 1024 + 250
    assert "temperature" not in body


async def test_a_limit_that_has_room_for_the_thoughts_stays() -> None:
    fake = Fake()
    await ask(fake, claude(thinking=THINKING, maxTokens=2000))
    assert fake.asked[0]["max_tokens"] == 2000


async def test_several_tool_calls_in_one_reply() -> None:
    replies = await ask(Fake(text="One moment.", calls=CALLS), tools=[TOOL])
    assert text_of(replies) == "One moment."
    assert [one for one in replies if isinstance(one, ToolCall)] == [
        ToolCall("toolu_1", "look_up", {"id": "7"}),
        ToolCall("toolu_2", "look_up", {"id": "8"}),
    ]
    assert replies[-1] == Finished("tool_calls", 12, 7)


@pytest.mark.parametrize("name", ["claude-sonnet-4-5", "claude-sonnet-5"])
async def test_thoughts_go_back_with_the_results_of_tools(name: str) -> None:
    fake = Fake(thought="Which one? ", calls=CALLS, text="")
    again = [*MESSAGES, called(*CALLS), *results(*CALLS)]
    await talk(served(fake), KEY, claude(name, thinking=THINKING), MESSAGES, again, tools=[TOOL])
    user, asked, answered = fake.asked[1]["messages"]
    assert user["role"] == "user"
    assert asked["content"][0] == {"type": "thinking", "thinking": "Which one? ", "signature": SIGNATURE}
    assert [one["type"] for one in asked["content"]] == ["thinking", "tool_use", "tool_use"]
    assert [one["content"] for one in answered["content"]] == ["toolu_1 is ready", "toolu_2 is ready"]


async def test_tools_that_another_model_has_called_are_gone_on_with_without_thoughts() -> None:
    fake = Fake()
    calls = (("call.1/x", "look_up", '{"id": "7"}'), ("call_2", "look_up", "no JSON"))
    messages = [*MESSAGES, called(*calls), *results(*calls)]
    assert text_of(await ask(fake, claude(thinking=THINKING), messages, [TOOL])) == SAID
    uses = fake.asked[0]["messages"][1]["content"]
    assert [(one["id"], one["input"]) for one in uses] == [("call_1_x", {"id": "7"}), ("call_2", {})]
    assert "thinking" not in fake.asked[0]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "Be brief."}],
        [{"role": "system", "content": " "}, {"role": "assistant", "content": "Hello, this is Ada."}],
        [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": ""}],
        [
            *MESSAGES,
            *MESSAGES,
            {"role": "assistant", "content": "Yes? "},
            {"role": "system", "content": "Be kind."},
        ],
        [*MESSAGES, called(*CALLS)],
        [*MESSAGES, called(*CALLS), *results(CALLS[1]), *MESSAGES, *results(("gone", "", ""))],
        [
            *MESSAGES,
            called(*CALLS, text="One moment."),
            *results(*CALLS),
            {"role": "assistant", "content": "Done."},
        ],
        [
            {"role": "user", "content": [{"type": "text", "text": "Hello."}]},
            {"role": "function", "content": "x"},
        ],
    ],
)
async def test_any_conversation_is_taken(messages: list[Message]) -> None:
    assert text_of(await ask(Fake(), messages=messages)) == SAID
    assert text_of(await ask(Fake(), messages=messages, tools=[TOOL])) == SAID


async def test_system_messages_stand_apart_and_the_conversation_is_cached() -> None:
    fake = Fake()
    system: list[Message] = [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "Be kind."},
    ]
    await ask(fake, messages=[*system, *MESSAGES])
    (body,) = fake.asked
    assert [one["text"] for one in body["system"]] == ["Be brief.", "Be kind."]
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}


async def test_a_tool_is_sent_as_the_owner_has_it() -> None:
    fake = Fake()
    strict = ToolDefinition("book", "Books.", {"properties": {}}, strict=True)
    await ask(fake, tools=[strict, TOOL])
    first, second = fake.asked[0]["tools"]
    schema = {"type": "object", "properties": {}}
    assert first == {"name": "book", "description": "Books.", "input_schema": schema, "strict": True}
    assert "strict" not in second


@pytest.mark.parametrize(
    ("reason", "finished"),
    [("max_tokens", "length"), ("stop_sequence", "stop"), ("pause_turn", "stop"), ("of_tomorrow", "stop")],
)
async def test_each_reason_to_stop(reason: str, finished: str) -> None:
    assert (await ask(Fake(reason=reason)))[-1] == Finished(finished, 12, 7)  # type: ignore[arg-type]


async def test_a_model_that_declines_says_so_and_the_call_goes_on() -> None:
    assert text_of(await ask(Fake(text="", reason="refusal"))) == DECLINED
    assert text_of(await ask(Fake(text="We are", reason="refusal"))) == "We are"


async def failure(fake: Fake, name: str = "claude-sonnet-5", key: str = KEY) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(fake, claude(name), key=key)
    assert KEY not in str(caught.value)
    return caught.value


async def test_each_refusal_has_its_reason() -> None:
    for error, reason in (
        (await failure(Fake(), key="sk-ant-wrong"), "401-unauthorized"),
        (await failure(Fake(refusals=[forbidden()])), "403-model-access-denied"),
        (await failure(Fake(refusals=[too_many()])), "429-exceeded-quota"),
        (await failure(Fake(refusals=[spent()])), "429-exceeded-quota"),
        (await failure(Fake(refusals=[broken()] * 2)), "500-server-error"),
        (await failure(Fake(refusals=[overloaded()] * 2)), "503-server-overloaded-error"),
        (await failure(Fake(error_after=3)), "503-server-overloaded-error"),
        (await failure(Fake(error_after=5, error="api_error")), "500-server-error"),
        (await failure(Fake(error_after=5, error="of_tomorrow")), "llm-failed"),
        (await failure(Fake(breaks=6)), "llm-failed"),
    ):
        assert pipeline_error(error.provider, error.suffix) == f"pipeline-error-anthropic-{reason}"


async def test_the_vendors_word_for_a_model_that_it_does_not_have_is_told() -> None:
    assert "claude-gone" in (await failure(Fake(), "claude-gone")).detail


@pytest.mark.parametrize(
    "fake",
    [
        Fake(refusals=[too_many(Retry_After="0.1")]),
        Fake(refusals=[overloaded()]),
        Fake(error_after=1, errors=1),
        Fake(error_after=1, errors=1, error="api_error"),
    ],
    ids=["too many", "overloaded", "overloaded in its answer", "broken in its answer"],
)
async def test_what_heals_in_a_moment_is_tried_once_more(fake: Fake) -> None:
    assert text_of(await ask(fake)) == SAID
    assert len(fake.asked) == 2


async def test_half_an_answer_is_not_asked_for_again() -> None:
    fake = Fake(error_after=6, errors=1)
    await failure(fake)
    assert len(fake.asked) == 1


async def test_the_next_of_the_fallback_models_answers_in_the_same_turn() -> None:
    fake = Fake()
    assert text_of(await ask(fake, claude("claude-gone", fallbackModels=["claude-opus-4-6"]))) == SAID
    assert [body["model"] for body in fake.asked] == ["claude-gone", "claude-opus-4-6"]
