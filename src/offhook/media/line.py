"""The call plane's side of the protocol: a `Line` for each leg. A talk's `Channel` has its file beside it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from offhook.log_context import CALL, working_for
from offhook.media.channel import Channel
from offhook.media.media_commands import (
    Agree,
    Begin,
    Bridge,
    Close,
    CloseTalk,
    Command,
    Connect,
    Converse,
    Early,
    Keep,
    Loop,
    Open,
    OpenTalk,
    Overhear,
    Play,
    Ring,
    SendDigits,
    StartRecording,
    StopRecording,
    Tone,
)
from offhook.media.media_events import (
    Closed,
    Counted,
    Event,
    Failed,
    NoMedia,
    Opened,
    Pressed,
    Recorded,
    Refused,
)
from offhook.network import Address
from offhook.rtp.ports import PortsExhausted
from offhook.rtp.srtp_keys import SrtpKeys
from offhook.rtp.statistics import StreamStatistics
from offhook.rtp.telephone_events import check_digits

PATIENCE: Final = 5.0
"""Seconds for the media plane to do what is asked of it."""

UNCOUNTED: Final = StreamStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, None, None, None)

log = logging.getLogger(__name__)


class MediaFailed(Exception):
    """The media plane cannot serve. The text says why."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How an engine keeps time: how late its ticks began (see Clock), how many were left out, how many ports
    and legs there are. `pid` is its process's number."""

    pid: int = 0
    lateness: tuple[int, ...] = ()
    skipped: int = 0
    ports: int = 0
    legs: int = 0


class LineListener(Protocol):
    """Told what happens on a leg."""

    def digit(self, digit: str, milliseconds: int) -> None: ...

    def no_media(self, seconds: float) -> None: ...

    def media_failed(self) -> None:
        """Nobody hears anything any more."""
        ...


class Line:
    """One leg. Made by `MediaPlane.open`, and in any case closed."""

    def __init__(self, plane: MediaPlane, number: int, call: str, listener: LineListener) -> None:
        self.number = number
        self.call = call
        self.listener = listener
        self.local = Address("", 0)
        self.counted: StreamStatistics | None = None
        self._plane = plane
        self._telephone_event: int | None = None
        self._closing: asyncio.Future[None] | None = None
        self._stopping: asyncio.Future[bool] | None = None
        self._lost = False

    @property
    def statistics(self) -> StreamStatistics:
        """As they were when they were last told: once a second, and when the leg is closed."""
        return self._plane.statistics_of(self) or self.counted or UNCOUNTED

    def agree(
        self,
        *,
        remote: Address,
        payload_type: int,
        codec: str,
        telephone_event: int | None,
        codecs: Mapping[int, str],
        events: Collection[int],
        direction: str,
        rtcp: Address,
        signalling_host: str,
        may_begin: bool,
        srtp: SrtpKeys | None = None,
    ) -> None:
        """As for RtpStream. `srtp`: what audio is protected with, None for nothing."""
        self._telephone_event = telephone_event
        self._plane.send(
            Agree(
                self.number, *remote, payload_type, codec, telephone_event, tuple(codecs.items()),
                tuple(events), direction, *rtcp, signalling_host, may_begin, srtp,
            )
        )  # fmt: skip

    def begin(self) -> None:
        self._plane.send(Begin(self.number))

    def connect(self) -> None:
        self._plane.send(Connect(self.number))

    def send_digits(self, digits: str, milliseconds: int = 100) -> None:
        """Raises ValueError for what cannot be sent, and when the peer takes no telephone events."""
        if self._telephone_event is None:
            raise ValueError("the peer takes no telephone events")
        check_digits(digits, milliseconds)
        self._plane.send(SendDigits(self.number, digits, milliseconds))

    def converse(self, channel: Channel) -> None:
        self._plane.send(Converse(self.number, channel.number))

    def loop(self, tone: Tone) -> None:
        self._plane.send(Loop(self.number, tone))

    def play(self, pcm: bytes) -> None:
        """Over and over."""
        self._plane.send(Play(self.number, pcm))

    def ring(self) -> None:
        self._plane.send(Ring(self.number))

    def early(self, to: Line | None) -> None:
        """What comes is heard on `to` while that rings."""
        self._plane.send(Early(self.number, 0 if to is None else to.number))

    def bridge(self, other: Line) -> None:
        self._plane.send(Bridge(self.number, other.number))

    def record(self, keeps: bool) -> None:
        self._plane.send(StartRecording(self.number, keeps))

    def keep(self, keeps: bool) -> None:
        self._plane.send(Keep(self.number, keeps))

    def overhear(self, other: Line | None) -> None:
        self._plane.send(Overhear(self.number, 0 if other is None else other.number))

    async def stop_recording(self) -> bool:
        """Also after `close`. Returns when the files are whole: whether there are any."""
        if self._lost:
            return False
        self._stopping = asyncio.get_running_loop().create_future()
        self._plane.enter(self)
        self._plane.send(StopRecording(self.number))
        try:
            return await self._stopping
        finally:
            self._plane.leave(self)

    async def close(self) -> None:
        """Give the port back; the last statistics are there then."""
        if self._lost:
            self._plane.leave(self)
            return
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            self._plane.send(Close(self.number))
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(self._closing)
        except TimeoutError:
            log.error("call=%s the media plane does not say that a leg is closed", self.call)
        finally:
            self._plane.leave(self)

    # -- what the plane tells -------------------------------------------------------------------

    def count(self, counts: tuple[Any, ...]) -> None:
        if counts:
            self.counted = StreamStatistics(*counts)

    def closed(self) -> None:
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)

    def lost(self) -> None:
        """The media plane is gone, and this leg with it."""
        self._lost = True
        self.closed()
        self.recorded(False)
        self.listener.media_failed()

    def recorded(self, begun: bool) -> None:
        if self._stopping is not None and not self._stopping.done():
            self._stopping.set_result(begun)


