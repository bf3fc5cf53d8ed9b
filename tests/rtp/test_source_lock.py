"""The lock on the peer's media: whom the signalling has named comes first, then nobody else is heard."""

from __future__ import annotations

import pytest

from offhook.network import Address
from offhook.rtp.codecs import PCMU
from offhook.rtp.packet import Packet
from offhook.rtp.source_lock import (
    CONTROL_KEEPS,
    PAUSE,
    RULES,
    SETTLED,
    SILENT,
    Comes,
    LockState,
    Rule,
    SourceLock,
)

ANNOUNCED = Address("198.51.100.1", 4000)
SAME_HOST = ANNOUNCED._replace(port=4002)
BEHIND_NAT = Address("203.0.113.5", 61000)
SIGNALLING = BEHIND_NAT.host
STRANGER = Address("192.0.2.66", 5000)
RELAY = Address("192.0.2.77", 30000)


class Line:
    """A lock on a clock, and sources whose streams go on from packet to packet."""

    def __init__(self, announced: Address = ANNOUNCED, signalling: str | None = SIGNALLING) -> None:
        self.lock = SourceLock(announced, PCMU.clock_rate, signalling)
        self.now = 100.0
        self._sent: dict[int, int] = {}

    def opened(self) -> Line:
        self.lock.open(self.now)
        return self

    def sends(
        self, source: Address, ssrc: int = 7, packets: int = 1, *, event: bool = False, every: float = 0.02
    ) -> list[bool]:
        """So many packets, 20 ms each; whether each was taken."""
        taken = []
        for _ in range(packets):
            number = self._sent.get(ssrc, 1000 + ssrc)
            self._sent[ssrc] = number + 1
            packet = Packet(0, False, number & 0xFFFF, 160 * number & 0xFFFFFFFF, ssrc, b"x" * 160)
            taken.append(self.lock.admit(packet, source, self.now, event=event))
            self.now += every
        return taken

    def is_heard(self, source: Address, ssrc: int = 7, **options: bool) -> bool:
        return all(self.sends(source, ssrc, **options))

    @property
    def is_undecided(self) -> bool:
        return self.now < self.lock.undecided_until

    def reports(self, source: Address, ssrc: int = 7) -> bool:
        return self.lock.admit_control(source, ssrc, self.now)

    def settled(self, source: Address, ssrc: int = 7) -> Line:
        assert all(self.sends(source, ssrc, SETTLED + 1))
        return self

    def borrowed(self) -> Line:
        """A relay that neither SDP nor signalling names."""
        self.opened()
        self.sends(RELAY, 3, round(PAUSE / 0.02) + 2)
        assert self.lock.state is LockState.BORROWED
        return self


def in_state(state: LockState) -> Line:
    line = Line()
    if state is LockState.CLOSED:
        line.sends(SAME_HOST)
    elif state is LockState.FOUND:
        line.opened().sends(SAME_HOST)
    elif state is LockState.HELD:
        line.opened().settled(SAME_HOST)
    elif state is LockState.BORROWED:
        line.borrowed()
    else:
        line.opened()
    assert line.lock.state is state
    return line


LOCKED = {
    LockState.CLOSED: SAME_HOST,
    LockState.FOUND: SAME_HOST,
    LockState.HELD: SAME_HOST,
    LockState.BORROWED: RELAY,
}
STREAM = {LockState.CLOSED: 7, LockState.FOUND: 7, LockState.HELD: 7, LockState.BORROWED: 3}


def sent_by(state: LockState, comes: Comes) -> tuple[Address, int]:
    """A source and SSRC whose packet is that to a lock in this state."""
    locked = LOCKED.get(state, SAME_HOST)
    return {
        Comes.NEW_SSRC: (locked, 99),
        Comes.ANNOUNCED: (ANNOUNCED, 99),
        Comes.RIGHT_HOST: (BEHIND_NAT, 99),
        Comes.GOING_ON: (locked._replace(port=locked.port + 20), STREAM.get(state, 7)),
        Comes.STRANGER: (STRANGER, 99),
    }[comes]


CELLS = [
    (state, comes, rule)
    for state, row in RULES.items()
    for comes, rule in row.items()
    # Without a locked source nothing can be of it.
    if not (state is LockState.OPEN and comes in (Comes.NEW_SSRC, Comes.GOING_ON))
]


def test_the_table_has_a_rule_for_everything() -> None:
    assert set(RULES) == set(LockState)
    assert all(set(row) == set(Comes) for row in RULES.values())


