"""OpenAI and the vendors of its shape, against a fake that OpenAI's own client takes for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from offhook.engines.vendors import VENDORS
from offhook.language.language_model import (
    Finished,
    Message,
    ModelError,
    Reply,
    Text,
    ToolCall,
    ToolDefinition,
)
from offhook.language.providers.openai import SHAPES
from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account
from tests.engines.making import assistant_with, model_of, registry_of
from tests.fakes.openai_chat import KEY, Fake, broken, served, spent, too_many
from tests.language.test_openai import event, stream
from tests.speech.servers import http_server, outside

MESSAGES: list[Message] = [{"role": "user", "content": "Hello."}]
TOOL = ToolDefinition("look_up", "Looks up.", {"type": "object", "properties": {"id": {"type": "string"}}})
SAID = "We are open until five."


async def ask(
    fake: Fake,
    settings: Mapping[str, Any],
    tools: Sequence[ToolDefinition] = (),
    messages: Sequence[Message] = MESSAGES,
    key: str = KEY,
) -> list[Reply]:
    """Asks as if the fake were at the vendor's own address."""
    provider = str(settings["provider"])
    async with served(fake) as server, outside() as reach:
        here = replace(SHAPES[provider], url=server.url + "/v1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("offhook.language.providers.openai.SHAPES", {**SHAPES, provider: here})
            accounts: dict[str, Any] = {provider: Account(key)}
            made = await model_of(reach, settings, **accounts)
            await made.start()
            try:
                return [reply async for reply in made.respond(messages, tools)]
            finally:
                await made.close()


def openai(model: str, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "model": model, **more}


def text_of(replies: Sequence[Reply]) -> str:
    return "".join(one.text for one in replies if isinstance(one, Text))


@pytest.mark.parametrize(
    "name", ["gpt-4o", "gpt-4.1-mini", "gpt-5", "gpt-5.1", "gpt-6.1-sol", "o3", "o4-mini"]
)
async def test_every_kind_of_model_answers(name: str) -> None:
    replies = await ask(Fake(), openai(name))
    assert text_of(replies) == SAID
    assert replies[-1] == Finished("stop", 12, 7)


@pytest.mark.parametrize("tools", [(), (TOOL,)])
@pytest.mark.parametrize("effort", ["none", "low", "high"])
@pytest.mark.parametrize("name", ["gpt-5.1", "gpt-6.1-sol", "o3"])
async def test_an_effort_is_sent_where_it_is_taken(
    name: str, effort: str, tools: Sequence[ToolDefinition]
) -> None:
    fake = Fake()
    assert text_of(await ask(fake, openai(name, reasoningEffort=effort), tools)) == SAID
    assert fake.asked[0]["reasoning_effort"] == effort


@pytest.mark.parametrize("name", ["gpt-5-mini", "o3", "gpt-5.1"])
async def test_a_model_that_reasons_does_so_behind_a_gateway_too(name: str) -> None:
    fake = Fake()
    async with served(fake) as server, outside() as reach:
        made = await model_of(reach, openai(name, maxTokens=300), openai=Account(KEY, server.url + "/v1"))
        assert text_of([reply async for reply in made.respond(MESSAGES, [TOOL])]) == SAID
    assert fake.asked[0]["max_completion_tokens"] == 300
    assert "temperature" not in fake.asked[0]


async def test_what_the_owner_has_set_is_sent() -> None:
    fake = Fake()
    more = {"promptCacheKey": "clinic", "promptCacheRetention": "24h", "maxTokens": 60, "temperature": 0}
    await ask(fake, openai("gpt-4o", **more))
    (body,) = fake.asked
    assert (body["prompt_cache_key"], body["prompt_cache_retention"]) == ("clinic", "24h")
    assert (body["max_completion_tokens"], body["temperature"]) == (60, 0)


@pytest.mark.parametrize(
    ("written", "asked"),
    [("gpt-4o", "gpt-4o"), ("gpt-4o:eastus2", "gpt-4o"), ("ft:gpt-4o:acme::x1", "ft:gpt-4o:acme::x1")],
)
async def test_a_region_of_the_originals_is_no_part_of_the_name(written: str, asked: str) -> None:
    fake = Fake()
    await ask(fake, openai(written))
    assert fake.asked[0]["model"] == asked


async def test_several_tool_calls_and_their_answers() -> None:
    calls = [("call_1", "look_up", '{"id": "7"}'), ("call_2", "look_up", '{"id": "8"}')]
    fake = Fake(text="One moment.", calls=calls)
    replies = await ask(fake, openai("gpt-4o"), [TOOL])
    assert [one for one in replies if isinstance(one, ToolCall)] == [
        ToolCall("call_1", "look_up", {"id": "7"}),
        ToolCall("call_2", "look_up", {"id": "8"}),
    ]
    wire = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    answers: list[Message] = [{"role": "tool", "tool_call_id": i, "content": "ok"} for i, _, _ in calls]
    messages: list[Message] = [
        *MESSAGES,
        {"role": "assistant", "content": None, "tool_calls": wire},
        *answers,
    ]
    assert text_of(await ask(Fake(), openai("gpt-4o"), [TOOL], messages)) == SAID


async def test_thoughts_are_not_said() -> None:
    for fake in (Fake(thought="They want to know."), Fake(text=f"<think>They want to know.</think>{SAID}")):
        assert text_of(await ask(fake, {"provider": "deep-seek", "model": "deepseek-reasoner"})) == SAID


async def failure(fake: Fake, name: str = "gpt-4o", provider: str = "openai", **more: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(fake, {"provider": provider, "model": name}, **more)
    assert KEY not in str(caught.value)
    return caught.value


async def test_each_refusal_has_its_reason() -> None:
    for error, reason in (
        (await failure(Fake(), key="sk-wrong"), "openai-401-unauthorized"),
        (await failure(Fake(refusals=[too_many()])), "openai-429-rate-limit-reached"),
        (await failure(Fake(refusals=[spent()])), "openai-429-exceeded-quota"),
        (await failure(Fake(refusals=[too_many()]), "llama", "groq"), "groq-429-exceeded-quota"),
        (await failure(Fake(refusals=[broken()] * 2)), "openai-500-server-error"),
        (await failure(Fake(breaks=3)), "openai-llm-failed"),
        (await failure(Fake(error_after=3)), "openai-llm-failed"),
    ):
        assert pipeline_error(error.provider, error.suffix) == f"pipeline-error-{reason}"


async def test_the_vendors_word_for_a_model_that_it_does_not_have_is_told() -> None:
    assert "gpt-gone" in (await failure(Fake(), "gpt-gone")).detail


@pytest.mark.parametrize(
    "refusal",
    [too_many(Retry_After="0.2"), too_many(retry_after_ms="50"), broken()],
    ids=["seconds", "milliseconds", "broken"],
)
async def test_what_heals_in_a_moment_is_tried_once_more(refusal: Any) -> None:
    fake = Fake(refusals=[refusal])
    assert text_of(await ask(fake, openai("gpt-4o"))) == SAID
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        too_many(Retry_After="30"),
        too_many(Retry_After="nan"),
        too_many(Retry_After="soon"),
        too_many(Retry_After="-1"),
        too_many(),
        spent(),
    ],
)
async def test_what_does_not_is_told_at_once(refusal: Any) -> None:
    fake = Fake(refusals=[refusal])
    await failure(fake)
    assert len(fake.asked) == 1


