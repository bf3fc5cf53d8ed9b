"""The media plane in a process of its own, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.conversation.audio.playout_queue import PlayoutQueue
from offhook.conversation.audio.spoken_utterance import SpokenPiece, SpokenUtterance
from offhook.log_context import working_for
from offhook.media.channel import Channel
from offhook.media.line import Line, MediaFailed
from offhook.media.media_commands import Command, SendDigits, Settle
from offhook.media.media_events import PlayedOut, VoiceBegan
from offhook.media.media_process import CallPlaneSocket
from offhook.media.remote_plane import RemotePlane
from offhook.network import Address, Datagrams, open_datagrams
from offhook.process import RESTARTS
from offhook.rtp.clock import Clock
from offhook.rtp.codecs import PCMU
from offhook.rtp.packet import build, parse

HOST = "127.0.0.1"
LOUD = b"\x10\x20" * 160


class Listener:
    def __init__(self) -> None:
        self.began: list[SpokenUtterance] = []
        self.finished: list[SpokenUtterance] = []
        self.keys = ""
        self.failed = 0
        self.heard = 0

    def utterance_began(self, utterance: SpokenUtterance) -> None:
        self.began.append(utterance)

    def piece_played(self, utterance: SpokenUtterance, piece: SpokenPiece) -> None: ...

    def utterance_finished(self, utterance: SpokenUtterance) -> None:
        self.finished.append(utterance)

    def digit(self, digit: str, milliseconds: int) -> None:
        self.keys += digit

    def no_media(self, seconds: float) -> None: ...

    def media_failed(self) -> None:
        self.failed += 1

    def hear(self, heard: bytes, said: bytes) -> None:
        self.heard += 1

    def voice_began(self, at: float) -> None: ...

    def voice_went_on(self, seconds: float) -> None: ...

    def voice_ended(self, at: float) -> None: ...


class Phone:
    """Sends silence, and counts what is loud of what it hears."""

    socket: Datagrams

    def __init__(self) -> None:
        self.loud = 0
        self.packets = 0

    def hear(self, data: bytes, source: Address) -> None:
        packet = parse(data)
        if packet is not None and packet.payload_type == 0:
            self.packets += 1
            frame = np.frombuffer(PCMU.decode(packet.payload), "<i2").astype(int)
            self.loud += int(np.abs(frame).max() > 1000)

    @classmethod
    async def open(cls) -> Phone:
        phone = cls()
        phone.socket = await open_datagrams(HOST, 0, phone.hear)
        return phone

    async def talk(self, to: Address) -> None:
        number = 0
        while True:
            payload = PCMU.encode(bytes(320))
            self.socket.send(build(0, number & 0xFFFF, 160 * number, 7, payload), to)
            number += 1
            await asyncio.sleep(0.02)


def settle(folder: Path, **changes: Any) -> Settle:
    return Settle(HOST, 21000, 21999, 20.0, str(folder), 20)._replace(**changes)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[RemotePlane]:
    plane = RemotePlane(settle(folder))
    await plane.start()
    try:
        yield plane
    finally:
        await plane.close()


@asynccontextmanager
async def on_a_call(plane: RemotePlane) -> AsyncIterator[tuple[Line, Channel, Listener, Phone]]:
    listener, phone = Listener(), await Phone.open()
    line = await plane.open("call-1", HOST, listener)
    with working_for("call-1"):
        channel = plane.channel()
    channel.listener = listener
    talking = asyncio.create_task(phone.talk(line.local))
    line.agree(
        remote=phone.socket.local, payload_type=0, codec="PCMU", telephone_event=101, codecs={0: "PCMU"},
        events=(101,), direction="sendrecv", rtcp=Address(HOST, phone.socket.local.port + 1),
        signalling_host=HOST, may_begin=True,
    )  # fmt: skip
    line.connect()
    line.converse(channel)
    try:
        yield line, channel, listener, phone
    finally:
        talking.cancel()
        phone.socket.close()
        channel.close()
        await line.close()


def speak(playout: PlayoutQueue, seconds: float) -> SpokenUtterance:
    utterance = SpokenUtterance(said=None)
    piece = SpokenPiece("Words.")
    piece.add(LOUD * round(50 * seconds))
    piece.complete = True
    utterance.add(piece)
    utterance.close()
    playout.put(utterance)
    return utterance


async def until(holds: Callable[[], object], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.02)


async def test_a_leg_and_a_talk_in_another_process(tmp_path: Path) -> None:
    async with running(tmp_path) as plane, on_a_call(plane) as (line, channel, listener, phone):
        line.record(True)
        said = speak(PlayoutQueue(listener, channel), 1.5)
        await until(lambda: listener.finished == [said])
        assert said.heard() == "Words."
        await until(lambda: line.statistics.packets_received > 50)
        await line.close()
        assert line.statistics.packets_sent >= 75
        assert phone.loud > 60
        assert listener.heard > 60
        assert await line.stop_recording()
        assert (tmp_path / "call-1-stereo.wav").stat().st_size > 20_000
        assert plane.pacing.pid != os.getpid()


def test_what_a_command_holds_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Keys that somebody pressed, or those of SRTP."""

    class Broken:
        def apply(self, command: Command) -> None:
            raise RuntimeError("nobody thought of this")

    link = CallPlaneSocket()
    link._engine = Broken()  # type: ignore[assignment]
    link._do(SendDigits(1, "4711", 100))
    assert "SendDigits" in caplog.text
    assert "4711" not in caplog.text