@pytest.mark.parametrize(("state", "comes", "rule"), CELLS, ids=lambda value: value.name)
def test_each_rule_while_the_locked_source_is_alive(state: LockState, comes: Comes, rule: Rule) -> None:
    line = in_state(state)
    before = line.lock.remote

    refused = line.lock.refused
    taken = line.is_heard(*sent_by(state, comes))

    assert taken is (rule is Rule.TAKE)
    if not taken:
        assert line.lock.remote == before
        assert line.lock.refused == refused + 1


@pytest.mark.parametrize(("state", "comes", "rule"), CELLS, ids=lambda value: value.name)
def test_each_rule_once_the_locked_source_is_silent(state: LockState, comes: Comes, rule: Rule) -> None:
    line = in_state(state)
    line.now += SILENT

    assert line.is_heard(*sent_by(state, comes)) is (rule in (Rule.TAKE, Rule.IF_SILENT))


@pytest.mark.parametrize(("state", "comes", "rule"), CELLS, ids=lambda value: value.name)
def test_who_is_taken_is_sent_to_once_the_answer_is_acknowledged(
    state: LockState, comes: Comes, rule: Rule
) -> None:
    line = in_state(state)
    line.now += SILENT
    source, ssrc = sent_by(state, comes)
    if not line.is_heard(source, ssrc):
        return

    assert line.lock.remote == (ANNOUNCED if state is LockState.CLOSED else source)


@pytest.mark.parametrize(("state", "comes", "rule"), CELLS, ids=lambda value: value.name)
def test_a_steady_stream_of_a_stranger_is_taken_where_nobody_else_has_sent(
    state: LockState, comes: Comes, rule: Rule
) -> None:
    if comes is not Comes.STRANGER:
        return
    line = in_state(state)

    for _ in range(200):
        line.sends(STRANGER, 99)
        if state is not LockState.OPEN:
            line.sends(LOCKED[state], STREAM[state])

    assert (line.lock.remote == STRANGER) is (state is LockState.OPEN)


# Callers of all sorts are heard and answered.


def test_until_something_comes_we_send_to_the_announced_address() -> None:
    assert Line().lock.remote == ANNOUNCED
    assert Line().opened().lock.remote == ANNOUNCED


def test_a_phone_that_keeps_its_word() -> None:
    line = Line().opened()

    assert all(line.sends(ANNOUNCED, packets=100))

    assert line.lock.remote == ANNOUNCED
    assert line.lock.refused == 0


def test_a_phone_that_sends_from_another_port_than_it_named() -> None:
    line = Line().opened()

    assert all(line.sends(SAME_HOST, packets=100))

    assert line.lock.remote == SAME_HOST


def test_a_caller_behind_a_nat_is_found_at_the_host_that_signals() -> None:
    line = Line(announced=Address("192.168.1.7", 4000)).opened()

    assert all(line.sends(BEHIND_NAT, packets=100))

    assert line.lock.remote == BEHIND_NAT


def test_a_relay_that_nobody_named_is_found_after_a_pause() -> None:
    line = Line().opened()

    taken = line.sends(RELAY, packets=200)

    assert taken == sorted(taken)
    assert 0 < taken.count(False) <= round(PAUSE / 0.02) + 1
    assert line.lock.remote == RELAY


def test_nothing_is_said_until_it_is_decided_who_hears_it() -> None:
    line = Line()
    line.sends(RELAY)
    assert not line.is_undecided
    line.opened()
    assert not line.is_undecided
    line.sends(RELAY)
    assert line.is_undecided
    line.sends(RELAY, packets=round(PAUSE / 0.02) + 1)
    assert not line.is_undecided
    assert line.lock.remote == RELAY

    line = Line().opened()
    line.sends(STRANGER)
    line.sends(ANNOUNCED)
    assert not line.is_undecided

    line = Line().opened()
    line.sends(STRANGER)
    line.now += PAUSE + SILENT
    assert not line.is_undecided


def test_a_relay_that_loses_packets_is_found_all_the_same() -> None:
    line = Line().opened()
    for _ in range(round(PAUSE / 0.02) + 2):
        line.sends(RELAY)
        line._sent[7] += 2

    assert line.lock.remote == RELAY


def test_early_media_of_the_right_host_are_heard_and_nobody_is_learned_from_them() -> None:
    line = Line()

    assert all(line.sends(BEHIND_NAT, packets=SETTLED + 5))
    assert line.lock.remote == ANNOUNCED

    line.opened()
    assert line.lock.remote == ANNOUNCED
    assert line.is_heard(BEHIND_NAT)
    assert line.lock.remote == BEHIND_NAT


