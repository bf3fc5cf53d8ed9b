"""Many callers in one process: SIP and RTP over loopback UDP, as cheap as Python allows.

One SIP socket and one RTP socket serve all calls; arrivals are stamped by the kernel, so that this process's
own load does not count as the service's. Everything runs in one loop over `select`; the parent steers it
through a pipe (see `Phones`)."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import socket
import struct
import time
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from benchmarks.agenda import Agenda
from benchmarks.service import HOST, LOAD_CORE, Service
from benchmarks.signalling import Dialled, Signalling
from offhook.rtp.codecs import PCMU
from offhook.rtp.packet import HEADER, build

SO_TIMESTAMPNS: Final = 35
SLOTS: Final = 10
"""Moments in 20 ms at which packets are sent: real callers are not in step."""
SILENT: Final = PCMU.silence
QUIET_SECONDS: Final = 0.5
"""So long after its last sound the assistant has finished, and the caller speaks again."""
PATIENCE: Final = 8.0
"""So long a caller waits for an answer before asking again."""
CLIPS: Final = Path(__file__).parent.parent / "tests" / "caller"


@dataclass(frozen=True, slots=True)
class Order:
    """What the callers are to do. `rate` calls begin per second; each speaks `clip` when the assistant is
    silent for `quiet` seconds; with `interrupt_after` seconds of an answer it speaks `clip` right into it.
    `hold`: hang up after so many seconds (None: when told). `media` False: neither speak nor measure
    audio."""

    user: str
    calls: int
    rate: float
    hold: float | None = None
    media: bool = True
    clip: str = "hours"
    interrupt_after: float | None = None
    quiet: float = QUIET_SECONDS


@dataclass(slots=True)
class Heard:
    """What the callers measured since they were told to. Times are seconds since the epoch, as the kernel
    stamped them; `answer_seconds` (INVITE sent to 200 received), `pacing` (ms off 20 between packets),
    `longest` (the longest time between two packets),
    `turns` (end of speech, first sound of the reply), `gaps` (the longest time from one packet with sound to
    the next within a reply), `cuts` (began to interrupt, last sound)."""

    answered: int = 0
    failed: list[int] = field(default_factory=list)
    unanswered: int = 0
    repeated: int = 0
    ended_by_peer: int = 0
    answer_seconds: list[float] = field(default_factory=list)
    received: int = 0
    lost: int = 0
    pacing: array[float] = field(default_factory=lambda: array("f"))
    longest: float = 0.0
    turns: list[tuple[float, float]] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    cuts: list[tuple[str, float, float]] = field(default_factory=list)
    silent_turns: int = 0
    behind: float = 0.0
    """Most that this process was late with its own sending, in seconds."""


class Phones:
    """The parent's end. `place` begins calls, `measure` forgets what was measured so far, `heard` gives it,
    `wait_for_end` waits until every call is over, `hang_up` ends them all."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def place(self, order: Order) -> None:
        self._pipe.send(order)

    def measure(self) -> None:
        self._pipe.send("measure")

    def hang_up(self) -> None:
        self._pipe.send("hang up")

    def up(self) -> int:
        """Calls that are not over."""
        self._pipe.send("up")
        return int(self._pipe.recv())

    def heard(self) -> Heard:
        self._pipe.send("heard")
        found = self._pipe.recv()
        assert isinstance(found, Heard)
        return found

    def wait_for_end(self, limit: float = 60.0) -> None:
        deadline = time.monotonic() + limit
        while self.up() and time.monotonic() < deadline:
            time.sleep(0.1)


@contextmanager
def running_phones(service: Service) -> Iterator[Phones]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(theirs, service.sip), name="offhook benchmark callers"
    )
    process.start()
    try:
        yield Phones(ours)
        ours.send("stop")
        process.join(10)
    finally:
        if process.is_alive():
            process.kill()
            process.join()


def _run(pipe: Connection, sip: tuple[str, int]) -> None:
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    Exchange(pipe, sip).run()