async def test_a_command_that_cannot_be_sent_takes_no_other_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All that was commanded since the last tick goes in one message, for all calls."""
    async with running(tmp_path) as plane, on_a_call(plane) as (line, channel, listener, _phone):
        plane.send(SendDigits(line.number, "4711", 2**80))
        said = speak(PlayoutQueue(listener, channel), 0.1)
        await until(lambda: listener.finished == [said])
    assert "call=call-1 SendDigits is not done" in caplog.text
    assert "4711" not in caplog.text


async def test_one_message_for_each_tick_and_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message wakes the other process. Only a leg that is opened is waited for; what else is commanded
    takes effect with the next tick."""
    async with running(tmp_path) as plane:
        link = plane._link
        assert link is not None
        sent: list[list[str]] = []
        taken: list[list[str]] = []
        write, take = link.write, plane.take

        def written(commands: Sequence[Any]) -> None:
            sent.append([type(command).__name__ for command in commands])
            write(commands)

        def took(link: Any, events: list[Any]) -> None:
            taken.append([type(event).__name__ for event in events])
            take(link, events)

        monkeypatch.setattr(link, "write", written)
        monkeypatch.setattr(plane, "take", took)
        async with on_a_call(plane) as (line, channel, listener, _):
            assert sent == [["Open"]]
            assert [told for told in taken if told != ["Paced"]] == [["Happened", "Opened"]]
            speak(PlayoutQueue(listener, channel), 0.1)
            await until(lambda: listener.finished)
            assert len(sent) == 2
            assert sent[1][:4] == ["OpenTalk", "Agree", "Connect", "Converse"]
            line.record(True)
            del taken[:]
            await line.close()
            await line.stop_recording()
        assert all(told.count("Happened") <= 1 for told in taken)


async def test_what_is_queued_is_heard_while_nobody_reads(tmp_path: Path) -> None:
    """This process does not look at its end of the socket for a while; nor does it lose its account."""
    async with running(tmp_path) as plane, on_a_call(plane) as (_, channel, listener, phone):
        said = speak(PlayoutQueue(listener, channel), 3.0)
        await until(lambda: listener.began)
        link = plane._link
        assert link is not None
        assert link._transport is not None
        link._transport.pause_reading()
        await until(lambda: phone.loud > 140)
        assert listener.finished == []
        link._transport.resume_reading()
        await until(lambda: listener.finished == [said])


async def test_a_process_that_is_killed_is_told_of_and_another_serves(tmp_path: Path) -> None:
    async with running(tmp_path) as plane:
        async with on_a_call(plane) as (line, _, listener, _phone):
            first = plane.pacing.pid
            recording = asyncio.create_task(line.stop_recording())
            os.kill(first, signal.SIGKILL)
            await until(lambda: listener.failed)
            assert await recording is False
            assert not plane.is_up
        # A call that comes meanwhile waits for it.
        async with on_a_call(plane) as (_, channel, listener, phone):
            assert plane.pacing.pid != first
            said = speak(PlayoutQueue(listener, channel), 0.5)
            await until(lambda: listener.finished == [said])
            assert phone.loud > 15
            assert listener.failed == 0


async def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.media.remote_plane.SILENT_SECONDS", 2.0)
    async with running(tmp_path) as plane:
        first = plane.pacing.pid
        async with on_a_call(plane) as (_, _, listener, _phone):
            os.kill(first, signal.SIGSTOP)
            await until(lambda: listener.failed)
        await until(lambda: plane.is_up)
        async with on_a_call(plane):
            assert plane.pacing.pid != first


