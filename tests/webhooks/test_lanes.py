from __future__ import annotations

from offhook.store import OutboxRow
from offhook.webhooks import Limits
from offhook.webhooks.lanes import Lanes


def row(host: str, org: str) -> OutboxRow:
    return OutboxRow(1, "id", org, "call", "type", host, {}, "", 0, 0, 0, 0, None, None, None, None)


def test_a_host_and_an_org_have_only_so_many_lanes() -> None:
    lanes = Lanes(Limits(total=50, per_host=2, per_failing_host=1, per_org=3))
    assert lanes.enter(row("a", "one"))
    assert lanes.enter(row("a", "one"))
    assert not lanes.enter(row("a", "two"))
    assert lanes.busy_hosts() == ["a"]
    assert lanes.enter(row("b", "one"))
    assert lanes.busy_orgs() == ["one"]
    assert not lanes.enter(row("c", "one"))
    assert lanes.enter(row("c", "two"))
    assert lanes.free == 46
    lanes.leave(row("a", "one"), failed=False)
    assert (lanes.free, lanes.busy_hosts(), lanes.busy_orgs()) == (47, [], [])


def test_eight_greedy_orgs_leave_room_for_another() -> None:
    lanes = Lanes(Limits(total=256, per_host=64, per_failing_host=4, per_org=64))
    for org in range(8):
        while lanes.enter(row(f"host of {org}", f"{org}")):
            pass
    assert lanes.free > 8
    assert lanes.admits("another", "another")


def test_an_org_alone_has_all_that_is_its_own() -> None:
    lanes = Lanes(Limits(total=256, per_host=32, per_failing_host=4, per_org=64))
    assert [lanes.enter(row(f"host {index % 3}", "one")) for index in range(65)] == [True] * 64 + [False]


def test_the_last_lane_is_given_too_and_no_more() -> None:
    lanes = Lanes(Limits(total=3, per_host=2, per_failing_host=1, per_org=2))
    assert [lanes.enter(row(name, name)) for name in "abcd"] == [True, True, True, False]
    assert lanes.busy_hosts() == ["a", "b", "c"]


def test_a_host_that_fails_gets_fewer_until_it_succeeds() -> None:
    lanes = Lanes(Limits(total=20, per_host=2, per_failing_host=1, per_org=9))
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
    assert lanes.free == 18
