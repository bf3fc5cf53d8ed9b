"""The user agent on the virtual clock: what it answers, refuses, ignores, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.network import Address
from offhook.sip import (
    Answer,
    Invitation,
    NameAddr,
    OutgoingCall,
    Request,
    Session,
    SipError,
    Transports,
    Uri,
    UserAgent,
    respond,
)
from offhook.sip.digest import Challenge, Credentials, verify
from offhook.sip.exchange import Exchange
from offhook.sip.layer import Transaction
from tests.sip.agents import ANSWER, ME, SERVER, Desk, House, Recorder, house, leftovers
from tests.sip.rfc4475 import Torture
from tests.sip.torture import MESSAGES
from tests.virtual import run_virtual
from tests.wire import OFFER, Datagram, MemoryWire, ScriptedPhone


def story(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test on the virtual clock."""

    def run(*arguments: object, **named: object) -> None:
        run_virtual(test(*arguments, **named))

    run.__name__ = test.__name__
    return run


def ringing(desk: Desk) -> Callable[[Invitation], None]:
    return lambda invitation: invitation.provisional(180)


def silent(desk: Desk) -> Callable[[Invitation], None]:
    return desk.later


# Being called


@story
async def test_an_invite_gets_100_at_once_180_and_200_when_the_desk_says_so() -> None:
    async with house(ringing) as h:
        call = h.phone.call()
        call.invite(headers=[("X-First-Name", "Ann")])
        assert (await h.phone.response(100)).to.tag is None
        ringing_ = await h.phone.response(180)
        invitation = h.desk.invitations[0]
        assert invitation.offer == OFFER
        assert invitation.source == Address("10.0.0.1", 5060)
        assert invitation.call_id == call.call_id
        assert invitation.request.headers.get("x-first-name") == "Ann"
        h.desk.accept(invitation)
        answered = await call.answered()
        assert answered.to.tag == ringing_.to.tag
        assert str(answered.contact) == "<sip:assistant@10.0.0.2:5060>"


@story
async def test_provisional_and_final_statuses_are_not_confused() -> None:
    async with house(silent) as h:
        call = h.phone.call()
        call.invite()
        await h.phone.response(100)
        with pytest.raises(ValueError, match="200"):
            h.desk.invitations[0].provisional(200)
        with pytest.raises(ValueError, match="180"):
            h.desk.invitations[0].reject(180)


@story
async def test_a_repeated_invite_gets_the_last_response_and_disturbs_nobody() -> None:
    async with house(ringing) as h:
        call = h.phone.call()
        again = call.invite()
        await h.phone.response(180)
        h.phone.send(again)
        await h.phone.response(180)
        h.desk.accept(h.desk.invitations[0])
        await call.answered()
        h.phone.send(again)
        await asyncio.sleep(0.1)
        assert h.phone.count(200) == 1
        assert len(h.desk.invitations) == 1
        call.ack()
        h.phone.send(again)
        await asyncio.sleep(1)
        assert h.phone.count(200) == 1


@story
async def test_a_refused_invite_is_repeated_until_its_ack() -> None:
    async with house(lambda desk: lambda one: one.reject(486, headers=[("Retry-After", "5")])) as h:
        call = h.phone.call()
        call.invite()
        refusal = await h.phone.response(486)
        assert refusal.headers.get("Retry-After") == "5"
        await h.phone.response(486)
        call.ack(branch=call.invite_branch)
        await h.settle()
        assert h.phone.count(486) == 2


@story
async def test_cancel_before_the_answer() -> None:
    async with house(ringing) as h:
        call = h.phone.call()
        call.invite()
        await h.phone.response(180)
        call.cancel()
        assert (await h.phone.response(200)).cseq.method == "CANCEL"
        assert (await h.phone.response(487)).cseq.method == "INVITE"
        call.ack(branch=call.invite_branch)
        assert h.desk.cancelled == 1
        with pytest.raises(SipError) as late:
            h.desk.accept(h.desk.invitations[0])
        assert late.value.status == 487
        h.desk.invitations[0].reject(404)
        h.desk.invitations[0].provisional(183)
        await h.settle()
        assert h.phone.count(404) == h.phone.count(183) == 0


