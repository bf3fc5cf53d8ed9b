"""Whole calls on the virtual clock: real SIP, RTP, turn taking and reports between a phone and the node."""

from __future__ import annotations

import asyncio
import json
import wave
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.conversation.active_assistant import Engines
from offhook.conversation.own_words import NOBODY_THERE
from offhook.language.language_model import ToolCall
from offhook.schema.calls.call import Call
from offhook.sip.messages.message import Response
from tests.calls.house import ASSISTANT, EPOCH, FIRST, House, open_house, virtual
from tests.calls.phone import PhoneCall
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual

QUESTION = "When are you open?"
ANSWER = "We are open until five."
OPEN = "We are open every day but Sunday, from eight in the morning until five in the afternoon."


async def ended(house: House) -> None:
    """Wait for the report of the only call."""
    call = house.calls.get(house.call_id)
    if call is not None:
        await call.finished.wait()


async def visit(folder: Path) -> tuple[House, PhoneCall]:
    """First message, a question cut into the answer, another answer, goodbye."""
    async with open_house(folder) as house:
        house.answers = (OPEN, ANSWER)
        phone = await house.phone()
        call = await phone.dial().connect([("X-Branch", "north")])
        await call.hears_the_end()
        await call.says(QUESTION)
        await call.hears()
        await call.until(lambda: call.loop.time() - call.heard_at[-1] > 0 and len(call.heard_at) > 90, 20)
        await call.says("Only on Monday, please?", 1.5)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)
    return house, call


@virtual
async def test_a_call_from_the_first_ring_to_the_report(tmp_path: Path) -> None:
    house, call = await visit(tmp_path)

    answers = [one for one in call.phone.heard if isinstance(one, Response)]
    heard = [one.status for one in answers if one.cseq.method == "INVITE"]
    assert heard == [100, 180, 200]
    assert house.ledger.statuses[house.call_id] == ["ringing", "in-progress", "ended"]
    report = house.report
    assert report["endedReason"] == "customer-ended-call"
    first, question, cut, again, answer = report["transcript"].splitlines()
    assert (first, question) == (f"AI: {FIRST}", f"User: {QUESTION}")
    said = cut.removeprefix("AI: ")
    assert OPEN.startswith(said)
    assert 0 < len(said) < len(OPEN)
    assert (again, answer) == ("User: Only on Monday, please?", f"AI: {ANSWER}")
    assert len(house.messages("user-interrupted")) == 1


def test_the_same_call_twice_leaves_the_same_record(tmp_path: Path) -> None:
    def record(folder: Path) -> tuple[str, list[str], list[bytes]]:
        house, call = run_virtual(visit(folder))
        sent = [json.dumps(one.body) for one in house.sent]
        return (
            json.dumps(house.row),
            sent,
            [bytes(call.heard), *sorted(f.read_bytes() for f in folder.iterdir())],
        )

    assert record(tmp_path / "one") == record(tmp_path / "two")


@virtual
async def test_times_of_messages_are_those_at_which_they_were_heard(tmp_path: Path) -> None:
    house, call = await visit(tmp_path)

    messages = house.report["artifact"]["messages"]
    first = messages[0]
    assert first["role"] == "bot"
    # The wire takes 5 ms, the clock of the node 20 ms.
    assert first["time"] / 1000 == pytest.approx(EPOCH + call.heard_at[0], abs=0.05)
    assert first["secondsFromStart"] == pytest.approx(
        first["time"] / 1000 - EPOCH - seconds(house.row["startedAt"]), abs=0.002
    )
    assert 0 < first["secondsFromStart"] < 1
    assert messages[1]["secondsFromStart"] > first["duration"] / 1000
    assert [one["time"] for one in messages] == sorted(one["time"] for one in messages)


def seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp() - EPOCH