async def test_half_an_answer_is_not_asked_for_again() -> None:
    fake = Fake(breaks=4)
    await failure(fake)
    assert len(fake.asked) == 1


async def test_the_next_of_the_fallback_models_answers_in_the_same_turn() -> None:
    fake = Fake()
    replies = await ask(fake, openai("gpt-gone", fallbackModels=["gpt-5-mini"]))
    assert text_of(replies) == SAID
    assert [body["model"] for body in fake.asked] == ["gpt-gone", "gpt-5-mini"]


@pytest.mark.parametrize("provider", [name for name in SHAPES if name != "openai"])
async def test_each_vendor_of_the_shape(provider: str) -> None:
    fake = Fake(text=SAID)
    extra = SHAPES[provider].extra
    if extra:  # the fake is OpenAI's, which knows nothing of it
        with pytest.raises(ModelError, match="reasoning_split"):
            await ask(fake, {"provider": provider, "model": "m"})
        assert fake.asked[0]["reasoning_split"] is True
        return
    assert text_of(await ask(fake, {"provider": provider, "model": "m"})) == SAID
    assert SHAPES[provider].limit in fake.asked[0]


def test_the_table_is_of_vendors_that_are_served() -> None:
    for provider, shape in SHAPES.items():
        assert VENDORS[provider].model == "offhook.language.providers.openai"
        assert shape.url.startswith("https://")


