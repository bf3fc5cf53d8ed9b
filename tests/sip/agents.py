"""User agents for tests: on the wire in memory, with handlers that note what they hear."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from offhook.network import Address
from offhook.sip import (
    Answer,
    Invitation,
    NameAddr,
    OutgoingCall,
    Request,
    Session,
    SipError,
    Transports,
    Uri,
    UserAgent,
)
from offhook.sip.transports.udp import UDP
from tests.wire import OFFER, MemoryWire, ScriptedCall, ScriptedPhone

T = TypeVar("T")

ANSWER = OFFER.replace(b"10.0.0.1", b"10.0.0.2")
SERVER = Address("10.0.0.2", 5060)
ME = NameAddr.parse('"Offhook" <sip:offhook@10.0.0.2>')
SETTLED = 70.0
"""Seconds after which no timer of SIP is left."""


@dataclass
class Recorder:
    """A session handler. `refusal` is raised for every offer, `answer` given to every other request."""

    events: list[Any] = field(default_factory=list)
    refusal: SipError | None = None
    answer: Answer | None = None
    on_acknowledged: Callable[[], None] | None = None
    heard: int = 0

    def acknowledged(self, body: bytes) -> None:
        self.events.append(("acknowledged", body))
        if self.on_acknowledged is not None:
            self.on_acknowledged()

    def unacknowledged(self) -> None:
        self.events.append("unacknowledged")

    def octets_heard(self) -> int:
        return self.heard

    def hung_up(self, request: Request) -> None:
        self.events.append("hung up")

    def reoffered(self, offer: bytes | None) -> bytes:
        self.events.append(("reoffered", offer))
        if self.refusal is not None:
            raise self.refusal
        return ANSWER

    def requested(self, request: Request) -> Answer | None:
        self.events.append((request.method, request.body))
        return self.answer

    def gone(self, reason: str) -> None:
        self.events.append(("gone", reason))


class Desk:
    """A user agent's handler: `answering` is called with each invitation; by default it is answered."""

    def __init__(self, answering: Callable[[Invitation], None] | None = None) -> None:
        self.invitations: list[Invitation] = []
        self.sessions: list[Session] = []
        self.recorder = Recorder()
        self.cancelled = 0
        self._answering = answering or self.accept

    def invited(self, invitation: Invitation) -> None:
        self.invitations.append(invitation)
        invitation.on_cancelled = self._on_cancelled
        self._answering(invitation)

    def accept(self, invitation: Invitation) -> None:
        self.sessions.append(invitation.answer(ANSWER, self.recorder))

    def later(self, invitation: Invitation) -> None:
        """Neither answer nor refuse."""

    def _on_cancelled(self) -> None:
        self.cancelled += 1


class House:
    """A wire with our user agent at `SERVER` and a scripted phone at 10.0.0.1."""

    def __init__(self, wire: MemoryWire, agent: UserAgent, desk: Desk, phone: ScriptedPhone) -> None:
        self.wire = wire
        self.agent = agent
        self.desk = desk
        self.phone = phone

    def dial(self, **arguments: Any) -> tuple[OutgoingCall, Recorder]:
        """Our agent calls the phone."""
        recorder = Recorder()
        uri = Uri.parse(f"sip:phone@{self.phone.socket.local}")
        call = self.agent.invite(uri, from_=ME, body=OFFER, handler=recorder, **arguments)
        return call, recorder

    @property
    def session(self) -> Session:
        """The call that was answered last."""
        return self.desk.sessions[-1]

    @property
    def events(self) -> list[Any]:
        """What the handler of the answered calls has heard."""
        return self.desk.recorder.events

    async def asking(self, question: Coroutine[Any, Any, T], method: str) -> tuple[asyncio.Task[T], Request]:
        """Our side asks something of the phone: who waits for the answer, and the request that came."""
        waiting = asyncio.create_task(question)
        return waiting, await self.phone.request(method)

    async def hangs_up(self, session: Session | None = None) -> Request:
        """Our side hangs up and the phone agrees; the BYE."""
        ended = session or self.session
        ended.bye()
        bye = await self.phone.request("BYE")
        self.phone.reply(bye, 200)
        await ended.closed.wait()
        return bye

    async def settle(self) -> None:
        """Wait until every timer has run out; nothing may be left then."""
        await asyncio.sleep(SETTLED)
        assert leftovers(self.agent) == (0, 0, 0)


def leftovers(agent: UserAgent) -> tuple[int, int, int]:
    assert not agent._invitations
    assert not agent._merging
    assert not agent._calls
    return agent.dialogs, agent.transactions, agent.tasks


@asynccontextmanager
async def house(
    answering: Callable[[Desk], Callable[[Invitation], None]] | None = None,
    *,
    desk: Desk | None = None,
    **options: Any,
) -> AsyncIterator[House]:
    """`answering(desk)` gives what the desk does with an invitation."""
    wire = MemoryWire(random.Random(7))
    desk = desk or Desk()
    if answering is not None:
        desk._answering = answering(desk)
    transports = Transports(opener=wire.open)
    await transports.listen(*SERVER, over=(UDP,))
    agent = UserAgent(desk, transports=transports, rng=random.Random(11), **options)
    phone = await ScriptedPhone.open(wire.open, "10.0.0.1", SERVER, 5060)
    try:
        yield House(wire, agent, desk, phone)
    finally:
        await agent.close()
        phone.close()
        assert leftovers(agent) == (0, 0, 0)


@asynccontextmanager
async def inviting(
    answering: Callable[[Desk], Callable[[Invitation], None]] | None = None, **options: Any
) -> AsyncIterator[tuple[House, ScriptedCall]]:
    """A house, and a call of the phone whose INVITE is on its way."""
    async with house(answering, **options) as h:
        call = h.phone.call()
        call.invite()
        yield h, call


@asynccontextmanager
async def answered(
    body: bytes = OFFER, headers: Iterable[tuple[str, str]] = (), **options: Any
) -> AsyncIterator[tuple[House, ScriptedCall]]:
    """A house, and a call of the phone that got its 200 and has not sent the ACK."""
    async with house(**options) as h:
        call = h.phone.call()
        call.invite(body, headers)
        await call.answered()
        yield h, call


@asynccontextmanager
async def talking(
    headers: Iterable[tuple[str, str]] = (), **options: Any
) -> AsyncIterator[tuple[House, ScriptedCall]]:
    """A house, and a call of the phone that has been up for a second."""
    async with answered(headers=headers, **options) as (h, call):
        call.ack()
        await asyncio.sleep(1)
        yield h, call


@asynccontextmanager
async def calling(**arguments: Any) -> AsyncIterator[tuple[House, OutgoingCall, Request]]:
    """A house, a call that it places with these `arguments`, and the INVITE that has come to the phone."""
    async with house() as h:
        call, _ = h.dial(**arguments)
        yield h, call, await h.phone.request("INVITE")


async def refusal(asked: Awaitable[object]) -> int:
    """The status of the SipError that waiting for `asked` raises."""
    with pytest.raises(SipError) as error:
        await asked
    return error.value.status


def ringing(desk: Desk) -> Callable[[Invitation], None]:
    return lambda invitation: invitation.provisional(180)


def silent(desk: Desk) -> Callable[[Invitation], None]:
    return desk.later
