"""A caller on the line and somebody at the desk: how stories of transfers begin, and are looked back on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from offhook.conversation.tools.destination_templates import filled
from offhook.sip.messages.message import Request
from tests.calls.house import House, open_house
from tests.calls.phone import PhoneCall
from tests.calls.transfers.operator import DESK, Operator, open_operator
from tests.documents import transfer_to

Document = dict[str, Any]
APOLOGY = "Sorry, I could not transfer your call. Goodbye."
STATUSES = ["ringing", "in-progress", "forwarding", "ended"]


def sip(plan: Document | None = None, **more: Any) -> Document:
    """A SIP destination that is said nothing about."""
    destination: Document = {"type": "sip", "sipUri": DESK, "message": "", **more}
    return destination if plan is None else {**destination, "transferPlan": plan}


def dial(**plan: Any) -> Document:
    return {"mode": "blind-transfer", "sipVerb": "dial", **plan}


@asynccontextmanager
async def on_the_line(folder: Path, **house_options: Any) -> AsyncIterator[tuple[House, PhoneCall, Operator]]:
    """A caller who has heard the first message, and somebody at the desk."""
    async with open_house(folder, **house_options) as house, open_operator(house) as operator:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        yield house, call, operator


def send_on(house: House, destination: Document) -> None:
    """As a hook of the assistant's does."""
    call = house.calls.get(house.call_id)
    assert call is not None
    conversation = call.conversation
    assert conversation is not None
    conversation.send_on(filled(transfer_to(destination), lambda text: conversation.render(text, {})))


def transferred(house: House) -> Document:
    """The only entry of artifact.transfers."""
    entries: list[Document] = house.report["artifact"]["transfers"]
    (entry,) = entries
    return entry


def check(house: House, reason: str, status: str) -> None:
    assert house.report["endedReason"] == reason
    assert house.row["endedReason"] == reason
    assert transferred(house)["status"] == status
    assert house.ledger.statuses[house.call_id] == STATUSES


async def refer_to(call: PhoneCall) -> Request:
    return await call.phone.request("REFER")
