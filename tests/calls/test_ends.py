"""How calls end when somebody leaves early, nobody is there, or something fails: the caller's side, the
reason, one report, and nothing left (`open_house` looks)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from offhook.calls.admission.entrance import EntranceLimits
from offhook.calls.calls import REPORTED, REPORTED_OF_ORG
from offhook.conversation.active_assistant import Engines
from offhook.language.language_model import ModelError
from offhook.rtp.ports import REST
from offhook.speech.engine_protocols import EngineError
from offhook.webhooks.client import AskFailed
from tests.calls.house import FIRST, House, open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual

CANCELLED = "call.ringing.sip-inbound-caller-hungup-before-call-connect"


def check(house: House, reason: str, statuses: list[str]) -> None:
    """Exactly one report, and statuses that only move forward."""
    assert house.report["endedReason"] == reason
    assert house.row["endedReason"] == reason
    assert house.ledger.statuses[house.call_id] == statuses
    assert [one.type for one in house.sent][-1] == "end-of-call-report"


def slow_start(_: object) -> Engines:
    return Engines(ScriptedTranscriber(), ScriptedModel(("Yes.",)), ScriptedVoice(latency=2.0))


@pytest.mark.parametrize("moment", [0.0, 0.004, 0.006, 0.008, 0.012, 0.02, 0.5, 1.9, 2.0, 2.02, 2.04])
def test_a_caller_who_cancels(tmp_path: Path, moment: float) -> None:
    """Before the 200 a CANCEL ends the call; one that crosses it is too late and the call goes on."""

    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.build = slow_start
            phone = await house.phone()
            call = phone.dial()
            await call.place()
            await asyncio.sleep(moment)
            call.cancel()
            await asyncio.sleep(5)
            if call.is_up:
                assert moment > 1.9
                call.hang_up()
                await ended(house)
                check(house, "customer-ended-call", ["ringing", "in-progress", "ended"])
                return
            assert call.ended_by == "487"
            assert house.ports.in_use == 0
            if house.ledger.rows:
                await ended(house)
                check(house, CANCELLED, ["ringing", "ended"])
            else:
                assert moment < 0.02

    run_virtual(story())


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.01, 0.02, 0.3, 1.0, 2.0, 2.3, 2.6, 3.0, 3.1, 3.2, 4.0])
def test_a_caller_who_hangs_up(tmp_path: Path, moment: float) -> None:
    """While the first message is played, while he speaks, while the answer is made and played."""

    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = await phone.dial().connect()

            async def talk() -> None:
                await call.hears_the_end()
                await call.says(QUESTION)

            talking = asyncio.create_task(talk())
            await asyncio.sleep(moment)
            call.hang_up()
            talking.cancel()
            await asyncio.sleep(1)
            assert phone.count(200, "BYE") == 1
            assert house.ports.in_use == 0
            check(house, "customer-ended-call", ["ringing", "in-progress", "ended"])

    run_virtual(story())


@virtual
async def test_an_early_bye(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.build = slow_start
        phone = await house.phone()
        call = phone.dial()
        await call.place()
        call.learn(await phone.response(180))
        call.bye()
        assert await call.ended() == "487"
        await ended(house)

    check(house, CANCELLED, ["ringing", "ended"])


@virtual
async def test_nobody_acknowledges_the_answer(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial()
        call.acknowledges = False
        await call.place()
        await phone.request("BYE", within=40)
        await ended(house)

    assert phone.count(200, "INVITE") > 5
    check(house, "call.ringing.error-sip-inbound-call-failed-to-connect", ["ringing", "ended"])


@pytest.mark.parametrize("speaks_first", [True, False])
def test_media_that_never_come_or_stop(tmp_path: Path, speaks_first: bool) -> None:
    async def story() -> None:
        async with open_house(tmp_path, media_timeout=8) as house:
            phone = await house.phone()
            call = phone.dial()
            call.muted = not speaks_first
            await call.place()
            await call.until(lambda: call.is_up, 5)
            if speaks_first:
                await call.hears_the_end()
            call.muted = True
            silent_from = house.loop.time()
            assert await call.ended() == "BYE from the node"
            assert house.loop.time() - silent_from == pytest.approx(8, abs=1.5)
            await ended(house)
        check(
            house,
            "call.in-progress.error-assistant-did-not-receive-customer-audio",
            ["ringing", "in-progress", "ended"],
        )

    run_virtual(story())


@virtual
async def test_no_codec_in_common(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial()
        await call.place()
        call.cancel()
        await call.ended()
        other = phone.dial()
        await other.place(sdp=call.sdp(payload_types="9 18"))
        assert await other.ended() == "488"
        await asyncio.sleep(1)

    assert [row["endedReason"] for row in house.ledger.rows.values()][-1] == (
        "call.ringing.error-sip-inbound-call-failed-to-connect"
    )


@virtual
async def test_an_address_that_is_a_name(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial()
        await call.place(
            sdp=b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 media.test\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        )
        assert await call.ended() == "488"
        await ended(house)
        assert house.ports.in_use == 0

    check(house, "call.ringing.error-sip-inbound-call-failed-to-connect", ["ringing", "ended"])


@virtual
async def test_no_port_is_left(tmp_path: Path) -> None:
    async with open_house(tmp_path, ports=(20000, 20001)) as house:
        phone = await house.phone()
        first = await phone.dial().connect()
        second = phone.dial()
        await second.place()
        assert await second.ended() == "503"
        first.hang_up()
        await asyncio.sleep(REST + 0.1)
        third = await phone.dial().connect()
        third.hang_up()
        await third.ended()
        await asyncio.sleep(1)
        reasons = [row["endedReason"] for row in house.ledger.rows.values()]

    assert reasons == [
        "customer-ended-call", "call.start.error-vapifault-worker-not-available", "customer-ended-call",
    ]  # fmt: skip
    assert all(
        len([one for one in sent if one.type == "end-of-call-report"]) == 1
        for sent in house.ledger.sent.values()
    )


@virtual
async def test_a_number_that_nobody_has(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial("nobody")
        await call.place()
        assert await call.ended() == "404"

    assert house.ledger.rows == {}


@virtual
async def test_the_user_part_in_any_case(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial("DeSk").connect()
        assert call.is_up


@pytest.mark.parametrize(("domain", "ended_by"), [(("a.example",), "404"), (("a.example", "10.0.0.2"), "")])
def test_a_domain_that_is_not_ours(tmp_path: Path, domain: tuple[str, ...], ended_by: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path, limits=EntranceLimits(10, domain)) as house:
            phone = await house.phone()
            call = phone.dial()
            await call.place()
            await asyncio.sleep(1)
            assert call.ended_by == ended_by

    run_virtual(story())


@virtual
async def test_no_database(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.directory.failure = OSError("gone")
        phone = await house.phone()
        call = phone.dial()
        await call.place()
        assert await call.ended() == "503"
        assert dict(phone.heard[-1].headers.items())["Retry-After"] == "10"


@virtual
async def test_as_many_calls_as_the_node_takes(tmp_path: Path) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(3)) as house:
        phone = await house.phone()
        calls = [phone.dial() for _ in range(8)]
        for call in calls:
            await call.place()
        await asyncio.sleep(1)
        assert sorted(call.ended_by for call in calls) == [""] * 3 + ["503"] * 5
        assert (house.calls.accepted, house.calls.refused) == (3, 5)


@virtual
async def test_as_many_calls_as_the_org_may_have(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.directory.orgs["org-1"] = {"concurrencyLimit": 2}
        phone = await house.phone()
        first = await phone.dial().connect()
        await phone.dial().connect()
        third = phone.dial()
        await third.place()
        assert await third.ended() == "486"
        assert (await phone.response(486)).headers.get("Retry-After") == "10"
        first.hang_up()
        await asyncio.sleep(1)
        later = await phone.dial().connect()
        assert later.is_up
        row = house.ledger.rows["call-3"]
        reports = [one for one in house.ledger.sent["call-3"] if one.type == "end-of-call-report"]

    assert row["endedReason"] == "call.start.error-subscription-concurrency-limit-reached"
    assert [one.message["endedReason"] for one in reports] == [row["endedReason"]]


@virtual
async def test_calls_beyond_the_org_s_limit_are_refused_always_but_written_down_at_a_limited_rate(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path, limits=EntranceLimits(100)) as house:
        house.directory.orgs["org-1"] = {"concurrencyLimit": 1}
        await (await house.phone()).dial().connect()
        greedy = await house.phone("10.0.0.9")
        calls = [greedy.dial() for _ in range(60)]
        for call in calls:
            await call.place()
        await asyncio.sleep(0.5)
        assert {call.ended_by for call in calls} == {"486"}
        assert len(house.ledger.rows) == 1 + REPORTED[1]
        # Another source's is written down still.
        other = (await house.phone("10.0.0.10")).dial()
        await other.place()
        assert await other.ended() == "486"
        assert len(house.ledger.rows) == 2 + REPORTED[1]
        # Each with a source of its own: the org's rate holds.
        for number in range(150):
            stranger = (await house.phone(f"10.1.0.{number}")).dial()
            await stranger.place()
        await asyncio.sleep(0.5)
        assert len(house.ledger.rows) <= 2 + REPORTED_OF_ORG[1] + 5


@virtual
async def test_a_node_that_drains(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        draining = asyncio.create_task(house.calls.drain(10))
        await asyncio.sleep(0.1)
        late = phone.dial()
        await late.place()
        assert await late.ended() == "503"
        assert call.is_up
        assert await call.ended() == "BYE from the node"
        await draining
        assert len(house.calls) == 0

    check(house, "worker-shutdown", ["ringing", "in-progress", "ended"])


@virtual
async def test_hung_up_over_the_api(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        assert await house.calls.end_call(house.call_id)
        assert not await house.calls.end_call(house.call_id)
        assert await call.ended() == "BYE from the node"

    check(house, "manually-canceled", ["ringing", "in-progress", "ended"])


VOICE = EngineError("voice", "11labs", "no")
FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"transcriber": ScriptedTranscriber(failure=EngineError("transcriber", "deepgram", "no"))},
     "pipeline-error-deepgram-transcriber-failed"),
    ({"model": ScriptedModel((), failure=ModelError("openai", "no", "401-unauthorized"))},
     "pipeline-error-openai-401-unauthorized"),
    ({"voice": ScriptedVoice(failure=VOICE)}, "pipeline-error-eleven-labs-voice-failed"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "reason"), FAILURES, ids=[reason for _, reason in FAILURES])
def test_an_engine_that_does_not_start(tmp_path: Path, broken: dict[str, Any], reason: str) -> None:
    """The platform's own engines say so instead."""

    async def story() -> None:
        async with open_house(tmp_path) as house:
            usual = {
                "transcriber": ScriptedTranscriber(),
                "model": ScriptedModel(("Yes.",)),
                "voice": ScriptedVoice(),
            }

            def build(assistant: Any) -> Engines:
                return (
                    house.usual_engines(assistant)
                    if assistant.name is None
                    else Engines(**{**usual, **broken})
                )

            house.build = build
            phone = await house.phone()
            call = await phone.dial().connect()
            assert await call.ended() == "BYE from the node"
            assert len(call.heard_at) > 50
            await ended(house)
        check(house, reason, ["ringing", "in-progress", "ended"])
        assert house.report["transcript"].startswith("AI: Sorry, this number cannot take your call")
        assert house.row["endedMessage"]

    run_virtual(story())


