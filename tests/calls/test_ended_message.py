"""`endedMessage`: which step failed and why, in words for the owner; of the failure that ended the call, and
of no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.transfers.called_party import Party
from offhook.conversation.active_assistant import Engines
from offhook.language.language_model import ModelError
from offhook.speech.engine_protocols import EngineError
from offhook.webhooks.client import AskFailed
from tests.calls.house import House, open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.calls.transfers.line import dial, on_the_line, send_on, sip
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

A_CLASS = re.compile(r"\b\w+(Error|Exception|Refused|Failed|Timeout)\b|\w+\(")


def message_of(house: House) -> str:
    message = house.row["endedMessage"]
    assert message, house.row["endedReason"]
    assert house.report["call"]["endedMessage"] == message
    assert A_CLASS.search(message) is None, message
    return str(message)


REQUEST = "the assistant-request failed: "
ANSWER = "the answer to the assistant-request "
FAILURES: list[tuple[Any, str]] = [
    (AskFailed("timeout", "no whole answer within 7.5 s"), f"{REQUEST}no whole answer within 7.5 s"),
    (AskFailed("dns", "owner.test: no such name"), f"{REQUEST}owner.test: no such name"),
    (AskFailed("refused", "Connection refused"), f"{REQUEST}Connection refused"),
    (AskFailed("status", "it answered 500", status=500), f"{REQUEST}it answered 500"),
    (AskFailed("status", "it answered 400", status=400), f"{REQUEST}it answered 400"),
    (AskFailed("empty", "the answer has no body", status=200), f"{REQUEST}the answer has no body"),
    (AskFailed("not-json", "the answer is not JSON", status=200), f"{REQUEST}the answer is not JSON"),
    ({"error": "We are closed."}, f"{ANSWER}is an error: We are closed."),
    ({"error": 7}, f"{ANSWER}is not valid: "),
    ({}, f"{ANSWER}names nobody: "),
    ({"assistant": {"firstMessage": 7}}, f"{ANSWER}is not valid: firstMessage must be a string"),
    ({"assistantId": "gone"}, "there is no assistant gone"),
    ({"squadId": "gone"}, "there is no squad gone"),
]


@pytest.mark.parametrize(("answer", "message"), FAILURES, ids=lambda value: repr(value)[:40])
def test_of_an_assistant_request(tmp_path: Path, answer: Any, message: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.number["assistantId"] = None

            async def answering(_: Mapping[str, Any]) -> Mapping[str, Any]:
                if isinstance(answer, Exception):
                    raise answer
                return answer

            house.answering = answering
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.ended()
            await ended(house)

        assert message_of(house).startswith(message)

    story()


@virtual
async def test_of_a_number_that_nobody_is_set_for(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.number.update(assistantId=None, server=None)
        house.directory.orgs["org-1"] = {}
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.ended()
        await ended(house)

    assert "no server is set" in house.row["endedMessage"]


@virtual
async def test_of_a_hook_and_a_fallback_that_take_over_from_a_failure(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        hook = {"on": "call.ending", "do": {"type": "say", "exact": "Please call again."}}
        house.number.update(assistantId=None, hooks=[hook])

        async def answering(_: Mapping[str, Any]) -> Mapping[str, Any]:
            raise AskFailed("timeout", "no whole answer within 7.5 s")

        house.answering = answering
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.ended()
        await ended(house)
        hooked = house.row
        fallback = {"type": "sip", "sipUri": "sip:nobody@10.9.9.9", "message": ""}
        house.number.update(hooks=[], fallbackDestination={**fallback, "transferPlan": dial(dialTimeout=5)})
        call = await phone.dial().connect()
        await call.ended()

    assert hooked["endedReason"] == "call.ending.hook-executed-say"
    assert hooked["endedMessage"] == f"{REQUEST}no whole answer within 7.5 s"
    last = list(house.ledger.rows.values())[-1]
    assert last["endedReason"] == "assistant-request-failed"
    assert last["endedMessage"].startswith(
        f"{REQUEST}no whole answer within 7.5 s; then the transfer failed: "
    )


BROKEN: dict[str, dict[str, Any]] = {
    "11labs voice: no": {"voice": ScriptedVoice(failure=EngineError("voice", "11labs", "no"))},
    "deepgram transcriber: no": {
        "transcriber": ScriptedTranscriber(failure=EngineError("transcriber", "deepgram", "no"))
    },
    "openai model: no": {"model": ScriptedModel((), failure=ModelError("openai", "no"))},
}


@pytest.mark.parametrize("message", BROKEN)
def test_of_an_engine_that_does_not_start(tmp_path: Path, message: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            usual: dict[str, Any] = {
                "transcriber": ScriptedTranscriber(),
                "model": ScriptedModel(("Yes.",)),
                "voice": ScriptedVoice(),
            }

            def build(assistant: Any) -> Engines:
                broken: dict[str, Any] = {} if assistant.name is None else BROKEN[message]
                return Engines(**{**usual, **broken})

            house.build = build
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.ended()
            await ended(house)

        assert message_of(house) == message

    story()


class Surprised(ScriptedModel):
    async def respond(self, messages: Any, tools: Any) -> Any:
        raise KeyError("choices")
        yield


class Speechless(ScriptedVoice):
    async def say(self, text: str) -> Any:
        if QUESTION not in text and "Thanks" not in text:
            raise ZeroDivisionError
        async for piece in super().say(text):
            yield piece


@pytest.mark.parametrize(
    ("engines", "step"),
    [
        ({"model": ScriptedModel([ModelError("openai", "HTTP 500: boom")])}, "openai model: HTTP 500: boom"),
        ({"model": Surprised(("Yes.",))}, "model: an internal error"),
        ({"voice": Speechless()}, "voice: an internal error"),
    ],
)
def test_of_an_engine_that_fails_in_the_call(tmp_path: Path, engines: dict[str, Any], step: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            usual: dict[str, Any] = {
                "transcriber": ScriptedTranscriber(),
                "model": ScriptedModel(("Yes.",)),
                "voice": ScriptedVoice(),
            }
            house.build = lambda _: Engines(**{**usual, **engines})
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.ended()
            await ended(house)

        assert step in message_of(house)

    story()


@pytest.mark.parametrize("goes_on", [True, False])
def test_of_a_transfer_that_nobody_answers_unless_the_call_goes_on(tmp_path: Path, goes_on: bool) -> None:
    @virtual
    async def story() -> None:
        plan = dial(dialTimeout=5)
        if goes_on:
            plan["fallbackPlan"] = {"message": "Nobody is there.", "endCallEnabled": False}
        async with on_the_line(tmp_path) as (house, call, operator):
            operator.answers_after = None
            send_on(house, sip(plan))
            await operator.until(lambda: operator.cancelled, 20)
            if goes_on:
                await call.hears_the_end()
                call.hang_up()
            await ended(house)

        (transfer,) = house.report["artifact"]["transfers"]
        assert transfer["failureReason"] == "the destination did not answer within 5 s"
        if goes_on:
            assert house.row["endedReason"].startswith("customer-ended-call")
            assert house.row["endedMessage"] is None
        else:
            reason = "the transfer failed: the destination did not answer within 5 s"
            assert message_of(house) == reason

    story()


def test_of_a_transfer_that_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_(*_: Any, **__: Any) -> None:
        raise KeyError("agreement")

    monkeypatch.setattr(Party, "call", break_)

    @virtual
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, _, __):
            send_on(house, sip(dial()))
            await ended(house)

        assert message_of(house).startswith("the transfer failed: an internal error")

    story()


def test_of_a_destination_that_is_no_address(tmp_path: Path) -> None:
    @virtual
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, _, __):
            send_on(house, {"type": "sip", "sipUri": "sip:a@b:c:d", "message": ""})
            await ended(house)

        assert message_of(house).startswith("the transfer failed: not a SIP URI: ")

    story()


@virtual
async def test_of_a_caller_who_is_not_heard(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        call.muted = True
        await ended(house)

    assert message_of(house).startswith("nothing was heard from the caller: ")


@virtual
async def test_of_a_call_that_ends_well_there_is_none(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.row["endedMessage"] is None
