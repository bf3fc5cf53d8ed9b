"""One leg: what is negotiated, and that its port comes back on every path."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.media.recording import Recorder
from tests.calls.house import open_house, virtual
from tests.calls.phone import PhoneCall, media_of
from tests.calls.test_whole_call import ANSWER, QUESTION, ended
from tests.media.inline_writer import InlineWriter
from tests.virtual import run_virtual

UNCONNECTED = "call.in-progress.error-sip-inbound-call-failed-to-connect"


class LateOffer(PhoneCall):
    """An INVITE without SDP: the offer is in the 200, the answer goes into the ACK."""

    answer_body: bytes | None = None

    def ack(self, body: bytes = b"", *, branch: str | None = None, cseq: int | None = None) -> None:
        body = self.sdp() if self.answer_body is None else self.answer_body
        super().ack(body, branch=branch, cseq=cseq)


@virtual
async def test_a_late_offer(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = LateOffer(phone, "desk")
        phone.placed[call.call_id] = call
        await call.place(sdp=b"")
        await call.until(lambda: call.is_up, 5)
        assert call.answer is not None
        assert b"m=audio" in call.answer.body
        assert b"telephone-event/8000" in call.answer.body
        await call.hears_the_end()
        await call.says(QUESTION)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9\r\n",
        b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 media.test\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        b"nonsense",
    ],
)
def test_an_answer_to_a_late_offer_that_cannot_be_met(tmp_path: Path, body: bytes) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = LateOffer(phone, "desk")
            call.answer_body = body
            phone.placed[call.call_id] = call
            await call.place(sdp=b"")
            assert await call.ended() == "BYE from the node"
            await ended(house)
            assert house.ports.in_use == 0

        assert house.report["endedReason"] == UNCONNECTED
        assert house.ledger.statuses[house.call_id] == ["ringing", "ended"]

    run_virtual(story())


@virtual
async def test_a_reinvite_without_an_offer_gets_one(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = LateOffer(phone, "desk")
        call.answer_body = b""
        phone.placed[call.call_id] = call
        await call.place()
        await call.until(lambda: call.is_up, 5)
        await call.hears_the_end()
        call.answer_body = None
        assert call.answer is not None
        before = media_of(call.answer.body)
        call.invite(b"")
        offered = await phone.response(200)
        offered = await phone.response(200)
        assert media_of(offered.body) == before
        await call.says(QUESTION)
        await call.hears_the_end()
        assert call.is_up


@virtual
async def test_the_caller_s_media_move(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        assert call._media is not None
        assert call._sending is not None
        call._media.close()
        call._media = await house.wire.open("10.0.0.77", 0, call._hear)
        call._sending.cancel()
        call._sending = asyncio.create_task(call._send_on(call._media))
        assert (await call.reoffer()).status == 200
        await call.says(QUESTION)
        await call.hears_the_end()
        assert call.heard_at[-1] > house.loop.time() - 1
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")


@virtual
async def test_a_reinvite_that_cannot_be_met_leaves_the_call_as_it_was(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        assert (await call.reoffer(payload_types="9")).status == 488
        await call.says(QUESTION)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")


@virtual
async def test_each_new_description_has_a_higher_version_of_the_same_session(tmp_path: Path) -> None:
    """RFC 3264 §8: else a phone may take it for the one that it knows."""
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        assert call.answer is not None
        bodies = [call.answer.body, (await call.reoffer("inactive")).body, (await call.reoffer()).body]
        origins = [body.split(b"\r\n")[1].split() for body in bodies]

    assert len({origin[1] for origin in origins}) == 1
    assert [int(origin[2]) for origin in origins] == [1, 2, 3]


@virtual
async def test_the_other_law(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial()
        await call.place()
        await call.until(lambda: call.is_up, 5)
        assert b"RTP/AVP 8 101" in (await call.reoffer(payload_types="8 101")).body


@virtual
async def test_our_address_is_chosen_for_the_peer(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        assert call.answer is not None
        assert media_of(call.answer.body).host == "10.0.0.2"
        assert media_of(call.answer.body).port in range(20000, 21000, 2)


class BrokenRecorder(Recorder):
    def exchanged(self, heard: bytes, said: bytes) -> None:
        raise RuntimeError("scripted")


@virtual
async def test_audio_that_fails_ends_the_call_and_no_other(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        other = await phone.dial().connect()
        placed = next(one for one in house.calls._active.values() if one.record.sip_call_id == call.call_id)
        assert placed.leg.line is not None
        leg = house.engine.legs[placed.leg.line.number]
        leg.record(BrokenRecorder(tmp_path, "broken", InlineWriter()))
        assert await call.ended() == "BYE from the node"
        await asyncio.sleep(1)
        assert other.is_up
        row = house.ledger.rows[placed.record.id]

    assert row["endedReason"] == UNCONNECTED
