"""What is refused, answered or ignored before anybody looks at it."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip import Answer, Request
from tests.sip.agents import SERVER, Desk, house, inviting, leftovers, silent
from tests.virtual import story
from tests.wire import OFFER

Header = tuple[str, str]
TWO_VIAS = f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport, SIP/2.0/UDP {SERVER};branch=z9hG4bK2"
REFUSALS: list[tuple[str, str, str, list[Header], bytes, int, str]] = [
    ("hops", "INVITE", "", [("Max-Forwards", "0")], OFFER, 483, ""),
    ("extension", "INVITE", "", [("Require", "100rel, nothing")], OFFER, 420, "Unsupported"),
    ("unknown method", "JUMP", "", [], b"", 501, "Allow"),
    ("registration", "REGISTER", "", [], b"", 405, "Allow"),
    ("subscription", "SUBSCRIBE", "", [], b"", 405, "Allow"),
    ("publication", "PUBLISH", "", [], b"", 405, "Allow"),
    ("message outside a dialog", "MESSAGE", "", [], b"", 405, "Allow"),
    ("refer outside a dialog", "REFER", "", [], b"", 405, "Allow"),
    ("info outside a dialog", "INFO", "", [], b"", 481, ""),
    ("foreign scheme", "INVITE", "mailto:a@b.example", [], OFFER, 416, ""),
    ("unknown scheme", "OPTIONS", "nobodyKnowsThisScheme:x", [], b"", 416, ""),
    ("type", "INVITE", "", [("Content-Type", "text/plain")], b"hello", 415, "Accept"),
    ("takes no SDP", "INVITE", "", [("Accept", "text/plain, text/html")], OFFER, 406, ""),
    ("an extension that is none", "INVITE", "", [("Require", "100rel <x>")], OFFER, 400, ""),
    ("too many extensions", "INVITE", "", [("Require", ",".join(["x"] * 129))], OFFER, 400, ""),
    ("empty type", "INVITE", "", [("Content-Type", "")], OFFER, 400, ""),
    ("no SDP", "INVITE", "", [("Content-Type", "multipart/mixed;boundary=x")], b"--x--", 415, "Accept"),
    ("parts without bounds", "INVITE", "", [("Content-Type", "multipart/mixed")], OFFER, 415, "Accept"),
    ("encoding", "INVITE", "", [("Content-Encoding", "gzip")], OFFER, 415, "Accept-Encoding"),
    ("no way back", "INVITE", "", [("Contact", "<tel:+1555>")], OFFER, 400, ""),
    ("own via below", "INVITE", "", [("Via", TWO_VIAS)], OFFER, 483, ""),
]


@pytest.mark.parametrize(
    ("method", "uri", "headers", "body", "status", "says"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
@story
async def test_a_refusal_comes_with_its_reason(
    method: str, uri: str, headers: list[Header], body: bytes, status: int, says: str
) -> None:
    async with house() as h:
        call = h.phone.call()
        call.target = uri or call.target
        call.request(method, body, headers)
        response = await h.phone.response(status)
        assert not says or says in response.headers
        assert response.to.tag is not None
        assert h.desk.invitations == []
        assert leftovers(h.agent) == (0, 0, 0)
        await asyncio.sleep(60)
        assert h.phone.count(status) == 1  # without a transaction nothing is repeated


@story
async def test_the_420_names_what_is_not_supported() -> None:
    async with house() as h:
        h.phone.call().request("INVITE", OFFER, [("Require", "timer, foo")])
        assert (await h.phone.response(420)).headers.get_all("Unsupported") == ["timer", "foo"]


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "NOTIFY", "OPTIONS"])
@story
async def test_a_request_in_an_unknown_dialog_gets_481(method: str) -> None:
    async with house() as h:
        call = h.phone.call()
        call.to += ";tag=unknown"
        call.request(method)
        await h.phone.response(481)


@story
async def test_a_merged_request_gets_482() -> None:
    async with inviting(silent) as (h, call):
        await h.phone.response(100)
        call.cseq -= 1
        call.invite()
        await h.phone.response(482)
        assert len(h.desk.invitations) == 1


@story
async def test_an_invite_with_a_later_cseq_is_no_copy_of_the_first() -> None:
    async with inviting(silent) as (h, call):
        await h.phone.response(100)
        call.invite()
        await h.phone.response(100)
        assert len(h.desk.invitations) == 2


@story
async def test_a_phone_may_have_our_own_address_behind_its_translation() -> None:
    async with house() as h:
        h.phone.call().invite(headers=[("Via", f"SIP/2.0/UDP {SERVER};branch=z9hG4bKsame;rport")])
        await h.phone.response(200)


@story
async def test_the_sdp_is_found_in_a_multipart_body() -> None:
    body = (
        b"--x\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n"
        b"--x\r\nContent-Type: application/sdp\r\n\r\n" + OFFER + b"\r\n--x--\r\n"
    )
    async with house(silent) as h:
        h.phone.call().invite(body, [("Content-Type", "multipart/mixed;boundary=x")])
        await h.phone.response(100)
        assert h.desk.invitations[0].offer == OFFER


@story
async def test_a_body_that_need_not_be_understood_is_no_offer() -> None:
    headers = [("Content-Type", "text/plain"), ("Content-Disposition", "render;handling=optional")]
    async with house(silent) as h:
        h.phone.call().invite(b"hello", headers)
        await h.phone.response(100)
        assert h.desk.invitations[0].offer is None


@story
async def test_options_says_what_we_can_even_at_the_last_hop() -> None:
    async with house() as h:
        h.phone.call().request("OPTIONS", headers=[("Max-Forwards", "0")])
        response = await h.phone.response(200)
        assert "INVITE" in response.headers.get_all("Allow")
        assert response.headers.get("Accept") == "application/sdp"
        assert "Supported" in response.headers


@story
async def test_a_desk_may_answer_options_itself() -> None:
    class Drained(Desk):
        def options(self, request: Request) -> Answer:
            return 503, [("Retry-After", "9")], b""

    async with house(desk=Drained()) as h:
        h.phone.call().request("OPTIONS")
        assert (await h.phone.response(503)).headers.get("Retry-After") == "9"


@story
async def test_a_stray_ack_and_stray_responses_are_ignored() -> None:
    async with house() as h:
        call = h.phone.call()
        call.ack()
        call.to += ";tag=unknown"
        call.ack()
        h.phone.send(
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
            b"To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
        )
        h.phone.send(b"\r\n\r\n")
        h.phone.send(b"\0\0\0\0")
        await asyncio.sleep(1)
        assert h.phone.heard == []


@story
async def test_a_broken_request_is_answered_and_hopeless_bytes_are_not() -> None:
    async with house() as h:
        h.phone.send(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n\r\n")
        await asyncio.sleep(1)
        assert h.wire.start_lines("10.0.0.2") == ["SIP/2.0 400 Missing From"]
        h.phone.send(
            h.phone.call().make("OPTIONS", 1, "z9hG4bK2").replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1)
        )
        await h.phone.response(505)
        h.phone.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        h.phone.send(bytes(range(256)))
        await asyncio.sleep(1)
        assert len(h.wire.start_lines("10.0.0.2")) == 2