class MediaPlane(ABC):
    """All legs and talks that the call plane has. `send` carries commands to the engine."""

    keeper: asyncio.Task[None] | None = None
    """What a plane in another process cannot go on without."""

    def __init__(self) -> None:
        self.lines: dict[int, Line] = {}
        self.channels: dict[int, Channel] = {}
        self._opening: dict[int, asyncio.Future[Address]] = {}
        self._numbers = itertools.count(1)
        self._take: dict[type, Callable[[Line, Any], None]] = {
            Counted: lambda line, event: line.count(event.counts),
            Pressed: lambda line, event: line.listener.digit(event.digit, event.milliseconds),
            NoMedia: lambda line, event: line.listener.no_media(event.seconds),
            Failed: lambda line, event: line.listener.media_failed(),
            Recorded: lambda line, event: line.recorded(event.begun),
            Closed: _closed,
        }

    @abstractmethod
    def send(self, command: Command) -> None:
        """Carry it to the engine; never blocks."""

    async def start(self) -> None:  # noqa: B027 - what is in this process serves from the beginning
        """Wait until it serves for the first time. Raises MediaFailed."""

    def keep_sentence(self, pcm: bytes) -> None:  # noqa: B027
        """What callers hear of a media plane that outlives who commands it."""

    @property
    def is_up(self) -> bool:
        """Can legs be opened at once?"""
        return True

    async def serves(self) -> None:  # noqa: B027
        """Wait until they can."""

    @property
    @abstractmethod
    def pacing(self) -> Pacing:
        """How the engine keeps time."""

    def statistics_of(self, line: Line) -> StreamStatistics | None:
        """What is known of them besides what was told."""
        return None

    async def open(self, call: str, peer: str, listener: LineListener) -> Line:
        """A leg with a port of its own, as soon as the media plane serves. Raises PortsExhausted."""
        if not self.is_up:
            await self._until_up()
        loop = asyncio.get_running_loop()
        line = Line(self, next(self._numbers), call, listener)
        opening: asyncio.Future[Address] = loop.create_future()
        self._opening[line.number] = opening
        self.lines[line.number] = line
        late = loop.call_later(PATIENCE, _too_late, opening)
        try:
            self.send(Open(line.number, call, peer))
            line.local = await opening
        except BaseException:
            self._give_up(line)
            raise
        finally:
            late.cancel()
            del self._opening[line.number]
        return line

    async def _until_up(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self.serves()
        except TimeoutError:
            raise PortsExhausted("the media plane does not serve") from None

    def channel(self) -> Channel:
        """For a conversation of the call that the running code works for."""
        channel = Channel(next(self._numbers), CALL.get(), self._send_of_channel)
        self.channels[channel.number] = channel
        self.send(OpenTalk(channel.number, channel.call or ""))
        return channel

    def _send_of_channel(self, command: Command) -> None:
        self.send(command)
        if type(command) is CloseTalk:
            self.channels.pop(command.talk, None)

    def enter(self, line: Line) -> None:
        self.lines[line.number] = line

    def leave(self, line: Line) -> None:
        self.lines.pop(line.number, None)

    def _give_up(self, line: Line) -> None:
        self.leave(line)
        self.send(Close(line.number))

    def gone(self) -> None:
        """The engine is gone with all that it had."""
        for opening in self._opening.values():
            if not opening.done():
                opening.set_exception(PortsExhausted("the media plane is gone"))
        lost = [line for line in self.lines.values() if line.number not in self._opening]
        for line in lost:
            with working_for(line.call):
                try:
                    line.lost()
                except Exception:
                    log.exception("the loss of a leg broke something")

    def deliver(self, events: list[Event], at: float) -> None:
        """What the engine tells, and when it was. What one call does with it touches no other."""
        channels, before = self.channels, CALL.set(None)
        for event in events:
            channel = channels.get(event[0])
            if channel is None:
                self._deliver_to_line(event)
                continue
            channel.at = at
            CALL.set(channel.call)
            try:
                channel.take(event)
            except Exception:
                log.exception("an event of the media plane broke something")
        CALL.reset(before)

    def _deliver_to_line(self, event: Event) -> None:
        number = event[0]
        opening = self._opening.get(number)
        if opening is not None:
            _settle(opening, event)
            return
        line = self.lines.get(number)
        take = self._take.get(type(event))
        if line is None or take is None:
            return
        with working_for(line.call):
            try:
                take(line, event)
            except Exception:
                log.exception("an event of the media plane broke something")


def _closed(line: Line, event: Closed) -> None:
    line.count(event.counts)
    line.closed()


def _too_late(opening: asyncio.Future[Address]) -> None:
    if not opening.done():
        opening.set_exception(PortsExhausted("the media plane does not answer"))


def _settle(opening: asyncio.Future[Address], event: Event) -> None:
    if opening.done():
        return
    if isinstance(event, Opened):
        opening.set_result(Address(event.host, event.port))
    elif isinstance(event, Refused):
        opening.set_exception(PortsExhausted(event.why))
