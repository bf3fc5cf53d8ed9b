"""What is kept of a call: in its row, in the outbox, on the disk; and what its owner is told all the same."""

from __future__ import annotations

import json
import wave
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.calls.privacy import PrivacyDecision, kept_by, kept_without_assistant
from offhook.calls.record import messages
from offhook.calls.world.variables import knowing_what_was_said
from offhook.conversation.active_assistant import Engines
from offhook.conversation.events import TurnMeasured
from offhook.language.language_model import ModelError, Text, ToolCall
from offhook.language.template import render
from offhook.media.recorded import stereo_path
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.stored import org_of
from offhook.speech.engine_protocols import EngineError
from tests.calls.documents import answered
from tests.calls.house import FIRST, House, open_house, virtual
from tests.calls.test_record import NOW, a_record, spoken
from tests.calls.test_reporting import talk
from tests.calls.test_whole_call import QUESTION, ended
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

HIPAA = {"compliancePlan": {"hipaaEnabled": True}}
PCI = {"compliancePlan": {"pciEnabled": True}}
UNRECORDED = {"artifactPlan": {"recordingEnabled": False}}
ANSWER = "We are open until five."
SALES = "Sales speaking, what would you like?"


@pytest.mark.parametrize(
    ("settings", "org", "audio", "words", "transcript"),
    [
        ({}, {}, True, True, True),
        (UNRECORDED, {}, False, True, True),
        ({"artifactPlan": {"transcriptPlan": {"enabled": False}}}, {}, True, True, False),
        (HIPAA, {}, False, False, True),
        ({"hipaaEnabled": True}, {}, False, False, True),
        ({**HIPAA, "artifactPlan": {"recordingEnabled": True}}, {}, True, False, True),
        ({**HIPAA, "artifactPlan": {"transcriptPlan": {"enabled": True}}}, {}, False, False, True),
        (PCI, {}, False, False, True),
        ({**PCI, "artifactPlan": {"recordingEnabled": True}}, {}, False, False, True),
        ({}, {"hipaaEnabled": True}, False, False, True),
        ({}, HIPAA, False, False, True),
        ({"compliancePlan": {"hipaaEnabled": False}}, HIPAA, False, False, True),
        ({"artifactPlan": {"recordingEnabled": True}}, HIPAA, True, False, True),
        ({}, PCI, False, False, True),
    ],
)
def test_the_plans_of_assistant_and_org_decide(
    settings: dict[str, Any], org: dict[str, Any], audio: bool, words: bool, transcript: bool
) -> None:
    kept = kept_by(AssistantOverrides.model_validate(settings), org_of(org))

    assert (kept.audio, kept.words, kept.transcript) == (audio, words, transcript)


@pytest.mark.parametrize(
    ("meant", "audio", "words", "transcript"),
    [
        (None, True, True, True),
        ({"recordingEnabled": False}, False, True, True),
        (
            {"squad": {"members": [{"assistant": {"artifactPlan": {"recordingEnabled": False}}}]}},
            False,
            True,
            True,
        ),
        ({"voice": {"provider": "nobody"}, **HIPAA}, False, False, True),
        ({"assistant": {"hipaaEnabled": True, "name": 7}}, False, False, True),
        ({"squad": {"members": [{"assistant": PCI}]}}, False, False, True),
        (
            {"compliancePlan": "none", "artifactPlan": {"transcriptPlan": {"enabled": False}}},
            True,
            True,
            False,
        ),
        ([{"members": [{"assistantOverrides": HIPAA}]}, None], False, False, True),
    ],
)
def test_without_an_assistant_the_plans_of_whoever_should_have_answered_hold(
    meant: object, audio: bool, words: bool, transcript: bool
) -> None:
    kept = kept_without_assistant(meant, org_of({}))

    assert (kept.audio, kept.words, kept.transcript) == (audio, words, transcript)


def test_without_an_assistant_the_org_s_compliance_holds() -> None:
    assert kept_without_assistant(None, org_of({"hipaaEnabled": True})) == PrivacyDecision(
        audio=False, words=False
    )


def test_sound_is_the_business_of_whoever_speaks_and_words_are_that_of_all() -> None:
    usual, silent, unrecorded = (
        PrivacyDecision(),
        PrivacyDecision(audio=False, words=False),
        PrivacyDecision(audio=False),
    )

    assert usual.taken_over(silent) == silent
    assert silent.taken_over(usual) == PrivacyDecision(audio=True, words=False)
    assert usual.taken_over(unrecorded).taken_over(usual) == usual


def everything(row: object) -> str:
    return json.dumps(row)


