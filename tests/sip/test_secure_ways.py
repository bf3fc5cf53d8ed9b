"""Which way an offer goes that may tell keys."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip import Uri
from offhook.sip.transports.tls import TLS
from tests.authority import Authority
from tests.sip.agents import Recorder, refusal
from tests.sip.test_tls import ME, Client, agent
from tests.wire import OFFER

INVITE = (
    "INVITE sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKi\r\nMax-Forwards: 70\r\n"
    "From: <sip:b@127.0.0.1>;tag=b\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: invite\r\nCSeq: 1 INVITE\r\n"
    "Contact: <{contact}>\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n"
)
PHONE = "sip:phone@127.0.0.1:9"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(("contact", "secure"), [(PHONE + ";transport=tls", True), (PHONE, False)])
async def test_an_offer_that_was_written_for_a_secure_way_goes_no_other(
    authority: Authority, contact: str, secure: bool
) -> None:
    """Its connection is open, and then gone; its Contact names an open way or a secure one."""
    async with agent(authority.certificates("127.0.0.1")) as (_, desk, transports, address):
        client = await Client.to(address, authority.file)
        client.writer.write(INVITE.format(contact=contact, length=len(OFFER)).encode() + OFFER)
        await client.reader.readuntil(b"200 OK")
        (session,) = desk.sessions
        assert session._requests.secure
        assert session._requests._ways_of_offer()[0] is session.connection
        assert len(session._requests._ways_of_offer()) == 1 + secure
        client.close()
        while transports.connections:
            await asyncio.sleep(0)
        assert session._requests.secure is secure


async def test_two_names_at_one_address_are_called_each_by_itself(authority: Authority) -> None:
    """While the one that is not who answers there is dialled, so is the other."""
    async with (
        agent(authority.certificates("pbx.test")) as (_, _, _, there),
        agent(authority.certificates("127.0.0.1")) as (caller, *_),
    ):
        wrong, right = (
            caller.invite(
                Uri.parse(f"sip:a@{host}:{there.port};transport=tls"),
                from_=ME, body=OFFER, handler=Recorder(), via=there, transport=TLS,
            )
            for host in ("other.test", "pbx.test")
        )  # fmt: skip
        assert await refusal(wrong.wait()) == 503
        (await right.wait()).bye()
