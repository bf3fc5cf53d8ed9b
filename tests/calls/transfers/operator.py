"""Somebody at another telephone, who is called: a real user agent and real media on the wire in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from offhook.calls.leg import Leg, LegEnd, Media
from offhook.frames import FRAME_SECONDS
from offhook.media.engine import Engine
from offhook.media.local_plane import LocalPlane
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from offhook.sip.transports.transports import Transports
from offhook.sip.transports.udp import UDP
from offhook.sip.user_agent import UserAgent
from tests.calls.house import House

HOST = "10.0.0.3"
DESK = f"sip:desk@{HOST}"
OTHER = b"\x00\x10\x00\xf0" * 80
"""The operator's voice: as loud as the caller's, and not the same."""


class Operator:
    """`refuses`: the status that the INVITE gets instead of an answer; None `answers_after` rings for ever.

    `plays_early`: what is said can be heard while it still rings. `keys`: what was pressed; `heard_at`: when
    something loud was heard."""

    def __init__(self, house: House, host: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.answers_after: float | None = 2.0
        self.refuses: int | None = None
        self.plays_early = False
        self.invites: list[Request] = []
        self.cancelled = 0
        self.connected_at: float | None = None
        self.ended_by = ""
        self.keys = ""
        self.heard = bytearray()
        self.heard_at: list[float] = []
        self.clock = Clock(self.loop)
        rng = random.Random(31)
        self.ports = PortPool(host, 30000, 30099, house.wire.open, rng)
        self.engine = Engine(self.clock, self.ports, now=house.now, rng=rng, patience=30.0)
        self.plane = LocalPlane(self.engine)
        self.media = Media(self.plane, lambda peer: host, lambda to, peer: True, rng)
        self.leg: Leg | None = None
        self.agent: UserAgent
        self._speaks_until = -1.0
        self._tasks: set[asyncio.Task[None]] = set()

    # what a test does and waits for

    @property
    def invite(self) -> Request:
        (invite,) = self.invites
        return invite

    @property
    def is_up(self) -> bool:
        return self.connected_at is not None and not self.ended_by

    async def connected(self, within: float = 120.0) -> None:
        await self.until(lambda: self.is_up, within)

    async def ended(self, within: float = 60.0) -> str:
        await self.until(lambda: self.ended_by, within)
        return self.ended_by

    def hang_up(self) -> None:
        assert self.leg is not None
        self.ended_by = "BYE from the operator"
        self.leg.hang_up()

    async def says(self, seconds: float) -> None:
        self.start_speaking(seconds)
        await asyncio.sleep(seconds)

    def start_speaking(self, seconds: float) -> None:
        self._speaks_until = self.loop.time() + seconds

    def press(self, digits: str) -> None:
        assert self.leg is not None
        assert self.leg.stream is not None
        self.leg.stream.send_digits(digits)

    async def until(self, holds: object, within: float) -> None:
        assert callable(holds)
        async with asyncio.timeout(within):
            while not holds():
                await asyncio.sleep(FRAME_SECONDS)

    # the telephone

    def invited(self, invitation: Invitation) -> None:
        self.invites.append(invitation.request)
        invitation.on_cancelled = self._on_cancelled
        task = self.loop.create_task(self._take(invitation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_cancelled(self) -> None:
        self.cancelled += 1
        for task in self._tasks:
            task.cancel()

    async def _take(self, invitation: Invitation) -> None:
        leg = Leg(self.media, self, self, peer="10.0.0.2", call_id="operator")
        leg.on_line = lambda line: self.plane.lend(line, self)
        sdp = b""
        if self.plays_early:
            self.leg, sdp = leg, await leg.open(invitation.offer)
            assert leg.stream is not None
            leg.stream.begin()
            invitation.provisional(183, body=sdp)
        else:
            invitation.provisional(180)
        if self.refuses is not None:
            await asyncio.sleep(0.5)
            invitation.reject(self.refuses)
            return
        await asyncio.sleep(10_000 if self.answers_after is None else self.answers_after)
        sdp = sdp or await leg.open(invitation.offer)
        try:
            leg.session = invitation.answer(sdp, leg)
        except SipError:
            await leg.close()
            return
        self.leg = leg

    def leg_connected(self) -> None:
        self.connected_at = self.loop.time()

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        self.ended_by = end

    def leg_requested(self, request: Request) -> Answer | None:
        return None

    def next_frame(self) -> bytes | None:
        return OTHER if self.loop.time() < self._speaks_until else None

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.heard += heard
        if np.abs(np.frombuffer(heard, "<i2").astype(np.int32)).mean() > 500:
            self.heard_at.append(self.loop.time())

    def digit(self, digit: str, milliseconds: int) -> None:
        self.keys += digit

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self.leg is not None:
            if not self.ended_by:
                self.leg.hang_up()
            await self.leg.close()
        await self.agent.close()


@asynccontextmanager
async def open_operator(house: House, host: str = HOST) -> AsyncIterator[Operator]:
    """At the end its calls are over: nobody was left on the line."""
    house.services.dialler.agent = house.agent
    operator = Operator(house, host)
    transports = Transports(opener=house.wire.open)
    await transports.listen(host, 5060, over=(UDP,))
    operator.agent = UserAgent(operator, transports=transports, rng=random.Random(5))
    try:
        yield operator
        await asyncio.sleep(70)
        assert not operator.is_up
        assert operator.agent.dialogs == 0
    finally:
        await operator.close()
