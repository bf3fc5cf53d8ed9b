"""Whole calls that are sent on from outside, to somewhere else, or get messages of the transport."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.calls import steering
from offhook.conversation.hooks import live_control
from offhook.sip.messages.message import Request
from tests.calls.house import Document, virtual
from tests.calls.phone import PhoneCall
from tests.calls.test_live_control import ANSWER, steer, talking

# somewhere else


REFER: Document = {"mode": "blind-transfer", "sipVerb": "refer"}


@pytest.mark.parametrize("content", [None, "I put you through.", ""])
@virtual
async def test_the_caller_is_transferred(tmp_path: Path, content: str | None) -> None:
    destination = {"type": "sip", "sipUri": "sip:sales@10.0.0.7", "transferPlan": REFER, "message": "Sales."}
    async with talking(tmp_path) as (house, call):
        given = {} if content is None else {"content": content}
        assert await steer(house, type="transfer", destination=destination, **given) == ""
        assert await steer(house, type="say", content="Wait!") == live_control.AWAY
        await call.until(lambda: referred(call), 20)
        call.notify(200, state="terminated;reason=noresource")
        await call.ended()

    (refer,) = referred(call)
    assert "sip:sales@10.0.0.7" in str(refer.headers.get("Refer-To"))
    said = "Sales." if content is None else content
    assert house.report["transcript"].splitlines()[1:] == ([f"AI: {said}"] if said else [])
    assert house.report["endedReason"] == "assistant-forwarded-call"
    assert house.report["destination"]["sipUri"] == "sip:sales@10.0.0.7"


def referred(call: PhoneCall) -> list[Request]:
    return [one for one in call.phone.heard if isinstance(one, Request) and one.method == "REFER"]


@pytest.mark.parametrize("content", [None, "Here is my colleague."])
@virtual
async def test_another_assistant_goes_on(tmp_path: Path, content: str | None) -> None:
    other = {"type": "assistant", "assistant": {"name": "Sales", "firstMessage": "Sales here."}}
    async with talking(tmp_path) as (house, call):
        given = {} if content is None else {"content": content}
        assert await steer(house, type="handoff", destination=other, **given) == ""
        await call.hears_the_end(pause=1.0)
        await call.says("Hello, Sales.")
        await call.hears_the_end()

    words = [] if content is None else [f"AI: {content}"]
    assert house.report["transcript"].splitlines()[1:] == [
        *words, "AI: Sales here.", "User: Hello, Sales.", f"AI: {ANSWER}",
    ]  # fmt: skip
    assert house.report["assistant"]["name"] == "Sales"
    assert len(next(iter(house.engines.values()))) == 2


@virtual
async def test_an_assistant_that_does_not_exist_takes_nothing_over(tmp_path: Path) -> None:
    nobody = {"type": "assistant", "assistantName": "Nobody"}
    async with talking(tmp_path) as (house, call):
        assert await steer(house, type="handoff", destination=nobody) == live_control.NOT_REACHED
        await call.says("When are you open?")
        await call.hears_the_end()

    assert house.report["transcript"].splitlines()[-1] == f"AI: {ANSWER}"


# messages of the transport


@virtual
async def test_a_sip_message_goes_to_the_phone(tmp_path: Path) -> None:
    sent = {"transport": "vapi.sip", "sipVerb": "INFO", "headers": {"X-Screen": "1"}, "body": "pop"}
    async with talking(tmp_path) as (house, call):
        assert await steer(house, type="send-transport-message", message=sent) == ""
        call.phone.answers["INFO"] = 603
        refused = await steer(house, type="send-transport-message", message=sent)
        assert refused is not None
        assert "603" in refused
        twilio = {"transport": "twilio", "twiml": "<Response/>"}
        assert await steer(house, type="send-transport-message", message=twilio) == steering.NOT_TWILIO

    infos = [one for one in call.phone.heard if isinstance(one, Request) and one.method == "INFO"]
    assert [(one.headers.get("X-Screen"), one.body) for one in infos] == [("1", b"pop")] * 2
