"""Refusals read like class-validator's sentences, each with the path the client knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from offhook.schema import (
    Assistant,
    AssistantOverrides,
    Call,
    ControlMessage,
    CreateVapiPhoneNumberDTO,
    Model,
    Squad,
    document,
    sentences,
    validation_messages,
)
from offhook.schema.error_path import MOST_PARTS, Location, Place, locate
from tests.schema.parsing import Invalid, parse

MODELS = (
    "vapi, custom-llm, openai, anthropic, anthropic-bedrock, google, anyscale, cerebras, deep-seek, "
    "deepinfra, groq, inflection-ai, minimax, openrouter, perplexity-ai, together-ai, xai"
)
HOOKS = (
    "call.ending, call.timeElapsed, assistant.speech.interrupted, customer.speech.interrupted, "
    "customer.speech.timeout, model.response.timeout, assistant.transcriber.endpointedSpeechLowConfidence, "
    "session.created"
)


def refusal(kind: type[BaseModel], value: object) -> list[str]:
    with pytest.raises(Invalid) as raised:
        parse(kind, value)
    return raised.value.sentences


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"x": 1}, ["property x should not exist"]),
        ({"first_message": "Hello"}, ["property first_message should not exist"]),
        ({"server": {"uri": "x"}}, ["server.property uri should not exist"]),
        ({"name": "a" * 41}, ["name must be shorter than or equal to 40 characters"]),
        ({"name": 5}, ["name must be a string"]),
        (
            {"firstMessageInterruptionsEnabled": 1},
            ["firstMessageInterruptionsEnabled must be a boolean value"],
        ),
        (
            {"maxDurationSeconds": "600"},
            ["maxDurationSeconds must be a number conforming to the specified constraints"],
        ),
        ({"maxDurationSeconds": 9}, ["maxDurationSeconds must not be less than 10"]),
        ({"maxDurationSeconds": 43201}, ["maxDurationSeconds must not be greater than 43200"]),
        ({"endCallPhrases": "bye"}, ["endCallPhrases must be an array"]),
        (
            {"endCallPhrases": ["bye", "x"]},
            ["endCallPhrases.1 must be longer than or equal to 2 characters"],
        ),
        ({"metadata": []}, ["metadata must be an object"]),
        ({"server": "https://example.org"}, ["server must be an object"]),
        (
            {"firstMessageMode": "loud"},
            [
                "firstMessageMode must be one of the following values: assistant-speaks-first, "
                "assistant-speaks-first-with-model-generated-message, assistant-waits-for-user"
            ],
        ),
        ({"backgroundSound": "rain"}, ["backgroundSound must be off, office or a URL"]),
        ({"voice": {"provider": "azure"}}, ["voice.voiceId should not be empty"]),
        (
            {"model": {"provider": "hal", "model": "9000"}},
            [f"model.provider must be one of the following values: {MODELS}"],
        ),
        ({"model": {"model": "x"}}, [f"model.provider must be one of the following values: {MODELS}"]),
        ({"hooks": [{"on": "call.ending"}]}, ["hooks.0.do should not be empty"]),
        ({"hooks": [{"on": "tea", "do": []}]}, [f"hooks.0.on must be one of the following values: {HOOKS}"]),
        (
            {"hooks": [{"on": "customer.speech.timeout[", "do": []}]},
            [
                r"hooks.0.on must match /^customer\.speech\.timeout(\[[^\[\]]*\])?$/ regular expression",
            ],
        ),
    ],
)
def test_a_wrong_assistant_is_told_in_one_sentence(value: dict[str, Any], said: list[str]) -> None:
    assert refusal(Assistant, value) == said


def test_a_tag_that_is_also_a_property_is_no_part_of_the_path() -> None:
    """`fallbackDestination.number.number` is how pydantic would have it."""
    value = {"provider": "vapi", "fallbackDestination": {"type": "number", "number": "1", "nome": "x"}}

    assert refusal(CreateVapiPhoneNumberDTO, value) == [
        "fallbackDestination.number must be longer than or equal to 3 characters",
        "fallbackDestination.property nome should not exist",
    ]


def test_a_function_of_a_function_tool_keeps_its_name_in_the_path() -> None:
    value = {
        "model": {
            "provider": "openai",
            "model": "x",
            "tools": [{"type": "function", "function": {"name": "a b"}}],
        }
    }

    assert refusal(Assistant, value) == [
        "model.tools.0.function.name must match /^[a-zA-Z0-9_-]{1,64}$/ regular expression"
    ]


def test_depths_behind_a_forward_reference_are_told_too() -> None:
    inner = {
        "voice": {"provider": "azure", "voiceId": "emma", "fallbackPlan": {"voices": [{"provider": "hal"}]}}
    }
    value = {"members": [{"assistant": inner}]}

    (said,) = refusal(Squad, value)

    assert said.startswith(
        "members.0.assistant.voice.fallbackPlan.voices.0.provider must be one of the following values: vapi, "
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("on", "voicemailDetection must be one of the following values: off or an object"),
        (
            {"provider": "hal"},
            "voicemailDetection.provider must be one of the following values: vapi, google, openai, twilio",
        ),
        (
            {"provider": "vapi", "type": "x"},
            "voicemailDetection.type must be one of the following values: audio, transcript",
        ),
    ],
)
def test_of_a_union_only_the_member_that_was_meant_is_told(value: object, said: str) -> None:
    assert refusal(Assistant, {"voicemailDetection": value}) == [said]


def test_text_or_message_is_one_sentence_or_the_messages_own() -> None:
    def with_message(message: object) -> dict[str, Any]:
        return {
            "provider": "vapi",
            "fallbackDestination": {"type": "sip", "sipUri": "sip:a@b", "message": message},
        }

    assert refusal(CreateVapiPhoneNumberDTO, with_message(5)) == [
        "fallbackDestination.message must be a string or an object"
    ]
    assert refusal(
        CreateVapiPhoneNumberDTO, with_message({"type": "custom-message", "content": "a" * 1001})
    ) == ["fallbackDestination.message.content must be shorter than or equal to 1000 characters"]


def test_a_document_that_is_none_is_told() -> None:
    assert refusal(Assistant, []) == ["the document must be an object"]


def test_a_date_that_is_none_is_told() -> None:
    ids = {"id": "a", "orgId": "b", "createdAt": "yesterday", "updatedAt": "2026-11-23T10:00:00.000Z"}

    assert refusal(Call, ids) == ["createdAt must be a valid ISO 8601 date string"]


def test_a_union_as_the_whole_document_is_told() -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(ControlMessage).validate_python({"type": "control", "control": "sing"})

    assert sentences(raised.value, ControlMessage) == [
        "control must be one of the following values: mute-assistant, unmute-assistant, mute-customer, "
        "unmute-customer, say-first-message"
    ]


def test_many_mistakes_make_at_most_fifty_sentences_with_bounded_names() -> None:
    said = refusal(Assistant, {f"{number}{'x' * 1000}": 1 for number in range(1000)})

    assert len(said) == 50
    assert max(map(len, said)) < 200


def test_thousands_of_mistakes_are_not_written_out_one_by_one() -> None:
    for wrong in ({"hooks": [1] * 15_000}, {str(number): 1 for number in range(3_000)}):
        assert refusal(Assistant, wrong) == ["the document has more than 2000 mistakes"]


def test_mistakes_that_lie_deep_are_followed_as_far_as_there_is_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    followed: list[int] = []

    def counted(kind: Any, location: Location) -> Place:
        followed.append(len(location))
        return locate(kind, location)

    monkeypatch.setattr(validation_messages, "locate", counted)
    schema = nested(58, lambda inner: {"type": "array", "x": 1, "y": 2, "z": 3, "items": inner}, {})
    said = refusal(Assistant, {"analysisPlan": {"structuredDataPlan": {"schema": schema}}})
    assert 0 < len(said) <= 50
    assert sum(followed) <= MOST_PARTS


def nested(depth: int, wrap: Callable[[Any], Any], core: Any) -> Any:
    for _ in range(depth):
        core = wrap(core)
    return core


@pytest.mark.parametrize(
    "value",
    [
        {"metadata": nested(900, lambda inner: {"a": inner}, {})},
        {"metadata": {"a": nested(900, lambda inner: [inner], 1)}},
        nested(
            300,
            lambda inner: {
                "model": {
                    "provider": "vapi",
                    "tools": [
                        {"type": "handoff", "destinations": [{"type": "assistant", "assistant": inner}]}
                    ],
                }
            },
            {},
        ),
    ],
    ids=["object", "list", "assistants"],
)
def test_nesting_without_end_is_refused_in_a_short_sentence(value: dict[str, Any]) -> None:
    (said,) = refusal(Assistant, value)

    assert said.endswith("… must not be nested so deeply")
    assert len(said) < 250


def test_reasonable_nesting_is_kept() -> None:
    value = {"metadata": nested(60, lambda inner: {"a": [inner]}, {})}

    assert document(parse(Assistant, value)) == value


def test_no_object_of_the_api_takes_what_it_does_not_know() -> None:
    def kinds(model: type[BaseModel]) -> list[type[BaseModel]]:
        return [model, *(found for below in model.__subclasses__() for found in kinds(below))]

    ours = [kind for kind in kinds(Model) if kind.__module__.startswith("offhook.schema")]

    assert len(ours) > 200
    assert {(kind.model_config["extra"], kind.model_config["strict"]) for kind in ours} == {("forbid", True)}


def test_what_was_refused_is_not_in_the_sentences() -> None:
    """It may be a secret, and sentences are logged."""
    assert "12345678" not in str(refusal(Assistant, {"server": {"secret": 12345678}}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["provider", "type", "on", "do", "message", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
properties = st.sampled_from([info.alias for info in AssistantOverrides.model_fields.values()])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(properties, json_values, min_size=1, max_size=4))
def test_whatever_comes_is_kept_whole_or_refused_with_sentences(value: dict[str, Any]) -> None:
    said, kept = outcome(value)

    assert bool(said) != (kept is not None)
    assert all(any(name in sentence for name in value) for sentence in said)
    if kept is not None:
        assert repr({name: kept[name] for name in value}) == repr(value)
        assert kept.keys() == value.keys()


def outcome(value: dict[str, Any]) -> tuple[list[str], dict[str, Any] | None]:
    try:
        return [], document(parse(AssistantOverrides, value))
    except Invalid as refused:
        return refused.sentences, None
