"""The engine alone: commands in, packets and events out, on the virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
import pytest

from offhook.media.engine import Engine
from offhook.media.media_commands import (
    AddPiece,
    Agree,
    Bridge,
    Close,
    CloseUtterance,
    Command,
    Connect,
    Converse,
    Cut,
    HoldBack,
    Interruptible,
    Loop,
    Open,
    OpenTalk,
    Quieten,
    Release,
    Remove,
    SendDigits,
    Sound,
    StartRecording,
    StopRecording,
    Utter,
)
from offhook.media.media_events import (
    Began,
    Closed,
    Event,
    Heard,
    NoMedia,
    Opened,
    Played,
    PlayedOut,
    Recorded,
    Refused,
    VoiceBegan,
    VoiceEnded,
    VoiceWentOn,
)
from offhook.network import Address, Datagrams
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import PCMU
from offhook.rtp.packet import build, parse
from offhook.rtp.ports import PortPool
from tests.calls.house import LoudnessActivity
from tests.media.inline_writer import InlineWriter
from tests.virtual import run_virtual
from tests.wire import MemoryWire

HOST = "10.0.0.2"
PEER = Address("10.0.0.1", 4000)
LOUD = b"\x10\x20" * 160
QUIET = bytes(320)
VOICE = (VoiceBegan, VoiceWentOn, VoiceEnded)
E = TypeVar("E")


class Bench:
    """An engine with one leg (1) and one talk (2) on it, and a peer that hears and speaks."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.get_running_loop()
        self.wire = MemoryWire(random.Random(1), delay=0.001)
        clock = Clock(self.loop)
        activity = LoudnessActivity()
        clock.after_tick.append(activity.run)
        self.engine = Engine(
            clock,
            PortPool(HOST, 20000, 20003, self.wire.open, random.Random(2)),
            now=lambda: 1e9 + self.loop.time(),
            rng=random.Random(3),
            patience=5.0,
            activity=activity,
            recordings=folder,
            writer=InlineWriter(),
        )
        self.batches: list[list[Event]] = []
        self.engine.deliver = lambda events, at: self.batches.append(events)
        self.peers: dict[int, Peer] = {}

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.engine.apply(command)

    def told(self, of: type[E]) -> list[E]:
        return [event for batch in self.batches for event in batch if isinstance(event, of)]

    async def leg(self, number: int, talk: int | None = None, remote: Address = PEER) -> Peer:
        self.do(Open(number, f"call-{number}", remote.host))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        (port,) = [event.port for event in self.told(Opened) if event.leg == number]
        self.do(
            Agree(
                number, *remote, 0, "PCMU", 101, ((0, "PCMU"),), (101,), "sendrecv", remote.host,
                remote.port + 1, remote.host, True,
            ),
            Connect(number),
        )  # fmt: skip
        if talk is not None:
            self.do(OpenTalk(talk, f"call-{number}"), Converse(number, talk))
        peer = Peer(self, Address(HOST, port))
        peer.socket = await self.wire.open(*remote, peer.hear)
        self.peers[number] = peer
        return peer

    def say(self, number: int, *seconds: float, interruptible: bool = True, released: bool = True) -> None:
        """An utterance of talk 2, whole, of pieces that last so long."""
        self.do(Utter(2, number, interruptible, released))
        for at, length in enumerate(seconds):
            self.do(AddPiece(2, number), Sound(2, number, at, LOUD * round(length * 50), True))
        self.do(CloseUtterance(2, number))


class Peer:
    socket: Datagrams

    def __init__(self, bench: Bench, remote: Address) -> None:
        self._bench = bench
        self._remote = remote
        self.frames: list[bytes] = []
        self.arrived: list[float] = []
        self.speaks = False
        self._sending = bench.loop.create_task(self._send())

    def hear(self, data: bytes, source: Address) -> None:
        packet = parse(data)
        if packet is not None and packet.payload_type == 0:
            self.frames.append(PCMU.decode(packet.payload))
            self.arrived.append(self._bench.loop.time())

    @property
    def loud(self) -> int:
        """Frames in which something was heard."""
        return sum(int(np.abs(np.frombuffer(frame, "<i2").astype(int)).max() > 1000) for frame in self.frames)

    async def _send(self) -> None:
        number = 0
        while True:
            payload = PCMU.encode(LOUD if self.speaks else QUIET)
            self.socket.send(build(0, number & 0xFFFF, 160 * number, 77, payload), self._remote)
            number += 1
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._sending.cancel()


