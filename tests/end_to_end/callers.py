"""Many callers in one process: each dials, listens to its end, and tells what it went through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from offhook.phone import PhoneLine, open_line
from offhook.sip.dialogs.handler import Answer
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import Request
from offhook.sip.messages.uri import Uri
from tests.end_to_end.ear import ListeningPhone
from tests.end_to_end.peers import LOOPBACK
from tests.end_to_end.sound import loud_seconds, words
from tests.machine import PATIENCE

QUIET_SECONDS = 2.0
"""Silence after which a caller who listens takes the other side to have said all."""

TRYING = b"SIP/2.0 100 Trying\r\n"
SIPFRAG = "message/sipfrag;version=2.0"


@dataclass(slots=True)
class Told:
    """What a caller saw and heard. `ringing` and `talking` are in seconds, `answered_at` of the loop."""

    call_id: str = ""
    refused: int | None = None
    answered_at: float | None = None
    progress: list[int] = field(default_factory=list)
    heard: bytes = b""
    refers: list[Request] = field(default_factory=list)
    end: str = ""
    ringing: float = 0.0
    talking: float = 0.0
    packets: int = 0
    lost: int = 0

    @property
    def hung_up_on(self) -> bool:
        """The service sent the BYE."""
        return self.end == "the other side hung up"

    @property
    def speech(self) -> float:
        """Seconds in which somebody spoke to it."""
        return loud_seconds(self.heard)

    @property
    def words(self) -> str:
        return words(self.heard)

    @property
    def refer_to(self) -> str:
        """Where the one REFER sent it."""
        (request,) = self.refers
        return str(request.headers.get("Refer-To"))


class Caller(ListeningPhone):
    """A phone that takes a REFER with `takes`, and then tells by NOTIFY that it went with `outcome`."""

    def __init__(self, line: PhoneLine, takes: int = 202, outcome: bytes = b"SIP/2.0 200 OK\r\n") -> None:
        super().__init__(line)
        self._takes = takes
        self._outcome = outcome
        self._notifying: asyncio.Task[None] | None = None
        self.refers: list[Request] = []

    @property
    def call_id(self) -> str:
        """The SIP Call-ID of its INVITE."""
        return "" if self._outgoing is None else self._outgoing.call_id

    def received(self) -> tuple[int, int]:
        """Packets of audio that came, and how many are missing between them."""
        if self._leg.stream is None:
            return 0, 0
        statistics = self._leg.stream.statistics
        return statistics.packets_received, statistics.lost

    def leg_requested(self, request: Request) -> Answer | None:
        if request.method != "REFER":
            return None
        self.refers.append(request)
        if self._takes == 202:
            self._notifying = asyncio.create_task(self._notify())
        return self._takes

    async def _notify(self) -> None:
        session = self._leg.session
        assert session is not None
        for state, body in (("active;expires=60", TRYING), ("terminated;reason=noresource", self._outcome)):
            headers = [("Event", "refer"), ("Subscription-State", state)]
            try:
                await session.request("NOTIFY", headers, body, SIPFRAG)
            except SipError:
                return  # the service has hung up meanwhile


@asynccontextmanager
async def exchange(host: str, port: int) -> AsyncIterator[PhoneLine]:
    """A line for as many callers as a test wants."""
    async with open_line(f"sip:anyone@{host}:{port}") as line:
        yield line


async def call(
    line: PhoneLine,
    uri: str,
    *,
    user: str = "+15551230000",
    name: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    login: tuple[str, str] | None = None,
    takes: int = 202,
    outcome: bytes = b"SIP/2.0 200 OK\r\n",
    hang_up_after: float | None = None,
    listens: bool = False,
    cancel_after: float | None = None,
    told: Told | None = None,
) -> Told:
    """Dial and stay until the service hangs up. Or hang up: who `listens`, when somebody has spoken and is
    silent; `hang_up_after` so many seconds since the answer (cancel, since the INVITE). After `PATIENCE` it
    hangs up anyway, and its test fails by how the call ended. A `told` of one's
    own is filled even if this is cancelled."""
    own = NameAddr(name, Uri("sip", user=user, host=LOOPBACK))
    line = replace(line, uri=Uri.parse(uri), own=own)
    told, loop = told or Told(), asyncio.get_running_loop()
    phone = Caller(line, takes, outcome)
    phone.on_progress = lambda status, reason: told.progress.append(status)
    began = answered = loop.time()
    if cancel_after is not None:
        loop.call_later(cancel_after, lambda: asyncio.ensure_future(phone.hang_up()))
    try:
        async with asyncio.timeout(PATIENCE):
            await phone.dial(line, headers=headers, login=login)
        told.call_id, told.answered_at = phone.call_id, loop.time()
        answered = loop.time()
        if listens:
            await phone.quiet(PATIENCE, QUIET_SECONDS)
        else:
            async with asyncio.timeout(PATIENCE if hang_up_after is None else hang_up_after):
                await phone.ended.wait()
    except SipError as refusal:
        told.refused, answered = refusal.status, loop.time()
    except TimeoutError:
        pass
    finally:
        told.ringing, told.talking = answered - began, loop.time() - answered
        told.packets, told.lost = phone.received()
        await phone.hang_up()
        told.end, told.heard, told.refers = phone.end_reason, phone.ear.heard, phone.refers
    return told