@story
async def test_cancel_before_anything_but_100() -> None:
    async with house(silent) as h:
        call = h.phone.call()
        call.invite()
        await h.phone.response(100)
        call.cancel()
        accepted = await h.phone.response(200)
        assert (await h.phone.response(487)).to.tag == accepted.to.tag
        call.ack(branch=call.invite_branch)
        assert h.desk.cancelled == 1
        await h.settle()


@story
async def test_cancel_that_crosses_the_200_is_answered_and_changes_nothing() -> None:
    async with house() as h:
        call = h.phone.call()
        call.invite()
        call.cancel()
        answers = [await h.phone.response(200), await h.phone.response(200)]
        assert sorted(one.cseq.method for one in answers) == ["CANCEL", "INVITE"]
        call.learn(next(one for one in answers if one.cseq.method == "INVITE"))
        call.ack()
        await asyncio.sleep(1)
        assert h.desk.cancelled == 0
        call.bye()
        await h.phone.response(200)
        await h.settle()


@story
async def test_a_repeated_cancel_is_answered_again_and_a_cancel_of_nothing_with_481() -> None:
    async with house(ringing) as h:
        call = h.phone.call()
        call.invite()
        await h.phone.response(180)
        call.cancel()
        await h.phone.response(200)
        call.cancel()
        await h.phone.response(200)
        assert h.desk.cancelled == 1
        call.invite_branch = "z9hG4bKother"
        call.cancel()
        await h.phone.response(481)


@story
async def test_nobody_answers() -> None:
    async with house(ringing) as h:
        call = h.phone.call()
        call.invite()
        assert (await h.phone.response(480, within=200)).cseq.method == "INVITE"
        assert h.desk.cancelled == 1
        assert h.phone.count(180) == 3  # repeated each minute, lest proxies give up
        call.ack(branch=call.invite_branch)
        await h.settle()


@story
async def test_a_desk_that_fails_is_a_500() -> None:
    def break_down(invitation: Invitation) -> None:
        raise RuntimeError("no desk")

    async with house(lambda desk: break_down) as h:
        call = h.phone.call()
        call.invite()
        await h.phone.response(500)
        call.ack(branch=call.invite_branch)
        await h.settle()


# What is refused before anybody looks at it

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
    ("foreign scheme", "INVITE", "tel:+15551234", [], OFFER, 416, ""),
    ("unknown scheme", "OPTIONS", "nobodyKnowsThisScheme:x", [], b"", 416, ""),
    ("type", "INVITE", "", [("Content-Type", "text/plain")], b"hello", 415, "Accept"),
    ("takes no SDP", "INVITE", "", [("Accept", "text/plain, text/html")], OFFER, 406, ""),
    ("nonsense to accept", "INVITE", "", [("Accept", "/")], OFFER, 400, ""),
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
def test_a_refusal_comes_with_its_reason(
    method: str, uri: str, headers: list[Header], body: bytes, status: int, says: str
) -> None:
    async def run() -> None:
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

    run_virtual(run())


@story
async def test_the_420_names_what_is_not_supported() -> None:
    async with house() as h:
        h.phone.call().request("INVITE", OFFER, [("Require", "timer, foo")])
        assert (await h.phone.response(420)).headers.get_all("Unsupported") == ["timer", "foo"]


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "NOTIFY", "OPTIONS"])
def test_a_request_in_an_unknown_dialog_gets_481(method: str) -> None:
    async def run() -> None:
        async with house() as h:
            call = h.phone.call()
            call.to += ";tag=unknown"
            call.request(method)
            await h.phone.response(481)

    run_virtual(run())


@story
async def test_a_merged_request_gets_482() -> None:
    async with house(silent) as h:
        call = h.phone.call()
        call.invite()
        await h.phone.response(100)
        call.cseq -= 1
        call.invite()
        await h.phone.response(482)
        assert len(h.desk.invitations) == 1


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

    wire = MemoryWire(random.Random(1))
    transports = Transports(opener=wire.open)
    await transports.listen(*SERVER, tcp=False)
    agent = UserAgent(Drained(), transports=transports, rng=random.Random(1))
    phone = await ScriptedPhone.open(wire.open, "10.0.0.1", SERVER)
    phone.call().request("OPTIONS")
    assert (await phone.response(503)).headers.get("Retry-After") == "9"
    await agent.close()


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


