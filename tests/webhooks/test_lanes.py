from __future__ import annotations

from offhook.webhooks import Limits
from offhook.webhooks.lanes import Lanes


def test_a_host_and_an_org_have_only_so_many_lanes() -> None:
    lanes = Lanes(Limits(total=50, per_host=2, per_failing_host=1, per_org=3))
    assert lanes.enter("a", "one")
    assert lanes.enter("a", "one")
    assert not lanes.enter("a", "two")
    assert lanes.busy_hosts() == ["a"]
    assert lanes.enter("b", "one")
    assert lanes.busy_orgs() == ["one"]
    assert not lanes.enter("c", "one")
    assert lanes.enter("c", "two")
    assert lanes.free == 46
    lanes.leave("a", "one", failed=False)
    assert (lanes.free, lanes.busy_hosts(), lanes.busy_orgs()) == (47, [], [])


def test_eight_greedy_orgs_leave_room_for_another() -> None:
    lanes = Lanes(Limits(total=256, per_host=64, per_failing_host=4, per_org=64))
    for org in range(8):
        while lanes.enter(f"host of {org}", f"{org}"):
            pass
    assert lanes.free > 8
    assert lanes.admits("another", "another")


def test_an_org_alone_has_all_that_is_its_own() -> None:
    lanes = Lanes(Limits(total=256, per_host=32, per_failing_host=4, per_org=64))
    assert [lanes.enter(f"host {index % 3}", "one") for index in range(65)] == [True] * 64 + [False]


def test_the_last_lane_is_given_too_and_no_more() -> None:
    lanes = Lanes(Limits(total=3, per_host=2, per_failing_host=1, per_org=2))
    assert [lanes.enter(name, name) for name in "abcd"] == [True, True, True, False]
    assert lanes.busy_hosts() == ["a", "b", "c"]


def test_a_host_that_fails_gets_fewer_until_it_succeeds() -> None:
    lanes = Lanes(Limits(total=20, per_host=2, per_failing_host=1, per_org=9))
    lanes.enter("a", "one")
    lanes.leave("a", "one", failed=True)
    assert lanes.enter("a", "one")
    assert not lanes.enter("a", "one")
    lanes.leave("a", "one")  # called off: nothing was learned
    assert lanes.enter("a", "one")
    assert lanes.busy_hosts() == ["a"]
    lanes.leave("a", "one", failed=False)
    assert lanes.enter("a", "one")
    assert lanes.enter("a", "one")
    assert lanes.free == 18
