from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from offhook.speech.engine_protocols import EngineError, Transcript
from offhook.speech.providers.custom_transcriber import RemoteTranscriber, parse_response
from offhook.speech.remote import Remote
from tests.machine import PATIENCE
from tests.speech.clips import SILENCE, clip, frames
from tests.speech.servers import answer, http_server, never, outside

START = {"type": "start", "encoding": "linear16", "container": "raw", "sampleRate": 16000, "channels": 2}


@dataclass
class Ears:
    """What a call hears of its transcriber."""

    heard: asyncio.Queue[Transcript] = field(default_factory=asyncio.Queue)
    failed: asyncio.Queue[EngineError] = field(default_factory=asyncio.Queue)


@dataclass
class Server:
    url: str = ""
    headers: list[str | None] = field(default_factory=list)
    connections: int = 0
    messages: asyncio.Queue[str | bytes] = field(default_factory=asyncio.Queue)


Behave = Callable[[Server, ServerConnection], Awaitable[None]]


@asynccontextmanager
async def ws_server(behave: Behave) -> AsyncIterator[Server]:
    server = Server()

    async def handle(connection: ServerConnection) -> None:
        server.connections += 1
        assert connection.request is not None
        server.headers.append(connection.request.headers.get("X-Vapi-Secret"))
        await behave(server, connection)

    async with serve(handle, "127.0.0.1", 0, close_timeout=0.2) as listener:
        port = next(iter(listener.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/hear"
        yield server


@asynccontextmanager
async def hearing(url: str, timeout: float = 5.0) -> AsyncIterator[tuple[RemoteTranscriber, Ears]]:
    ears = Ears()
    async with outside() as reach, asyncio.timeout(PATIENCE):
        transcriber = RemoteTranscriber(Remote(url, {"X-Vapi-Secret": "s3cret"}, timeout), reach)
        await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
        try:
            yield transcriber, ears
        finally:
            await transcriber.close()


async def listen(server: Server, connection: ServerConnection) -> None:
    async for message in connection:
        server.messages.put_nowait(message)


def said(words: str, **more: Any) -> str:
    message = {"type": "transcriber-response", "transcription": words, "channel": "customer", **more}
    return json.dumps(message)


def saying(*messages: str | bytes) -> Behave:
    async def behave(server: Server, connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)
        await listen(server, connection)

    return behave


@pytest.mark.parametrize("unset", [None, ""])
def test_what_a_server_leaves_unset_is_as_if_it_were_not_there(unset: object) -> None:
    found = parse_response(said("Hello.", channel=unset, transcriptType=unset))
    assert found is not None
    assert (found.text, found.final) == ("Hello.", True)


async def test_the_audio_is_announced_and_comes_interleaved_at_16_khz() -> None:
    heard, assistant = frames(clip("hours")), frames(clip("thanks"))
    count = min(len(heard), len(assistant))
    async with ws_server(listen) as server, hearing(server.url) as (transcriber, _):
        assert json.loads(await server.messages.get()) == START
        for a, b in zip(heard, assistant, strict=False):
            transcriber.push(a, b)
        audio = b""
        while len(audio) < count * 4 * 320:
            piece = await server.messages.get()
            assert isinstance(piece, bytes)
            audio += piece
    assert server.headers == ["s3cret"]
    both = np.frombuffer(audio, "<i2").reshape(-1, 2)
    assert len(both) == count * 320
    # Every other sample is one of the caller's, 0.75 ms late.
    caller = np.frombuffer(b"".join(heard[:count]), "<i2")
    assert np.array_equal(both[12::2, 0], caller[: len(both[12::2])])
    other = np.frombuffer(b"".join(assistant[:count]), "<i2")
    assert np.array_equal(both[12::2, 1], other[: len(both[12::2])])


async def test_the_customers_words_are_told_partial_and_final() -> None:
    behave = saying(
        said("What are", transcriptType="partial"),
        said("How can I help?", channel="assistant"),
        said(" What are your opening hours? ", transcriptType="final"),
        said("Without a type."),
    )
    async with ws_server(behave) as server, hearing(server.url) as (_, ears):
        assert await ears.heard.get() == Transcript("What are", final=False)
        assert await ears.heard.get() == Transcript("What are your opening hours?", final=True)
        assert await ears.heard.get() == Transcript("Without a type.", final=True)
        assert ears.heard.empty()


async def test_odd_messages_are_ignored_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    odd: list[str | bytes] = [
        "{",
        "[]",
        b"\0\1",
        said("x", channel="third"),
        '{"type": "transcriber-response", "transcription": 7}',
        '{"type": "ping"}',
        "[" * 60000,
    ]
    with caplog.at_level(logging.WARNING):
        async with ws_server(saying(*odd, said("Hello."))) as server, hearing(server.url) as (_, ears):
            assert (await ears.heard.get()).text == "Hello."
            assert ears.failed.empty()
    assert sum("a message is ignored" in record.getMessage() for record in caplog.records) == 1


async def test_of_words_without_an_end_the_last_are_heard() -> None:
    long = " ".join(f"word{at}" for at in range(4000))
    async with ws_server(saying(said(long))) as server, hearing(server.url) as (_, ears):
        heard = (await ears.heard.get()).text
    assert (len(heard), heard[-8:]) == (20_000, "word3999")


@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps))
@settings(max_examples=80, deadline=None)
def test_any_message_is_read_or_refused(text: str) -> None:
    try:
        assert parse_response(text) is None
    except ValueError:
        pass


