"""The lock on the peer's media: learned once, then nobody else is heard."""

from __future__ import annotations

from offhook.network import Address
from offhook.rtp.source_lock import GRACE, SILENT, SourceLock

ANNOUNCED = Address("198.51.100.1", 4000)
BEHIND_NAT = Address("203.0.113.5", 61000)
STRANGER = Address("192.0.2.66", 5000)


def test_until_something_comes_we_send_to_the_announced_address() -> None:
    assert SourceLock(ANNOUNCED).remote == ANNOUNCED


def test_the_first_source_is_learned_and_sent_to() -> None:
    lock = SourceLock(ANNOUNCED)

    assert lock.admit(BEHIND_NAT, 7, 0.0)

    assert lock.remote == BEHIND_NAT


def test_after_that_strangers_are_refused_and_counted() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(ANNOUNCED, 7, 0.0)

    assert not lock.admit(STRANGER, 7, 0.02)
    assert not lock.admit(ANNOUNCED._replace(port=4002), 7, 0.04)

    assert lock.refused == 2
    assert lock.remote == ANNOUNCED


def test_the_announced_address_wins_within_the_grace() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(STRANGER, 1, 0.0)

    assert lock.admit(ANNOUNCED, 7, GRACE / 2)

    assert lock.remote == ANNOUNCED
    assert not lock.admit(STRANGER, 1, GRACE / 2 + 0.01)


def test_the_announced_address_comes_too_late_after_the_grace() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(BEHIND_NAT, 1, 0.0)

    assert not lock.admit(ANNOUNCED, 7, GRACE)


def test_another_ssrc_cannot_replace_a_living_stream() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(ANNOUNCED, 7, 0.0)

    assert not lock.admit(ANNOUNCED, 8, 0.02)
    assert lock.admit(ANNOUNCED, 7, 0.02)


def test_a_media_server_may_go_on_with_another_ssrc_after_a_silence() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(ANNOUNCED, 7, 0.0)

    assert lock.admit(ANNOUNCED, 8, SILENT)

    assert lock.ssrc == 8
    assert not lock.admit(ANNOUNCED, 7, SILENT + 0.02)


def test_a_new_address_in_the_sdp_is_learned_anew_and_the_same_one_is_not() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(BEHIND_NAT, 7, 0.0)

    lock.expect(ANNOUNCED)
    assert not lock.admit(STRANGER, 9, 5.0)
    lock.expect(Address("198.51.100.2", 4000))

    assert lock.remote == Address("198.51.100.2", 4000)
    assert lock.admit(Address("198.51.100.2", 4000), 9, 5.1)


def test_a_new_sdp_lets_the_same_source_change_its_ssrc_at_once_and_once() -> None:
    """A server between us and the peer has connected somebody else: his first word must not be cut off."""
    lock = SourceLock(ANNOUNCED)
    lock.admit(ANNOUNCED, 7, 0.0)

    lock.expect(ANNOUNCED)

    assert lock.admit(ANNOUNCED, 7, 0.02)
    assert not lock.admit(STRANGER, 8, 0.03)
    assert lock.admit(ANNOUNCED, 8, 0.04)
    assert not lock.admit(ANNOUNCED, 7, 0.05)
    assert not lock.admit(ANNOUNCED, 9, 0.06)


def test_a_hold_by_the_unspecified_address_opens_nothing() -> None:
    lock = SourceLock(ANNOUNCED)
    lock.admit(BEHIND_NAT, 7, 0.0)

    lock.expect(Address("0.0.0.0", 4000))

    assert not lock.admit(STRANGER, 9, 5.0)
    assert lock.remote == BEHIND_NAT


def test_a_stranger_who_came_first_loses_to_the_host_that_signals() -> None:
    """Behind a NAT the SDP has a private address, and the media come from where the signalling does."""
    lock = SourceLock(Address("10.0.0.7", 4000), signalling_host=BEHIND_NAT.host)
    lock.admit(STRANGER, 1, 0.0)

    assert lock.admit(BEHIND_NAT, 7, 0.3)

    assert lock.remote == BEHIND_NAT
    assert not lock.admit(STRANGER, 1, 0.31)


def test_two_sources_of_one_host_do_not_take_turns() -> None:
    lock = SourceLock(ANNOUNCED)
    first, second = ANNOUNCED._replace(port=1), ANNOUNCED._replace(port=2)
    lock.admit(first, 1, 0.0)

    assert not lock.admit(second, 1, 0.1)