def on_a_bench(tmp_path: Path, story: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        bench = Bench(tmp_path)
        try:
            await story(bench)
        finally:
            for peer in bench.peers.values():
                peer.stop()
            bench.engine.close()
        assert bench.engine.ports.in_use == 0

    run_virtual(run())


def test_what_is_queued_is_played_to_its_end_though_nobody_says_a_word(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 1.0, 0.5)
        bench.say(2, 2.0)
        await asyncio.sleep(4)
        assert peer.loud == 175
        gaps = {round(after - before, 4) for before, after in pairwise(peer.arrived)}
        assert gaps == {0.02}
        assert bench.told(Began) == [Began(2, 1), Began(2, 2)]
        assert bench.told(Played) == [Played(2, 1, 0), Played(2, 1, 1), Played(2, 2, 0)]
        assert bench.told(PlayedOut) == [PlayedOut(2, 1), PlayedOut(2, 2)]

    on_a_bench(tmp_path, story)


def test_what_happens_in_a_tick_is_told_in_one_go(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1, 2)
        bench.say(1, 0.1)
        bench.batches.clear()
        await asyncio.sleep(1.0)
        assert len(bench.batches) == bench.engine.clock.ticks
        assert all(sum(isinstance(event, Heard) for event in batch) == 1 for batch in bench.batches)

    on_a_bench(tmp_path, story)


def test_each_tick_tells_how_far_a_piece_is_played(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1, 2)
        bench.say(1, 0.06, 0.04)
        await asyncio.sleep(0.2)
        told = [event[3:] for event in bench.told(Heard) if event.utterance]
        assert told == [(1, 0, 320), (1, 0, 640), (1, 0, 960), (1, 1, 320), (1, 1, 640)]

    on_a_bench(tmp_path, story)


def test_a_caller_who_might_be_beginning_to_speak_holds_back_what_would_begin(tmp_path: Path) -> None:
    """Without a word from whoever commands."""

    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        await asyncio.sleep(1)
        peer.speaks = True
        while not bench.engine.talks[2]._gate.suspects:
            await asyncio.sleep(0.005)
        bench.say(1, 0.5)
        await asyncio.sleep(0.03)
        assert bench.told(Began) == []
        bench.say(2, 0.5, interruptible=False)
        await asyncio.sleep(0.03)
        assert bench.told(Began) == [Began(2, 2)]

    on_a_bench(tmp_path, story)


def test_a_callers_voice_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """And nothing of it while they are silent, nor of a click."""

    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        await asyncio.sleep(1)
        peer.speaks = True
        await asyncio.sleep(0.04)
        peer.speaks = False
        await asyncio.sleep(1)
        assert [*bench.told(VoiceBegan), *bench.told(VoiceWentOn)] == []
        began = asyncio.get_running_loop().time()
        peer.speaks = True
        await asyncio.sleep(1)
        ended = asyncio.get_running_loop().time()
        peer.speaks = False
        await asyncio.sleep(1)
        (first,), (last,) = bench.told(VoiceBegan), bench.told(VoiceEnded)
        assert first.at == pytest.approx(began, abs=0.15)
        assert last.at == pytest.approx(ended, abs=0.15)
        seconds = [event.seconds for event in bench.told(VoiceWentOn)]
        assert seconds == sorted(seconds)
        assert seconds[-1] == pytest.approx(1.0, abs=0.1)
        kinds = [type(event) for batch in bench.batches for event in batch if isinstance(event, VOICE)]
        assert kinds[:2] == [VoiceBegan, VoiceWentOn]

    on_a_bench(tmp_path, story)


def test_after_something_that_was_spoken_over_the_next_waits_for_a_word(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 1.0, interruptible=False)
        bench.say(2, 1.0)
        await asyncio.sleep(0.3)
        peer.speaks = True
        await asyncio.sleep(2)
        peer.speaks = False
        await asyncio.sleep(2)
        assert bench.told(Began) == [Began(2, 1)]
        bench.do(HoldBack(2, False))
        await asyncio.sleep(0.1)
        assert bench.told(Began) == [Began(2, 1), Began(2, 2)]

    on_a_bench(tmp_path, story)


def test_what_falls_quiet_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 2.0)
        await asyncio.sleep(1.005)
        bench.do(Quieten(2, 1, True))
        before = peer.loud
        await asyncio.sleep(1)
        assert peer.loud <= before + 1
        bench.do(Quieten(2, 1, False))
        await asyncio.sleep(1.2)
        assert peer.loud == pytest.approx(2.0 / 0.02, abs=1)
        assert bench.told(PlayedOut) == [PlayedOut(2, 1)]

    on_a_bench(tmp_path, story)