async def test_a_lost_connection_is_made_again_and_announced_again() -> None:
    async def behave(server: Server, connection: ServerConnection) -> None:
        server.messages.put_nowait(await connection.recv())
        if server.connections == 1:
            return
        await connection.send(said("Back again."))
        await listen(server, connection)

    async with ws_server(behave) as server, hearing(server.url) as (transcriber, ears):
        for _ in range(5):
            transcriber.push(SILENCE, SILENCE)
        assert (await ears.heard.get()).text == "Back again."
        assert ears.failed.empty()
        assert server.connections == 2
        assert json.loads(await server.messages.get()) == START
        assert json.loads(await server.messages.get()) == START


async def test_a_server_that_always_closes_fails_the_call() -> None:
    async def behave(server: Server, connection: ServerConnection) -> None:
        await connection.recv()

    async with ws_server(behave) as server, hearing(server.url) as (_, ears):
        error = await ears.failed.get()
        assert (error.stage, error.provider) == ("transcriber", "custom")
        assert server.connections == 4
        assert ears.failed.empty()


async def test_too_long_a_message_ends_the_connection_not_the_process() -> None:
    async def behave(server: Server, connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(said("x" * 100_000 if server.connections == 1 else "Shorter."))
        await connection.wait_closed()

    async with ws_server(behave) as server, hearing(server.url) as (_, ears):
        assert (await ears.heard.get()).text == "Shorter."


async def test_a_server_that_reads_nothing_costs_no_more_than_the_buffers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    over = asyncio.Event()

    async def behave(server: Server, connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async with ws_server(behave) as server, hearing(server.url) as (transcriber, _):
        with caplog.at_level(logging.WARNING):
            for _ in range(60):
                for _ in range(250):
                    transcriber.push(SILENCE, SILENCE)
                await asyncio.sleep(0)
        assert sum("too slowly" in record.getMessage() for record in caplog.records) == 1
        over.set()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://127.0.0.1/", "not a WebSocket URL"),
        ("nonsense", "not a WebSocket URL"),
        ("ws://127.0.0.1:99999/", "Port"),
        ("ws://127.0.0.1:1/", "Connect"),
    ],
)
async def test_a_server_that_cannot_be_reached_fails_start(url: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        async with hearing(url):
            pass


async def test_a_web_server_without_websocket_fails_start() -> None:
    async with http_server(answer(b"hello")) as server:
        with pytest.raises(EngineError, match="rejected WebSocket connection"):
            async with hearing(server.url):
                pass


async def test_a_silent_server_fails_start() -> None:
    async with http_server(never) as server:
        with pytest.raises(EngineError, match="too long"):
            async with hearing(server.url, timeout=0.3):
                pass


async def test_a_private_address_is_refused() -> None:
    ears = Ears()
    async with ws_server(listen) as server, outside(allow_private=False) as reach:
        transcriber = RemoteTranscriber(Remote(server.url), reach)
        with pytest.raises(EngineError, match="private"):
            await transcriber.start(ears.heard.put_nowait, ears.failed.put_nowait)
    assert server.connections == 0


async def test_a_listener_that_fails_is_told_of_and_does_not_go_unnoticed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: Transcript) -> None:
        raise RuntimeError("boom")

    failed: asyncio.Queue[EngineError] = asyncio.Queue()
    async with ws_server(saying(said("Hello."))) as server, outside() as reach, asyncio.timeout(PATIENCE):
        transcriber = RemoteTranscriber(Remote(server.url), reach)
        await transcriber.start(fail, failed.put_nowait)
        assert "stopped working" in (await failed.get()).detail
        await transcriber.close()
    assert "boom" in caplog.text
