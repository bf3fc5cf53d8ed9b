from __future__ import annotations

import pytest

from offhook.webhooks import lines as module
from offhook.webhooks.lines import Lines, QueuedMessage


def message(call: str, number: int) -> QueuedMessage:
    return QueuedMessage(f"id-{number}", "org", call, "t", "host", "{}", 0, {})


def test_a_line_goes_on_with_the_next_of_its_call() -> None:
    lines = Lines()
    lines.clear("a")
    lines.clear("b")
    first, second, other = message("a", 1), message("a", 3), message("b", 2)
    assert all(lines.keep(one) for one in (first, other, second))
    assert (lines.waiting("a"), lines.waiting("b"), len(lines)) == (2, 1, 3)
    assert lines.done("a") is second
    assert lines.done("a") is None
    assert "id-1" not in lines
    assert "id-2" in lines
    assert lines.is_clear("a")
    assert lines.keep(message("a", 4))


def test_nothing_is_kept_behind_what_waits_in_the_database() -> None:
    lines = Lines()
    assert not lines.keep(message("a", 1))
    lines.clear("a")
    lines.forget("a")
    assert not lines.keep(message("a", 2))
    assert len(lines) == 0


def test_a_line_that_is_given_up_goes_as_a_whole() -> None:
    lines = Lines()
    lines.clear("a")
    kept = [message("a", number) for number in (1, 2, 3)]
    assert all(lines.keep(one) for one in kept)
    assert lines.give_up("a") == kept
    assert not lines.is_clear("a")
    assert (lines.waiting("a"), len(lines)) == (0, 0)
    assert lines.give_up("a") == []


def test_only_so_many_calls_are_known_to_be_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLEAR", 2)
    lines = Lines()
    for call in "abc":
        lines.clear(call)
    assert [lines.is_clear(call) for call in "abc"] == [False, True, True]