async def test_minimax_says_no_with_status_200() -> None:
    refused = event({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}})
    async with http_server(stream(refused)) as server, outside() as reach:
        node = Account(KEY, server.url)
        made = await model_of(reach, {"provider": "minimax", "model": "MiniMax-M2"}, minimax=node)
        with pytest.raises(ModelError, match="insufficient balance"):
            await anext(made.respond(MESSAGES, ()))


@pytest.mark.parametrize(("name", "limit"), [("gpt-4o", 250), ("gpt-5-mini", None), ("o3", None)])
async def test_what_is_thought_does_not_count_where_the_owner_sets_no_limit(
    name: str, limit: int | None
) -> None:
    fake = Fake()
    await ask(fake, openai(name))
    await ask(fake, openai(name, maxTokens=300))
    assert [body.get("max_completion_tokens") for body in fake.asked] == [limit, 300]


async def test_one_that_wants_turns_is_given_them() -> None:
    fake = Fake()
    messages: list[Message] = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Hello, this is Ada."},
        *MESSAGES,
        *MESSAGES,
        {"role": "assistant", "content": "Yes?"},
    ]
    settings = {"provider": "perplexity-ai", "model": "sonar"}
    async with served(fake) as server, outside() as reach:
        here = replace(SHAPES["perplexity-ai"], url=server.url + "/v1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("offhook.language.providers.openai.SHAPES", {**SHAPES, "perplexity-ai": here})
            accounts: dict[str, Any] = {"perplexity-ai": Account(KEY)}
            made = await model_of(reach, settings, **accounts)
            assert text_of([reply async for reply in made.respond(messages, ())]) == SAID
    roles = [one["role"] for one in fake.asked[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert all(one["content"] for one in fake.asked[0]["messages"])


async def azure(
    fake: Fake, model: str, models: Sequence[str], credentials: Sequence[str] = ("azure-openai",)
) -> list[Reply]:
    async with served(fake) as server, outside() as reach:
        kept: dict[str, dict[str, Any]] = {
            "openai": {"provider": "openai", "apiKey": "sk-org-12345"},
            "azure-openai": {
                "provider": "azure-openai",
                "region": "eastus",
                "models": list(models),
                "openAIKey": KEY,
                "openAIEndpoint": server.url,
            },
        }

        async def stored(provider: str) -> dict[str, dict[str, Any]]:
            return {"c1": kept[provider]} if provider in credentials else {}

        made = await registry_of(reach).model(assistant_with(model=openai(model)), stored)
        return [reply async for reply in made.respond(MESSAGES, ())]


@pytest.mark.parametrize("written", ["gpt-4o-2024-08-06", "gpt-4o-2024-08-06:eastus"])
async def test_a_credential_of_azure_is_used_for_the_models_that_it_names(written: str) -> None:
    fake = Fake()
    for credentials in (("azure-openai",), ("azure-openai", "openai")):
        assert text_of(await azure(fake, written, ["gpt-4o-2024-08-06"], credentials)) == SAID
    assert "max_tokens" in fake.asked[0]
    with pytest.raises(EngineError, match="OFFHOOK_OPENAI_API_KEY"):
        await azure(fake, "gpt-4.1", ["gpt-4o-2024-08-06"])


async def test_azures_refusals_have_azures_name() -> None:
    with pytest.raises(ModelError) as caught:
        await azure(Fake(refusals=[too_many()]), "gpt-5-mini", ["gpt-5-mini"])
    reason = pipeline_error(caught.value.provider, caught.value.suffix)
    assert reason == "pipeline-error-azure-openai-429-exceeded-quota"
