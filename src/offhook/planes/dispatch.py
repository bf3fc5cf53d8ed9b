"""The transports of one call process among several that listen on the same sockets.

Whoever reads a message finds whose call it is about, and hands it on if it is not its own. A connection stays
with the process that accepted or made it: what comes by it for others is handed to them with its name, and
what they send by it they hand back."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Set
from functools import partial
from typing import Final, Protocol

from offhook.network import Address, turns
from offhook.planes.handing import (
    LARGEST,
    NOWHERE,
    Handed,
    HandedKind,
    pack,
    packed_far_ends,
    unpack,
    unpacked_far_ends,
)
from offhook.planes.room import Room
from offhook.planes.siblings import Siblings
from offhook.sip.limits import cost, may_wait
from offhook.sip.messages.call_id import call_id_in
from offhook.sip.messages.message import MessageError, Request
from offhook.sip.messages.parser import parse_message
from offhook.sip.quiet import QuietLog
from offhook.sip.transports.places import Places
from offhook.sip.transports.transport import Broken, FarEnd, Flow, Lost, Received, Transport

AT_ONCE: Final = 32
"""Messages of others that are taken in before everything else has its turn."""

MOST_WAITING: Final = 4 * 1024 * 1024
"""Octets that wait for a process that does not read, beside what the kernel keeps: messages of connections,
which nobody sends again. Datagrams are lost as anywhere."""

MOST_REFUSED: Final = 200
"""Requests that wait to be told 503, since the process that has their call has no room for them."""

RETRY_AFTER: Final = (("Retry-After", "10"),)

LONGEST_KEEP_ALIVE: Final = 4
"""Octets of what is no message (RFC 5626 §3.5.1), and everybody's."""

LOOK_COST: Final = 20
"""Of finding out whose a message is and handing it on, in microseconds, about."""

TOLD_SECONDS: Final = 1.0
"""Between two looks at which connections of others are in use here."""

MOST_ELSEWHERE: Final = 8192
"""Connections of others that are remembered; the one that nothing came by for longest is forgotten first."""

_log = logging.getLogger(__name__)


class SharedSockets(Protocol):
    """What is needed of the transports (`sip.transports`)."""

    places: Places

    @property
    def addresses(self) -> tuple[Address, ...]: ...
    def divert(self, came: Received) -> None: ...
    def arrived(self, data: bytes, flow: Flow) -> bool: ...
    def attach(
        self, received: Received, lost: Lost, broken: Broken, in_use: Callable[[], Set[Hashable]]
    ) -> None: ...
    def send(self, data: bytes, flow: Flow) -> None: ...
    def is_open(self, flow: Flow) -> bool: ...
    def connect(self, transport: Transport, remote: Address, name: str | None) -> Awaitable[Flow]: ...
    def reaches(self, flow: Flow) -> bool: ...
    def local_for(self, flow: Flow) -> Address: ...
    async def close(self) -> None: ...