def clip_packets(name: str) -> list[bytes]:
    """A recorded caller as G.711 payloads of 20 ms, cut to where there is sound."""
    with wave.open(str(CLIPS / f"{name}.wav")) as recording:
        pcm = recording.readframes(recording.getnframes())
    frames = [pcm[at : at + 320] for at in range(0, len(pcm) - 319, 320)]
    loud = [number for number, frame in enumerate(frames) if max(memoryview(frame).cast("h")) > 500]
    return [PCMU.encode(frame) for frame in frames[loud[0] : loud[-1] + 1]]


class Caller:
    """One call's audio, and what the caller makes of the other side's."""

    __slots__ = (
        "arrived", "at", "clip", "cutting", "dialled", "expected", "gap", "interrupt_after", "last_sound",
        "port", "quiet", "reply_began", "sequence", "speaking_since", "spoke_until", "up_since",
    )  # fmt: skip

    def __init__(self, dialled: Dialled, port: int, clip: list[bytes], order: Order, now: float) -> None:
        self.dialled = dialled
        self.port = port
        self.clip = clip
        self.interrupt_after = order.interrupt_after
        self.quiet = order.quiet
        self.gap = 0.0  # the longest within the reply
        self.at = -1  # next packet of the clip; -1: listening
        self.sequence = 0
        self.arrived = 0.0
        self.expected = -1
        self.last_sound = now
        self.spoke_until = 0.0  # a reply to this end of speech is awaited
        self.reply_began = 0.0
        self.speaking_since = now
        self.cutting = 0.0
        self.up_since = now

    def payload(self, now: float, heard: Heard) -> bytes:
        """The next 20 ms of the caller."""
        if self.at < 0:
            self._decide(now, heard)
        if self.at < 0:
            return SILENT
        payload = self.clip[self.at]
        self.at += 1
        if self.at == len(self.clip):
            self.at = -1
            self.spoke_until = now
            self.reply_began = 0.0
        return payload

    def _decide(self, now: float, heard: Heard) -> None:
        quiet = now - self.last_sound
        if self.cutting and quiet > QUIET_SECONDS:
            heard.cuts.append((self.dialled.call_id, self.cutting, self.last_sound))
            self.cutting = 0.0
        if self.spoke_until:
            if now - self.spoke_until > PATIENCE:
                heard.silent_turns += 1
                self._speak(now)
            return
        if self.interrupt_after is not None and self.reply_began and not self.cutting:
            if now - self.reply_began > self.interrupt_after:
                self.cutting = now
                self._speak(now)
        elif quiet > self.quiet:
            if self.reply_began:
                heard.gaps.append(self.gap)
            self._speak(now)

    def _speak(self, now: float) -> None:
        self.at = 0
        self.speaking_since = now
        self.spoke_until = 0.0

    def sound(self, at: float, heard: Heard) -> None:
        """A packet with sound came."""
        if self.spoke_until and at > self.spoke_until and at - self.last_sound > 0.2:
            heard.turns.append((self.spoke_until, at))
            self.spoke_until = 0.0
            self.reply_began, self.gap = at, 0.0
        elif self.reply_began:
            self.gap = max(self.gap, at - self.last_sound)
        self.last_sound = at