@virtual
async def test_what_is_kept_of_an_ended_call_is_a_call_as_the_api_has_it(tmp_path: Path) -> None:
    house, _ = await visit(tmp_path)

    row = house.row
    call = Call.model_validate(row)
    assert call.costs is not None
    assert row["costs"][0] == {
        "type": "transport",
        "provider": "vapi.sip",
        "minutes": row["costs"][4]["minutes"],
        "cost": 0,
    }
    assert row["phoneCallProvider"] == "vapi"
    assert row["transport"]["sbcCallSid"] == next(iter(house.engines))
    assert row["messages"] == row["artifact"]["messages"] == house.report["messages"]
    latencies = row["artifact"]["performanceMetrics"]
    assert len(latencies["turnLatencies"]) == 2
    assert (latencies["numUserInterrupted"], latencies["numAssistantInterrupted"]) == (0, 1)
    for turn in latencies["turnLatencies"]:
        assert turn["turnLatency"] == pytest.approx(sum(turn.values()) - turn["turnLatency"], abs=0.5)
    Call.model_validate(house.report["call"])


@virtual
async def test_every_message_is_in_an_envelope_with_call_number_and_customer(tmp_path: Path) -> None:
    house, _ = await visit(tmp_path)

    assert {one.type for one in house.sent} == {
        "status-update", "end-of-call-report", "conversation-update", "speech-update", "user-interrupted",
        "assistant.started",
    }  # fmt: skip
    for one in house.sent:
        message = one.message
        assert message["call"]["id"] == house.call_id
        assert message["phoneNumber"]["id"] == "number-1"
        assert message["customer"]["number"] == "caller"
        assert message["assistant"]["name"] == "Front desk"
        assert message["timestamp"] == pytest.approx((EPOCH + one.at) * 1000, abs=1)
    assert [one["status"] for one in house.messages("status-update")] == ["in-progress", "ended"]
    assert house.sent[-1].type == "end-of-call-report"
    turns = [(one["role"], one["status"], one["turn"]) for one in house.messages("speech-update")]
    assert turns[:4] == [
        ("assistant", "started", 0), ("assistant", "stopped", 0),
        ("user", "started", 0), ("user", "stopped", 0),
    ]  # fmt: skip


