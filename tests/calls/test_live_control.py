"""Whole calls that are steered from outside: what the caller hears, and what is told of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from offhook.calls import steering
from offhook.calls.inbound_call import InboundCall
from offhook.conversation.hooks import live_control
from offhook.language.language_model import Message
from offhook.schema.base import document
from offhook.schema.calls.control import ControlMessage, checked
from tests.calls.house import FIRST, Document, House, open_house, virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_whole_call import ended
from tests.scripted import ScriptedModel

ANSWER = "We are open until five."
LONG = "We are open every day but Sunday, from eight in the morning until five in the afternoon."
MESSAGE: TypeAdapter[Any] = TypeAdapter(ControlMessage)


async def steer(house: House, **message: Any) -> str | None:
    """What the only call answers."""
    return await house.calls.control(house.call_id, MESSAGE.validate_python(message))


@asynccontextmanager
async def talking(folder: Path, **assistant: Any) -> AsyncIterator[tuple[House, PhoneCall]]:
    """A call whose first message has been heard."""
    async with open_house(folder) as house:
        house.assistant.update(assistant)
        call = await (await house.phone()).dial().connect()
        if house.assistant.get("firstMessageMode") is None:
            await call.hears_the_end()
        yield house, call
        if call.is_up:
            call.hang_up()
        await ended(house)


def says(house: House, text: str) -> None:
    """The assistant of the only call does, of itself."""
    call = house.calls.get(house.call_id)
    assert call is not None
    assert call.conversation is not None
    call.conversation.say(text)


def asked(house: House) -> list[list[Message]]:
    """What the model was shown, each time."""
    (engines,) = next(iter(house.engines.values()))
    model: ScriptedModel = engines.model
    return [list(messages) for messages in model.requests]


# say


@virtual
async def test_words_are_said_and_stand_in_the_report(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        assert await steer(house, type="say", content="A colleague is on the way.") == ""
        await call.hears_the_end()

    assert house.report["transcript"].splitlines() == [f"AI: {FIRST}", "AI: A colleague is on the way."]


@virtual
async def test_words_wait_for_what_is_being_said(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        says(house, LONG)
        await call.hears()
        assert await steer(house, type="say", content="And one more thing.") == ""
        await call.hears_the_end()

    assert house.report["transcript"].splitlines()[1:] == [f"AI: {LONG}", "AI: And one more thing."]


@virtual
async def test_words_may_take_the_place_of_what_is_being_said(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        says(house, LONG)
        await call.until(lambda: len(call.heard_at) > 90, 10)
        said = "Please wait."
        assert await steer(house, type="say", content=said, interruptAssistantEnabled=True) == ""
        await call.hears_the_end()

    _, cut, instead = house.report["transcript"].splitlines()
    assert LONG.startswith(cut.removeprefix("AI: "))
    assert len(cut) < len(LONG)
    assert instead == f"AI: {said}"


@pytest.mark.parametrize("interruptible", [True, False])
@virtual
async def test_the_caller_cuts_such_words_short_only_where_they_may(
    tmp_path: Path, interruptible: bool
) -> None:
    async with talking(tmp_path) as (house, call):
        await steer(house, type="say", content=LONG, interruptionsEnabled=interruptible)
        await call.until(lambda: len(call.heard_at) > 90, 10)
        await call.says("Stop it, please.", 1.0)
        await call.hears_the_end(pause=3.0)

    assert (f"AI: {LONG}" in house.report["transcript"].splitlines()) is not interruptible


@virtual
async def test_the_call_ends_behind_words_that_say_so(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        assert await steer(house, type="say", content="Goodbye now.", endCallAfterSpoken=True) == ""
        assert await steer(house, type="say", content="Too late.") == live_control.ENDING
        assert await call.ended() == "BYE from the node"

    assert house.report["transcript"].splitlines()[-1] == "AI: Goodbye now."
    assert house.report["endedReason"] == "assistant-ended-call-after-message-spoken"


@virtual
async def test_words_are_no_template(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        await steer(house, type="say", content="Your id is {{ customer.number }}, dear.")
        await call.hears_the_end()

    assert "{{" in house.report["transcript"]


@virtual
async def test_only_so_much_waits_to_be_said(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, _):
        answers = [await steer(house, type="say", content=LONG) for _ in range(live_control.MOST_WAITING + 2)]
        assert answers.count(live_control.FULL) in (1, 2)
        assert answers[-1] == live_control.FULL


# messages


@virtual
async def test_the_model_answers_a_message(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        told = {"role": "system", "content": "The caller is a premium customer."}
        assert await steer(house, type="add-message", message=told) == ""
        await call.hears_the_end()

    assert asked(house)[-1][-1] == told
    assert house.report["transcript"].splitlines()[-1] == f"AI: {ANSWER}"


@virtual
async def test_a_message_may_be_for_later(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        told = {"role": "system", "content": "The caller is a premium customer."}
        assert await steer(house, type="add-message", message=told, triggerResponseEnabled=False) == ""
        heard = len(call.heard_at)
        await asyncio.sleep(5)
        assert len(call.heard_at) == heard
        assert asked(house) == []
        await call.says("When are you open?")
        await call.hears_the_end()

    assert told in asked(house)[-1]
    messages = house.report["artifact"]["messagesOpenAIFormatted"]
    assert told in messages


# muting


@virtual
async def test_a_muted_assistant_falls_silent_and_hears(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        says(house, LONG)
        await call.until(lambda: len(call.heard_at) > 90, 10)
        assert await steer(house, type="control", control="mute-assistant") == ""
        await asyncio.sleep(0.2)
        heard = len(call.heard_at)
        await call.says("Is anybody there?")
        await asyncio.sleep(3)
        await call.says("Nobody answers me.")
        await asyncio.sleep(3)
        assert await steer(house, type="say", content="Hush.") == live_control.MUTED
        assert len(call.heard_at) == heard
        assert asked(house) == []

        assert await steer(house, type="control", control="unmute-assistant") == ""
        await asyncio.sleep(2)
        assert len(call.heard_at) == heard
        await call.says("When are you open?")
        await call.hears_the_end()

    words = [one["content"] for one in asked(house)[-1] if one["role"] == "user"]
    assert words == ["Is anybody there?", "Nobody answers me.", "When are you open?"]
    lines = house.report["transcript"].splitlines()
    assert len(lines[1]) < len(LONG)
    assert lines[2:] == [f"User: {' '.join(words)}", f"AI: {ANSWER}"]


@virtual
async def test_a_reply_that_is_being_made_is_not_heard_once_the_assistant_is_muted(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        await call.says("When are you open?")
        await call.until(lambda: asked(house), 5)
        await steer(house, type="control", control="mute-assistant")
        heard = len(call.heard_at)
        await asyncio.sleep(0.1)
        await steer(house, type="control", control="unmute-assistant")
        await asyncio.sleep(5)
        assert len(call.heard_at) == heard
        await call.says("And on Sunday?")
        await call.hears_the_end()

    assert house.report["transcript"].splitlines()[1:] == [
        "User: When are you open? And on Sunday?", f"AI: {ANSWER}",
    ]  # fmt: skip


@virtual
async def test_a_muted_assistant_ends_the_call_without_a_word(tmp_path: Path) -> None:
    goodbye = {"endCallMessage": "Goodbye!", "silenceTimeoutSeconds": 10}
    async with talking(tmp_path, **goodbye) as (house, call):
        await steer(house, type="control", control="mute-assistant")
        assert await call.ended() == "BYE from the node"

    assert house.report["endedReason"] == "silence-timed-out"
    assert house.report["transcript"] == f"AI: {FIRST}\n"


@virtual
async def test_a_caller_who_is_being_handed_on_goes_there_whoever_mutes(tmp_path: Path) -> None:
    handed: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InboundCall, "transfer", lambda _, destination: handed.append(destination))
        async with talking(tmp_path) as (house, call):
            destination = {"type": "number", "number": "+15550100"}
            assert await steer(house, type="transfer", destination=destination, content=LONG) == ""
            await call.hears()
            assert await steer(house, type="control", control="mute-assistant") == live_control.AWAY
            await call.hears_the_end()
            assert len(handed) == 1


@virtual
async def test_a_muted_caller_is_recorded_and_heard_by_nobody(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        assert await steer(house, type="control", control="mute-customer") == ""
        await call.says("This is between us.")
        await asyncio.sleep(3)
        await steer(house, type="say", content=LONG)
        await call.until(lambda: len(call.heard_at) > 90, 10)
        await call.says("Nor do I cut you short.", 2.0)
        await call.hears_the_end()
        assert await steer(house, type="control", control="unmute-customer") == ""
        await call.says("When are you open?")
        await call.hears_the_end()

    lines = house.report["transcript"].splitlines()
    assert lines[1] == f"AI: {LONG}"
    assert lines[-1] == f"AI: {ANSWER}"
    assert house.messages("user-interrupted") == []
    spoken = [one for one in house.messages("speech-update") if one["role"] == "user"]
    assert [one["status"] for one in spoken] == ["started", "stopped"]


@virtual
async def test_a_caller_who_is_muted_in_the_middle_has_stopped(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        speaking = asyncio.create_task(call.says("When are you open?", 20.0))
        await asyncio.sleep(1.0)
        await steer(house, type="control", control="mute-customer")
        await call.hears_the_end()
        await speaking

    assert house.report["transcript"].splitlines()[2] == f"AI: {ANSWER}"


# the first message


@virtual
async def test_the_first_message_is_said_when_it_is_asked_for(tmp_path: Path) -> None:
    async with talking(tmp_path, firstMessageMode="assistant-waits-for-user") as (house, call):
        await asyncio.sleep(1)
        assert call.heard_at == []
        assert await steer(house, type="control", control="say-first-message") == ""
        await call.hears_the_end()

    assert house.report["transcript"] == f"AI: {FIRST}\n"


@virtual
async def test_there_may_be_no_first_message(tmp_path: Path) -> None:
    modes = {"firstMessage": "", "firstMessageMode": "assistant-waits-for-user"}
    async with talking(tmp_path, **modes) as (house, _):
        await asyncio.sleep(1)
        assert await steer(house, type="control", control="say-first-message") == (
            live_control.NO_FIRST_MESSAGE
        )


# the end


@virtual
async def test_the_call_is_hung_up(tmp_path: Path) -> None:
    async with talking(tmp_path) as (house, call):
        assert await steer(house, type="end-call") == ""
        assert await call.ended() == "BYE from the node"
        await ended(house)
        assert await steer(house, type="end-call") is None

    assert house.report["endedReason"] == "manually-canceled"


# which calls


@virtual
async def test_a_call_that_rings_can_only_be_ended(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        call = (await house.phone()).dial()
        call.acknowledges = False
        await call.place()
        await call.until(lambda: house.ledger.rows, 5)
        assert await steer(house, type="say", content="Hello?") == steering.NOT_ANSWERED
        assert await steer(house, type="end-call") == ""
        await call.ended()
        await ended(house)


@pytest.mark.parametrize(
    ("plan", "shown"),
    [
        (None, True),
        ({}, True),
        ({"controlEnabled": True, "controlAuthenticationEnabled": True}, True),
        ({"controlEnabled": False}, False),
    ],
)
@virtual
async def test_a_live_call_says_where_it_is_steered(
    tmp_path: Path, plan: Document | None, shown: bool
) -> None:
    async with open_house(tmp_path) as house:
        house.assistant["monitorPlan"] = plan
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        told = house.messages("status-update")[-1]["call"]["monitor"]
        monitored = house.calls.monitored(house.call_id)
        assert monitored is not None
        assert monitored.controls is shown
        assert monitored.control_key is bool(plan and plan.get("controlAuthenticationEnabled"))
        call.hang_up()
        await ended(house)
        assert house.calls.monitored(house.call_id) is None

    url = f"http://api.test/call/{house.call_id}/control"
    assert told.get("controlUrl") == (url if shown else None)
    assert house.row["monitor"] == {}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "say", "content": "x", "endCallAfterSpoken": True},
        {"type": "handoff", "destination": {"type": "assistant", "assistant": {"name": "A"}}, "content": "x"},
        {"type": "transfer", "destination": {"type": "number", "number": "+15550100"}},
        {"type": "control", "control": "mute-customer"},
    ],
)
def test_a_message_says_the_same_in_another_process(message: Document) -> None:
    assert document(checked(document(MESSAGE.validate_python(message)))) == message