# Where answers go (RFC 3261 §18.2, RFC 3581)


async def _via(h: House, via: str, port: int = 6000) -> list[Datagram]:
    """Send OPTIONS from another port with that Via; what came back from the server."""
    stranger = await ScriptedPhone.open(h.wire.open, "10.0.0.7", SERVER, port)
    stranger.call().request("OPTIONS", headers=[("Via", via)])
    await asyncio.sleep(1)
    stranger.close()
    return [one for one in h.wire.seen if one.source == SERVER]


@story
async def test_a_response_goes_to_the_source_address_and_the_port_of_the_via() -> None:
    async with house() as h:
        (sent,) = await _via(h, "SIP/2.0/UDP 192.168.1.5:7000;branch=z9hG4bK1")
        assert sent.to == Address("10.0.0.7", 7000)
        assert b"received=10.0.0.7" in sent.data


@story
async def test_rport_brings_it_to_the_source_port() -> None:
    async with house() as h:
        (sent,) = await _via(h, "SIP/2.0/UDP 192.168.1.5:7000;branch=z9hG4bK1;rport")
        assert sent.to == Address("10.0.0.7", 6000)
        assert b"rport=6000" in sent.data


@story
async def test_maddr_aims_nothing_at_a_third_party() -> None:
    async with house() as h:
        (sent,) = await _via(h, "SIP/2.0/UDP 10.0.0.7:6000;branch=z9hG4bK1;maddr=10.0.0.66")
        assert sent.to == Address("10.0.0.7", 6000)