@pytest.mark.parametrize("goes_on", [Quieten(2, 1, False), Interruptible(2, 1, False)])
def test_what_goes_on_before_it_was_quiet_is_as_if_nothing_were(tmp_path: Path, goes_on: Command) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 1.0)
        await asyncio.sleep(0.5)
        bench.do(Quieten(2, 1, True), goes_on)
        await asyncio.sleep(1)
        assert {frame for frame in peer.frames if np.frombuffer(frame, "<i2").any()} == {
            PCMU.decode(PCMU.encode(LOUD))
        }
        assert peer.loud == 50

    on_a_bench(tmp_path, story)


@pytest.mark.parametrize("octets", [1, 2, 3, 161, 319])
def test_whatever_is_left_of_a_sound_it_can_be_cut(tmp_path: Path, octets: int) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1, 2)
        bench.do(Utter(2, 1, True, True), AddPiece(2, 1))
        bench.do(Sound(2, 1, 0, LOUD * 10 + LOUD[:octets], False))
        await asyncio.sleep(0.5)
        bench.do(Cut(2, 1))
        bench.say(2, 0.1)
        await asyncio.sleep(0.5)
        assert bench.told(PlayedOut) == [PlayedOut(2, 2)]

    on_a_bench(tmp_path, story)


@pytest.mark.parametrize("forgotten", [True, False])
def test_what_is_quiet_is_heard_in_the_end(tmp_path: Path, forgotten: bool) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1, 2)
        bench.say(1, 1.0)
        await asyncio.sleep(0.5)
        bench.do(Quieten(2, 1, True))
        if not forgotten:
            bench.do(Interruptible(2, 1, False))
        await asyncio.sleep(6 if forgotten else 1)
        assert bench.told(PlayedOut) == [PlayedOut(2, 1)]

    on_a_bench(tmp_path, story)


def test_a_cut_silences_at_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 5.0)
        bench.say(2, 5.0)
        bench.say(3, 1.0, interruptible=False, released=False)
        await asyncio.sleep(1.005)
        bench.do(Cut(2, 1))
        before = peer.loud
        await asyncio.sleep(1)
        assert peer.loud <= before + 1
        bench.do(Release(2, 3, True))
        await asyncio.sleep(1.5)
        assert bench.told(PlayedOut) == [PlayedOut(2, 3)]

    on_a_bench(tmp_path, story)


def test_a_cut_that_comes_too_late_leaves_alone_what_must_be_heard(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1, 2)
        bench.say(1, 0.1)
        bench.say(2, 1.0, interruptible=False)
        await asyncio.sleep(0.3)
        bench.do(Cut(2, 1))
        await asyncio.sleep(1.5)
        assert bench.told(PlayedOut) == [PlayedOut(2, 1), PlayedOut(2, 2)]

    on_a_bench(tmp_path, story)


def test_what_is_taken_back_after_it_has_begun_is_silent_too(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 2.0, interruptible=False)
        await asyncio.sleep(0.5)
        bench.do(Remove(2, 1))
        await asyncio.sleep(2)
        assert peer.loud < 30
        assert bench.told(PlayedOut) == []

    on_a_bench(tmp_path, story)


def test_a_talk_goes_on_where_it_was_when_it_gets_its_leg_back(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        bench.say(1, 1.0)
        await asyncio.sleep(0.5)
        bench.do(Loop(1, ""))
        await asyncio.sleep(1)
        heard = peer.loud
        bench.do(Converse(1, 2))
        await asyncio.sleep(1)
        assert 20 < heard < 30
        assert peer.loud == 50

    on_a_bench(tmp_path, story)


def test_a_peer_that_falls_silent_is_told_of_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1)
        await asyncio.sleep(3)
        peer.stop()
        await asyncio.sleep(20)
        (silent,) = bench.told(NoMedia)
        assert silent.leg == 1
        assert 5.0 <= silent.seconds <= 6.1

    on_a_bench(tmp_path, story)


