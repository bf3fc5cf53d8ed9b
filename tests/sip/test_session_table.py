"""The life of a session as a table: every state, and everything that can happen in it."""

from __future__ import annotations

import asyncio

import pytest

from offhook.sip.dialogs.session_table import (
    LIVE,
    TABLE,
    SessionAct,
    SessionRow,
    SessionSignal,
    SessionState,
)
from tests.sip.agents import talking
from tests.virtual import story
from tests.wire import OFFER

S, I, A = SessionState, SessionSignal, SessionAct  # noqa: E741
TELLS = {A.TELL_CONNECTED, A.TELL_ANSWER, A.TELL_UNACKNOWLEDGED, A.TELL_HUNG_UP, A.TELL_GONE}

LIVES = [
    ("the caller hangs up", [I.ACK, I.BYE], [A.TELL_CONNECTED, A.SETTLE, A.TELL_HUNG_UP]),
    ("we hang up", [I.ACK, I.HANG_UP, I.BYE_DONE], [A.TELL_CONNECTED, A.SEND_BYE, A.SETTLE]),
    ("both do", [I.ACK, I.HANG_UP, I.BYE, I.BYE_DONE], [A.TELL_CONNECTED, A.SEND_BYE, A.CLOSE, A.SETTLE]),
    ("we do before the ACK", [I.HANG_UP, I.ACK, I.BYE_DONE], [A.SEND_BYE, A.SETTLE]),
    ("and none comes", [I.HANG_UP, I.NO_ACK, I.BYE_DONE], [A.SEND_BYE, A.SETTLE]),
    ("and the caller does too", [I.HANG_UP, I.BYE, I.ACK], [A.SETTLE, A.SETTLE]),
    ("no ACK", [I.NO_ACK, I.BYE_DONE], [A.SEND_BYE, A.TELL_UNACKNOWLEDGED, A.SETTLE]),
    ("no answer", [I.ACK, I.NO_ANSWER, I.GONE], [A.TELL_CONNECTED, A.SEND_BYE, A.TELL_GONE]),
    ("gone", [I.ACK, I.GONE, I.NO_ANSWER], [A.TELL_CONNECTED, A.SETTLE, A.TELL_GONE]),
    ("twice", [I.ACK, I.HANG_UP, I.HANG_UP, I.NO_ANSWER], [A.TELL_CONNECTED, A.SEND_BYE]),
    ("an ACK after the end", [I.ACK, I.HANG_UP, I.BYE_DONE, I.ACK],
     [A.TELL_CONNECTED, A.SEND_BYE, A.SETTLE, A.SETTLE]),
]  # fmt: skip


@pytest.mark.parametrize(("signals", "acts"), [life[1:] for life in LIVES], ids=[life[0] for life in LIVES])
def test_a_life(signals: list[SessionSignal], acts: list[SessionAct]) -> None:
    state, done = S.ACCEPTED, list[SessionAct]()
    for signal in signals:
        row = TABLE.get((state, signal), SessionRow(state))
        state = row.state
        done += row.acts

    assert done == acts


def test_what_has_ended_tells_nothing_and_sends_nothing() -> None:
    for (state, _), row in TABLE.items():
        if state not in LIVE:
            assert not TELLS & set(row.acts)
        if state in (S.ENDED, S.BYE_SENT):
            assert A.SEND_BYE not in row.acts
            assert row.state in (S.ENDED, S.BYE_SENT)


def test_each_way_out_of_a_live_state_is_told_once_or_was_ours() -> None:
    for (state, signal), row in TABLE.items():
        if state in LIVE and row.state not in LIVE:
            told = TELLS & set(row.acts)
            assert len(told) == (0 if signal in (I.HANG_UP, I.CLOSED) else 1)


def test_every_state_can_be_reached_and_left_and_ends() -> None:
    leads: dict[SessionState, set[SessionState]] = {}
    for (state, signal), row in TABLE.items():
        if signal is not I.CLOSED:
            leads.setdefault(state, set()).add(row.state)

    def reached(first: SessionState) -> set[SessionState]:
        found, new = {first}, {first}
        while new:
            new = {state for one in new for state in leads.get(one, ())} - found
            found |= new
        return found

    assert reached(S.ACCEPTED) == set(S)
    assert all(S.ENDED in reached(state) for state in S)
    assert all((state, I.CLOSED) in TABLE for state in S)


@story
async def test_the_ack_of_a_reinvite_that_comes_after_our_bye_was_answered_brings_no_second_one() -> None:
    async with talking() as (h, call):
        call.invite(OFFER)
        await call.answered()
        await h.hangs_up()
        call.ack()
        await asyncio.sleep(5)
        assert h.phone.count("BYE") == 1
        await h.settle()


@story
async def test_a_reinvite_waits_for_an_update_of_ours_that_offers() -> None:
    async with talking() as (h, _):
        updating, update = await h.asking(
            h.session.request("UPDATE", body=OFFER, content_type="application/sdp"), "UPDATE"
        )
        inviting = asyncio.create_task(h.session.reinvite(OFFER))
        await asyncio.sleep(1)
        assert h.phone.count("INVITE") == 0
        h.phone.reply(update, 200, tag=None)
        await updating
        invite = await h.phone.request("INVITE")
        h.phone.reply(invite, 488, tag=None)
        assert (await inviting).status == 488
        await h.hangs_up()
