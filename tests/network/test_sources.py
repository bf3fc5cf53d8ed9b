"""Sources and their shares: one brings everything and still leaves others a way in."""

from __future__ import annotations

import ipaddress

import pytest

from offhook.network import Address
from offhook.network.sources import PeerRate, Rate, Shares, Sources, source_of


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_customer_is_one_source(host: str, source: str) -> None:
    assert source_of(host) == source


def test_whom_the_operator_trusts_is_no_source() -> None:
    networks = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")]
    sources = Sources(networks)
    for trusted in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8:5::1", "192.0.2.7"):
        assert sources.of(trusted) is None
    assert sources.of("192.0.2.8") == "192.0.2.8"
    assert sources.of("somewhere") == "somewhere"
    for number in range(20_000):
        sources.of(f"198.51.{number >> 8}.{number & 255}")
    assert len(sources._known) <= 4096


def test_one_source_may_bring_nearly_everything_and_others_still_get_in() -> None:
    shares = Shares(200)
    while shares.admits("pbx"):
        shares.take("pbx")
    assert shares.of("pbx") == 175
    others = 0
    while shares.admits(f"caller {others}"):
        shares.take(f"caller {others}")
        others += 1
    assert others == 25
    assert shares.held == 200
    shares.give_back("caller 3")
    assert not shares.admits("pbx")
    assert shares.admits("somebody else")


def test_what_is_given_back_is_forgotten() -> None:
    shares = Shares(10)
    for number in range(9):
        shares.take(f"{number}")
        shares.give_back(f"{number}")
    assert shares.held == 0
    assert not shares._of
    assert shares.of("3") == 0


def test_few_places_are_for_whoever_comes_first() -> None:
    shares = Shares(2)
    for _ in range(2):
        assert shares.admits("one")
        shares.take("one")
    assert not shares.admits("other")


def test_a_trusted_source_may_have_every_place() -> None:
    shares = Shares(200, most=10)
    for _ in range(200):
        assert shares.admits(None)
        shares.take(None)
    assert not shares.admits(None)
    shares.give_back(None)
    assert shares.held == 199
    assert shares.of(None) == 0


def test_the_most_that_one_may_have() -> None:
    shares = Shares(100, most=3)
    for _ in range(3):
        shares.take("one")
    assert not shares.admits("one")
    assert shares.admits("other")


def test_a_rate_has_a_burst_and_comes_back() -> None:
    rate = Rate(10, 50)
    assert sum(rate.admits("one", 0.0) for _ in range(100)) == 50
    assert rate.exhausted("one", 0.0)
    assert not rate.exhausted("other", 0.0)
    assert rate.admits("other", 0.0)
    assert sum(rate.admits("one", 1.0) for _ in range(100)) == 10
    assert sum(rate.admits("one", 100.0) for _ in range(100)) == 50
    assert all(rate.admits(None, 100.0) for _ in range(100))
    assert not rate.exhausted(None, 100.0)


def test_a_steady_stream_within_the_rate_is_never_cut() -> None:
    rate = Rate(10, 5)
    assert all(rate.admits("one", number / 10) for number in range(10_000))


def test_forged_senders_take_no_memory() -> None:
    rate = Rate(10, 50, remembered=100)
    for number in range(10_000):
        assert rate.admits(f"{number}", 0.0)
    assert len(rate) == 100
    rate.admits("later", 60.0)
    assert len(rate) == 1


def test_forged_senders_do_not_whiten_who_floods_on() -> None:
    rate = Rate(1, 10, remembered=100)
    admitted = 0
    for number in range(1000):
        admitted += rate.admits("flood", 0.0)
        rate.admits(f"{number}", 0.0)
    assert admitted == 10


def test_neighbours_behind_one_address_do_not_pay_for_each_other_and_ports_bring_little() -> None:
    trusted = Sources([ipaddress.ip_network("10.0.0.0/8")])
    rate = PeerRate(trusted, (10, 20), (50, 60))
    flood, neighbour = Address("192.0.2.7", 5060), Address("192.0.2.7", 5061)
    assert sum(rate.admits(flood, 0.0) for _ in range(100)) == 20
    assert rate.exhausted(flood, 0.0)
    assert not rate.exhausted(neighbour, 0.0)
    assert rate.admits(neighbour, 0.0)
    # All ports together.
    assert sum(rate.admits(Address("192.0.2.7", port), 0.0) for port in range(6000, 6100)) == 39
    assert rate.exhausted(Address("192.0.2.7", 7000), 0.0)
    pbx = Address("10.0.0.5", 5060)
    assert all(rate.admits(pbx, 0.0) for _ in range(1000))
    assert not rate.exhausted(pbx, 0.0)


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_all_parts_of_a_rate_together_are_no_more_than_the_whole(parts: int) -> None:
    """Whoever brings as much as he can to every process."""
    rates = [Rate.part((10.0, 100), parts) for _ in range(parts)]
    at_once = sum(rate.admits("a", 0.0) for rate in rates for _ in range(200))
    later = sum(
        rate.admits("a", 0.0 + second) for second in range(1, 101) for rate in rates for _ in range(50)
    )
    assert at_once == 100
    assert later == pytest.approx(1000, rel=0.01)


def test_a_part_of_a_small_rate_still_admits_somebody() -> None:
    assert Rate.part((1.0, 3), 8).admits("a", 0.0)
