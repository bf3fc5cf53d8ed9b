"""Google's models, against a fake that Google's own client takes for it."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.language.http_model import DECLINED
from offhook.language.language_model import Finished, Message, ModelError, ToolCall
from offhook.language.providers.google import ROOM_FOR_THOUGHTS
from offhook.schema.calls.ended_reason import pipeline_error
from offhook.speech.engine_request import Account
from tests.engines.making import model_of
from tests.fakes.gemini import KEY, SIGNATURE, Fake, broken, forbidden, overloaded, served, too_many
from tests.language.vendor_talk import MESSAGES, SAID, TOOL, asking, called, results, text_of
from tests.speech.servers import outside

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("", "look_up", {"id": "7"}),
    ("fc_2", "look_up", {"id": "8"}),
]
USAGE = (12, 7)


def gemini(model: str = "gemini-2.5-flash", **more: Any) -> dict[str, Any]:
    return {"provider": "google", "model": model, **more}


ask = asking(served, gemini(), KEY)


@pytest.mark.parametrize(
    ("name", "thinking", "room"),
    [
        ("gemini-1.5-pro", None, 0),
        ("gemini-2.0-flash", None, 0),
        ("gemini-2.5-flash", {"thinkingBudget": 0}, 0),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 0}, 0),
        ("gemini-2.5-pro", {"thinkingBudget": 128}, ROOM_FOR_THOUGHTS),
        ("models/gemini-3-flash-preview", {"thinkingLevel": "low"}, ROOM_FOR_THOUGHTS),
        ("gemini-3.1-pro-preview", {"thinkingLevel": "low"}, ROOM_FOR_THOUGHTS),
        ("gemini-flash-latest", None, 0),
    ],
)
async def test_every_kind_of_model_answers_and_thinks_little(name: str, thinking: object, room: int) -> None:
    fake = Fake(thought="They want to know.")
    replies = await ask(fake, gemini(name, temperature=1.5))
    assert text_of(replies) == SAID
    assert replies[-1] == Finished("stop", *USAGE)
    config = fake.asked[0]["generationConfig"]
    assert config.get("thinkingConfig") == thinking
    assert (config["maxOutputTokens"], config["temperature"]) == (250 + room, 1.5)


async def test_several_function_calls_in_one_reply() -> None:
    replies = await ask(Fake(text="One moment.", calls=CALLS), tools=[TOOL])
    first, second = (one for one in replies if isinstance(one, ToolCall))
    assert (first.name, first.arguments, second) == (
        "look_up",
        {"id": "7"},
        ToolCall("fc_2", "look_up", {"id": "8"}),
    )
    assert first.id != second.id
    assert replies[-1] == Finished("tool_calls", *USAGE)


async def test_two_answers_have_no_call_of_one_id() -> None:
    ids = []
    for _ in range(2):
        ids += [one.id for one in await ask(Fake(calls=CALLS[:1]), tools=[TOOL]) if isinstance(one, ToolCall)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("name", ["gemini-2.5-flash", "gemini-3-flash-preview"])
async def test_signatures_and_ids_go_back_as_they_came(name: str) -> None:
    fake = Fake(text="", calls=CALLS)
    async with served(fake) as server, outside() as reach:
        made = await model_of(reach, gemini(name), google=Account(KEY, server.url))
        calls = [one async for one in made.respond(MESSAGES, [TOOL]) if isinstance(one, ToolCall)]
        wire = [(one.id, one.name, '{"id": "x"}') for one in calls]
        fake.calls, fake.text = (), SAID
        again: list[Message] = [
            *MESSAGES,
            called(*wire),
            *results(*wire),
            {"role": "user", "content": "Well?"},
        ]
        assert text_of([one async for one in made.respond(again, [TOOL])]) == SAID
    _, asked, answered, user = fake.asked[1]["contents"]
    first, second = asked["parts"]
    assert first == {"functionCall": {"name": "look_up", "args": {"id": "7"}}, "thoughtSignature": SIGNATURE}
    assert second == {"functionCall": {"id": "fc_2", "name": "look_up", "args": {"id": "8"}}}
    responses = [one["functionResponse"] for one in answered["parts"]]
    assert [one.get("id") for one in responses] == [None, "fc_2"]
    assert responses[0]["response"] == {"result": f"{calls[0].id} is ready"}
    assert user["parts"] == [{"text": "Well?"}]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "Be brief."}],
        [{"role": "system", "content": " "}, {"role": "assistant", "content": "Hello, this is Ada."}],
        [
            *MESSAGES,
            *MESSAGES,
            {"role": "assistant", "content": "Yes? "},
            {"role": "system", "content": "Go."},
        ],
        [*MESSAGES, called(("c1", "look_up", "{}"), ("c2", "look_up", "no JSON"), text="Wait.")],
        [*MESSAGES, called(("c1", "look_up", "{}")), *MESSAGES, *results(("gone", "", ""))],
        [
            {"role": "user", "content": [{"type": "text", "text": "Hi."}]},
            {"role": "function", "content": "x"},
        ],
    ],
)
@pytest.mark.parametrize("name", ["gemini-2.5-flash", "gemini-3-flash-preview"])
async def test_any_conversation_is_taken(name: str, messages: list[Message]) -> None:
    assert text_of(await ask(Fake(), gemini(name), messages, [TOOL])) == SAID


async def test_system_messages_and_tools_stand_apart() -> None:
    fake = Fake()
    await ask(fake, messages=[{"role": "system", "content": "Be brief."}, *MESSAGES], tools=[TOOL])
    (body,) = fake.asked
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello."}]}]
    (function,) = body["tools"][0]["functionDeclarations"]
    assert function == {
        "name": "look_up",
        "description": "Looks up.",
        "parametersJsonSchema": TOOL.parameters,
    }


@pytest.mark.parametrize(
    "fake",
    [
        Fake(text="", reason="SAFETY"),
        Fake(text="", reason="PROHIBITED_CONTENT"),
        Fake(text="", reason="RECITATION"),
        Fake(blocked="SAFETY"),
        Fake(blocked="OTHER"),
    ],
)
async def test_a_model_that_declines_says_so_and_the_call_goes_on(fake: Fake) -> None:
    replies = await ask(fake)
    assert text_of(replies) == DECLINED
    assert isinstance(replies[-1], Finished)


async def test_what_was_said_before_a_model_declined_stands() -> None:
    assert text_of(await ask(Fake(reason="SAFETY"))) == SAID


async def test_an_answer_that_is_too_long_is_said_to_be() -> None:
    assert (await ask(Fake(reason="MAX_TOKENS")))[-1] == Finished("length", *USAGE)


async def failure(fake: Fake, name: str = "gemini-2.5-flash", key: str = KEY) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await ask(fake, gemini(name), key=key)
    assert KEY not in str(caught.value)
    return caught.value


async def test_each_refusal_has_its_reason() -> None:
    for error, reason in (
        (await failure(Fake(), key="AIzaWrong123"), "401-unauthorized"),
        (await failure(Fake(refusals=[forbidden()])), "403-model-access-denied"),
        (await failure(Fake(refusals=[too_many()])), "429-exceeded-quota"),
        (await failure(Fake(refusals=[too_many(40)])), "429-exceeded-quota"),
        (await failure(Fake(refusals=[broken()] * 2)), "500-server-error"),
        (await failure(Fake(refusals=[overloaded()] * 2)), "503-server-overloaded-error"),
        (await failure(Fake(error_after=1)), "503-server-overloaded-error"),
        (await failure(Fake(text="", reason="MALFORMED_FUNCTION_CALL")), "500-server-error"),
        (await failure(Fake(breaks=2)), "llm-failed"),
    ):
        assert pipeline_error(error.provider, error.suffix) == f"pipeline-error-google-{reason}"


async def test_the_vendors_word_for_a_model_that_it_does_not_have_is_told() -> None:
    assert "gemini-gone" in (await failure(Fake(), "gemini-gone")).detail


@pytest.mark.parametrize(
    "fake",
    [
        Fake(refusals=[too_many(0.1)]),
        Fake(refusals=[overloaded()]),
        Fake(error_after=0, errors=1),
        Fake(breaks=None, reason="STOP", refusals=[broken()]),
    ],
    ids=["too many", "overloaded", "overloaded in its answer", "broken"],
)
async def test_what_heals_in_a_moment_is_tried_once_more(fake: Fake) -> None:
    assert text_of(await ask(fake)) == SAID
    assert len(fake.asked) == 2


async def test_a_call_that_the_model_got_wrong_is_asked_for_again() -> None:
    fake = Fake(text="", calls=CALLS[:1], reason="STOP")
    wrong = Fake(text="", reason="MALFORMED_FUNCTION_CALL", reasons=1)
    assert isinstance((await ask(fake, tools=[TOOL]))[0], ToolCall)
    assert (await ask(wrong))[-1] == Finished("stop", *USAGE)
    assert len(wrong.asked) == 2


@pytest.mark.parametrize("end", ["", "/", "/v1beta", "/v1", "/v1beta/models/"])
async def test_an_address_may_name_the_version(end: str) -> None:
    fake = Fake()
    async with served(fake) as server, outside() as reach:
        made = await model_of(reach, gemini(), google=Account(KEY, server.url + end))
        assert text_of([one async for one in made.respond(MESSAGES, ())]) == SAID
    version = "v1" if end == "/v1" else "v1beta"
    assert server.requests[0].path == f"/{version}/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
