"""Google's own client against the fake: what it takes for Google, ours may be tested with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.fakes.gemini import KEY, Fake, broken, forbidden, overloaded, served, too_many

CALLS = [("", "look_up", {"id": "7"}), ("fc_2", "look_up", {"id": "8"})]


async def ask(
    fake: Fake, key: str = KEY, model: str = "gemini-2.5-flash", contents: Any = "Hello.", **config: Any
) -> list[types.GenerateContentResponse]:
    async with served(fake) as server:
        options = types.HttpOptions(base_url=server.url)
        client = genai.Client(api_key=key, http_options=options, vertexai=False)
        given = types.GenerateContentConfig(**config)
        stream = await client.aio.models.generate_content_stream(model=model, contents=contents, config=given)
        chunks = [chunk async for chunk in stream]
        await client.aio.aclose()
        return chunks


def parts(chunks: list[types.GenerateContentResponse]) -> list[types.Part]:
    return [
        part
        for chunk in chunks
        for candidate in chunk.candidates or ()
        for part in (candidate.content and candidate.content.parts) or ()
    ]


async def test_it_reads_text_and_usage() -> None:
    chunks = await ask(Fake())
    assert "".join(one.text or "" for one in parts(chunks)) == "We are open until five."
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (12, 5, 2)


async def test_it_reads_thoughts_and_several_function_calls() -> None:
    function = types.FunctionDeclaration(name="look_up", parameters_json_schema={"type": "object"})
    tool = types.Tool(function_declarations=[function])
    found = parts(await ask(Fake(text="", thought="Which one?", calls=CALLS), tools=[tool]))
    assert found[0].thought
    calls = [one.function_call for one in found if one.function_call]
    assert [(one.id, one.name, one.args) for one in calls] == [
        (None, "look_up", {"id": "7"}),
        ("fc_2", "look_up", {"id": "8"}),
    ]
    assert found[1].thought_signature == b"signed"


async def test_it_sends_results_as_the_fake_wants_them() -> None:
    call = types.Part(function_call=types.FunctionCall(name="look_up", args={}))
    call.thought_signature = b"signed"
    result = types.Part(function_response=types.FunctionResponse(name="look_up", response={"result": "ok"}))
    hello = types.UserContent("Hello.")
    contents = [hello, types.ModelContent([call]), types.UserContent([result])]
    assert parts(await ask(Fake(), model="gemini-3-flash", contents=contents))
    with pytest.raises(errors.ClientError, match="function response parts"):
        await ask(Fake(), contents=[*contents[:2], hello])


async def test_it_reads_that_the_prompt_is_blocked() -> None:
    (chunk,) = await ask(Fake(blocked="PROHIBITED_CONTENT"))
    assert chunk.prompt_feedback is not None
    assert chunk.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


UNTHINKING = types.ThinkingConfig(thinking_budget=0)


@pytest.mark.parametrize(
    ("fake", "given", "code"),
    [
        (Fake(), {"key": "AIzaWrong"}, 400),
        (Fake(), {"model": "gemini-gone"}, 404),
        (
            Fake(),
            {"model": "gemini-2.5-pro", "thinking_config": UNTHINKING},
            400,
        ),
        (Fake(refusals=[too_many(2)]), {}, 429),
        (Fake(refusals=[forbidden()]), {}, 403),
        (Fake(refusals=[broken()]), {}, 500),
        (Fake(refusals=[overloaded()]), {}, 503),
        (Fake(error_after=3), {}, 503),
    ],
)
async def test_it_knows_its_refusals(fake: Fake, given: Mapping[str, Any], code: int) -> None:
    with pytest.raises(errors.APIError) as caught:
        await ask(fake, **given)
    assert caught.value.code == code
