"""The engine of the media plane: commands in, events out, driven by the 20 ms clock.

It does no I/O of its own: ports, clock, voice activity and the writer of recordings are given to it, and
whoever runs it carries commands and events (`local_plane.py`, `media_process.py`). Each command is done
at once and takes little; what is queued is played on time whatever becomes of those who queued it. What
happened in a tick is delivered in one go at the tick's end, what happened between two ticks on the loop's
next turn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from offhook.log_context import working_for
from offhook.media.bridge import EarlyMedia, Ringback, join
from offhook.media.echo.canceller import EchoCanceller
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
)
from offhook.media.media_events import (
    Closed,
    Counted,
    Event,
    Opened,
    Recorded,
    Refused,
)
from offhook.media.media_leg import MediaLeg
from offhook.media.recording import Recorder, Writer
from offhook.media.sound_frames import Framed
from offhook.media.talk import Activity, Talk
from offhook.media.tones import TONES, Audio, Waiting, ringback, silence
from offhook.network import words_of
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import CODECS
from offhook.rtp.consent import Unasked
from offhook.rtp.interceptors import NewInterceptor
from offhook.rtp.ports import PortPool, PortsExhausted
from offhook.rtp.statistics import StreamStatistics
from offhook.rtp.stream import RtpStream

LOOK_TICKS: Final = 50
"""Each leg is looked at once a second, as many in one tick as in another."""

_counts = attrgetter(*[field.name for field in fields(StreamStatistics)])

Deliver = Callable[[list[Event], float], None]

log = logging.getLogger(__name__)


class Engine:
    """All legs and talks of a media plane. `deliver` gets events, and when they happened (loop.time()); it is
    set by whoever carries them."""

    def __init__(
        self,
        clock: Clock,
        ports: PortPool,
        *,
        now: Callable[[], float],
        rng: random.Random,
        patience: float,
        activity: Activity | None = None,
        recordings: Path | None = None,
        writer: Writer | None = None,
        time: Callable[[], float] | None = None,
        read: Callable[[], None] = lambda: None,
        interceptors: Sequence[NewInterceptor] = (),
    ) -> None:
        """`patience`: seconds without a packet after which a peer counts as lost. Without `activity` nobody
        is judged, without `recordings` and `writer` nothing is recorded. `time` tells streams when what they
        are given came, if not now (loop.time()); `read` gives them all that has come so far. Each stream gets
        one of each of `interceptors`, in that order from the stream to the wire."""
        self.clock = clock
        self.ports = ports
        self.legs: dict[int, MediaLeg] = {}
        self.talks: dict[int, Talk] = {}
        self.recorders: dict[int, Recorder] = {}
        self.deliver: Deliver = _nobody
        self._now = now
        self._rng = rng
        self._patience = patience
        self._activity = activity
        self._recordings = recordings
        self._writer = writer
        self._unasked = Unasked()
        self._loop = asyncio.get_running_loop()
        self._time = time or self._loop.time
        self._read = read
        self._interceptors = interceptors
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._looks: list[dict[int, MediaLeg]] = [{} for _ in range(LOOK_TICKS)]
        self._events: list[Event] = []
        self._note = self._events.append  # the list stays the same one
        self._due: asyncio.Handle | None = None
        self._do: dict[type, Callable[[Any], None]] = {
            Open: self._open,
            Agree: self._agree,
            Begin: self._begin,
            Connect: self._connect,
            Close: self._close,
            SendDigits: self._send_digits,
            Converse: self._converse,
            Loop: self._loop_tone,
            Play: self._play,
            Ring: self._ring,
            Early: self._early,
            Bridge: self._bridge,
            StartRecording: self._record,
            Keep: self._keep,
            Overhear: self._overhear,
            StopRecording: self._stop_recording,
            OpenTalk: self._open_talk,
            CloseTalk: self._close_talk,
        }
        self._echo = EchoCanceller()
        clock.after_tick.insert(0, self._echo.run)  # before voices are judged
        clock.after_tick.append(self._after_tick)
        for codec in CODECS.values():
            codec.coding()  # what it computes for all legs is not left to the first one's tick

    def apply(self, command: Command) -> None:
        do = self._do.get(type(command))
        if do is not None:
            do(command)
            return
        talk = self.talks.get(command[0])
        if talk is not None:
            talk.apply(command)

    def close(self) -> None:
        """Let go of everything; nothing is told."""
        for task in self._opening.values():
            task.cancel()
        for leg in list(self.legs.values()):
            self._let_go(leg)
        for talk in self.talks.values():
            talk.close()
        self.talks.clear()
        for recorder in self.recorders.values():
            recorder.close()
        self.recorders.clear()
        if self._due is not None:
            self._due.cancel()
        for callback in (self._after_tick, self._echo.run):
            with contextlib.suppress(ValueError):
                self.clock.after_tick.remove(callback)

    def say_last(self, pcm: bytes) -> None:
        """Nobody commands any more: what is queued is played, then this, and each leg is closed."""
        self.deliver = self._see_off
        for leg in list(self.legs.values()):
            if not leg.ticking:
                self._let_go(leg)
                continue
            talk = leg.audio
            if not isinstance(talk, Talk):
                talk = Talk(0, self.emit, self._note, None, self._loop.time)
                leg.audio = talk
            talk.say_last(pcm)

    def _see_off(self, events: list[Event], at: float) -> None:
        for leg in list(self.legs.values()):
            if not isinstance(leg.audio, Talk) or leg.audio.playout.idle:
                self._let_go(leg)

    # -- events ---------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        self._events.append(event)
        if self._due is None:
            self._due = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._events:
            events = self._events.copy()
            self._events.clear()
            self.deliver(events, self._loop.time())

    def _after_tick(self) -> None:
        looked_at = self._looks[self.clock.ticks % LOOK_TICKS]
        if looked_at:
            now = self._loop.time()
            for leg in looked_at.values():
                leg.look(now, self._patience)
                self.emit(Counted(leg.number, counts_of(leg.statistics)))
        self._flush()

    # -- legs -----------------------------------------------------------------------------------

    def _open(self, command: Open) -> None:
        if command.leg in self.legs or command.leg in self._opening:
            return
        with working_for(command.call):  # what comes to the port is about this call
            self._opening[command.leg] = self._loop.create_task(self._bind(command))

    async def _bind(self, command: Open) -> None:
        try:
            port = await self.ports.open(command.peer or None)
        except PortsExhausted as error:
            self.emit(Refused(command.leg, str(error)))
        except Exception as error:
            log.exception("call=%s no port could be opened", command.call)
            self.emit(Refused(command.leg, words_of(error)))
        else:
            self.legs[command.leg] = MediaLeg(command.leg, command.call, port, self.emit)
            self.emit(Opened(command.leg, *port.local))
        finally:
            del self._opening[command.leg]

    def _agree(self, command: Agree) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            make = partial(self._stream, leg.call)
            self._read()
            leg.agree(command, make, self._unasked)

    def _stream(self, call: str, *given: Any, **named: Any) -> RtpStream:
        return RtpStream(
            *given,
            call=call,
            rng=self._rng,
            loop_time=self._time,
            now=self._now,
            interceptors=[new(call) for new in self._interceptors],
            **named,
        )

    def _begin(self, command: Begin) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.stream is not None and not leg.ticking:
            leg.ticking = True
            self.clock.add(leg.stream)

    def _connect(self, command: Connect) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.stream is not None:
            self._read()
            leg.stream.learn()
            leg.connect(self._loop.time())
            if leg.looked_at is None:
                leg.looked_at = self._looks[self.clock.ticks % LOOK_TICKS]
                leg.looked_at[leg.number] = leg
            self._begin(Begin(leg.number))

    def _close(self, command: Close) -> None:
        opening = self._opening.get(command.leg)
        if opening is not None:
            opening.cancel()
        leg = self.legs.get(command.leg)
        if leg is not None:
            self._read()
            self._let_go(leg)
        self.emit(Closed(command.leg, counts_of(None if leg is None else leg.statistics)))

    def _let_go(self, leg: MediaLeg) -> None:
        del self.legs[leg.number]
        if leg.looked_at is not None:
            del leg.looked_at[leg.number]
        leg.overhear(None)
        if leg.overheard_by in self.legs:
            self.legs[leg.overheard_by].overhear(None)
        if leg.stream is None:
            leg.port.close()
        else:
            self.clock.remove(leg.stream)
            leg.stream.close()

    def _send_digits(self, command: SendDigits) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.stream is not None:
            try:
                leg.stream.send_digits(command.digits, command.milliseconds)
            except ValueError as error:
                log.warning("call=%s keys are not sent: %s", leg.call, error)

    # -- whose ear and mouth --------------------------------------------------------------------

    def lend(self, number: int, audio: Audio) -> None:
        """To something in this process."""
        leg = self.legs.get(number)
        if leg is not None:
            leg.audio, leg.early = audio, None

    def _converse(self, command: Converse) -> None:
        self.lend(command.leg, self.talks.get(command.talk) or Waiting(silence()))

    def _loop_tone(self, command: Loop) -> None:
        self.lend(command.leg, Waiting(TONES[command.tone]()))

    def _play(self, command: Play) -> None:
        frames = Framed(command.pcm)
        self.lend(command.leg, Waiting(frames if frames else silence()))

    def _ring(self, command: Ring) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            self.lend(command.leg, Ringback(Waiting(ringback()), lambda: leg.early))

    def _early(self, command: Early) -> None:
        early = EarlyMedia()
        self.lend(command.leg, early)
        to = self.legs.get(command.to)
        if to is not None:
            to.early = early

    def _bridge(self, command: Bridge) -> None:
        if command.leg != command.other:
            first, second = join()
            self.lend(command.leg, first)
            self.lend(command.other, second)

    # -- recorders ------------------------------------------------------------------------------

    def _record(self, command: StartRecording) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.recorder or self._recordings is None or self._writer is None:
            return
        recorder = self.recorders[leg.number] = Recorder(self._recordings, leg.call, self._writer)
        recorder.keeps = command.keeps
        leg.record(recorder)

    def _keep(self, command: Keep) -> None:
        recorder = self.recorders.get(command.leg)
        if recorder is not None:
            recorder.keeps = command.keeps

    def _overhear(self, command: Overhear) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            leg.overhear(self.legs.get(command.other))

    def _stop_recording(self, command: StopRecording) -> None:
        recorder = self.recorders.pop(command.leg, None)
        if recorder is None:
            self.emit(Recorded(command.leg, False))
            return

        def written() -> None:
            self.emit(Recorded(command.leg, recorder.begun))

        def written_from_thread() -> None:
            self._loop.call_soon_threadsafe(written)

        recorder.close(written_from_thread)

    # -- talks ----------------------------------------------------------------------------------

    def _open_talk(self, command: OpenTalk) -> None:
        if command.talk not in self.talks:
            with working_for(command.call or None):
                self.talks[command.talk] = Talk(
                    command.talk, self.emit, self._note, self._activity, self._loop.time, self._echo
                )

    def _close_talk(self, command: CloseTalk) -> None:
        talk = self.talks.pop(command.talk, None)
        if talk is not None:
            talk.close()
            for leg in self.legs.values():
                if leg.audio is talk:
                    leg.audio = Waiting(silence())


def counts_of(statistics: StreamStatistics | None) -> tuple[int | float | None, ...]:
    return () if statistics is None else _counts(statistics)


def _nobody(events: list[Event], at: float) -> None:
    """Nobody carries them yet."""
