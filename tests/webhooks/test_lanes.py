from __future__ import annotations

import random

import pytest

from offhook.webhooks import LaneLimits
from offhook.webhooks import lanes as module
from offhook.webhooks.lanes import Lanes


def proven(limits: LaneLimits, *hosts: str) -> Lanes:
    """Lanes of which these hosts have taken a message each."""
    lanes = Lanes(limits)
    for host in hosts:
        assert lanes.enter(host, f"org of {host}")
        lanes.leave(host, f"org of {host}", failed=False)
    return lanes


def taken(lanes: Lanes, host: str, org: str) -> int:
    """How many more lanes a host gets."""
    count = 0
    while lanes.enter(host, org):
        count += 1
    return count


def test_a_host_and_an_org_have_only_so_many_lanes() -> None:
    lanes = proven(LaneLimits(total=50, per_host=2, per_unproven_host=1, per_org=4), "a", "b", "c")
    assert lanes.enter("a", "one")
    assert lanes.enter("a", "one")
    assert not lanes.enter("a", "two")
    assert lanes.busy_hosts() == ["a"]
    assert lanes.enter("b", "one")
    assert lanes.enter("c", "one")
    assert lanes.busy_orgs() == ["one"]
    assert not lanes.enter("d", "one")
    assert lanes.enter("d", "two")
    assert lanes.free == 45
    lanes.leave("a", "one", failed=False)
    assert (lanes.free, lanes.busy_hosts(), lanes.busy_orgs()) == (46, ["d"], [])


def test_eight_greedy_orgs_leave_room_for_another() -> None:
    hosts = [f"host of {org}" for org in range(8)]
    lanes = proven(LaneLimits(total=256, per_host=64, per_org=64), *hosts)
    for org, host in enumerate(hosts):
        taken(lanes, host, f"{org}")
    assert lanes.free > 8
    assert lanes.admits("another", "another")


def test_an_org_alone_has_all_that_is_its_own() -> None:
    hosts = [f"host {index}" for index in range(12)]
    lanes = proven(LaneLimits(total=256, per_host=32, per_org=64), *hosts)
    assert sum(taken(lanes, host, "one") for host in hosts) == 64


def test_the_last_lane_is_given_too_and_no_more() -> None:
    lanes = proven(LaneLimits(total=3, per_host=2, per_unproven_host=1, per_org=2), *"abcd")
    assert [lanes.enter(name, name) for name in "abcd"] == [True, True, True, False]
    assert lanes.busy_hosts() == ["a", "b", "c"]


def test_a_host_that_fails_gets_fewer_until_it_succeeds() -> None:
    lanes = proven(LaneLimits(total=20, per_host=2, per_unproven_host=1, per_org=9), "a")
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


@pytest.mark.parametrize("silent", [1, 2, 10, 40])
def test_hosts_that_hang_leave_lanes_to_their_org_s_others(silent: int) -> None:
    lanes = proven(LaneLimits(), "good")
    hanging = sum(taken(lanes, f"silent {index}", "one") for index in range(silent))
    assert hanging <= 48
    assert taken(lanes, "good", "one") >= 8
    assert taken(lanes, "another", "two") == 4


def test_a_new_host_can_prove_itself_beside_many_that_hang() -> None:
    lanes = Lanes(LaneLimits())
    for index in range(30):
        taken(lanes, f"silent {index}", "one")
    assert lanes.enter("new", "one")
    lanes.leave("new", "one", failed=False)
    assert taken(lanes, "new", "one") >= 4


def test_hosts_that_begin_to_hang_together_leave_a_lane() -> None:
    hosts = [f"host {index}" for index in range(5)]
    lanes = proven(LaneLimits(), "good", *hosts)
    for host in hosts:
        taken(lanes, host, "one")
    assert lanes.enter("good", "one")


def test_nothing_is_left_when_all_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 5)
    rng, lanes, inside = random.Random(3), Lanes(LaneLimits()), list[tuple[str, str]]()
    for _ in range(5000):
        if inside and rng.random() < 0.5:
            host, org = inside.pop(rng.randrange(len(inside)))
            lanes.leave(host, org, rng.choice([True, False, None]))
        else:
            pair = (f"host {rng.randrange(12)}", f"org {rng.randrange(4)}")
            if lanes.enter(*pair):
                inside.append(pair)
    for host, org in inside:
        lanes.leave(host, org)
    assert lanes.free == LaneLimits().total
    assert (lanes._hosts, lanes._orgs, lanes._pairs) == ({}, {}, {})
    assert lanes._unproven.total() == 0
