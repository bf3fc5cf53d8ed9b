"""Engines of an owner's that send without an end: each is given up by what it sends, and nothing piles up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode

from offhook.network.turns import ROUND
from offhook.speech.bounded_socket import FRAMES, PIECE, PIECE_COST
from offhook.speech.engine_protocols import EngineError
from offhook.speech.providers.custom_voice import RemoteVoice
from offhook.speech.remote import Remote
from offhook.speech.streaming.engine_socket import MESSAGES
from offhook.speech.streaming.streaming_transcriber import CHARACTERS
from offhook.speech.token_bucket import TokenBucket
from tests.machine import PATIENCE
from tests.network.test_turns import Rounds
from tests.speech.servers import http_server, outside
from tests.speech.test_custom_transcriber import Server, hearing, listen, said, ws_server


def test_an_allowance_fills_again_and_no_further() -> None:
    bucket = TokenBucket(10, 2, now=0)
    assert [bucket.take(5, 0), bucket.take(5, 0), bucket.take(1, 0.4)] == [True, True, False]
    assert bucket.take(1, 0.6)
    assert not bucket.take(11, 100)
    assert bucket.take(10, 100)


@pytest.mark.parametrize(
    "message",
    [
        said("a"),
        said("a", transcriptType="partial"),
        said("a", channel="assistant"),
        "x" * 60_000,
        said("word " * 700),
        b"\0" * 1000,
        "{}",
    ],
)
async def test_a_transcriber_that_floods_is_given_up(message: str | bytes) -> None:
    """And not connected to again: it is told once."""

    async def flood(server: Server, connection: ServerConnection) -> None:
        while True:
            await connection.send(message)
            await asyncio.sleep(0)

    async with ws_server(flood) as server, hearing(server.url) as (_, ears):
        error = await ears.failed.get()
        assert "more" in error.detail
        assert ears.heard.qsize() <= MESSAGES[0] + 20
        words = sum(len(ears.heard.get_nowait().text) for _ in range(ears.heard.qsize()))
        assert words <= CHARACTERS[0] + 4000
        assert server.connections == 1


async def test_a_message_in_pieces_without_an_end() -> None:
    async def flood(server: Server, connection: ServerConnection) -> None:
        connection.transport.write(Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=False))
        while True:
            connection.transport.write(Frame(Opcode.CONT, b"", fin=False).serialize(mask=False))
            await asyncio.sleep(0)

    async with ws_server(flood) as server, hearing(server.url) as (_, ears):
        assert "pieces" in (await ears.failed.get()).detail


async def test_a_busy_transcriber_is_heard() -> None:
    """Twenty partials a second are usual."""

    async def busy(server: Server, connection: ServerConnection) -> None:
        for number in range(100):
            await connection.send(said(f"word {number}", transcriptType="partial"))
            await asyncio.sleep(0.01)
        await connection.send(said("all of it"))
        await listen(server, connection)

    async with ws_server(busy) as server, hearing(server.url) as (_, ears):
        for _ in range(100):
            await ears.heard.get()
        assert (await ears.heard.get()).text == "all of it"
        assert ears.failed.empty()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nTransfer-Encoding: chunked\r\n\r\n"


def without_end(head: bytes, part: bytes, pause: float | None = None) -> Any:
    async def reply(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            if pause is not None:
                await asyncio.sleep(pause)

    return reply


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def spoken(reply: Any, timeout: float = 20.0) -> int:
    """Bytes of audio until it fails."""
    pieces: list[bytes] = []

    async def speak(voice: RemoteVoice) -> None:
        pieces.extend([piece async for piece in voice.say("Hello there.")])

    async with http_server(reply) as server, outside() as reach, asyncio.timeout(PATIENCE):
        with pytest.raises(EngineError):
            await speak(RemoteVoice(Remote(server.url, {}, timeout), reach))
    return sum(map(len, pieces))


@pytest.mark.parametrize(
    "reply",
    [
        without_end(HEAD, chunk(bytes(32_000))),
        without_end(HEAD, chunk(b"\0") * 5_000),
        without_end(HEAD, b"1;" + b"x" * 60_000),
        without_end(b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\n\r\n", bytes(60_000)),
        without_end(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n" * 5_000),
        without_end(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"x" * 60_000),
        without_end(HEAD, chunk(b"{" * 60_000)),
        without_end(HEAD, chunk(b"RIFF" + bytes(8) + b"LIST" + bytes(4))),
    ],
)
async def test_a_voice_without_an_end_is_given_up(reply: Any) -> None:
    """Twelve characters are said in half a minute."""
    assert await spoken(reply) <= 32 * 16_000


async def test_a_voice_that_only_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No piece is late, and yet the caller would hear nothing."""
    monkeypatch.setattr("offhook.speech.providers.custom_voice.CHUNK_TIMEOUT", 0.5)
    assert await spoken(without_end(HEAD, chunk(b"\0\0"), 0.1), timeout=0.5) < 100


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.PONG, b""),
        Frame(Opcode.PING, b""),
        Frame(Opcode.TEXT, b""),
        Frame(Opcode.CONT, b"", fin=False),
    ],
    ids=["pongs", "pings", "empty texts", "empty fragments"],
)
async def test_frames_without_an_end_are_taken_a_few_at_a_time_and_given_up(
    frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, taken = Rounds(), 0
    take = ClientConnection.process_event

    def counting(self: ClientConnection, event: object) -> None:
        nonlocal taken
        taken += 1
        rounds.note(event)
        take(self, event)  # type: ignore[arg-type]

    monkeypatch.setattr(ClientConnection, "process_event", counting)

    async def flood(server: Server, connection: ServerConnection) -> None:
        if frame.opcode is Opcode.CONT:
            connection.transport.write(Frame(Opcode.TEXT, b"{", fin=False).serialize(mask=False))
        many = frame.serialize(mask=False) * 5000
        while not connection.transport.is_closing():
            connection.transport.write(many)
            await asyncio.sleep(0.001)

    async with ws_server(flood) as server, hearing(server.url) as (_, ears):
        error = await ears.failed.get()
        assert "more" in error.detail
        assert server.connections == 1
    await rounds.wait(0)
    assert taken <= FRAMES[0] + FRAMES[1] * 10
    assert max(map(len, rounds.done)) <= 2 * (PIECE // 2) * (ROUND // PIECE_COST + 1)


async def test_what_came_before_the_end_is_heard() -> None:
    async def says_and_goes(server: Server, connection: ServerConnection) -> None:
        for number in range(60):
            await connection.send(said(f"word {number} " + "x" * 300))
        connection.transport.close()

    async with ws_server(says_and_goes) as server, hearing(server.url) as (_, ears):
        heard = [(await ears.heard.get()).text.split()[1] for _ in range(60)]
        assert heard == [str(number) for number in range(60)]