def test_a_media_server_may_go_on_with_another_ssrc_after_a_silence() -> None:
    line = Line().opened().settled(ANNOUNCED)
    line.now += SILENT

    assert line.is_heard(ANNOUNCED, 8)

    assert line.lock.ssrc == 8
    assert not line.is_heard(ANNOUNCED, 7)


def test_a_nat_that_changes_the_port_in_mid_call_is_followed_once_the_old_one_is_silent() -> None:
    line = Line().opened().settled(BEHIND_NAT)
    moved = BEHIND_NAT._replace(port=61999)

    taken = line.sends(moved, packets=50)

    assert taken == sorted(taken)
    assert taken.count(False) <= round(SILENT / 0.02)
    assert line.lock.remote == moved
    assert line.lock.state is LockState.HELD
    assert not line.is_heard(BEHIND_NAT._replace(port=61888), 8)


def test_a_relay_that_changes_its_port_is_followed_too() -> None:
    line = Line().borrowed()
    moved = RELAY._replace(port=30002)
    line.now += SILENT

    assert line.is_heard(moved, 3)
    assert line.lock.remote == moved
    # It is a stranger all the same.
    assert line.lock.state is LockState.BORROWED
    assert line.is_heard(BEHIND_NAT, 8)
    assert line.lock.remote == BEHIND_NAT


def test_the_stream_that_goes_on_from_the_announced_host_is_followed_to_it() -> None:
    """A server in between lets go of the call: the same stream comes from the phone itself."""
    line = Line().opened().settled(BEHIND_NAT)
    line.now += SILENT

    assert line.is_heard(SAME_HOST, 7)
    assert line.lock.remote == SAME_HOST


@pytest.mark.parametrize(
    "announced", [Address("::ffff:198.51.100.1", 4000), Address("2001:DB8:0::1", 4000)], ids=["v4", "v6"]
)
def test_an_address_is_the_same_in_every_spelling(announced: Address) -> None:
    spelled = "198.51.100.1" if "ffff" in announced.host else "2001:db8::1"
    line = Line(announced=announced).opened()

    assert line.is_heard(Address(spelled, 4000))
    assert line.lock.state is LockState.FOUND
    assert line.is_heard(announced, 99)  # it is the announced one, and nothing may keep it out


def test_a_source_is_answered_in_the_spelling_that_its_socket_gave() -> None:
    mapped = Address("::ffff:203.0.113.5", 61000)
    line = Line().opened()

    assert line.is_heard(mapped)
    assert line.lock.remote == mapped


def test_a_packet_to_open_a_nat_and_the_stream_from_another_port() -> None:
    line = Line().opened()
    line.sends(SAME_HOST, 1)

    taken = line.sends(BEHIND_NAT, 2, 50)

    assert line.lock.remote == BEHIND_NAT
    assert taken.count(False) <= round(SILENT / 0.02)


# New descriptions.


def test_a_new_address_in_the_sdp_is_learned_anew_and_the_same_one_is_not() -> None:
    moved = Address("198.51.100.2", 4000)
    line = Line().opened().settled(BEHIND_NAT)

    line.lock.expect(ANNOUNCED, line.now)
    assert not line.is_heard(STRANGER, 9)
    assert line.lock.remote == BEHIND_NAT
    line.lock.expect(moved, line.now)

    assert line.lock.remote == moved
    assert line.is_heard(moved, 9)


def test_a_peer_that_moved_to_another_network_is_found_where_its_reinvite_came_from() -> None:
    elsewhere = Address("203.0.113.200", 50000)
    line = Line(announced=Address("192.168.1.7", 4000)).opened().settled(BEHIND_NAT)

    line.lock.expect(Address("10.1.1.9", 4000), line.now, elsewhere.host)

    assert line.is_heard(elsewhere, 9)
    assert line.lock.remote == elsewhere
    assert not line.is_heard(STRANGER, 8)


def test_a_new_sdp_lets_the_same_source_change_its_ssrc_at_once_and_once() -> None:
    """A server between us and the peer has connected somebody else: his first word must not be cut off."""
    line = Line().opened().settled(ANNOUNCED)

    line.lock.expect(ANNOUNCED, line.now)

    assert line.is_heard(ANNOUNCED, 7)
    assert not line.is_heard(STRANGER, 8)
    assert line.is_heard(ANNOUNCED, 8)
    assert not line.is_heard(ANNOUNCED, 7)
    assert not line.is_heard(ANNOUNCED, 9)


def test_after_a_hold_the_nat_may_have_another_port_for_the_caller() -> None:
    line = Line(announced=Address("192.168.1.7", 4000)).opened().settled(BEHIND_NAT)
    line.now += 120
    line.lock.expect(Address("192.168.1.7", 4000), line.now)

    assert line.is_heard(BEHIND_NAT._replace(port=62000), 9)