async def test_a_model_that_is_missing_is_said_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (
        "from pathlib import Path\n"
        "from offhook.media import media_process\n"
        "from offhook.speech.activity import VoiceActivity\n"
        "media_process.VoiceActivity = lambda: VoiceActivity(Path('/nowhere/at.all'))\n"
        "media_process.main()"
    )
    monkeypatch.setattr("offhook.media.remote_plane.COMMAND", (sys.executable, "-P", "-c", broken))
    plane = RemotePlane(settle(tmp_path))
    with pytest.raises(MediaFailed, match=r"/nowhere/at\.all"):
        await plane.start()
    await plane.close()


@pytest.mark.parametrize("command", [("/nowhere/python",), ("true",)], ids=["no such", "ends at once"])
async def test_a_process_that_does_not_start(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.media.remote_plane.COMMAND", command)
    plane = RemotePlane(settle(tmp_path))
    with pytest.raises(MediaFailed):
        await plane.start()
    await plane.close()


async def test_a_process_that_ends_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.media.remote_plane.AGAIN_SECONDS", (0.0,))
    async with running(tmp_path) as plane:
        monkeypatch.setattr("offhook.media.remote_plane.COMMAND", ("true",))
        os.kill(plane.pacing.pid, signal.SIGKILL)
        with pytest.raises(MediaFailed, match="again and again"):
            await asyncio.wait_for(asyncio.shield(plane.keeper), 60)
        assert plane.process["restarts"] == RESTARTS + 1
        assert not plane.is_up


async def test_without_a_file_for_its_socket_it_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("offhook.media.remote_plane.socket.socketpair", no_more)
    plane = RemotePlane(settle(tmp_path))
    with pytest.raises(MediaFailed, match="too many open files"):
        await asyncio.wait_for(plane.start(), 60)
    await plane.close()


ORPHAN = """
import asyncio, sys
from pathlib import Path
from tests.media.test_remote import LOUD, on_a_call, running, speak
from offhook.conversation.audio.playout_queue import PlayoutQueue
async def main():
    async with running(Path(sys.argv[1])) as plane:
        plane.keep_sentence(LOUD * 25)
        line = await plane.open("call-1", "127.0.0.1", None)
        from offhook.network import Address
        to = Address("127.0.0.1", int(sys.argv[2]))
        line.agree(remote=to, payload_type=0, codec="PCMU", telephone_event=None, codecs={0: "PCMU"},
                   events=(), direction="sendrecv", rtcp=to, signalling_host="127.0.0.1", may_begin=True)
        line.connect()
        channel = plane.channel()
        line.converse(channel)
        class Nobody:
            def utterance_began(self, utterance):
                print(line.local.port, plane.pacing.pid, flush=True)
            def piece_played(self, utterance, piece): ...
            def utterance_finished(self, utterance): ...
        speak(PlayoutQueue(Nobody(), channel), 1.0)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_when_who_commands_is_killed_the_caller_hears_the_rest_and_a_last_word(tmp_path: Path) -> None:
    phone = await Phone.open()
    commander = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, str(tmp_path), str(phone.socket.local.port), stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert commander.stdout is not None
    port, pid = map(int, (await commander.stdout.readline()).split())
    talking = asyncio.create_task(phone.talk(Address(HOST, port)))
    commander.kill()
    await commander.wait()
    await until(lambda: phone.loud >= 70)
    await until(lambda: not Path(f"/proc/{pid}").exists())
    talking.cancel()
    phone.socket.close()
    assert phone.loud <= 76


async def test_voices_that_are_judged_between_two_ticks_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of many calls not all are judged in the tick; whoever interrupts does not wait for the next one."""
    link, clock, sent = CallPlaneSocket(), Clock(asyncio.get_running_loop()), list[list[str]]()
    link._clock = clock
    monkeypatch.setattr(link, "send", lambda events: sent.append([type(event).__name__ for event in events]))
    clock.add(leg := Ticked())
    try:
        link._told([PlayedOut(1, 1)], 0.0)
        assert sent == []
        link._told([VoiceBegan(1, 0.0)], 0.0)
        assert sent == [["Happened", "PlayedOut", "VoiceBegan"]]
    finally:
        clock.remove(leg)


class Ticked:
    call = ""

    def tick(self) -> None: ...

    def failed(self, error: Exception) -> None: ...
