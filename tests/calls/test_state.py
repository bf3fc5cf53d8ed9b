import itertools

import pytest

from offhook.calls.state import TRANSITIONS, CallState, WrongTransition

RANK = {"ringing": 0, "in-progress": 1, "forwarding": 2, "ended": 3}


def test_every_transition_moves_forward() -> None:
    for (before, _), after in TRANSITIONS.items():
        assert RANK[after] > RANK[before]


def test_every_status_can_end_but_the_end() -> None:
    ends = {before for before, event in TRANSITIONS if event == "ended"}
    assert ends == set(RANK) - {"ended"}


@pytest.mark.parametrize(
    ("status", "event"), list(itertools.product(RANK, ["answered", "forwarded", "ended"]))
)
def test_the_table_is_the_only_way(status: str, event: str) -> None:
    state = CallState()
    state.status = status
    if (status, event) in TRANSITIONS:
        assert state.allows(event)
        assert state.on(event) == TRANSITIONS[status, event]
    else:
        assert not state.allows(event)
        with pytest.raises(WrongTransition):
            state.on(event)
        assert state.status == status
