from __future__ import annotations

from offhook.store import OutboxRow
from offhook.webhooks import Limits
from offhook.webhooks.lanes import Lanes


def row(host: str, org: str) -> OutboxRow:
    return OutboxRow(1, "id", org, "call", "type", host, {}, "", 0, 0, 0, 0, None, None, None, None)


def test_a_host_and_an_org_have_only_so_many_lanes() -> None:
    lanes = Lanes(Limits(total=5, per_host=2, per_failing_host=1, per_org=3))
    assert lanes.enter(row("a", "one"))
    assert lanes.enter(row("a", "one"))
    assert not lanes.enter(row("a", "two"))
    assert lanes.busy_hosts() == ["a"]
    assert lanes.enter(row("b", "one"))
    assert lanes.busy_orgs() == ["one"]
    assert not lanes.enter(row("c", "one"))
    assert lanes.enter(row("c", "two"))
    assert lanes.enter(row("d", "three"))
    assert lanes.free == 0
    assert not lanes.enter(row("e", "four"))
    lanes.leave(row("a", "one"), failed=False)
    assert (lanes.free, lanes.busy_hosts(), lanes.busy_orgs()) == (1, [], [])


def test_a_host_that_fails_gets_fewer_until_it_succeeds() -> None:
    lanes = Lanes(Limits(total=9, per_host=2, per_failing_host=1, per_org=9))
    lanes.enter(row("a", "one"))
    lanes.leave(row("a", "one"), failed=True)
    assert lanes.enter(row("a", "one"))
    assert not lanes.enter(row("a", "one"))
    lanes.leave(row("a", "one"))  # called off: nothing was learned
    assert lanes.enter(row("a", "one"))
    assert lanes.busy_hosts() == ["a"]
    lanes.leave(row("a", "one"), failed=False)
    assert lanes.enter(row("a", "one"))
    assert lanes.enter(row("a", "one"))
    assert lanes.free == 7
