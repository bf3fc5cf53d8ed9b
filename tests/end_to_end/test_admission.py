"""Who may call: digest authentication of a number (vapi-wire §1.3), from outside."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from offhook.sip.digest import Challenge
from offhook.sip.messages.message import Response
from offhook.sip.messages.parser import parse_message
from offhook.sip.messages.uri import Uri
from tests.end_to_end.answers import receiving
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import Node, Number, assistant, new_number
from tests.end_to_end.orgs import Org
from tests.end_to_end.peers import LOOPBACK
from tests.machine import PATIENCE

USER, PASSWORD = "the-desk-of-harbor-shop", "a-password-of-some-length"
GUARDED = {"username": USER, "password": PASSWORD}


def guarded(node: Node, **authentication: Any) -> Number:
    return new_number(node, answered_by=assistant(), authentication={**GUARDED, **authentication})


async def dial(node: Node, number: Number, **how: Any) -> Told:
    async with exchange(LOOPBACK, node.sip_port) as line:
        return await call(line, number.uri(), listens=True, **how)


class _Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, address: object) -> None:
        self.came.put_nowait(data)


async def answer_to(number: Number, *headers: str) -> Response:
    """The final answer to one INVITE over bare UDP, acknowledged."""
    loop = asyncio.get_running_loop()
    socket, ear = await loop.create_datagram_endpoint(
        _Ear, local_addr=(LOOPBACK, 0), remote_addr=(LOOPBACK, number.node.sip_port)
    )
    port = socket.get_extra_info("sockname")[1]
    mark = random.randbytes(6).hex()

    def request(method: str, to: str, *more: str) -> bytes:
        lines = [
            f"{method} {number.uri()} SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{port};branch=z9hG4bK{mark};rport",
            "Max-Forwards: 70",
            f"From: <sip:ann@{LOOPBACK}:{port}>;tag={mark}",
            f"To: {to}",
            f"Call-ID: {mark}",
            f"CSeq: 1 {method}",
            f"Contact: <sip:ann@{LOOPBACK}:{port}>",
            *more,
            "Content-Length: 0",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    try:
        socket.sendto(request("INVITE", f"<{number.uri()}>", *headers))
        async with asyncio.timeout(PATIENCE):
            while True:
                response = parse_message(await ear.came.get())
                if isinstance(response, Response) and response.status >= 200:
                    socket.sendto(request("ACK", str(response.to)))
                    return response
    finally:
        socket.close()


async def challenges(number: Number) -> list[Challenge]:
    response = await answer_to(number)
    assert response.status == 401
    return [Challenge.parse(line) for line in response.headers.lines("WWW-Authenticate")]


async def test_a_caller_without_credentials_is_challenged(service: Node) -> None:
    number = guarded(service, realm="harbor.example.org")

    found = await challenges(number)

    assert {one.realm for one in found} == {"harbor.example.org"}
    assert {one.algorithm for one in found} >= {"MD5", "SHA-256"}
    assert len({one.nonce for one in [*found, *await challenges(number)]}) >= 2
    assert service.get(f"/call?phoneNumberId={number.id}") == []


async def test_a_caller_who_knows_the_password_is_let_in(service: Node) -> None:
    number = guarded(service)

    told = await dial(service, number, login=(USER, PASSWORD))

    assert told.refused is None
    assert "harbor shop" in told.words
    assert number.call()["endedReason"] == "customer-ended-call"


@pytest.mark.parametrize(
    "login", [(USER, "another-password-of-length"), ("somebody-of-the-harbor", PASSWORD), ("", "")]
)
async def test_a_caller_who_does_not_is_not(login: tuple[str, str], service: Node) -> None:
    number = guarded(service)

    told = await dial(service, number, login=login)

    assert told.refused in (401, 403)
    assert told.heard == b""
    assert service.get(f"/call?phoneNumberId={number.id}") == []


async def test_a_stranger_does_not_reach_the_owners_server(service: Node) -> None:
    async with receiving() as receiver:
        number = await asyncio.to_thread(
            new_number, service, answered_by=None, authentication=GUARDED, server={"url": receiver.url("x")}
        )
        assert (await answer_to(number)).status == 401
        assert (await dial(service, number, login=(USER, "another-password-of-length"))).refused in (401, 403)

        assert receiver.taken == []


async def test_without_authentication_any_credentials_are_taken(service: Node) -> None:
    number = new_number(service, answered_by=assistant())
    made_up = 'Digest username="x", realm="y", nonce="z", uri="sip:a@b", response="' + "0" * 32 + '"'

    with_some = await dial(service, number, headers=[("Authorization", made_up)])
    with_none = await dial(service, number)

    assert (with_some.refused, with_none.refused) == (None, None)


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("length", [19, 41])
def test_names_and_passwords_have_20_to_40_characters(field: str, length: int, service: Node) -> None:
    wrong = {**GUARDED, field: "x" * length}

    status, message = Org(service).refused(
        "POST", "/phone-number", {"provider": "vapi", "authentication": wrong}
    )

    assert status == 400
    assert [one for one in message if f"authentication.{field}" in one]


async def test_the_realm_is_the_host_of_the_service_unless_given(service: Node) -> None:
    made_up = service.post("/phone-number", {"provider": "vapi"})["sipUri"]
    found = await challenges(guarded(service))

    assert {one.realm for one in found} == {Uri.parse(made_up).host}


async def test_the_password_is_told_to_nobody(service: Node) -> None:
    async with receiving() as receiver, exchange(LOOPBACK, service.sip_port) as line:
        number = await asyncio.to_thread(
            new_number, service, answered_by=assistant(), authentication=GUARDED,
            server={"url": receiver.url("told")},
        )  # fmt: skip
        await call(line, number.uri(), login=(USER, PASSWORD), hang_up_after=1)
        report = await receiver.wait_for("told", "end-of-call-report")

    assert PASSWORD not in str(receiver.taken)
    assert report.message["phoneNumber"]["id"] == number.id
    assert PASSWORD not in str(service.get(f"/phone-number/{number.id}"))
    assert PASSWORD not in str(number.call())
