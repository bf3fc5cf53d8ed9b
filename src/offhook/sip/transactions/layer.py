"""The transaction layer: runs the machines of `transaction.py` on the loop's timers and the transports."""

from __future__ import annotations

import asyncio
import contextvars
from abc import ABC, abstractmethod
from collections.abc import Callable, Set
from typing import Final, NamedTuple, Protocol

from offhook.sip.allowance import FAREWELL, TIMES, Allowance
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response
from offhook.sip.transactions.hop_by_hop import acknowledgement
from offhook.sip.transactions.matching import Key, client_key, same_to_tag, server_key
from offhook.sip.transactions.timers import Timer, Timings
from offhook.sip.transactions.transaction import (
    Act,
    InviteClient,
    InviteServer,
    Machine,
    RequestClient,
    RequestServer,
    Row,
    Signal,
    TransactionState,
    signal_of,
)
from offhook.sip.transports.rules import reconnect_address
from offhook.sip.transports.transport import FarEnd, Flow, Wires

REPEATS_PER_T1: Final = 25
REPEATS_AT_ONCE: Final = 10
"""How many repetitions of a request are answered in T1, after which the first is due (RFC 3261 §17.1)."""


class Arrival(NamedTuple):
    """What came: `mark` stands for the octets and their source, `octets` is how many there were."""

    mark: int
    octets: int


class ClientUser(Protocol):
    """Who sent a request."""

    def responded(self, response: Response) -> None:
        """Each 1xx, the final response, and every repeated or forked 2xx to an INVITE."""

    def failed(self, error: SipError) -> None:
        """No response came: 408 after the timeout, 503 when the transport failed."""