class Dispatch:
    """`sip.user_agent.Sockets`. To be attached before `open`, and opened once the transports listen."""

    def __init__(self, transports: SharedSockets, siblings: Siblings) -> None:
        self._transports = transports
        self._siblings = siblings
        self._loop = asyncio.get_running_loop()
        self._lane = turns.lane("SIP of all processes")
        self._ways = {number: Way(self._loop, way) for number, way in siblings.ways.items()}
        self._refusals = turns.lane("SIP that a process has no room for")
        self._received: Received = lambda data, flow: None
        self._lost: Lost = lambda flow: None
        self._broken: Broken = lambda error, flow: None
        self._in_use: Callable[[], Set[Hashable]] = frozenset
        self._elsewhere: dict[FarEnd, tuple[int, Flow]] = {}  # connections of others
        self._handed_on: dict[FarEnd, set[int]] = {}  # ours, and who has had messages of them
        self._needed: dict[int, frozenset[FarEnd]] = {}  # ours that others need
        self._told: dict[int, frozenset[FarEnd]] = {}  # theirs that they know we need
        self._buffer = bytearray(LARGEST)
        self._telling: asyncio.Handle | None = None
        self._breaks = QuietLog(_log, self._loop.time)
        self._room = Room(
            transports.places, siblings, lambda to, kind, data: self._hand(to, kind, NOWHERE, data)
        )
        transports.divert(self._came)

    def attach(
        self, received: Received, lost: Lost, broken: Broken, in_use: Callable[[], Set[Hashable]]
    ) -> None:
        self._received, self._lost, self._in_use, self._broken = received, lost, in_use, broken
        self._transports.attach(self._admitted, self._connection_lost, broken, self._needed_by_anybody)

    def open(self) -> None:
        """Take in what others hand over."""
        assert self._siblings.inbox is not None
        for number in self._ways.keys() - {self._siblings.number}:
            self._hand(number, HandedKind.BEGAN, NOWHERE)
        self._loop.add_reader(self._siblings.inbox.fileno(), self._take_in)
        self._tell()

    # -- what a user agent asks for ---------------------------------------------------------------

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self._transports.addresses

    def send(self, data: bytes, flow: Flow) -> None:
        holder = self._holder(flow)
        if holder is None:
            self._transports.send(data, flow)
        elif not self._hand(holder, HandedKind.SEND, flow, data):
            self._loop.call_soon(self._gone, holder, flow)

    def is_open(self, flow: Flow) -> bool:
        return self._holder(flow) is not None or self._transports.is_open(flow)

    async def connect(self, transport: Transport, remote: Address, name: str | None = None) -> Flow:
        there = self._elsewhere.get((transport, remote))
        # To whom a connection of another process has been proved to lead, is not known here.
        if there is not None and not transport.secure and not self._transports.is_open(there[1]):
            return there[1]
        return await self._transports.connect(transport, remote, name)

    def reaches(self, flow: Flow) -> bool:
        return self._transports.reaches(flow)

    def local_for(self, flow: Flow) -> Address:
        return self._transports.local_for(flow)

    async def close(self) -> None:
        assert self._siblings.inbox is not None
        self._loop.remove_reader(self._siblings.inbox.fileno())
        if self._telling is not None:
            self._telling.cancel()
        for way in self._ways.values():
            way.close()
        await self._transports.close()

    # -- what comes from outside ------------------------------------------------------------------

    def _came(self, data: bytes, flow: Flow) -> None:
        """A datagram, before anything is known of it: to be looked at in its turn, as all that strangers
        send."""
        if len(data) <= LONGEST_KEEP_ALIVE:
            self._transports.arrived(data, flow)
        elif len(self._lane) < may_wait(data):
            self._lane.put(LOOK_COST + len(data) // 50, partial(self._pass_on, data, flow))

    def _pass_on(self, data: bytes, flow: Flow) -> None:
        owner = self._siblings.owner(call_id_in(data))
        if owner == self._siblings.number:
            self._transports.arrived(data, flow)
        else:
            self._hand(owner, HandedKind.ARRIVED, flow, data)

    def _admitted(self, data: bytes, flow: Flow) -> None:
        """A message that is to be read now; those of connections have not been looked at yet."""
        if flow.reliable:
            owner = self._siblings.owner(call_id_in(data))
            if owner != self._siblings.number:
                if not self._hand(owner, HandedKind.ARRIVED, flow, data):
                    self._refuse(data, flow)
                elif self._transports.is_open(flow):
                    self._handed_on.setdefault(flow.far_end, set()).add(owner)
                else:  # it broke while the message waited for its turn
                    self._hand(owner, HandedKind.LOST, flow)
                return
        self._received(data, flow)

    def _refuse(self, data: bytes, flow: Flow) -> None:
        """What came by a connection is sent once only: a request that its process has no room for gets an
        answer. The connection is read on, for the calls of others."""
        if len(self._refusals) < MOST_REFUSED:
            self._refusals.put(cost(data), partial(self._refuse_now, data, flow))

    def _refuse_now(self, data: bytes, flow: Flow) -> None:
        try:
            message = parse_message(data)
        except MessageError as error:
            self._broken(error, flow)
            return
        if isinstance(message, Request):
            self._broken(MessageError(503, None, message, RETRY_AFTER), flow)

    def _connection_lost(self, flow: Flow) -> None:
        for user in self._handed_on.pop(flow.far_end, ()):
            self._hand(user, HandedKind.LOST, flow)
        self._lost(flow)

    def _needed_by_anybody(self) -> Set[Hashable]:
        return frozenset(self._in_use()).union(*self._needed.values())

    # -- what comes from the other processes ------------------------------------------------------

    def _take_in(self) -> None:
        inbox = self._siblings.inbox
        assert inbox is not None
        for _ in range(AT_ONCE):
            try:
                octets = inbox.recv_into(self._buffer)
            except OSError:  # nothing more, for now
                return
            try:
                self._handed(unpack(bytes(self._buffer[:octets])))
            except Exception:
                self._breaks.exception("what another call process handed over could not be handled")

    def _handed(self, handed: Handed) -> None:
        sender, flow = handed.sender, handed.flow
        match handed.kind:
            case HandedKind.ARRIVED:
                if flow.reliable:
                    self._remember(sender, flow)
                if not self._transports.arrived(handed.data, flow) and flow.reliable:
                    self._refuse(handed.data, flow)
            case HandedKind.SEND:
                if self._transports.is_open(flow):
                    self._transports.send(handed.data, flow)
                else:
                    self._hand(sender, HandedKind.LOST, flow)
            case HandedKind.LOST:
                self._gone(sender, flow)
            case HandedKind.IN_USE:
                self._needed[sender] = unpacked_far_ends(handed.data)
            case HandedKind.MAKE_ROOM:
                self._room.asked(handed.data)
            case HandedKind.MADE_ROOM:
                self._room.answered(handed.data)
            case HandedKind.BEGAN:
                self._needed.pop(sender, None)
                self._told.pop(sender, None)
                for _, there in [one for one in self._elsewhere.values() if one[0] == sender]:
                    self._gone(sender, there)

    def _remember(self, holder: int, flow: Flow) -> None:
        self._elsewhere.pop(flow.far_end, None)
        if len(self._elsewhere) >= MOST_ELSEWHERE:
            del self._elsewhere[next(iter(self._elsewhere))]
        self._elsewhere[flow.far_end] = holder, flow

    def _gone(self, holder: int, flow: Flow) -> None:
        there = self._elsewhere.get(flow.far_end)
        if there is not None and there[0] == holder:
            del self._elsewhere[flow.far_end]
            self._lost(flow)

    def _holder(self, flow: Flow) -> int | None:
        """Who has the connection of that flow, if it is another one. One of our own to the same far end is
        as good, unless something came by that very one."""
        if not flow.reliable:
            return None
        there = self._elsewhere.get(flow.far_end)
        if there is None or (flow.local != there[1].local and self._transports.is_open(flow)):
            return None
        return there[0]

    # -- what others are told ---------------------------------------------------------------------

    def _hand(self, receiver: int, kind: HandedKind, flow: Flow, data: bytes = b"") -> bool:
        """False if it is dropped."""
        handed = Handed(kind, self._siblings.number, flow, data)
        return self._ways[receiver].send(pack(handed), keep=flow.reliable or kind is not HandedKind.ARRIVED)

    def _tell(self) -> None:
        """Which connections of others our calls need: these are not closed for newer ones."""
        self._telling = self._loop.call_later(TOLD_SECONDS, self._tell)
        if not (self._elsewhere or self._told):
            return
        in_use = self._in_use()
        needed: dict[int, set[FarEnd]] = {number: set() for number in self._told}
        for far_end, (holder, _) in self._elsewhere.items():
            if far_end in in_use:
                needed.setdefault(holder, set()).add(far_end)
        for number, found in needed.items():
            far_ends = frozenset(found)
            if far_ends != self._told.get(number):
                self._told[number] = far_ends
                self._hand(number, HandedKind.IN_USE, NOWHERE, packed_far_ends(far_ends))


class Way:
    """To one other process. Never blocks and never raises."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self._loop = loop
        self._socket = sock
        self._waiting: deque[bytes] = deque()
        self._octets = 0

    def send(self, frame: bytes, *, keep: bool) -> bool:
        """`keep` it while the other does not read, in its order, else let it go. False if it is let go."""
        if not self._waiting:
            try:
                self._socket.send(frame)
            except BlockingIOError:
                pass
            except OSError:  # it is too long, or the kernel has no memory for it
                return False
            else:
                return True
        if not keep or self._octets + len(frame) > MOST_WAITING:
            return False
        if not self._waiting:
            self._loop.add_writer(self._socket.fileno(), self._go_on)
        self._waiting.append(frame)
        self._octets += len(frame)
        return True

    def close(self) -> None:
        if self._waiting:
            self._loop.remove_writer(self._socket.fileno())
            self._waiting.clear()

    def _go_on(self) -> None:
        while self._waiting:
            try:
                self._socket.send(self._waiting[0])
            except BlockingIOError:
                return
            except OSError:  # as above
                pass
            self._octets -= len(self._waiting.popleft())
        self._loop.remove_writer(self._socket.fileno())
