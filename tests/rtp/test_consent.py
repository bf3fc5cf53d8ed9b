"""Audio for hosts that have not shown that they want it: a short start, bounded over all legs."""

from __future__ import annotations

import pytest

from offhook.network.addresses import network_of, plain_host
from offhook.rtp.consent import BURST, LASTS, MOST_REMEMBERED, REFILL, REMEMBERED, START, Consent, Unasked

PEER = "198.51.100.1"
ELSEWHERE = "203.0.113.9"


def aimed(
    unasked: Unasked, host: str = ELSEWHERE, peer: str | None = PEER, may_begin: bool = True
) -> Consent:
    consent = Consent(peer, unasked)
    consent.aim(host, may_begin=may_begin)
    return consent


def sent(consent: Consent, begin: float, seconds: float, host: str = ELSEWHERE) -> int:
    return sum(consent.spend(host, begin + 0.02 * tick) for tick in range(round(seconds * 50)))


@pytest.mark.parametrize("peer", [PEER, None, f"::ffff:{PEER}"])
def test_who_signals_is_sent_everything(peer: str | None) -> None:
    consent = aimed(Unasked(), PEER, peer, may_begin=False)

    assert sent(consent, 0.0, 600, PEER) == 30_000
    assert consent.stands(PEER, 600.0)
    assert consent.withheld == 0


def test_another_host_gets_a_short_start_and_no_more() -> None:
    consent = aimed(Unasked())
    assert consent.stands(ELSEWHERE, 100.0) is False

    assert sent(consent, 100.0, 60) == START * 50
    assert not consent.stands(ELSEWHERE, 160.0)
    assert consent.withheld == 60 * 50 - START * 50


def test_an_answer_begins_anew_what_was_used_up_while_it_rang() -> None:
    consent = aimed(Unasked())
    sent(consent, 0.0, 20)
    consent.begin_anew()

    assert sent(consent, 20.0, 20) == START * 50


def test_a_packet_of_it_is_a_sign_for_a_while() -> None:
    consent = aimed(Unasked())
    consent.heard(ELSEWHERE, 0.0)

    assert sent(consent, 0.0, LASTS + 30) == LASTS * 50
    consent.heard(ELSEWHERE, 100.0)
    assert sent(consent, 100.0, 10) == 500
    assert consent.stands(ELSEWHERE, 110.0)


def test_what_may_not_be_begun_waits_for_a_packet() -> None:
    consent = aimed(Unasked(), may_begin=False)
    assert sent(consent, 0.0, 2) == 0

    consent.heard(ELSEWHERE, 2.0)

    assert sent(consent, 2.0, 2) == 100


def test_a_source_that_was_learned_has_shown_it() -> None:
    consent = aimed(Unasked())
    consent.heard("192.0.2.77", 1.0)

    assert sent(consent, 1.0, 5, "192.0.2.77") == 250
    assert sent(consent, 6.0, 5) == 0


def test_the_same_address_in_a_new_sdp_begins_nothing_anew() -> None:
    unasked = Unasked()
    consent = aimed(unasked)
    for number in range(10):
        consent.aim(ELSEWHERE, may_begin=True)
        sent(consent, 10.0 * number, 10)

    assert 100 * 50 - consent.withheld == START * 50


def test_many_calls_aimed_at_one_network_share_what_it_gets() -> None:
    unasked = Unasked()
    hosts = [f"203.0.113.{number % 5 + 1}" for number in range(20)]
    legs = [aimed(unasked, host) for host in hosts]

    total = 0
    for tick in range(60 * 50):
        total += sum(leg.spend(host, 0.02 * tick) for leg, host in zip(legs, hosts, strict=True))

    # And it gets it: nobody is starved because many ask.
    assert BURST + (START - 1) * REFILL <= total <= BURST + START * REFILL


def test_calls_one_after_the_other_share_it_too() -> None:
    unasked = Unasked()

    total = sum(sent(aimed(unasked), 5.0 * number, 5) for number in range(100))

    assert total <= BURST + 500 * REFILL


def test_moving_the_aim_to_and_fro_gains_nothing() -> None:
    unasked = Unasked()
    consent, total = aimed(unasked), 0
    for number in range(100):
        host = f"203.0.113.{number % 2 + 1}"
        consent.aim(host, may_begin=True)
        total += sent(consent, float(number), 1, host)

    assert total <= BURST + 100 * REFILL


def test_a_media_server_that_answers_the_calls_of_a_provider_is_not_counted() -> None:
    unasked = Unasked()
    aimed(unasked).heard(ELSEWHERE, 0.0)

    assert [sent(aimed(unasked), 1.0, 5) for _ in range(100)] == [250] * 100
    # Not for somebody else, and not for ever.
    assert sum(sent(aimed(unasked, peer="192.0.2.1"), 1.0, 5) for _ in range(100)) <= BURST + 5 * REFILL
    later = sum(sent(aimed(unasked), REMEMBERED + 1, 5) for _ in range(100))
    assert later <= BURST + 5 * REFILL


def test_no_memory_is_without_an_end() -> None:
    unasked = Unasked()
    for number in range(2 * MOST_REMEMBERED):
        host = f"10.{number >> 8}.{number & 255}.1"
        assert unasked.spend(PEER, host, network_of(host), 0.0)
        unasked.answered(PEER, host, 0.0)

    assert len(unasked._left) <= MOST_REMEMBERED
    assert len(unasked._answered) <= MOST_REMEMBERED


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_the_network_of_a_host(host: str, network: str) -> None:
    assert network_of(host) == network


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:CB00:7109", "203.0.113.9"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("0:0::0", "::"),
        ("not:an:address", "not:an:address"),
        ("sip.example.org", "sip.example.org"),
    ],
)
def test_the_one_spelling_of_a_host(written: str, plain: str) -> None:
    assert plain_host(written) == plain