def test_a_hold_by_the_unspecified_address_opens_nothing() -> None:
    line = Line().opened().settled(BEHIND_NAT)

    line.lock.expect(Address("0.0.0.0", 4000), line.now)
    line.now += 60

    assert not any(line.sends(STRANGER, 9, 200))
    assert line.lock.remote == BEHIND_NAT


# Events.


def test_events_with_an_ssrc_of_their_own_are_heard_and_change_nothing() -> None:
    line = Line().opened().settled(ANNOUNCED)

    for _ in range(30):
        assert line.is_heard(ANNOUNCED, 500, event=True)
    assert line.is_heard(ANNOUNCED, 7)

    assert line.lock.ssrc == 7
    assert not line.is_heard(STRANGER, 500, event=True)
    assert not line.is_heard(ANNOUNCED, 500)  # no events: it is another's voice


def test_events_may_be_the_first_to_come() -> None:
    line = Line().opened()

    assert line.is_heard(BEHIND_NAT, 500, event=True)
    assert line.is_heard(BEHIND_NAT, 7)
    assert line.is_heard(BEHIND_NAT, 500, event=True)

    assert (line.lock.remote, line.lock.ssrc) == (BEHIND_NAT, 7)


# Attackers.


def test_who_sprays_while_it_rings_is_nobody() -> None:
    line = Line()
    for number in range(1000):
        line.sends(STRANGER, number, every=0.001)
    assert line.lock.refused == 1000

    line.opened()
    assert line.lock.remote == ANNOUNCED
    assert all(line.sends(BEHIND_NAT, packets=50))
    assert line.lock.remote == BEHIND_NAT


@pytest.mark.parametrize("caller", [ANNOUNCED, SAME_HOST, BEHIND_NAT], ids=["named", "same host", "NAT"])
@pytest.mark.parametrize("packets", [1, 1000])
def test_a_stranger_who_is_there_before_the_caller_gains_nothing(caller: Address, packets: int) -> None:
    line = Line().opened()
    line.sends(STRANGER, 666, packets, every=0.0005)

    assert all(line.sends(caller, 7, 50))
    assert not any(line.sends(STRANGER, 666, 50))
    assert line.lock.remote == caller


def test_a_phone_that_suppresses_silence_is_answered_though_it_sent_two_packets() -> None:
    line = Line(announced=Address("192.168.1.7", 4000)).opened()
    line.sends(BEHIND_NAT, 7, 2)
    line.now += 30

    assert line.lock.remote == BEHIND_NAT
    assert not line.is_undecided
    assert line.reports(BEHIND_NAT._replace(port=61001), 8)
    assert line.is_heard(BEHIND_NAT, 7)


def test_a_relay_may_have_another_port_after_a_hold() -> None:
    line = Line().borrowed()
    line.now += 60
    assert not any(line.sends(RELAY._replace(port=30002), 4, 100))

    line.lock.expect(ANNOUNCED, line.now)
    line.sends(RELAY._replace(port=30002), 4, SETTLED + 1)

    assert line.lock.remote == RELAY._replace(port=30002)
    assert line.lock.state is LockState.BORROWED


@pytest.mark.parametrize("caller", [ANNOUNCED, BEHIND_NAT], ids=["named", "NAT"])
def test_a_neighbour_who_sprays_while_it_rings_hears_nothing(caller: Address) -> None:
    """Somebody of the host that signals, behind the same NAT."""
    neighbour = BEHIND_NAT._replace(port=9)
    line = Line()
    line.sends(neighbour, 666, 100)
    line.opened()
    line.sends(neighbour, 666, 3)
    assert line.is_undecided

    line.now += 0.0 if caller == ANNOUNCED else SILENT
    line.sends(caller, 7, 1)
    assert line.lock.remote == caller
    assert line.is_undecided is (caller != ANNOUNCED)
    line.now += SILENT
    assert not line.is_undecided


def test_where_nobody_sent_before_the_caller_is_answered_at_once() -> None:
    line = Line(announced=Address("192.168.1.7", 4000)).opened()
    line.sends(BEHIND_NAT)

    assert not line.is_undecided


def test_a_stranger_with_a_stream_is_given_up_as_soon_as_the_caller_speaks() -> None:
    line = Line().opened()
    line.sends(STRANGER, 666, 500)
    assert line.lock.remote == STRANGER

    assert line.is_heard(BEHIND_NAT, 7)
    assert line.lock.remote == BEHIND_NAT
    for _ in range(500):
        assert line.is_heard(BEHIND_NAT, 7)
        assert not line.is_heard(STRANGER, 666)


