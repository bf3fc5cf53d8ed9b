"""Requests in a dialog over TCP: its own connection first, whatever port its peer names (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from offhook.sip import Session, Uri
from offhook.sip.messages.message import respond
from tests.listening import listening
from tests.sip.agents import ANSWER, Desk, Recorder, refusal
from tests.sip.test_transport import ME, Line, agent_on
from tests.wire import OFFER

Header = tuple[str, str]


@pytest.fixture
def closed() -> Any:
    """A port that takes no connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def named(what: str, port: int) -> list[Header]:
    """How a peer names that port."""
    return {
        "contact": [("Contact", f"<sip:b@127.0.0.1:{port};transport=tcp>")],
        "contact without a transport": [("Contact", f"<sip:b@127.0.0.1:{port}>")],
        "contact elsewhere": [("Contact", f"<sip:b@127.0.0.2:{port};transport=tcp>")],
        "a contact of an inside": [("Contact", "<sip:b@192.168.1.5:5060;transport=tcp>")],
        "record-route": [("Record-Route", f"<sip:127.0.0.1:{port};transport=tcp;lr>")],
        "a strict route": [("Record-Route", f"<sip:127.0.0.1:{port};transport=tcp>")],
        "a name": [("Record-Route", "<sip:edge.invalid;transport=tcp;lr>")],
        "two routes": [("Record-Route", f"<sip:127.0.0.1:{port};lr>, <sip:10.9.9.9;lr>")],
    }[what]


NAMES = (
    "contact", "contact without a transport", "contact elsewhere", "a contact of an inside", "record-route",
    "a strict route", "a name", "two routes",
)  # fmt: skip


def with_headers(data: bytes, headers: list[Header]) -> bytes:
    """The message with these headers, in place of its own of that name."""
    head, _, body = data.partition(b"\r\n\r\n")
    names = tuple(f"{name.lower()}:".encode() for name, _ in headers)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(names)]
    lines += [f"{name}: {value}".encode() for name, value in headers]
    return b"\r\n".join([*lines, b"", body])


async def connected(line: Line, desk: Desk, headers: list[Header]) -> Session:
    """A call over `line` whose peer says how to reach it by `headers`."""
    line.send(with_headers(line.request("INVITE", 1, OFFER), headers))
    answered = await line.status(200)
    line.send(line.request("ACK", 1, to=str(answered.to)))
    while not desk.recorder.events:
        await asyncio.sleep(0.01)
    return desk.sessions[-1]


async def asked(line: Line, method: str, headers: tuple[Header, ...] = (), body: bytes = b"") -> Any:
    """The request that comes, answered with 200."""
    request = await line.message()
    assert request.method == method
    line.send(respond(request, 200, headers=headers, body=body).to_bytes())
    return request


@pytest.mark.parametrize("what", NAMES)
async def test_every_request_goes_over_the_connection_of_the_dialog(what: str, closed: int) -> None:
    async with agent_on() as (_, desk, address, transports):
        line = await Line.to(address)
        session = await connected(line, desk, named(what, closed))
        for method in ("INFO", "OPTIONS", "REFER", "MESSAGE", "UPDATE"):
            answer = asyncio.create_task(session.request(method))
            await asked(line, method)
            assert (await answer).status == 200

        inviting = asyncio.create_task(session.reinvite(OFFER))
        await asked(line, "INVITE", (*named(what, closed), ("Content-Type", "application/sdp")), ANSWER)
        assert (await line.message()).method == "ACK"
        assert (await inviting).status == 200

        session.bye()
        await asked(line, "BYE")
        await session.closed.wait()
        assert transports.connections == 1
        line.close()


@asynccontextmanager
async def called(headers: list[Header]) -> AsyncIterator[tuple[Line, Session]]:
    """A call of ours over TCP, whose answer says by `headers` how to reach its sender."""
    lines: asyncio.Queue[Line] = asyncio.Queue()
    over = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.put_nowait(Line(reader, writer))
        await over.wait()

    async with listening(take) as port, agent_on() as (agent, _, _, _):
        uri = Uri.parse(f"sip:a@127.0.0.1:{port};transport=tcp")
        call = agent.invite(uri, from_=ME, body=OFFER, handler=Recorder())
        line = await lines.get()
        invite = await line.message()
        items = [("Contact", f"<sip:a@127.0.0.1:{port};transport=tcp>"), ("Content-Type", "application/sdp")]
        items = [*(item for item in items if item[0] != headers[0][0]), *headers]
        line.send(respond(invite, 200, to_tag="them", headers=items, body=ANSWER).to_bytes())
        try:
            yield line, await call.wait()
        finally:
            line.close()
            over.set()


@pytest.mark.parametrize("what", NAMES)
async def test_a_dialled_leg_stays_on_its_connection(what: str, closed: int) -> None:
    async with called(named(what, closed)) as (line, session):
        assert (await line.message()).method == "ACK"
        answer = asyncio.create_task(session.request("INFO"))
        await asked(line, "INFO")
        assert (await answer).status == 200
        session.bye()
        await asked(line, "BYE")
        await session.closed.wait()


async def test_once_the_connection_is_gone_the_contact_is_followed() -> None:
    async with agent_on() as (_, desk, address, _), agent_on() as (_, _, other, _):
        line = await Line.to(address)
        session = await connected(line, desk, [("Contact", f"<sip:b@{other};transport=tcp>")])
        line.writer.transport.abort()
        await asyncio.sleep(0.1)
        answer = await session.request("INFO")
        assert answer.status == 481  # whoever is there does not know the dialog, but was asked


async def test_a_dialog_without_any_way_is_gone(closed: int) -> None:
    async with agent_on() as (_, desk, address, _):
        line = await Line.to(address)
        session = await connected(line, desk, named("contact", closed))
        line.writer.transport.abort()
        await asyncio.sleep(0.1)
        assert await refusal(session.request("INFO")) == 503
        assert desk.recorder.events[-1] == ("gone", "transport failed")


async def test_a_connection_that_breaks_before_the_answer_is_given_up_for_the_contact() -> None:
    async with agent_on() as (_, desk, address, _), agent_on() as (_, _, other, _):
        line = await Line.to(address)
        session = await connected(line, desk, [("Contact", f"<sip:b@{other};transport=tcp>")])
        answer = asyncio.create_task(session.request("INFO"))
        assert (await line.message()).method == "INFO"
        line.writer.transport.abort()
        assert (await answer).status == 481


async def test_a_peer_that_comes_back_on_another_connection_is_answered_on_that() -> None:
    async with agent_on() as (_, desk, address, _):
        line = await Line.to(address)
        session = await connected(line, desk, [])
        line.close()
        again = await Line.to(address)
        again.send(again.request("INFO", 2, to=str(session.dialog.local)))
        await again.status(200)
        session.bye()
        await asked(again, "BYE")
        await session.closed.wait()
        again.close()
