"""What was given is what is kept: a parsed document dumps to the one it was parsed from."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from offhook.schema import Assistant, AssistantOverrides, Call, VapiPhoneNumber, document
from offhook.schema.assistants.hook import Hook
from offhook.schema.assistants.model import AnyModel
from offhook.schema.assistants.transcriber import AnyTranscriber
from offhook.schema.assistants.voice import AnyVoice
from offhook.schema.credential import AnyCredential
from offhook.schema.tools.tool import Tool
from tests.schema.official import PUBLISHED, UNIONS
from tests.schema.parsing import Invalid, parse
from tests.schema.samples import sample

ASSISTANTS = sorted((Path(__file__).parent / "assistants").glob("*.json"))


@pytest.mark.parametrize("path", ASSISTANTS, ids=lambda path: path.stem)
def test_an_assistant_keeps_exactly_what_was_given(path: Path) -> None:
    given = json.loads(path.read_text("utf-8"))
    kind = AssistantOverrides if path.stem == "overrides" else Assistant

    kept = document(parse(kind, given))

    assert kept == given
    assert json.dumps(kept, sort_keys=True) == json.dumps(given, sort_keys=True)  # 5 is not 5.0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CreateAssistantDTO", Assistant),
        ("AssistantOverrides", AssistantOverrides),
        ("VapiPhoneNumber", VapiPhoneNumber),
        ("Call", Call),
    ],
)
def test_every_published_property_is_kept(name: str, kind: type[Any]) -> None:
    given = sample(name)

    assert document(parse(kind, given)) == given


PROVIDERS: list[tuple[str, Any]] = [
    ("AssemblyAITranscriber", AnyTranscriber),
    ("AzureVoice", AnyVoice),
    ("AnthropicModel", AnyModel),
    ("CreateApiRequestToolDTO", Tool),
    ("CallHookCallEnding", Hook),
    ("CreateAnthropicCredentialDTO", AnyCredential),
]
MEMBERS = [
    (reference, kind)
    for mark, kind in PROVIDERS
    for reference in next(members for members in UNIONS.values() if members[0] == mark)
]


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Made when it is needed: whoever only collects the tests need not wait for it."""
    return TypeAdapter(kind)


@pytest.mark.parametrize(("name", "kind"), MEMBERS, ids=[name for name, _ in MEMBERS])
def test_every_provider_and_kind_is_kept_whole(name: str, kind: Any) -> None:
    given = sample(name)
    assert given.keys() == PUBLISHED[name].keys()

    parsed = adapter(kind).validate_python(given)

    assert document(parsed) == given


FALLBACKS = [name for members in UNIONS.values() for name in members if name.startswith("Fallback")]


@pytest.mark.parametrize("name", sorted(set(FALLBACKS)))
def test_a_fallback_is_kept_but_has_none_of_its_own(name: str) -> None:
    part, key = ("voice", "voices") if name.endswith("Voice") else ("transcriber", "transcribers")
    spare = sample(name)
    given = {part: {**spare, "fallbackPlan": {key: [spare]}}}

    if spare["provider"] == "vapi":  # the platform's own voice falls back by itself
        given = {part: {"provider": "azure", "voiceId": "emma", "fallbackPlan": {key: [spare]}}}
    assert document(parse(Assistant, given)) == given

    if spare["provider"] != "vapi":
        with pytest.raises(Invalid) as refusal:
            parse(Assistant, {part: {**spare, "fallbackPlan": {key: [{**spare, "fallbackPlan": {key: []}}]}}})
        assert refusal.value.sentences == [
            f"{part}.fallbackPlan.{key} must not have a fallbackPlan of their own"
        ]


def test_numbers_stay_as_they_were_written() -> None:
    given = {"maxDurationSeconds": 600, "startSpeakingPlan": {"waitSeconds": 0.5}}

    assert repr(document(parse(Assistant, given))) == repr(given)