class Exchange:
    """All calls, and the loop that drives them."""

    def __init__(self, pipe: Connection, service: tuple[str, int]) -> None:
        self._pipe = pipe
        self._heard = Heard()
        self._measuring = True
        self._agenda = Agenda()
        self._rtp = _socket()
        port: int = self._rtp.getsockname()[1]
        self._signalling = Signalling(_socket(), service, port, self._agenda, self)
        self._clips: dict[str, list[bytes]] = {}
        self._by_port: dict[int, Caller] = {}
        self._slots: list[list[Caller]] = [[] for _ in range(SLOTS)]
        self._orders: dict[str, Order] = {}
        self._next_slot = 0
        self._buffer = bytearray(2048)

    def run(self) -> None:
        """Until the parent says stop, or is gone."""
        sip = self._signalling.socket
        beat, step = 0, 0.02 / SLOTS
        start = time.monotonic()
        while True:
            self._speak(self._slots[beat % SLOTS])
            beat += 1
            if self._pipe.poll() and not self._told(self._pipe.recv()):
                return
            while True:
                self._signalling.receive()
                self._receive()
                now = time.monotonic()
                self._agenda.run(now)
                remaining = start + beat * step - now
                if remaining <= 0:
                    self._heard.behind = max(self._heard.behind, -remaining)
                    break
                soon = min(remaining, max(self._agenda.next_in(now), 0.0))
                select.select([sip, self._rtp], [], [], soon)

    def _told(self, word: object) -> bool:
        if isinstance(word, Order):
            self._place(word)
        elif word == "measure":
            self._heard = Heard()
            for caller in self._by_port.values():
                caller.arrived, caller.expected = 0.0, -1
        elif word == "heard":
            self._heard.repeated = self._signalling.repeated
            self._pipe.send(self._heard)
        elif word == "up":
            self._pipe.send(len(self._signalling))
        elif word == "hang up":
            self._signalling.hang_up_all()
        return word != "stop"

    def _place(self, order: Order) -> None:
        if order.clip not in self._clips:
            self._clips[order.clip] = clip_packets(order.clip)
        now = time.monotonic()
        for number in range(order.calls):
            self._agenda.at(now + number / order.rate, lambda: self._dial(order))

    def _dial(self, order: Order) -> None:
        call_id = self._signalling.dial(order.user)
        self._orders[call_id] = order

    # what the signalling tells

    def answered(self, dialled: Dialled, seconds: float, port: int) -> None:
        heard, order = self._heard, self._orders[dialled.call_id]
        heard.answered += 1
        heard.answer_seconds.append(seconds)
        if order.hold is not None:
            self._agenda.at(time.monotonic() + order.hold, lambda: self._signalling.hang_up(dialled))
        if order.media:
            caller = Caller(dialled, port, self._clips[order.clip], order, time.time())
            self._by_port[port] = caller
            self._slots[self._next_slot % SLOTS].append(caller)
            self._next_slot += 1

    def refused(self, dialled: Dialled, status: int) -> None:
        self._heard.failed.append(status)
        self._orders.pop(dialled.call_id, None)

    def over(self, dialled: Dialled, by_peer: bool) -> None:
        self._heard.ended_by_peer += by_peer
        self._orders.pop(dialled.call_id, None)
        for port, caller in list(self._by_port.items()) if self._by_port else []:
            if caller.dialled is dialled:
                del self._by_port[port]
                for slot in self._slots:
                    with contextlib.suppress(ValueError):
                        slot.remove(caller)

    # audio

    def _speak(self, callers: list[Caller]) -> None:
        now = time.time()
        for caller in callers:
            number = caller.sequence = caller.sequence + 1
            payload = caller.payload(now, self._heard)
            packet = build(0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, caller.port, payload)
            with contextlib.suppress(BlockingIOError):
                self._rtp.sendto(packet, (HOST, caller.port))

    def _receive(self) -> None:
        receive, buffer, heard = self._rtp.recvmsg_into, self._buffer, self._heard
        while True:
            try:
                size, ancillary, _, source = receive([buffer], 64)
            except BlockingIOError:
                return
            caller = self._by_port.get(source[1])
            if caller is None or size != 172:
                continue
            seconds, nanoseconds = struct.unpack_from("qq", ancillary[0][2])
            at = seconds + nanoseconds / 1e9
            sequence = HEADER.unpack_from(buffer)[2]
            if caller.expected >= 0:
                heard.lost += sequence - caller.expected & 0xFFFF
                gap = at - caller.arrived
                heard.pacing.append(abs(gap - 0.02) * 1000)
                heard.longest = max(heard.longest, gap)
            heard.received += 1
            caller.expected = sequence + 1 & 0xFFFF
            caller.arrived = at
            if buffer[12:172] != SILENT:
                caller.sound(at, heard)


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind((HOST, 0))
    sock.setblocking(False)
    return sock
