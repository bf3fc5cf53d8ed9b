"""Calling: our INVITE, its answers, refusals, challenges, forks, and taking it back."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip import Request, Uri, respond
from offhook.sip.dialogs.outgoing_call import MAX_FORKS
from offhook.sip.digest import Challenge, Credentials, verify
from tests.sip.agents import ANSWER, ME, House, Recorder, calling, house, refusal
from tests.virtual import story
from tests.wire import OFFER, ScriptedCall


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
        assert (await h.phone.request("ACK")).to.tag == "callee"
        assert (await h.hangs_up(session)).cseq.number == invite.cseq.number + 1
        assert recorder.events == []
        await h.settle()


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
@story
async def test_a_refused_call_raises_its_status_and_is_acknowledged(status: int) -> None:
    async with calling() as (h, call, invite):
        h.phone.reply(invite, status)
        assert await refusal(call.wait()) == status
        assert (await h.phone.request("ACK")).via == invite.via
        await h.settle()


@story
async def test_nobody_is_there() -> None:
    async with calling() as (h, call, _):
        assert await refusal(call.wait()) == 408
        assert h.phone.count("INVITE") == 7
        await h.settle()


@story
async def test_a_repeated_200_is_acknowledged_again() -> None:
    async with calling() as (h, call, invite):
        h.phone.reply(invite, 200, body=ANSWER)
        first = await h.phone.request("ACK")
        await asyncio.sleep(10)
        h.phone.reply(invite, 200, body=ANSWER)
        assert (await h.phone.request("ACK")).to_bytes() == first.to_bytes()
        await h.hangs_up(await call.wait())
        await h.settle()


@story
async def test_a_200_without_a_contact_cannot_become_a_session() -> None:
    async with calling() as (h, call, invite):
        h.phone.send(respond(invite, 200, to_tag="callee").to_bytes())
        assert await refusal(call.wait()) == 502
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
        await h.hangs_up(session)
        await h.settle()


# Taking it back


@story
async def test_a_call_that_rings_too_long_is_cancelled() -> None:
    async with calling(ring_limit=20.0) as (h, call, invite):
        h.phone.reply(invite, 180)
        cancel = await h.phone.request("CANCEL")
        assert cancel.via == invite.via
        h.phone.reply(cancel, 200)
        h.phone.reply(invite, 487)
        assert await refusal(call.wait()) == 487
        await h.phone.request("ACK")
        await h.settle()


@story
async def test_cancel_waits_for_the_first_provisional_response() -> None:
    async with calling() as (h, call, invite):
        call.cancel()
        await asyncio.sleep(0.2)
        assert h.phone.count("CANCEL") == 0
        h.phone.reply(invite, 100, tag=None)
        h.phone.reply(await h.phone.request("CANCEL"), 200)
        h.phone.reply(invite, 487)
        assert await refusal(call.wait()) == 487
        await h.settle()


@story
async def test_cancel_that_the_peer_never_answers_gives_up() -> None:
    async with calling() as (h, call, invite):
        h.phone.reply(invite, 180)
        await asyncio.sleep(0.1)
        call.cancel()
        assert await refusal(call.wait()) == 487
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
        assert await refusal(call.wait()) == 487
        await h.phone.request("ACK")
        h.phone.reply(await h.phone.request("CANCEL"), 481)
        h.phone.reply(await h.phone.request("BYE"), 200)
        assert recorder.events == []
        await h.settle()


# Challenges


def challenge(h: House, request: Request, nonce: str) -> None:
    header = str(Challenge("house", nonce, "MD5", ("auth",)))
    h.phone.reply(request, 401, headers=[("WWW-Authenticate", header)])


def proven(request: Request) -> bool:
    """Whether the request brings the proof of the password `secret`."""
    given = Credentials.parse(request.headers.get("Authorization") or "")
    return given.username == "ann" and verify(given, password="secret", method=request.method)


@story
async def test_a_challenge_is_answered_when_there_are_credentials() -> None:
    async with calling(credentials=("ann", "secret")) as (h, call, first):
        challenge(h, first, "n1")
        second = await h.phone.request("INVITE")
        assert second.cseq.number == first.cseq.number + 1
        assert (second.call_id, second.from_.tag) == (first.call_id, first.from_.tag)
        assert second.via.branch != first.via.branch
        assert proven(second)
        h.phone.reply(second, 200, body=ANSWER)
        session = await call.wait()
        session.bye()
        challenge(h, await h.phone.request("BYE"), "n2")
        again = await h.phone.request("BYE")
        assert proven(again)
        h.phone.reply(again, 200)
        await session.closed.wait()
        await h.settle()


@story
async def test_a_wrong_password_is_not_tried_twice_on_one_nonce() -> None:
    async with calling(credentials=("ann", "wrong")) as (h, call, first):
        challenge(h, first, "n1")
        challenge(h, await h.phone.request("INVITE"), "n1")
        assert await refusal(call.wait()) == 401
        assert h.phone.count("INVITE") == 2
        await h.settle()


@story
async def test_without_credentials_a_challenge_is_a_refusal() -> None:
    async with calling() as (h, call, invite):
        challenge(h, invite, "n1")
        assert await refusal(call.wait()) == 401


@pytest.mark.parametrize("header", ["Basic realm=x", "Digest", 'Digest realm="r", nonce="n", algorithm=FOO'])
@story
async def test_a_challenge_that_cannot_be_answered_is_a_refusal(header: str) -> None:
    async with calling(credentials=("ann", "secret")) as (h, call, invite):
        h.phone.reply(invite, 407, headers=[("Proxy-Authenticate", header)])
        assert await refusal(call.wait()) == 407


@pytest.mark.parametrize(
    ("uri", "status"), [("sip:nobody@10.0.0.99", 408), ("sip:phone@10.0.0.1;transport=ws", 416)]
)
@story
async def test_a_call_to_where_nobody_is(uri: str, status: int) -> None:
    async with house() as h:
        call = h.agent.invite(Uri.parse(uri), from_=ME, body=OFFER, handler=Recorder())
        assert await refusal(call.wait()) == status
        await h.settle()


# -- early dialogs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("UPDATE", b"", 200),
        ("UPDATE", OFFER, 491),
        ("INVITE", OFFER, 491),
        ("INFO", b"", 200),
        ("NOTIFY", b"", 481),
        ("REFER", b"", 603),
        ("BYE", b"", 481),
    ],
)
@story
async def test_a_request_of_the_called_side_before_its_answer(method: str, body: bytes, status: int) -> None:
    async with calling() as (h, call, invite):
        h.phone.reply(invite, 180)
        callee = ScriptedCall.of(h.phone, invite)
        callee.request(method, body)
        assert (await h.phone.response(status)).cseq.method == method
        if method == "INVITE":
            callee.ack()
        h.phone.reply(invite, 200, body=ANSWER)
        await h.hangs_up(await call.wait())
        await h.settle()


@story
async def test_an_old_request_before_the_answer_is_refused() -> None:
    async with calling() as (h, call, invite):
        h.phone.reply(invite, 180)
        callee = ScriptedCall.of(h.phone, invite)
        callee.request("INFO", cseq=7)
        await h.phone.response(200)
        callee.request("INFO", cseq=6)
        await h.phone.response(500)
        h.phone.reply(invite, 486)
        assert await refusal(call.wait()) == 486
        await h.settle()


@story
async def test_a_refused_call_leaves_no_early_dialog_and_a_flood_of_branches_is_bounded() -> None:
    async with calling() as (h, call, invite):
        told: list[str | None] = []
        call.on_provisional = lambda response: told.append(response.to.tag)
        for branch in range(3 * MAX_FORKS):
            h.phone.reply(invite, 180, tag=f"fork-{branch}")
        await asyncio.sleep(1)
        assert h.agent.dialogs == len(told) == MAX_FORKS
        h.phone.reply(invite, 486)
        assert await refusal(call.wait()) == 486
        await asyncio.sleep(0)
        assert h.agent.dialogs == 0
        await h.settle()


@story
async def test_a_flood_of_answers_is_bounded() -> None:
    async with calling() as (h, call, invite):
        for branch in range(3 * MAX_FORKS):
            h.phone.reply(invite, 200, tag=f"fork-{branch}", body=ANSWER)
        session = await call.wait()
        for _ in range(MAX_FORKS - 1):
            h.phone.reply(await h.phone.request("BYE"), 200, tag=None)
        await asyncio.sleep(5)
        assert h.agent.dialogs == 1
        await h.hangs_up(session)
        await h.settle()