@virtual
async def test_headers_of_the_invite_fill_templates(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["firstMessage"] = "Hello {{first_name}} of {{branch_no}}, {{customer.number}}."
        phone = await house.phone()
        call = await phone.dial().connect([("x-first_name", "Ada"), ("X-Branch-No", "7"), ("Y-Other", "no")])
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.report["transcript"] == "AI: Hello Ada of 7, caller.\n"
    variables = {"first_name": "Ada", "branch-no": "7"}
    assert house.row["assistantOverrides"] == {"variableValues": variables}
    assert house.report["call"]["assistantOverrides"]["variableValues"] == variables
    assert house.row["artifact"]["variableValues"]["branch-no"] == "7"


def read(path: Path) -> np.ndarray[Any, Any]:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


@virtual
async def test_both_sides_are_recorded_in_their_own_time(tmp_path: Path) -> None:
    house, _ = await visit(tmp_path)

    call_id = house.call_id
    stereo = read(tmp_path / f"{call_id}-stereo.wav")
    assert len(stereo) / 8000 == pytest.approx(house.report["durationSeconds"], abs=0.05)
    loud = np.abs(stereo.astype(np.int32)) > 500
    for message, channel in zip(house.report["messages"][:2], (1, 0), strict=True):
        start = round(message["secondsFromStart"] * 8000)
        assert loud[start + 1600 : start + 4000, channel].all()
        assert not loud[start : start + 4000, 1 - channel].any()
    assert house.report["recordingUrl"] == f"http://api.test/{call_id}/mono"
    recording = house.report["artifact"]["recording"]
    assert recording["stereoUrl"] == f"http://api.test/{call_id}/stereo"
    assert recording["mono"]["combinedUrl"] == f"http://api.test/{call_id}/mono"


@virtual
async def test_an_assistant_that_records_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["artifactPlan"] = {"recordingEnabled": False}
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert "recordingUrl" not in house.report
    assert house.row["recordingUrl"] is None
    assert list(tmp_path.iterdir()) == []


@virtual
async def test_hold_and_resume(tmp_path: Path) -> None:
    async with open_house(tmp_path, media_timeout=5) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        assert b"a=recvonly" in (await call.reoffer("sendonly")).body
        call.muted = True
        heard = len(call.heard)
        await asyncio.sleep(9)
        assert len(call.heard) <= heard + 640
        assert b"a=inactive" in (await call.reoffer("inactive")).body
        await asyncio.sleep(9)
        assert call.is_up
        call.muted = False
        assert b"a=sendrecv" in (await call.reoffer()).body
        await call.says(QUESTION)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith(f"User: {QUESTION}\nAI: {ANSWER}\n")


@pytest.mark.parametrize(
    ("settings", "answers", "reason", "last"),
    [
        ({}, [[ToolCall("t", "endCall", {})]], "assistant-ended-call", None),
        (
            {"endCallMessage": "Bye now."},
            [[ToolCall("t", "endCall", {})]],
            "assistant-ended-call",
            "AI: Bye now.",
        ),
        (
            {"endCallPhrases": ["have a nice day"]},
            ["All done. Have a nice day!"],
            "assistant-said-end-call-phrase",
            "AI: All done. Have a nice day!",
        ),
    ],
)
def test_the_assistant_ends_the_call(
    tmp_path: Path, settings: dict[str, Any], answers: list[Any], reason: str, last: str | None
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            model = {"provider": "vapi", "model": "m", "tools": [{"type": "endCall"}]}
            house.directory.assistants["assistant-1"] = {**ASSISTANT, "model": model, **settings}
            house.answers = answers
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            await call.says("That is all, thank you.")
            assert await call.ended() == "BYE from the node"
            await ended(house)

        assert house.report["endedReason"] == reason
        if last is not None:
            assert house.report["transcript"].splitlines()[-1] == last

    run_virtual(story())


@virtual
async def test_a_caller_who_says_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["silenceTimeoutSeconds"] = 12
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        spoken = call.heard_at[-1]
        assert await call.ended() == "BYE from the node"
        await ended(house)

    goodbye = next(at for at in call.heard_at if at > spoken)
    assert goodbye == pytest.approx(spoken + 12, abs=1)
    assert (call.ended_at or 0.0) > goodbye + 1
    assert house.report["transcript"].splitlines()[-1] == f"AI: {NOBODY_THERE}"
    assert house.report["endedReason"] == "silence-timed-out"


@virtual
async def test_the_longest_call_that_is_allowed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["maxDurationSeconds"] = 15
        phone = await house.phone()
        call = await phone.dial().connect()
        while call.is_up:
            await call.says("And another thing.")
        await ended(house)

    assert house.report["durationSeconds"] == pytest.approx(15, abs=0.2)
    assert house.report["endedReason"] == "exceeded-max-duration"


@virtual
async def test_keys_reach_the_assistant(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["keypadInputPlan"] = {"enabled": True, "delimiters": "#", "timeoutSeconds": 2}
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.press("42#")
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert "User's Keypad Entry: 42" in house.report["transcript"]


@virtual
async def test_custom_engines_are_told_about_the_call_without_secrets(tmp_path: Path) -> None:
    contexts: list[Any] = []
    async with open_house(tmp_path) as house:
        house.number["serverUrlSecret"] = "hush-number"
        house.assistant["server"] = {"url": "http://a.test", "secret": "hush-assistant"}
        house.assistant["metadata"] = {"branch": 7}
        seen = house.engines_of

        def noting(context: Any, credentials: Any, org: str) -> Any:
            contexts.append(context)
            return seen(context, credentials, org)

        object.__setattr__(house.services, "engines", noting)
        phone = await house.phone()
        call = await phone.dial().connect()
        call.hang_up()
        await ended(house)
        context = contexts[0]()

    assert context["call"]["id"] == house.call_id
    assert context["metadata"] == {"branch": 7}
    assert "hush" not in json.dumps(context)


@virtual
async def test_a_voice_that_is_slow_is_told_to_the_owner(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:

        def slow(_: object) -> Engines:
            return Engines(ScriptedTranscriber(), ScriptedModel((ANSWER,), latency=9.0), ScriptedVoice())

        house.build = slow
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says(QUESTION)
        await call.hears_the_end()
        await call.hears_the_end()  # first it was a word to wait
        call.hang_up()
        await ended(house)

    assert len(house.messages("hang")) >= 1