def test_ports_that_are_used_up_are_refused_and_given_back(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1)
        bench.do(Open(3, "c", ""), Open(4, "c", ""))
        await asyncio.sleep(0.1)
        (refused,) = bench.told(Refused)
        assert refused.leg == 4
        assert "in use" in refused.why
        bench.do(Close(3), Close(1), Close(1), Close(99))
        await asyncio.sleep(0.1)
        assert [event.leg for event in bench.told(Closed)] == [3, 1, 1, 99]
        assert bench.engine.ports.in_use == 0

    on_a_bench(tmp_path, story)


def test_a_leg_that_is_closed_before_it_has_a_port_takes_none(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.do(Open(1, "c", ""), Close(1))
        await asyncio.sleep(0.1)
        assert bench.told(Opened) == []
        assert bench.engine.ports.in_use == 0

    on_a_bench(tmp_path, story)


def test_a_recording_goes_on_being_written_after_its_leg_is_closed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.leg(1, 2)
        bench.do(StartRecording(1, True))
        await asyncio.sleep(1.5)
        bench.do(Close(1), StopRecording(1), StopRecording(5))
        await asyncio.sleep(0.1)
        assert set(bench.told(Recorded)) == {Recorded(1, True), Recorded(5, False)}
        assert (tmp_path / "call-1-stereo.wav").stat().st_size > 40_000

    on_a_bench(tmp_path, story)


def test_without_anybody_who_commands_each_caller_hears_the_rest_and_a_last_word(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        peer = await bench.leg(1, 2)
        other = await bench.leg(3, remote=Address("10.0.0.9", 4000))
        bench.say(1, 1.0)
        bench.say(2, 1.0, released=False)
        bench.do(HoldBack(2, True))
        await asyncio.sleep(0.5)
        bench.engine.say_last(LOUD * 25)
        await asyncio.sleep(3)
        assert peer.loud == 75
        assert other.loud == 25
        assert bench.engine.legs == {}

    on_a_bench(tmp_path, story)


def test_two_legs_that_are_joined_hear_each_other(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        one = await bench.leg(1, 2)
        other = await bench.leg(3, remote=Address("10.0.0.9", 4000))
        bench.do(Bridge(1, 3))
        await asyncio.sleep(0.5)
        one.speaks = True
        await asyncio.sleep(1)
        assert other.loud > 40
        assert one.loud == 0

    on_a_bench(tmp_path, story)


def test_no_order_of_commands_breaks_it(tmp_path: Path) -> None:
    """About what is there and what is not, again and again, with a tick now and then."""

    async def story(bench: Bench) -> None:
        rng = random.Random(11)
        await bench.leg(1, 2)
        commands = [of for of in get_args(Command) if of is not Agree]
        values: dict[type, Callable[[], Any]] = {
            int: lambda: rng.choice((0, 1, 2, 3)),
            str: lambda: rng.choice(("", "hold", "ringback")),
            bool: lambda: rng.random() < 0.5,
            bytes: lambda: LOUD[: rng.choice((0, 2, 320))],
        }
        for number in range(6000):
            of = rng.choice(commands)
            fields = get_type_hints(of)
            digits = of is SendDigits
            given = ["12" if digits and name == "digits" else values[kind]() for name, kind in fields.items()]
            bench.do(of(*given))
            if number % 20 == 0:
                await asyncio.sleep(0.02)
        bench.do(Interruptible(2, 1, True))

    on_a_bench(tmp_path, story)


def test_what_is_cut_dies_away_without_a_step(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path)
        peer = await bench.leg(1, talk=2)
        bench.say(1, 1.0)
        bench.say(2, 0.2)
        await asyncio.sleep(0.3)
        bench.do(Remove(2, 1))
        await asyncio.sleep(0.1)
        heard = np.frombuffer(b"".join(peer.frames), "<i2").astype(int)
        loud = int(np.abs(heard).max())
        (ends,) = [at for at in range(len(heard) - 160) if abs(heard[at]) > 0.9 * loud >= abs(heard[at + 1])]
        dying = heard[ends : ends + 120]
        assert np.abs(np.diff(dying)).max() < loud / 16
        assert not dying[90:].any()
        # The next utterance begins with the tick after.
        assert loud in heard[ends + 120 : ends + 160]

    run_virtual(story())
