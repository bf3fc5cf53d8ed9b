"""Transfers on the virtual clock: what the caller hears, what the destination gets, what is reported, and
that nothing is left (`open_house` looks)."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from offhook.network import Address, AddressGuard
from tests.calls.house import FIRST, open_house, virtual
from tests.calls.test_whole_call import QUESTION, ended
from tests.calls.transfers.line import (
    APOLOGY,
    STATUSES,
    Document,
    check,
    dial,
    on_the_line,
    refer_to,
    send_on,
    sip,
    transferred,
)
from tests.calls.transfers.operator import DESK, HOST, open_operator
from tests.virtual import run_virtual

pytestmark = pytest.mark.slow

# -- a second leg -----------------------------------------------------------------------------------


@virtual
async def test_dial_joins_caller_and_destination_until_the_destination_hangs_up(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        before = len(call.heard_at)
        await operator.connected()
        ringing = len(call.heard_at) - before
        await asyncio.sleep(0.5)
        before = len(call.heard_at)
        await operator.says(1.0)
        await asyncio.sleep(0.3)
        caller_heard = len(call.heard_at) - before
        await call.says("Hello there", 1.0)
        await asyncio.sleep(0.3)
        operator.hang_up()
        assert await call.ended() == "BYE from the node"
        await ended(house)

    assert 90 <= ringing <= 105
    assert 48 <= caller_heard <= 52
    assert 48 <= len(operator.heard_at) <= 52
    check(house, "assistant-forwarded-call", "completed")
    assert transferred(house)["mode"] == "blind-transfer"
    assert house.report["destination"]["sipUri"] == DESK
    assert house.messages("status-update")[-2]["destination"]["sipUri"] == DESK
    assert "Hello there" not in house.report["transcript"]


@virtual
async def test_little_time_passes_from_one_leg_to_the_other(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial(), message=""))
        await operator.connected()
        await asyncio.sleep(1)
        spoke = house.loop.time()
        await operator.says(0.5)
        await asyncio.sleep(0.5)
        first_heard = next(at for at in call.heard_at if at > spoke)
        call.hang_up()
        assert await operator.ended() == "hung-up"
        await ended(house)

    assert first_heard - spoke < 0.15
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_both_are_recorded_the_customer_left_and_the_others_right(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await operator.connected()
        await asyncio.sleep(0.5)
        await operator.says(1.0)
        await call.says("Yes", 2.0)
        await asyncio.sleep(0.5)
        operator.hang_up()
        await ended(house)

    with wave.open(str(next(tmp_path.glob("*-stereo.wav")))) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(np.int32)
    tail = both[-int(3.6 * 8000) :]
    loud_left = np.count_nonzero(np.abs(tail[:, 0]) > 2000) / 8000
    loud_right = np.count_nonzero(np.abs(tail[:, 1]) > 2000) / 8000
    assert loud_left == pytest.approx(2.0, abs=0.1)
    assert loud_right == pytest.approx(1.0, abs=0.1)


@virtual
async def test_what_the_destination_sees(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        headers = {"X-Ticket": "12\r\nVia: evil", "Via": "SIP/2.0/UDP 10.9.9.9", "Bad Name": "x"}
        send_on(house, sip(dial(), sipHeaders=headers, callerId="{{customer.number}}1"))
        await operator.connected()
        call.hang_up()
        await ended(house)

    invite = operator.invite
    assert str(invite.uri) == DESK
    assert invite.headers.get("X-Ticket") == "12 Via: evil"
    assert len(invite.headers.get_all("Via")) == 1
    assert "Bad Name" not in invite.headers
    assert invite.from_.uri.user == "caller1"
    assert invite.headers.get_all("Max-Forwards") == ["60"]


@virtual
async def test_the_original_caller_is_shown_unless_said_otherwise(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, _call, operator):
        send_on(house, sip(dial()))
        await operator.connected()
        operator.hang_up()
        await ended(house)

    assert (operator.invite.from_.display_name, operator.invite.from_.uri.user) == ("Caller", "caller")


@virtual
async def test_keys_go_through_as_keys(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip(dial()))
        await operator.connected()
        await asyncio.sleep(0.3)
        await call.press("42#")
        await asyncio.sleep(0.6)
        operator.hang_up()
        await ended(house)

    assert operator.keys == "42#"


@virtual
async def test_a_numbers_extension_is_dialled_after_the_answer(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, _call, operator):
        # The number is at the peer that the call came from; the desk answers there.
        placed = house.calls.get(house.call_id)
        assert placed is not None
        placed._invitation.source = Address(HOST, 5060)
        send_on(house, {"type": "number", "number": "+14155550123", "extension": "204", "message": ""})
        await operator.connected()
        await asyncio.sleep(1.5)
        operator.hang_up()
        await ended(house)

    assert str(operator.invite.uri) == f"sip:+14155550123@{HOST}"
    assert operator.keys == "204"
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_a_number_is_called_through_the_orgs_own_trunk(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        login = {"authUsername": "org", "authPassword": "hush-hush"}
        house.directory.credentials["trunk"] = {
            "provider": "byo-sip-trunk",
            "gateways": [{"ip": HOST}],
            "outboundAuthenticationPlan": login,
        }
        send_on(house, {"type": "number", "number": "+14155550123", "message": ""})
        await operator.connected()
        operator.hang_up()
        await ended(house)

    assert call.phone.count("REFER") == 0
    assert str(operator.invite.uri) == f"sip:14155550123@{HOST}:5060"
    assert operator.invite.headers.get("P-Asserted-Identity") == f"<sip:org@{HOST}>"
    check(house, "assistant-forwarded-call", "completed")


@virtual
async def test_a_call_lasts_no_longer_for_being_joined(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        house.assistant["maxDurationSeconds"] = 30
        call = await (await house.phone()).dial().connect()
        began = house.loop.time()
        await call.hears_the_end()
        send_on(house, sip(dial()))
        assert await call.ended() == "BYE from the node"
        lasted = house.loop.time() - began
        assert await operator.ended() == "hung-up"
        await ended(house)

    assert lasted == pytest.approx(30, abs=0.5)
    check(house, "exceeded-max-duration", "completed")


@pytest.mark.parametrize(
    ("refuses", "status", "reason"),
    [
        (486, "busy", "call.forwarding.operator-busy"),
        (603, "busy", "call.forwarding.operator-busy"),
        (480, "no-answer", "call.forwarding.no-answer"),
        (404, "failed", "call.in-progress.error-transfer-failed"),
        (503, "failed", "call.in-progress.error-transfer-failed"),
        (None, "no-answer", "call.forwarding.no-answer"),
    ],
)
def test_a_destination_that_does_not_answer(
    tmp_path: Path, refuses: int | None, status: str, reason: str
) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            operator.refuses, operator.answers_after = refuses, None
            send_on(house, sip(dial(dialTimeout=5)))
            assert await call.ended() == "BYE from the node"
            await ended(house)
            assert operator.cancelled == (1 if refuses is None else 0)

        check(house, reason, status)
        assert house.report["transcript"].endswith(f"AI: {APOLOGY}\n")

    run_virtual(story())


@virtual
async def test_the_call_goes_on_when_the_plan_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        house.answers = ("We are open until five.",)
        call = await (await house.phone()).dial().connect()
        await call.hears_the_end()
        operator.refuses = 486
        plan = {"message": "Nobody is there, {{customer.name}}.", "endCallEnabled": False}
        send_on(house, sip(dial(fallbackPlan=plan)))
        await operator.until(lambda: operator.invites, 5)
        await asyncio.sleep(1)
        await call.hears_the_end()
        await call.says(QUESTION)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)
        (engines,) = house.engines[call.call_id]
        shown = engines.model.requests[-1]

    told = {"role": "system", "content": "The transfer failed (busy): the caller is back with you."}
    assert told in shown
    assert house.report["transcript"].splitlines() == [
        f"AI: {FIRST}",
        "AI: Nobody is there, Caller.",
        f"User: {QUESTION}",
        "AI: We are open until five.",
    ]
    check(house, "customer-ended-call", "busy")


@virtual
async def test_a_second_transfer_after_one_that_failed(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        operator.refuses = 486
        plan = {"message": "Let me try again.", "endCallEnabled": False}
        send_on(house, sip(dial(fallbackPlan=plan)))
        await operator.until(lambda: operator.invites, 5)
        await asyncio.sleep(1)
        await call.hears_the_end()
        operator.refuses = None
        send_on(house, sip(dial()))
        await operator.connected()
        operator.hang_up()
        await ended(house)

    statuses = [entry["status"] for entry in house.report["artifact"]["transfers"]]
    assert statuses == ["busy", "completed"]
    assert house.report["endedReason"] == "assistant-forwarded-call"
    assert house.ledger.statuses[house.call_id] == STATUSES


@virtual
async def test_bye_is_only_a_bye(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        send_on(house, sip({"mode": "blind-transfer", "sipVerb": "bye"}))
        assert await call.ended() == "BYE from the node"
        await ended(house)

    assert call.phone.count("REFER") == 0
    assert operator.invites == []
    check(house, "assistant-forwarded-call", "completed")


# -- summaries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["refer", "dial"])
def test_the_summary_goes_along_in_one_line(tmp_path: Path, verb: str) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, open_operator(house) as operator:
            house.answers = ("Until five.", "Ann wants\r\nto know when.")
            call = await (await house.phone()).dial().connect()
            await call.hears_the_end()
            await call.says(QUESTION)
            await call.hears_the_end()
            send_on(house, sip({"mode": "blind-transfer-add-summary-to-sip-header", "sipVerb": verb}))
            if verb == "dial":
                await operator.connected()
                headers = operator.invite.headers
                operator.hang_up()
            else:
                headers = (await refer_to(call)).headers
                call.notify(200)
            await ended(house)
            (engines,) = house.engines[call.call_id]
            prompt = engines.model.requests[-1]

        assert headers.get("X-Transfer-Summary") == "Ann wants to know when."
        (told,) = (one for one in house.messages("status-update") if one["status"] == "forwarding")
        assert told["summary"] == "Ann wants\r\nto know when."
        assert told["destination"]["sipUri"] == DESK
        assert f"User: {QUESTION}" in prompt[-1]["content"]

    run_virtual(story())


@virtual
async def test_numbers_that_send_their_callers_to_each_other_stop(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.services.dialler.agent = house.agent
        destination = sip(dial(), sipUri="sip:desk@10.0.0.2")
        house.number["hooks"] = [
            {"on": "call.ringing", "do": [{"type": "transfer", "destination": destination}]}
        ]
        call = await (await house.phone()).dial().connect()
        assert await call.ended(300) == "BYE from the node"
        await asyncio.sleep(60)
        calls = len(house.ledger.rows)

    assert calls == 7


@virtual
async def test_secrets_of_a_destination_are_told_to_nobody(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, _call, operator):
        server = {"url": "http://owner.test/", "secret": "hush-hush"}
        plan = dial(transferAssistant={"model": {"tools": [{"type": "function", "server": server}]}})
        send_on(house, sip(plan))
        await operator.connected()
        operator.hang_up()
        await ended(house)

    assert transferred(house)["destination"]["transferPlan"]["sipVerb"] == "dial"
    assert "hush-hush" not in repr([one.body for one in house.sent])
    assert "hush-hush" not in repr(house.row)


# -- policy -----------------------------------------------------------------------------------------


@virtual
async def test_private_addresses_are_not_dialled_unless_allowed(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, operator):
        house.services.guard.allow_private = False
        assert isinstance(house.services.guard, AddressGuard)
        send_on(house, sip(dial()))
        await call.ended()
        await ended(house)

    assert operator.invites == []
    check(house, "call.in-progress.error-transfer-failed", "failed")
    assert "may not be reached" in house.report["call"]["endedMessage"]


@pytest.mark.parametrize(
    "destination",
    [
        sip({"mode": "warm-transfer-twiml", "twiml": "<Response/>"}),
        sip(sipUri="tel:+14155550123"),
        sip(sipUri="sip:desk@10.0.0.3;transport=sctp"),
        sip(sipUri="not a uri"),
        {"type": "number", "number": "1234", "message": ""},
    ],
)
def test_what_cannot_be_done_is_told(tmp_path: Path, destination: Document) -> None:
    async def story() -> None:
        async with on_the_line(tmp_path) as (house, call, operator):
            send_on(house, destination)
            await call.ended()
            await ended(house)
        assert operator.invites == []
        check(house, "call.in-progress.error-transfer-failed", "failed")
        assert house.report["transcript"].endswith(f"AI: {APOLOGY}\n")

    run_virtual(story())


@virtual
async def test_a_number_that_is_not_e164_goes_out_when_the_check_is_off(tmp_path: Path) -> None:
    async with on_the_line(tmp_path) as (house, call, _operator):
        send_on(house, {"type": "number", "number": "1234", "numberE164CheckEnabled": False, "message": ""})
        refer = await refer_to(call)
        call.notify(200)
        await ended(house)

    assert refer.headers.get("Refer-To") == "<sip:1234@10.0.0.1>"