@pytest.mark.parametrize("plan", [HIPAA, PCI, {"hipaaEnabled": True}])
def test_the_report_has_the_words_and_the_row_has_none(tmp_path: Path, plan: dict[str, Any]) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant.update(plan)
            await talk(house)

        row, report = house.row, house.report
        assert report["transcript"] == f"AI: {FIRST}\nUser: {QUESTION}\nAI: {ANSWER}\n"
        assert [one["message"] for one in report["messages"]] == [FIRST, QUESTION, ANSWER]
        assert report["artifact"]["messagesOpenAIFormatted"][1]["content"] == QUESTION
        assert (row["transcript"], row["messages"]) == ("", [])
        assert (row["artifact"]["transcript"], row["artifact"]["messagesOpenAIFormatted"]) == ("", [])
        for words in (QUESTION, ANSWER):
            assert words not in everything(row)
        assert len(row["artifact"]["performanceMetrics"]["turnLatencies"]) == 1
        assert list(tmp_path.iterdir()) == []

    story()


def test_the_org_s_compliance_holds_for_all_of_its_calls(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.directory.orgs["org-1"] = {"hipaaEnabled": True}
            await talk(house)

        assert QUESTION in house.report["transcript"]
        assert QUESTION not in everything(house.row)
        assert list(tmp_path.iterdir()) == []

    story()


def test_a_transcript_that_is_not_wanted_is_in_no_artifact_and_the_messages_are(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant["artifactPlan"] = {"transcriptPlan": {"enabled": False}}
            await talk(house)

        assert (house.report["transcript"], house.row["transcript"]) == ("", "")
        assert house.report["artifact"]["transcript"] == ""
        assert [one["message"] for one in house.row["messages"]] == [FIRST, QUESTION, ANSWER]

    story()


def test_what_the_conversation_brought_is_not_kept_either() -> None:
    record = a_record(transcript=spoken(), status="ended", started_at=NOW - 9, ended_at=NOW)
    answered(record, {**HIPAA, "variableValues": {"plan": "gold"}})
    record.variables.update({"plan": "gold", "ill-with": "flu", "ill_with": "flu"})
    record.learned = {"ill-with": "flu"}
    record.transfers.append(
        {
            "destination": {"type": "number", "number": "+15550100"},
            "status": "completed",
            "transcript": "AI: They have the flu.\n",
            "messages": [{"role": "bot", "message": "They have the flu."}],
        }
    )
    record.turns.append(TurnMeasured(0, 1, 1, 1, 1, 1, 5))
    row, report = record.document(), messages.message(messages.end_of_call_report(record), record, NOW)

    assert "flu" not in everything(row)
    assert row["artifact"]["variableValues"]["plan"] == "gold"
    assert row["artifact"]["transfers"][0]["status"] == "completed"
    assert "flu" in everything(report["message"]["artifact"]["transfers"])
    assert report["message"]["artifact"]["variables"]["ill-with"] == "flu"
    assert "flu" not in everything(report["message"]["call"])


@pytest.mark.parametrize("plan", [HIPAA, {"artifactPlan": {"transcriptPlan": {"enabled": False}}}])
def test_a_template_sees_what_was_said_whatever_is_kept_of_it(plan: dict[str, Any]) -> None:
    record = answered(a_record(transcript=spoken()), plan)
    fill = knowing_what_was_said(record, lambda text, variables: render(text, variables, NOW))

    assert fill("{{transcript}}", {}) == "AI: Hello.\nUser: Hi there.\n"


QUOTING = {
    "model": {
        "model": ScriptedModel([ModelError("openai", f"HTTP 400: unfit: {QUESTION}", unquoted="HTTP 400")])
    },
    "voice": {
        "voice": ScriptedVoice(
            failure=EngineError("voice", "11labs", f"HTTP 422: unfit: {QUESTION}", "HTTP 422")
        )
    },
}


@pytest.mark.parametrize("plan", [{}, HIPAA], ids=["kept", "not kept"])
@pytest.mark.parametrize("broken", list(QUOTING.values()), ids=list(QUOTING))
def test_what_a_server_quotes_in_its_error_is_kept_where_words_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: dict[str, Any], plan: dict[str, Any]
) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant.update(plan)
            house.build = lambda assistant: replace(
                house.usual_engines(assistant), **({} if assistant.name is None else broken)
            )
            phone = await house.phone()
            call = await phone.dial().connect()
            if "model" in broken:
                await call.hears_the_end()
                await call.says("Hello?")
            await call.ended()
            await ended(house)

        assert "unfit" in house.report["call"]["endedMessage"]
        assert "HTTP 4" in house.row["endedMessage"]
        assert ("unfit" in house.row["endedMessage"]) is (not plan)
        assert ("unfit" in caplog.text) is (not plan)

    story()


BROKEN = {"recording off": UNRECORDED, "HIPAA": HIPAA, "the older switch": {"recordingEnabled": False}}


@pytest.mark.parametrize("plan", list(BROKEN.values()), ids=list(BROKEN))
def test_an_apology_is_recorded_no_more_than_the_conversation_would_have_been(
    tmp_path: Path, plan: dict[str, Any]
) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant.update(plan)
            broken = ScriptedVoice(failure=EngineError("voice", "11labs", "no"))

            def build(assistant: Any) -> Engines:
                usual = house.usual_engines(assistant)
                return usual if assistant.name is None else replace(usual, voice=broken)

            house.build = build
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.ended()
            await ended(house)

        assert "recordingUrl" not in house.report
        assert list(tmp_path.iterdir()) == []

    story()


INVALID = {"assistant": {"firstMessage": "Hello.", "voice": {"provider": "nobody"}, **HIPAA}}


UNRECORDED_AND_INVALID = {"assistant": {"voice": {"provider": "nobody"}, **UNRECORDED}}


@pytest.mark.parametrize(
    ("answer", "audio", "words"),
    [
        (INVALID, False, False),
        (UNRECORDED_AND_INVALID, False, True),
        ({"error": "We are closed."}, True, True),
        ({}, True, True),
    ],
)
def test_a_call_that_finds_no_assistant_is_kept_as_the_one_who_was_meant_says(
    tmp_path: Path, answer: Mapping[str, Any], audio: bool, words: bool
) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.number["assistantId"] = None

            async def answering(message: Mapping[str, Any]) -> Mapping[str, Any]:
                return answer

            house.answering = answering
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.ended()
            await ended(house)

        assert (list(tmp_path.iterdir()) != []) is audio
        assert (house.row["transcript"] != "") is words
        assert house.report["transcript"] != ""

    story()


async def handed_over(house: House, **sales: Any) -> None:
    """The desk hands over to Sales, who greets; then the caller asks, and Sales answers."""
    handoff = {"type": "handoff", "destinations": [{"type": "assistant", "assistantName": "Sales"}]}
    model = {"provider": "vapi", "model": "m", "tools": [handoff]}
    desk = {**house.assistant, "name": "Desk", "model": model}
    members = [{"assistant": desk}, {"assistant": {"name": "Sales", "firstMessage": SALES, **sales}}]
    house.number.update(assistantId=None, squadId="s1")
    house.directory.squads["s1"] = {"members": members}

    def build(assistant: Any) -> Engines:
        first = [Text("One moment."), ToolCall("c1", "handoff_to_Sales", {})]
        answers: Any = [first] if assistant.name == "Desk" else [ANSWER]
        return Engines(ScriptedTranscriber(), ScriptedModel(answers), ScriptedVoice())

    house.build = build
    phone = await house.phone()
    call = await phone.dial().connect()
    await call.hears_the_end()
    await call.says("I want to buy something.")
    await call.hears_the_end(pause=3)
    await call.says(QUESTION)
    await call.hears_the_end()
    call.hang_up()
    await ended(house)


def loud_seconds(folder: Path, call_id: str, channel: int) -> list[int]:
    """The seconds of a recording in which something can be heard on this side."""
    with wave.open(str(stereo_path(folder, call_id))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, channel]
    pieces = np.array_split(samples, range(8000, len(samples), 8000))
    return [second for second, piece in enumerate(pieces) if np.abs(piece.astype(int)).max() > 500]


@pytest.mark.parametrize("sales", [UNRECORDED, HIPAA, PCI])
def test_one_who_takes_over_and_may_not_be_recorded_is_not(tmp_path: Path, sales: dict[str, Any]) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await handed_over(house, **sales)

        (started,) = [
            one.at for one in house.sent if one.type == "assistant.started" and one.at != house.sent[0].at
        ][-1:]
        answered_at = house.sent[0].at
        heard = loud_seconds(tmp_path, house.call_id, 0) + loud_seconds(tmp_path, house.call_id, 1)
        assert heard
        assert max(heard) <= started - answered_at + 1

    story()


def test_one_who_takes_over_and_may_be_recorded_is_recorded_in_its_time(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant.update(UNRECORDED)
            await handed_over(house)

        started = [one.at for one in house.sent if one.type == "assistant.started"]
        said = loud_seconds(tmp_path, house.call_id, 1)
        assert min(said) >= int(started[1] - started[0])
        assert house.report["recordingUrl"]

    story()


@pytest.mark.parametrize("hipaa", ["desk", "sales"])
def test_where_one_of_a_squad_is_under_hipaa_no_words_of_the_call_are_kept(
    tmp_path: Path, hipaa: str
) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            if hipaa == "desk":
                house.assistant.update(HIPAA)
            await handed_over(house, **(HIPAA if hipaa == "sales" else {}))

        assert SALES in house.report["transcript"]
        assert QUESTION in house.report["transcript"]
        for words in (QUESTION, ANSWER, "buy something"):
            assert words not in everything(house.row["messages"])
            assert words not in everything(house.row["artifact"])
        assert house.row["transcript"] == ""

    story()