@story
async def test_a_phone_behind_a_translation_is_reached_where_it_is_seen() -> None:
    async with house() as h:
        call = h.phone.call()
        call.contact = "<sip:caller@192.168.1.5:5060>"
        call.invite(headers=[("Via", "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKnat;rport")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        h.desk.session.bye()
        bye = await h.phone.request("BYE")
        assert str(bye.uri) == "sip:caller@192.168.1.5:5060"
        h.phone.reply(bye, 200)


@story
async def test_a_route_is_followed_and_its_name_resolved() -> None:
    asked: list[tuple[str, int, str]] = []

    async def resolve(host: str, port: int, transport: str) -> Address:
        asked.append((host, port, transport))
        return Address("10.0.0.1", 5060)

    async with house(resolve=resolve) as h:
        call = h.phone.call()
        call.invite(headers=[("Record-Route", "<sip:edge.example;lr>")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        h.desk.session.bye()
        bye = await h.phone.request("BYE")
        assert bye.headers.get("Route") == "<sip:edge.example;lr>"
        assert asked == [("edge.example", 5060, "udp")]
        h.phone.reply(bye, 200)
        await h.settle()


@story
async def test_a_next_hop_that_cannot_be_found_ends_the_session_quietly() -> None:
    async def resolve(host: str, port: int, transport: str) -> Address:
        raise OSError("no such host")

    async with house(resolve=resolve) as h:
        call = h.phone.call()
        call.invite(headers=[("Record-Route", "<sip:edge.example;lr>")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        h.desk.session.bye()
        await h.desk.session.closed.wait()
        await h.settle()


@story
async def test_the_advertised_address_is_in_contact_and_via() -> None:
    async with house(advertised=Address("203.0.113.5", 0)) as h:
        call = h.phone.call()
        response = await call.connected()
        assert str(response.contact) == "<sip:assistant@203.0.113.5:5060>"
        await asyncio.sleep(1)
        h.desk.session.bye()
        bye = await h.phone.request("BYE")
        assert (bye.via.host, bye.via.port) == ("203.0.113.5", 5060)
        h.phone.reply(bye, 200)


# Calling


@story
async def test_we_call_and_hang_up() -> None:
    async with house() as h:
        call, recorder = h.dial(headers=[("X-Call", "7")])
        heard: list[int] = []
        call.on_provisional = lambda response: heard.append(response.status)
        invite = await h.phone.request("INVITE")
        assert invite.headers.get("X-Call") == "7"
        assert invite.call_id == call.call_id
        h.phone.reply(invite, 100, tag=None)
        h.phone.reply(invite, 183)
        h.phone.reply(invite, 200, body=ANSWER)
        session = await call.wait()
        assert call.answer is not None
        assert call.answer.body == ANSWER
        assert heard == [183]
        ack = await h.phone.request("ACK")
        assert ack.to.tag == "callee"
        session.bye()
        bye = await h.phone.request("BYE")
        assert bye.cseq.number == invite.cseq.number + 1
        h.phone.reply(bye, 200)
        await session.closed.wait()
        assert recorder.events == []
        await h.settle()


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_a_refused_call_raises_its_status_and_is_acknowledged(status: int) -> None:
    async def run() -> None:
        async with house() as h:
            call, _ = h.dial()
            invite = await h.phone.request("INVITE")
            h.phone.reply(invite, status)
            with pytest.raises(SipError) as refused:
                await call.wait()
            assert refused.value.status == status
            ack = await h.phone.request("ACK")
            assert ack.via == invite.via
            await h.settle()

    run_virtual(run())


@story
async def test_nobody_is_there() -> None:
    async with house() as h:
        call, _ = h.dial()
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 408
        assert h.phone.count("INVITE") == 7
        await h.settle()


@story
async def test_a_call_that_rings_too_long_is_cancelled() -> None:
    async with house() as h:
        call, _ = h.dial(ring_limit=20.0)
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 180)
        cancel = await h.phone.request("CANCEL")
        assert cancel.via == invite.via
        h.phone.reply(cancel, 200)
        h.phone.reply(invite, 487)
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 487
        await h.phone.request("ACK")
        await h.settle()


@story
async def test_cancel_waits_for_the_first_provisional_response() -> None:
    async with house() as h:
        call, _ = h.dial()
        invite = await h.phone.request("INVITE")
        call.cancel()
        await asyncio.sleep(0.2)
        assert h.phone.count("CANCEL") == 0
        h.phone.reply(invite, 100, tag=None)
        h.phone.reply(await h.phone.request("CANCEL"), 200)
        h.phone.reply(invite, 487)
        with pytest.raises(SipError):
            await call.wait()
        await h.settle()


@story
async def test_cancel_that_the_peer_never_answers_gives_up() -> None:
    async with house() as h:
        call, _ = h.dial()
        h.phone.reply(await h.phone.request("INVITE"), 180)
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 487
        await h.settle()


@story
async def test_a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up_on() -> None:
    async with house() as h:
        call, recorder = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 180)
        await asyncio.sleep(0.1)
        call.cancel()
        h.phone.reply(invite, 200, body=ANSWER)
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 487
        await h.phone.request("ACK")
        h.phone.reply(await h.phone.request("CANCEL"), 481)
        h.phone.reply(await h.phone.request("BYE"), 200)
        assert recorder.events == []
        await h.settle()


@story
async def test_a_repeated_200_is_acknowledged_again() -> None:
    async with house() as h:
        call, _ = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 200, body=ANSWER)
        first = await h.phone.request("ACK")
        await asyncio.sleep(10)
        h.phone.reply(invite, 200, body=ANSWER)
        assert (await h.phone.request("ACK")).to_bytes() == first.to_bytes()
        (await call.wait()).bye()
        h.phone.reply(await h.phone.request("BYE"), 200)
        await h.settle()


@story
async def test_of_a_forked_call_the_first_answer_counts_and_the_others_are_hung_up_on() -> None:
    async with house() as h:
        call, recorder = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 180, tag="one")
        h.phone.reply(invite, 180, tag="two")
        h.phone.reply(invite, 200, tag="two", body=ANSWER)
        h.phone.reply(invite, 200, tag="one", body=ANSWER)
        session = await call.wait()
        bye = await h.phone.request("BYE")
        assert bye.to.tag == "one"
        h.phone.reply(bye, 200)
        assert h.phone.count("ACK") == 2
        assert session.dialog.remote.tag == "two"
        assert not session.closed.is_set()
        assert recorder.events == []
        session.bye()
        h.phone.reply(await h.phone.request("BYE"), 200)
        await h.settle()


def challenge(h: House, request: Request, nonce: str) -> None:
    header = str(Challenge("house", nonce, "MD5", ("auth",)))
    h.phone.reply(request, 401, headers=[("WWW-Authenticate", header)])


@story
async def test_a_challenge_is_answered_when_there_are_credentials() -> None:
    async with house() as h:
        call, _ = h.dial(credentials=("ann", "secret"))
        first = await h.phone.request("INVITE")
        challenge(h, first, "n1")
        second = await h.phone.request("INVITE")
        assert second.cseq.number == first.cseq.number + 1
        assert (second.call_id, second.from_.tag) == (first.call_id, first.from_.tag)
        assert second.via.branch != first.via.branch
        given = Credentials.parse(second.headers.get("Authorization") or "")
        assert given.username == "ann"
        assert verify(given, password="secret", method="INVITE")
        h.phone.reply(second, 200, body=ANSWER)
        session = await call.wait()
        session.bye()
        bye = await h.phone.request("BYE")
        challenge(h, bye, "n2")
        again = await h.phone.request("BYE")
        assert verify(
            Credentials.parse(again.headers.get("Authorization") or ""), password="secret", method="BYE"
        )
        h.phone.reply(again, 200)
        await session.closed.wait()
        await h.settle()


@story
async def test_a_wrong_password_is_not_tried_twice_on_one_nonce() -> None:
    async with house() as h:
        call, _ = h.dial(credentials=("ann", "wrong"))
        challenge(h, await h.phone.request("INVITE"), "n1")
        challenge(h, await h.phone.request("INVITE"), "n1")
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 401
        assert h.phone.count("INVITE") == 2
        await h.settle()


@story
async def test_without_credentials_a_challenge_is_a_refusal() -> None:
    async with house() as h:
        call, _ = h.dial()
        challenge(h, await h.phone.request("INVITE"), "n1")
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 401


@pytest.mark.parametrize("header", ["Basic realm=x", "Digest", 'Digest realm="r", nonce="n", algorithm=FOO'])
def test_a_challenge_that_cannot_be_answered_is_a_refusal(header: str) -> None:
    async def run() -> None:
        async with house() as h:
            call, _ = h.dial(credentials=("ann", "secret"))
            invite = await h.phone.request("INVITE")
            h.phone.reply(invite, 407, headers=[("Proxy-Authenticate", header)])
            with pytest.raises(SipError) as error:
                await call.wait()
            assert error.value.status == 407

    run_virtual(run())


@story
async def test_a_call_goes_where_it_is_told_to_whatever_its_uri() -> None:
    async with house() as h:
        uri = Uri.parse("sip:ann@elsewhere.example")
        recorder = Recorder()
        call = h.agent.invite(
            uri, from_=ME, body=OFFER, handler=recorder, via=Address("10.0.0.1", 5060), ring_limit=30
        )
        invite = await h.phone.request("INVITE")
        assert str(invite.uri) == "sip:ann@elsewhere.example"
        h.phone.reply(invite, 200, body=ANSWER, headers=[("Contact", "<sip:ann@10.9.9.9>")])
        session = await call.wait()
        session.bye()
        h.phone.reply(await h.phone.request("BYE"), 200)
        await session.closed.wait()


@story
async def test_a_call_whose_way_is_still_looked_for_can_be_taken_back() -> None:
    async def resolve(host: str, port: int, transport: str) -> Address:
        await asyncio.sleep(4)
        return Address("10.0.0.1", 5060)

    async with house(resolve=resolve) as h:
        call = h.agent.invite(Uri.parse("sip:a@slow.example"), from_=ME, body=OFFER, handler=Recorder())
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 487
        await h.settle()
        assert h.phone.heard == []


@story
async def test_a_name_that_takes_too_long_is_a_503() -> None:
    async def resolve(host: str, port: int, transport: str) -> Address:
        await asyncio.sleep(1000)
        return Address("10.0.0.1", 5060)

    async with house(resolve=resolve) as h:
        with pytest.raises(SipError) as error:
            await h.agent.request("OPTIONS", Uri.parse("sip:a@slow.example"), from_=ME)
        assert error.value.status == 503


@story
async def test_a_session_whose_next_hop_is_lost_is_gone() -> None:
    async def resolve(host: str, port: int, transport: str) -> Address:
        raise OSError("no such host")

    async with house(resolve=resolve) as h:
        call = h.phone.call()
        call.invite(headers=[("Record-Route", "<sip:edge.example;lr>")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        with pytest.raises(SipError) as error:
            await h.desk.session.request("INFO")
        assert error.value.status == 503
        assert h.desk.recorder.events[-1] == ("gone", "transport failed")
        assert h.desk.session.closed.is_set()


@story
async def test_a_request_outside_a_dialog() -> None:
    async with house() as h:
        uri = Uri.parse("sip:phone@10.0.0.1")
        pending = asyncio.create_task(h.agent.request("OPTIONS", uri, from_=ME))
        h.phone.reply(await h.phone.request("OPTIONS"), 200)
        assert (await pending).status == 200
        with pytest.raises(SipError) as error:
            await h.agent.request("OPTIONS", Uri.parse("sip:nobody@10.0.0.99"), from_=ME)
        assert error.value.status == 408
        with pytest.raises(SipError) as error:
            await h.agent.request("OPTIONS", Uri.parse("sips:phone@10.0.0.1"), from_=ME)
        assert error.value.status == 416
        await h.settle()


@story
async def test_a_200_without_a_contact_cannot_become_a_session() -> None:
    async with house() as h:
        call, _ = h.dial()
        invite = await h.phone.request("INVITE")
        h.phone.send(respond(invite, 200, to_tag="callee").to_bytes())
        with pytest.raises(SipError) as error:
            await call.wait()
        assert error.value.status == 502
        await h.settle()


# Two of us, on a bad line


class Switchboard:
    """A caller's and a called agent on one wire; whole calls between them."""

    def __init__(self, wire: MemoryWire, seed: int) -> None:
        self.wire = wire
        self.seed = seed
        self.desk = Desk()

    async def __aenter__(self) -> Switchboard:
        self.agents = []
        for host, desk in (("10.0.0.2", self.desk), ("10.0.0.3", Desk())):
            transports = Transports(opener=self.wire.open)
            await transports.listen(host, 5060, tcp=False)
            self.seed += 1
            self.agents.append(UserAgent(desk, transports=transports, rng=random.Random(self.seed)))
        return self

    async def __aexit__(self, *exc: object) -> None:
        for agent in self.agents:
            await agent.close()

    async def call(self, seconds: float, *, callee_hangs_up: bool) -> list[Any]:
        """One call; what the caller's handler heard."""
        recorder = Recorder()
        call = self.agents[1].invite(
            Uri.parse("sip:a@10.0.0.2"),
            from_=NameAddr.parse("<sip:b@10.0.0.3>"),
            body=OFFER,
            handler=recorder,
        )
        session = await call.wait()
        await asyncio.sleep(seconds)
        if callee_hangs_up:
            theirs = next(one for one in self.desk.sessions if one.dialog.call_id == call.call_id)
            theirs.bye()
        else:
            session.bye()
        async with asyncio.timeout(100):
            await session.closed.wait()
        return recorder.events


@pytest.mark.parametrize("seed", range(8))
def test_calls_on_a_line_that_loses_doubles_and_reorders(seed: int) -> None:
    async def run() -> None:
        wire = MemoryWire(random.Random(seed), delay=0.03, jitter=0.2, loss=0.2, duplication=0.1)
        async with Switchboard(wire, seed) as board:
            calls = [board.call(5, callee_hangs_up=index % 2 == 0) for index in range(20)]
            heard = await asyncio.gather(*calls)
            assert [events for events in heard if events not in ([], ["hung up"])] == []
            await asyncio.sleep(200)
            assert [leftovers(agent) for agent in board.agents] == [(0, 0, 0), (0, 0, 0)]

    run_virtual(run())


def _alive() -> list[object]:
    kinds = (Session, Invitation, OutgoingCall, Transaction, Exchange)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


def test_ten_thousand_calls_leave_nothing_behind() -> None:
    gc.collect()
    of_others = {id(one): one for one in _alive()}  # a failed test's frames are kept until the end

    # The collector would go over the state of all calls alive again and again: half of the time.
    async def run() -> None:
        wire = MemoryWire(random.Random(1), keep=0)
        async with Switchboard(wire, 1) as board:
            for number in range(100):
                if number % 20 == 0:
                    gc.collect()
                await asyncio.gather(*[board.call(1, callee_hangs_up=index % 2 == 0) for index in range(100)])
                board.desk.sessions.clear()
                board.desk.invitations.clear()
                board.desk.recorder.events.clear()
            await asyncio.sleep(70)
            assert [leftovers(agent) for agent in board.agents] == [(0, 0, 0), (0, 0, 0)]
            gc.collect()
            loop: Any = asyncio.get_running_loop()
            assert [handle for handle in loop._scheduled if not handle.cancelled()] == []
            assert [one for one in _alive() if id(one) not in of_others] == []

    gc.disable()
    try:
        run_virtual(run())
    finally:
        gc.enable()


@story
async def test_closing_hangs_up_and_leaves_no_timer() -> None:
    async with house() as h:
        first, second = h.phone.call(), h.phone.call()
        await first.connected()
        second.invite()  # never acknowledged
        await asyncio.sleep(1)
        outgoing, _ = h.dial()
        await h.phone.request("INVITE")
        closing = asyncio.create_task(h.agent.close(2.0))
        h.phone.reply(await h.phone.request("BYE"), 200)
        await closing
        with pytest.raises(SipError):
            await outgoing.wait()
        await asyncio.sleep(0.1)
        loop: Any = asyncio.get_running_loop()
        assert [handle for handle in loop._scheduled if not handle.cancelled()] == []
        with pytest.raises(SipError):
            await h.agent.request("OPTIONS", Uri.parse("sip:a@10.0.0.1"), from_=ME)


@story
async def test_while_closing_new_calls_get_503() -> None:
    async with house() as h:
        call = h.phone.call()
        await call.connected()
        closing = asyncio.create_task(h.agent.close(5.0))
        await asyncio.sleep(0)
        h.phone.call().invite()
        assert "Retry-After" in (await h.phone.response(503)).headers
        h.phone.reply(await h.phone.request("BYE"), 200)
        await closing


# Hostile bytes


@pytest.mark.parametrize("torture", MESSAGES, ids=[message.name for message in MESSAGES])
def test_each_torture_message_gets_the_answer_of_its_rfc(torture: Torture) -> None:
    async def run() -> None:
        async with house() as h:
            h.agent.receive(torture.data, Address("10.0.0.9", 5060), "udp", SERVER)
            lines = h.wire.start_lines("10.0.0.2")
            statuses = [int(line.split()[1]) for line in lines if "SIP/2.0 100" not in line]
            if torture.answers == ():
                assert lines == []
            elif torture.answers is None:
                assert len(statuses) == 1
                assert statuses[0] not in (400, 500)
            else:
                assert len(statuses) == 1
                assert statuses[0] in torture.answers

    run_virtual(run())


def seed(method: str) -> bytes:
    body = OFFER if method == "INVITE" else b""
    return (
        f"{method} sip:a@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bKx;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:b@10.0.0.7>;tag=1\r\nTo: <sip:a@10.0.0.2>\r\nCall-ID: x\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:b@10.0.0.7>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


SEEDS = [seed(method) for method in ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE")]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        data[at : at + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    return bytes(data)


class Complaints(logging.Handler):
    """What was caught and logged as an error of ours."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.getMessage()} {record.exc_info}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(mutated(), st.binary(max_size=200)), max_size=20))
def test_whatever_arrives_nothing_is_raised_and_little_is_sent(messages: list[bytes]) -> None:
    async def run() -> None:
        async with house() as h:
            for data in messages:
                sent = len(h.wire.seen)
                h.agent.receive(data, Address("10.0.0.7", 5060), "udp", SERVER)
                assert len(h.wire.seen) - sent <= 2  # 100 and 200 at the most

    complaints = Complaints()
    log = logging.getLogger("offhook.sip")
    log.addHandler(complaints)
    try:
        run_virtual(run())
    finally:
        log.removeHandler(complaints)
    assert complaints.heard == []


def test_a_flood_of_refusals_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with house() as h:
            for _ in range(500):
                h.phone.call().request("REGISTER")
            await asyncio.sleep(11)
            h.phone.call().request("REGISTER")
            await asyncio.sleep(1)

    caplog.set_level("INFO", "offhook.sip.user_agent")
    run_virtual(run())
    lines = [record.getMessage() for record in caplog.records if record.name == "offhook.sip.user_agent"]
    assert len(lines) == 22
    assert "480 more" in lines[-2]
