"""The four machines: every row of their tables, and every timer at its time (RFC 3261 §17, RFC 6026)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from offhook.network import Address
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response, respond
from offhook.sip.messages.parser import parse_message
from offhook.sip.transactions.hop_by_hop import acknowledgement
from offhook.sip.transactions.layer import (
    ClientTransaction,
    ServerTransaction,
    TransactionLayer,
)
from offhook.sip.transactions.timers import Timer, Timings
from offhook.sip.transactions.transaction import (
    Act,
    Event,
    InviteClient,
    InviteServer,
    Machine,
    RequestClient,
    RequestServer,
    Row,
    Signal,
    TransactionState,
)
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.transport import Flow, Transport
from offhook.sip.transports.udp import UDP
from tests.virtual import run_virtual, story

PEER = Address("10.0.0.1", 5060)
MACHINES: tuple[type[Machine], ...] = (InviteClient, RequestClient, InviteServer, RequestServer)
ROWS = [
    pytest.param(machine, state, event, id=f"{machine.__name__}-{state.name}-{event.name}")
    for machine in MACHINES
    for state, event in machine.table
]


def request(method: str, to_tag: str | None = None, branch: str = "z9hG4bK1") -> Request:
    tag = f";tag={to_tag}" if to_tag else ""
    message = parse_message(
        f"{method} sip:a@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch={branch}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:b@10.0.0.1>;tag=f\r\nTo: <sip:a@10.0.0.2>{tag}\r\n"
        f"Call-ID: c\r\nCSeq: 1 {method}\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


@dataclass
class Wire:
    """Notes what is sent and when."""

    sent: list[tuple[float, str]] = field(default_factory=list)
    open: bool = True

    def send(self, data: bytes, flow: Flow) -> None:
        line = data.split(b"\r\n", 1)[0].decode()
        self.sent.append((round(asyncio.get_running_loop().time(), 3), line))

    def is_open(self, flow: Flow) -> bool:
        return self.open

    async def connect(self, transport: Transport, remote: Address, name: str | None = None) -> Flow:
        raise OSError

    def reaches(self, flow: Flow) -> bool:
        return True

    def local_for(self, flow: Flow) -> Address:
        return Address("10.0.0.2", 5060)

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.sent]

    @property
    def lines(self) -> list[str]:
        return [line for _, line in self.sent]


@dataclass
class User:
    heard: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)

    def responded(self, response: Response) -> None:
        self.heard.append(response.status)

    def failed(self, error: SipError) -> None:
        self.errors.append(error.status)


class Bench:
    """One transaction with its peer played by the test."""

    def __init__(self, kind: type[Machine], reliable: bool) -> None:
        self.wire = Wire()
        self.user = User()
        self.layer = TransactionLayer(self.wire, Timings(), asyncio.get_running_loop())
        self.acks = 0
        self.failures = 0
        self.method = "INVITE" if kind in (InviteClient, InviteServer) else "OPTIONS"
        self.request = request(self.method)
        flow = Flow(TCP if reliable else UDP, PEER)
        self.transaction: ClientTransaction | ServerTransaction
        if kind in (InviteClient, RequestClient):
            self.transaction = self.layer.send(self.request, flow, self.user)
        else:
            self.transaction = self.layer.serve(self.request, flow)
            self.transaction.on_ack = self._acknowledged
            self.transaction.on_failed = self._failed

    def _acknowledged(self, ack: Request) -> None:
        self.acks += 1

    def _failed(self) -> None:
        self.failures += 1

    @property
    def state(self) -> TransactionState:
        return self.transaction.machine.state

    def status(self, status: int) -> None:
        response = respond(self.request, status, to_tag="t")
        if isinstance(self.transaction, ClientTransaction):
            self.transaction.received(response)
        else:
            self.transaction.respond(response)

    def happen(self, event: Event) -> None:
        """Bring `event` about the way the layer does, a timer before its time."""
        transaction = self.transaction
        if isinstance(event, Timer):
            transaction._fired(event)
        elif event is Signal.LOST:
            transaction.lost()
        elif event is Signal.REQUEST:
            assert isinstance(transaction, ServerTransaction)
            transaction.received(request(self.method))
        elif event is Signal.ACK:
            assert isinstance(transaction, ServerTransaction)
            transaction.received(request("ACK", to_tag="t"))
        else:
            self.status({Signal.PROVISIONAL: 180, Signal.SUCCESS: 200, Signal.FAILURE: 486}[event])


PATHS: dict[tuple[type[Machine], TransactionState], tuple[Event, ...]] = {
    (InviteClient, TransactionState.CALLING): (),
    (InviteClient, TransactionState.PROCEEDING): (Signal.PROVISIONAL,),
    (InviteClient, TransactionState.ACCEPTED): (Signal.SUCCESS,),
    (InviteClient, TransactionState.COMPLETED): (Signal.FAILURE,),
    (RequestClient, TransactionState.TRYING): (),
    (RequestClient, TransactionState.PROCEEDING): (Signal.PROVISIONAL,),
    (RequestClient, TransactionState.COMPLETED): (Signal.SUCCESS,),
    (InviteServer, TransactionState.PROCEEDING): (Signal.PROVISIONAL,),
    (InviteServer, TransactionState.ACCEPTED): (Signal.SUCCESS,),
    (InviteServer, TransactionState.COMPLETED): (Signal.FAILURE,),
    (InviteServer, TransactionState.CONFIRMED): (Signal.FAILURE, Signal.ACK),
    (RequestServer, TransactionState.TRYING): (),
    (RequestServer, TransactionState.PROCEEDING): (Signal.PROVISIONAL,),
    (RequestServer, TransactionState.COMPLETED): (Signal.SUCCESS,),
}


def in_state(kind: type[Machine], state: TransactionState, reliable: bool = False) -> Bench:
    bench = Bench(kind, reliable)
    for event in PATHS[kind, state]:
        bench.happen(event)
    assert bench.state is state
    return bench


@pytest.mark.parametrize(("kind", "state", "event"), ROWS)
@story
async def test_every_row_does_what_it_says(
    kind: type[Machine], state: TransactionState, event: Event
) -> None:
    bench = in_state(kind, state)
    row = kind.table[state, event]
    sent, heard = len(bench.wire.sent), len(bench.user.heard)
    last = bench.wire.lines[-1:] if bench.wire.lines else []

    bench.happen(event)

    assert bench.state is row.state
    new = bench.wire.lines[sent:]
    assert len(new) == sum(act in (Act.SEND, Act.RESEND, Act.ACK) for act in row.acts)
    if Act.RESEND in row.acts:
        assert new == last
    if Act.ACK in row.acts:
        assert new == ["ACK sip:a@10.0.0.2 SIP/2.0"]
    passed = (len(bench.user.heard) - heard) + bench.acks
    assert passed == row.acts.count(Act.PASS)
    errors = len(bench.user.errors) + bench.failures
    assert errors == row.acts.count(Act.TIMED_OUT) + row.acts.count(Act.FAILED)
    assert len(bench.layer) == (0 if row.state is TransactionState.TERMINATED else 1)
    running = set(bench.transaction._handles)
    assert running.isdisjoint(row.stop)
    assert running >= set(row.start)
    bench.transaction.end()


@pytest.mark.parametrize("kind", MACHINES)
def test_nothing_else_moves_a_machine(kind: type[Machine]) -> None:
    events: list[Event] = [*Signal, *Timer]
    for state, event in itertools.product(TransactionState, events):
        if (state, event) not in kind.table:
            machine = kind(False, Timings())
            machine.state = state
            assert machine.handle(event) is None
            assert machine.state is state


@pytest.mark.parametrize("kind", MACHINES)
def test_every_state_can_be_reached_and_left_for_good(kind: type[Machine]) -> None:
    reached, found = {kind.first}, True
    while found:
        found = False
        for (state, _), row in kind.table.items():
            if state in reached and row.state not in reached:
                reached.add(row.state)
                found = True
    assert reached == {state for state, _ in kind.table} | {TransactionState.TERMINATED}
    assert not any(state is TransactionState.TERMINATED for state, _ in kind.table)


def waiting(kind: type[Machine], path: tuple[Event, ...], reliable: bool = False) -> Bench:
    """Walk `path`, then wait until every timer has run out."""

    async def walk() -> Bench:
        bench = Bench(kind, reliable)
        for event in path:
            bench.happen(event)
        await asyncio.sleep(200)
        return bench

    return run_virtual(walk())


def test_an_invite_is_repeated_at_doubling_intervals_until_timer_b() -> None:
    bench = waiting(InviteClient, ())
    assert bench.wire.times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.user.errors == [408]
    assert len(bench.layer) == 0


def test_another_request_is_repeated_up_to_t2_until_timer_f() -> None:
    bench = waiting(RequestClient, ())
    assert bench.wire.times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.user.errors == [408]


def test_a_provisional_response_slows_another_request_to_t2() -> None:
    bench = waiting(RequestClient, (Signal.PROVISIONAL,))
    assert bench.wire.times[:4] == [0, 0.5, 4.5, 8.5]
    assert bench.user.errors == [408]


def test_a_provisional_response_silences_an_invite() -> None:
    bench = waiting(InviteClient, (Signal.PROVISIONAL,))
    assert bench.wire.times == [0]
    assert bench.user.errors == []
    assert len(bench.layer) == 1  # its owner ends it


@pytest.mark.parametrize("kind", [InviteClient, RequestClient])
def test_nothing_is_repeated_over_tcp(kind: type[Machine]) -> None:
    bench = waiting(kind, (), reliable=True)
    assert bench.wire.times == [0]
    assert bench.user.errors == [408]


def test_a_refusal_is_repeated_until_timer_h() -> None:
    bench = waiting(InviteServer, (Signal.FAILURE,))
    assert bench.wire.times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.failures == 1
    assert len(bench.layer) == 0


LIVES = [
    (InviteClient, (Signal.SUCCESS,), 32.0, 32.0),  # M
    (InviteClient, (Signal.FAILURE,), 32.0, 0.0),  # D
    (RequestClient, (Signal.SUCCESS,), 5.0, 0.0),  # K
    (InviteServer, (Signal.SUCCESS,), 32.0, 32.0),  # L
    (InviteServer, (Signal.FAILURE, Signal.ACK), 5.0, 0.0),  # I
    (RequestServer, (Signal.FAILURE,), 32.0, 0.0),  # J
]


@pytest.mark.parametrize("reliable", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize(("kind", "path", "udp", "tcp"), LIVES)
@story
async def test_a_finished_transaction_stays_as_long_as_copies_can_come(
    kind: type[Machine], path: tuple[Event, ...], udp: float, tcp: float, reliable: bool
) -> None:
    bench, life = Bench(kind, reliable), tcp if reliable else udp
    for event in path:
        bench.happen(event)
    if life:
        await asyncio.sleep(life - 0.1)
        assert len(bench.layer) == 1
    await asyncio.sleep(0.2)
    assert len(bench.layer) == 0


def test_the_ack_for_a_refusal_is_on_the_branch_of_its_invite() -> None:
    invite = request("INVITE")
    invite.headers.add("Route", "<sip:proxy;lr>")
    ack = acknowledgement(invite, respond(invite, 486, to_tag="t"))

    parsed = parse_message(ack.to_bytes())

    assert parsed.via == invite.via
    assert parsed.to.tag == "t"
    assert (parsed.cseq.number, parsed.cseq.method) == (1, "ACK")
    assert parsed.headers.get("Route") == "<sip:proxy;lr>"


def old(method: str, to_tag: str | None = None, cseq: int = 1, call_id: str = "c") -> Request:
    """From an RFC 2543 element: no branch, or one without the cookie."""
    tag = f";tag={to_tag}" if to_tag else ""
    message = parse_message(
        f"{method} sip:a@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=1\r\n"
        f"From: <sip:b@10.0.0.1>;tag=f\r\nTo: <sip:a@10.0.0.2>{tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


@contextmanager
def new_layer() -> Iterator[TransactionLayer]:
    layer = TransactionLayer(Wire(), Timings(), asyncio.get_running_loop())
    yield layer
    layer.close()
    assert len(layer) == 0


@story
async def test_the_branch_finds_the_transaction() -> None:
    with new_layer() as layer:
        served = layer.serve(request("INVITE"), Flow(UDP, PEER))
        served.respond(respond(served.request, 486, to_tag="t"))
        assert layer.of_request(request("INVITE")) is served
        assert layer.of_request(request("ACK", to_tag="t")) is served
        assert layer.invite_of(request("CANCEL")) is served
        assert layer.of_request(request("CANCEL")) is None
        assert layer.of_request(request("INVITE", branch="z9hG4bK2")) is None


@story
async def test_without_the_cookie_everything_else_finds_it() -> None:
    with new_layer() as layer:
        served = layer.serve(old("INVITE"), Flow(UDP, PEER))
        served.respond(respond(served.request, 486, to_tag="t"))
        assert layer.of_request(old("INVITE")) is served
        assert layer.of_request(old("ACK", to_tag="t")) is served
        assert layer.of_request(old("ACK", to_tag="other")) is None
        assert layer.invite_of(old("CANCEL")) is served
        assert layer.of_request(old("INVITE", cseq=2)) is None
        assert layer.of_request(old("INVITE", call_id="d")) is None


@story
async def test_a_response_is_matched_by_branch_and_method() -> None:
    with new_layer() as layer:
        invite = layer.send(request("INVITE"), Flow(UDP, PEER), User())
        assert layer.of_response(respond(request("INVITE"), 200)) is invite
        assert layer.of_response(respond(request("CANCEL"), 200)) is None
        assert layer.of_response(respond(request("INVITE", branch="z9hG4bK2"), 200)) is None


@story
async def test_a_lost_connection_is_told_to_its_transactions_only() -> None:
    with new_layer() as layer:
        users = [User(), User(), User()]
        other = Address("10.0.0.9", 5060)
        layer.send(request("OPTIONS", branch="z9hG4bK1"), Flow(TCP, PEER), users[0])
        layer.send(request("OPTIONS", branch="z9hG4bK2"), Flow(TCP, other), users[1])
        layer.send(request("OPTIONS", branch="z9hG4bK3"), Flow(UDP, PEER), users[2])
        layer.lost(Flow(TCP, PEER))
        assert [user.errors for user in users] == [[503], [], []]


@story
async def test_a_response_whose_connection_is_gone_opens_one_to_the_sender() -> None:
    with new_layer() as layer:
        served = layer.serve(request("OPTIONS"), Flow(TCP, Address("10.0.0.1", 33333), PEER))
        assert isinstance(layer.wires, Wire)
        layer.wires.open = False
        served.respond(respond(served.request, 200, to_tag="t"))
        assert served.flow == Flow(TCP, Address("10.0.0.1", 5060))


def test_rows_name_no_timer_of_another_machine() -> None:
    letters = {
        InviteClient: "ABDM",
        RequestClient: "EFK",
        InviteServer: "GHIL",
        RequestServer: "J",
    }
    for kind, mine in letters.items():
        rows: list[Row] = list(kind.table.values())
        used = {timer for row in rows for timer in (*row.start, *row.stop)} | set(kind.started)
        assert used == {Timer(letter) for letter in mine}
