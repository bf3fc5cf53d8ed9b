from __future__ import annotations

import itertools
from typing import get_args

import pytest

from offhook.calls.state import CallEvent, CallState, CallStatus, WrongTransition

MOVES = """
    ringing     answered  in-progress
    ringing     forwarded forwarding
    ringing     ended     ended
    in-progress forwarded forwarding
    in-progress ended     ended
    forwarding  ended     ended
"""
"""By the meaning of the statuses (vapi-wire §8.2): a caller may be sent on unanswered, nobody is answered
twice, whoever was sent on is not taken back, and what has ended stays so."""

AFTER = {(before, event): after for before, event, after in map(str.split, MOVES.strip().splitlines())}


@pytest.mark.parametrize(
    ("status", "event"), list(itertools.product(get_args(CallStatus), get_args(CallEvent)))
)
def test_a_call_moves_forward_and_by_no_other_way(status: CallStatus, event: CallEvent) -> None:
    state = CallState()
    state.status = status
    after = AFTER.get((status, event))
    assert state.allows(event) is (after is not None)
    if after is None:
        with pytest.raises(WrongTransition, match=f"a call that is {status} cannot be {event}"):
            state.on(event)
        assert state.status == status
    else:
        assert state.on(event) == after
        assert state.status == after


def test_a_call_begins_ringing() -> None:
    assert CallState().status == "ringing"