def test_a_spray_hides_no_relay() -> None:
    """A packet now and then, each of another SSRC, is no stream."""
    line = Line().opened()
    for number in range(100):
        line.sends(STRANGER, 1000 + number)
        assert line.lock.remote != STRANGER
    line.now += SILENT
    for _ in range(100):
        line.sends(RELAY, 3)

    assert line.lock.remote == RELAY


def test_a_burst_is_no_stream_either() -> None:
    line = Line().opened()
    line.now += PAUSE
    line.sends(STRANGER, 666, 100, every=0.0001)

    assert line.lock.remote == ANNOUNCED


@pytest.mark.parametrize("ssrc", [7, 8], ids=["guessed SSRC", "another"])
def test_after_the_lock_strangers_are_refused_and_counted(ssrc: int) -> None:
    line = Line().opened().settled(ANNOUNCED)

    for _ in range(100):
        assert not line.is_heard(STRANGER, ssrc)
        assert not line.is_heard(SAME_HOST, 9)
        assert line.is_heard(ANNOUNCED, 7)

    assert line.lock.refused == 200
    assert line.lock.remote == ANNOUNCED


@pytest.mark.parametrize("source", [STRANGER, SAME_HOST, BEHIND_NAT._replace(port=1)])
def test_a_caller_who_falls_silent_is_not_replaced(source: Address) -> None:
    line = Line(announced=ANNOUNCED).opened().settled(ANNOUNCED)
    line.now += 60

    assert not any(line.sends(source, 666, 500))
    assert line.lock.remote == ANNOUNCED


def test_a_guessed_ssrc_alone_is_no_stream_that_goes_on() -> None:
    line = Line().opened().settled(BEHIND_NAT)
    line.now += SILENT
    elsewhere = BEHIND_NAT._replace(port=1)
    last = line._sent[7] - 1

    for sequence, timestamp in [
        (last + 30_000, 160 * (last + 1)),
        (last + 1, 160 * (last + 1) + 0x7000_0000),
        (last - 5, 160 * (last + 1)),
        (last + 1, 160 * last),
    ]:
        packet = Packet(0, False, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7, b"x" * 160)
        assert not line.lock.admit(packet, elsewhere, line.now)
    assert not line.is_heard(STRANGER, 7)


@pytest.mark.parametrize("packets", [1, 100])
def test_a_burst_from_the_callers_own_network_does_not_lock_him_out(packets: int) -> None:
    """Somebody behind the same NAT."""
    line = Line(announced=Address("192.168.1.7", 4000)).opened()
    line.sends(BEHIND_NAT._replace(port=1), 666, packets, every=0.0005)

    line.sends(BEHIND_NAT, 7, 50)

    assert line.lock.remote == BEHIND_NAT


def test_a_forged_packet_of_the_caller_s_host_takes_no_relay_for_good() -> None:
    line = Line().borrowed()
    assert line.is_heard(BEHIND_NAT, 666)

    line.sends(RELAY, 3, 150)

    assert line.lock.remote == RELAY


# Reports.


def test_reports_come_from_the_locked_host_and_know_its_ssrc() -> None:
    line = Line().opened().settled(BEHIND_NAT)

    assert line.reports(BEHIND_NAT._replace(port=61001))
    assert line.reports(ANNOUNCED._replace(port=4001))
    assert not line.reports(BEHIND_NAT._replace(port=61001), 8)
    assert not line.reports(ANNOUNCED._replace(port=4001), 8)
    assert not line.reports(STRANGER)

    assert line.lock.refused == 3


@pytest.mark.parametrize("source", [ANNOUNCED, BEHIND_NAT])
def test_reports_of_the_right_hosts_are_taken_before_any_media(source: Address) -> None:
    line = Line()
    assert line.reports(source)
    assert not line.reports(STRANGER)
    line.opened()
    assert line.reports(source, 9)
    assert not line.reports(STRANGER)
    assert line.lock.remote == ANNOUNCED


def test_reports_of_a_muted_caller_keep_strangers_out() -> None:
    line = Line().opened()
    for _ in range(10):
        assert line.reports(BEHIND_NAT)
        assert not any(line.sends(STRANGER, 666, round((CONTROL_KEEPS - PAUSE) / 0.02)))

    assert line.lock.remote == ANNOUNCED


def test_a_report_of_the_right_host_ends_a_strangers_lock() -> None:
    line = Line().borrowed()
    assert line.reports(RELAY, 3)
    assert line.lock.remote == RELAY

    assert line.reports(BEHIND_NAT, 7)

    assert line.lock.remote == ANNOUNCED
    assert not any(line.sends(RELAY, 3, 100))