@virtual
async def test_nobody_is_there_to_apologise(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.build = lambda _: Engines(
            ScriptedTranscriber(), ScriptedModel(()), ScriptedVoice(failure=VOICE)
        )
        phone = await house.phone()
        call = phone.dial()
        await call.place()
        assert await call.ended() == "503"
        await ended(house)

    check(house, "pipeline-error-eleven-labs-voice-failed", ["ringing", "ended"])


LATER: list[tuple[dict[str, Any], str]] = [
    ({"voice": ScriptedVoice(failure=VOICE, fails_at="five")}, "pipeline-error-eleven-labs-voice-failed"),
    ({"model": ScriptedModel([ModelError("openai", "busy", "429-exceeded-quota")])},
     "pipeline-error-openai-429-exceeded-quota"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "reason"), LATER, ids=[reason for _, reason in LATER])
def test_an_engine_that_fails_in_the_call(tmp_path: Path, broken: dict[str, Any], reason: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            usual = {
                "transcriber": ScriptedTranscriber(),
                "model": ScriptedModel(("We are open until five.",)),
                "voice": ScriptedVoice(),
            }
            house.build = lambda _: Engines(**{**usual, **broken})
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears()
            assert await call.ended() == "BYE from the node"
            await ended(house)
        check(house, reason, ["ringing", "in-progress", "ended"])
        assert "sorry" in house.report["transcript"].splitlines()[-1]

    run_virtual(story())


@virtual
async def test_a_transcriber_that_fails_in_the_call(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        listener = phone.transcriber_of(call.call_id)
        assert listener is not None
        listener.fail(EngineError("transcriber", "custom-transcriber", "gone"))
        await call.hears()
        assert await call.ended() == "BYE from the node"
        await ended(house)

    check(house, "pipeline-error-custom-transcriber-failed", ["ringing", "in-progress", "ended"])


@virtual
async def test_an_ack_that_crosses_the_end_does_not_bring_the_call_back(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = phone.dial()
        call.acknowledges = False
        await call.place()
        await call.until(lambda: call.is_up, 5)
        placed = house.calls.get(house.call_id)
        assert placed is not None
        placed.end("manually-canceled")
        call.ack()
        placed.leg.acknowledged(b"")
        assert await call.ended() == "BYE from the node"
        await placed.finished.wait()

    assert call.heard_at == []
    check(house, "manually-canceled", ["ringing", "ended"])


class Hanging(ScriptedTranscriber):
    async def close(self) -> None:
        await asyncio.sleep(10**6)


@virtual
async def test_an_engine_that_hangs_holds_up_neither_bye_nor_port(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.build = lambda _: Engines(Hanging(), ScriptedModel(("Yes.",)), ScriptedVoice())
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        asked = house.loop.time()
        ending = asyncio.create_task(house.calls.end_call(house.call_id))
        await call.ended()
        assert house.loop.time() - asked < 0.1
        await asyncio.sleep(0.1)
        assert house.ports.in_use == 0
        assert len(house.clock) == 0
        assert await ending

    check(house, "manually-canceled", ["ringing", "in-progress", "ended"])
    assert house.report["recordingUrl"]


@virtual
async def test_a_caller_who_leaves_while_the_webhook_thinks(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.number["assistantId"] = None

        async def thinking(message: Any) -> Any:
            await asyncio.sleep(6)
            return {"assistantId": "assistant-1"}

        house.answering = thinking
        phone = await house.phone()
        call = phone.dial()
        await call.place()
        await asyncio.sleep(3)
        call.cancel()
        assert await call.ended() == "487"
        await ended(house)
        assert house.loop.time() < 4

    check(house, CANCELLED, ["ringing", "ended"])


@virtual
async def test_the_reply_of_a_broken_webhook_is_spoken_and_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.number["assistantId"] = None

        async def failing(message: Any) -> Any:
            raise AskFailed("status", "HTTP 500", status=500, response={"oops": True, "secret": "hush"})

        house.answering = failing
        phone = await house.phone()
        call = await phone.dial().connect()
        assert await call.ended() == "BYE from the node"
        await ended(house)

    check(house, "assistant-request-failed", ["ringing", "in-progress", "ended"])
    assert house.report["transcript"].startswith("AI: Sorry")
    kept = house.messages("status-update")[-1]["inboundPhoneCallDebuggingArtifacts"]
    assert kept["assistantRequestError"] == "HTTP 500"
    assert kept["assistantRequestResponse"] == {"oops": True}


def test_the_first_message_is_what_the_caller_hears_first(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = await phone.dial().connect()
            await call.hears_the_end()
            up = house.calls.get(house.call_id)
            assert up is not None
            assert up.record.text() == f"AI: {FIRST}\n"

    run_virtual(story())


@virtual
async def test_a_store_that_is_held_by_others_keeps_no_caller_waiting(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        held: list[asyncio.Future[None]] = []
        begin = house.ledger.begin

        def slow(record: Any) -> asyncio.Future[None]:
            begin(record)
            held.append(house.loop.create_future())
            house.loop.call_later(30.0, held[-1].set_result, None)
            return held[-1]

        house.ledger.begin = slow  # type: ignore[method-assign]
        phone = await house.phone()
        called = house.loop.time()
        call = await phone.dial().connect()
        assert call.answer is not None
        assert call.answer.status == 200
        assert house.loop.time() - called < 4
        call.hang_up()
        await ended(house)