class SipTransaction(ABC):
    """A machine on the loop. `flow` is where its messages go, `allowance` what may be repeated there; None
    is no limit."""

    __slots__ = ("_handles", "_last", "allowance", "flow", "key", "layer", "machine", "request")

    def __init__(self, layer: TransactionLayer, key: Key, machine: Machine, request: Request, flow: Flow):
        self.layer = layer
        self.key = key
        self.machine = machine
        self.request = request
        self.flow = flow
        self.allowance: Allowance | None = None
        self._handles: dict[Timer, asyncio.Handle] = {}
        self._last: bytes | None = None

    @property
    def terminated(self) -> bool:
        return self.machine.state is TransactionState.TERMINATED

    def lost(self) -> None:
        """The connection behind `flow` broke, or could not be made."""
        self._run(self.machine.handle(Signal.LOST), None)

    def end(self) -> None:
        """Forget the transaction at once; its user hears nothing more."""
        if not self.terminated:
            self.machine.state = TransactionState.TERMINATED
            self._finish()
            self._release()

    def _run(self, row: Row | None, message: Request | Response | None) -> None:
        if row is None:
            return
        for timer in row.stop:
            handle = self._handles.pop(timer, None)
            if handle is not None:
                handle.cancel()
        for timer in row.start:
            self._start(timer)
        # Before the acts, since a user may look whether the transaction has ended.
        if row.state is TransactionState.TERMINATED:
            self._finish()
        for act in row.acts:
            self._act(act, message)
        if row.state is TransactionState.TERMINATED:
            self._release()

    def _start(self, timer: Timer) -> None:
        seconds = self.machine.duration(timer)
        if seconds is not None:
            self._handles[timer] = self.layer.loop.call_later(
                seconds, self._fired, timer, context=self.layer.context
            )

    def _fired(self, timer: Timer) -> None:
        self._handles.pop(timer, None)
        self._run(self.machine.handle(timer), None)

    def _send(self, message: Request | Response) -> None:
        self._last = message.to_bytes()
        if self.allowance is not None:
            self.allowance.spend(len(self._last))
        self.layer.wires.send(self._last, self.flow)

    def _resend(self, keep: int = 0) -> None:
        last, allowance = self._last, self.allowance
        if last is not None and (allowance is None or allowance.covers(len(last), keep)):
            self.layer.wires.send(last, self.flow)

    def _finish(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
        self.layer.forget(self)

    @abstractmethod
    def _release(self) -> None:
        """Let go of the user, so that no cycle is left for the garbage collector."""

    @abstractmethod
    def _act(self, act: Act, message: Request | Response | None) -> None: ...


class ClientTransaction(SipTransaction):
    """RFC 3261 §17.1: one request of ours until its responses have all come."""

    __slots__ = ("_user",)

    def __init__(self, layer: TransactionLayer, request: Request, flow: Flow, user: ClientUser) -> None:
        kind = InviteClient if request.method == "INVITE" else RequestClient
        super().__init__(layer, client_key(request), kind(flow.reliable, layer.timings), request, flow)
        self._user: ClientUser | None = user

    def start(self) -> None:
        for timer in self.machine.started:
            self._start(timer)
        self._send(self.request)

    def received(self, response: Response) -> None:
        if self.allowance is not None:
            self.allowance.lift()
        self._run(self.machine.handle(signal_of(response.status)), response)

    def _act(self, act: Act, message: Request | Response | None) -> None:
        user = self._user
        if act is Act.RESEND:
            self._resend()
        elif user is None:
            return
        elif act is Act.TIMED_OUT:
            user.failed(SipError(408))
        elif act is Act.FAILED:
            user.failed(SipError(503, "Transport Failed"))
        elif isinstance(message, Response):
            if act is Act.ACK:
                self._send(acknowledgement(self.request, message))
            else:
                user.responded(message)

    def _release(self) -> None:
        self._user = None


class ServerTransaction(SipTransaction):
    """RFC 3261 §17.2: one request of a peer until it cannot be repeated any more.

    `on_ack` gets the ACK for a 2xx when the peer sent it on the branch of the INVITE (RFC 2543 elements
    do), `on_failed` hears that the transport failed or that a refusal was not acknowledged, `on_end` that
    the transaction is over."""

    __slots__ = ("_repeats_until", "arrival", "on_ack", "on_end", "on_failed", "to_tag")

    def __init__(
        self, layer: TransactionLayer, key: Key, request: Request, flow: Flow, arrival: Arrival | None
    ) -> None:
        kind = InviteServer if request.method == "INVITE" else RequestServer
        super().__init__(layer, key, kind(flow.reliable, layer.timings), request, flow)
        self.arrival = arrival
        if arrival is not None and request.method == "INVITE" and not flow.reliable:
            self.allowance = Allowance(TIMES * arrival.octets)
        self._repeats_until = 0.0
        self.on_ack: Callable[[Request], None] | None = None
        self.on_failed: Callable[[], None] | None = None
        self.on_end: Callable[[], object] | None = None
        self.to_tag: str | None = None

    @property
    def answered(self) -> bool:
        """Whether a final response was given."""
        return self.machine.state not in (TransactionState.TRYING, TransactionState.PROCEEDING)

    @property
    def silent(self) -> bool:
        """Whether no response at all was given."""
        return self._last is None

    def respond(self, response: Response) -> None:
        """Send a response; ignored when the machine cannot send it any more."""
        if response.status > 100:
            self.to_tag = response.to.tag
        self._run(self.machine.handle(signal_of(response.status)), response)
        if response.status >= 200:
            self.request.headers.forget_parsed()

    @property
    def repeats_left(self) -> int | None:
        """How many times the 2xx may still be sent again; None is no limit."""
        if self.allowance is None or not self._last:
            return None
        return max(0, int((self.allowance.left - FAREWELL) // len(self._last)))

    def came(self, octets: int) -> None:
        """So many octets came of the peer, besides the INVITE: it may be sent as much more for them."""
        if self.allowance is not None:
            self.allowance.add(TIMES * octets)

    def repeat(self) -> None:
        """Send the 2xx once more (RFC 3261 §13.3.1.4)."""
        if self.machine.state is TransactionState.ACCEPTED:
            self._resend(FAREWELL)

    def repeat_provisional(self) -> None:
        """Send the last provisional response once more (RFC 3261 §13.3.1.1)."""
        if self.machine.state is TransactionState.PROCEEDING:
            self._resend()

    def received(self, request: Request) -> None:
        if request.method == "ACK":
            self._run(self.machine.handle(Signal.ACK), request)
        else:
            self.repeated()

    def repeated(self) -> None:
        """The request has come again. Who repeats it more often than any timer says is not answered each
        time."""
        now, every = self.layer.loop.time(), self.layer.timings.t1 / REPEATS_PER_T1
        until = max(self._repeats_until, now) + every
        if until - now <= REPEATS_AT_ONCE * every:
            self._repeats_until = until
            if self.arrival is not None:
                self.came(self.arrival.octets)
            self._run(self.machine.handle(Signal.REQUEST), None)

    def _act(self, act: Act, message: Request | Response | None) -> None:
        if act is Act.SEND and isinstance(message, Response):
            self._send(message)
        elif act is Act.RESEND:
            self._resend()
        elif act is Act.PASS and isinstance(message, Request):
            if self.on_ack is not None:
                self.on_ack(message)
        elif self.on_failed is not None:
            self.on_failed()

    def _finish(self) -> None:
        super()._finish()
        if self.on_end is not None:
            self.on_end()

    def _release(self) -> None:
        self.on_ack = self.on_failed = self.on_end = None

    def _resend(self, keep: int = 0) -> None:
        self.layer.reconnect(self)
        super()._resend(keep)

    def _send(self, message: Request | Response) -> None:
        self.layer.reconnect(self)
        super()._send(message)


class TransactionLayer:
    """All transactions of a user agent, found by key."""

    def __init__(self, wires: Wires, timings: Timings, loop: asyncio.AbstractEventLoop) -> None:
        self.wires = wires
        self.timings = timings
        self.loop = loop
        # One for all timers, where asyncio would make a copy for each.
        self.context = contextvars.copy_context()
        self._clients: dict[Key, ClientTransaction] = {}
        self._servers: dict[Key, ServerTransaction] = {}
        self._by_mark: dict[int, ServerTransaction] = {}
        self._by_connection: dict[FarEnd, set[SipTransaction]] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    @property
    def connections(self) -> Set[FarEnd]:
        """The far ends of the connections that transactions need."""
        return self._by_connection.keys()

    def send(
        self, request: Request, flow: Flow, user: ClientUser, allowance: Allowance | None = None
    ) -> ClientTransaction:
        """Begin a client transaction; `request` has its Via."""
        transaction = ClientTransaction(self, request, flow, user)
        transaction.allowance = allowance
        self._clients[transaction.key] = transaction
        self._watch(transaction)
        transaction.start()
        return transaction

    def serve(self, request: Request, flow: Flow, arrival: Arrival | None = None) -> ServerTransaction:
        """Begin a server transaction; `flow` is the way of its responses."""
        transaction = ServerTransaction(self, server_key(request), request, flow, arrival)
        self._servers[transaction.key] = transaction
        if arrival is not None:
            self._by_mark[arrival.mark] = transaction
        self._watch(transaction)
        return transaction

    def of_response(self, response: Response) -> ClientTransaction | None:
        return self._clients.get(client_key(response))

    def of_mark(self, mark: int) -> ServerTransaction | None:
        """The transaction of a request that has come again octet by octet: it need not be read."""
        return self._by_mark.get(mark)

    def of_request(self, request: Request) -> ServerTransaction | None:
        """The transaction that `request` repeats or acknowledges."""
        found = self._servers.get(server_key(request))
        if found is not None and same_to_tag(found.request, found.to_tag, request):
            return found
        return None

    def invite_of(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL is about (RFC 3261 §9.2)."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def lost(self, flow: Flow) -> None:
        """A connection broke or could not be made: its transactions hear of it."""
        for transaction in tuple(self._by_connection.get(flow.far_end, ())):
            transaction.lost()

    def reconnect(self, transaction: ServerTransaction) -> None:
        """Choose another connection for a response whose own is gone (RFC 3261 §18.2.2)."""
        if transaction.flow.reliable and not self.wires.is_open(transaction.flow):
            address = reconnect_address(transaction.request, transaction.flow)
            self._unwatch(transaction)
            transaction.flow = Flow(transaction.flow.transport, address)
            self._watch(transaction)

    def forget(self, transaction: SipTransaction) -> None:
        self._unwatch(transaction)
        found: dict[Key, ClientTransaction] | dict[Key, ServerTransaction] = self._clients
        if isinstance(transaction, ServerTransaction):
            found = self._servers
            if transaction.arrival is not None:
                self._by_mark.pop(transaction.arrival.mark, None)
        if found.get(transaction.key) is transaction:
            del found[transaction.key]

    def close(self) -> None:
        """End every transaction; who waits for a response hears that there will be none."""
        for client in tuple(self._clients.values()):
            client.lost()
        for transaction in (*self._clients.values(), *self._servers.values()):
            transaction.end()

    def _watch(self, transaction: SipTransaction) -> None:
        if transaction.flow.reliable:
            self._by_connection.setdefault(transaction.flow.far_end, set()).add(transaction)

    def _unwatch(self, transaction: SipTransaction) -> None:
        far_end = transaction.flow.far_end
        watched = self._by_connection.get(far_end)
        if watched is not None:
            watched.discard(transaction)
            if not watched:
                del self._by_connection[far_end]
