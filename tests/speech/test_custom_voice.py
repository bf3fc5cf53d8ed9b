from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.speech.engine_protocols import EngineError
from offhook.speech.providers.custom_voice import AudioReader, NotAudio, RemoteVoice
from offhook.speech.remote import Remote
from offhook.speech.streaming.voice_limits import LONGEST_REPLY
from tests.machine import PATIENCE
from tests.network.servers import Heard, serving
from tests.network.servers import reply as whole
from tests.speech.clips import clip
from tests.speech.servers import HttpServer, Reply, answer, http_server, in_pieces, never, outside


def wav(pcm: bytes, rate: int = 8000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


def read(body: bytes, sizes: list[int]) -> bytes:
    reader, audio, at = AudioReader(), b"", 0
    for size in [*sizes, len(body)]:
        if at < len(body):
            audio += reader.feed(body[at : at + size])
            at += size
    return audio + reader.end()


cuts = st.lists(st.integers(1, 60), max_size=30)


@given(st.binary(min_size=1, max_size=400).filter(lambda b: b[:1] not in (b"{", b"R")), cuts)
@settings(max_examples=60, deadline=None)
def test_raw_audio_in_any_pieces(pcm: bytes, sizes: list[int]) -> None:
    assert read(pcm, sizes) == pcm[: len(pcm) & ~1]


@given(st.binary(min_size=2, max_size=400), cuts)
@settings(max_examples=60, deadline=None)
def test_a_wav_header_is_skipped(pcm: bytes, sizes: list[int]) -> None:
    pcm = pcm[: len(pcm) & ~1]
    assert read(wav(pcm), sizes) == pcm


@given(st.binary(max_size=300), cuts)
@settings(max_examples=100, deadline=None)
def test_any_wav_like_bytes_are_read_or_refused(rest: bytes, sizes: list[int]) -> None:
    try:
        read(b"RIFF" + rest, sizes)
    except NotAudio:
        pass


def test_audio_that_happens_to_start_like_json() -> None:
    pcm = b"{" + bytes(range(255)) * 2 + b"\0"
    assert read(pcm, [7]) == pcm


@pytest.mark.parametrize("body", [wav(bytes(20), rate=24000), wav(bytes(20), channels=2)])
def test_a_wav_of_another_format_is_refused(body: bytes) -> None:
    with pytest.raises(NotAudio, match="asked for was 16 bit mono PCM at 8000 Hz"):
        read(body, [])


def test_the_audio_is_bounded() -> None:
    reader = AudioReader()
    for _ in range(LONGEST_REPLY // 65536):
        reader.feed(bytes(65536))
    with pytest.raises(NotAudio, match="more than"):
        reader.feed(bytes(65536))


async def speak(server: HttpServer, **settings: Any) -> bytes:
    remote = Remote.of({"server": {"url": server.url + "/voice", **settings}}, "voice")
    async with outside() as reach, asyncio.timeout(PATIENCE):
        voice = RemoteVoice(
            remote,
            reach,
            lambda: {"call": {"id": "c1"}, "customer": {"number": "+1"}, "metadata": {"secret": 1}},
            now=lambda: 12.5,
        )
        await voice.start()
        audio = b"".join([piece async for piece in voice.say("Hello, world!")])
        await voice.close()
        return audio


async def refused(reply: Reply, **settings: Any) -> EngineError:
    async with http_server(reply) as server:
        with pytest.raises(EngineError) as caught:
            await speak(server, **settings)
    assert (caught.value.stage, caught.value.provider) == ("voice", "custom")
    return caught.value


async def test_the_request_is_the_apis() -> None:
    async with http_server(answer(clip("okay"))) as server:
        audio = await speak(server, secret="s3cret", headers={"X-Mine": "yes"})
    assert audio == clip("okay")
    (request,) = server.requests
    assert request.path == "/voice"
    assert request.headers["x-vapi-secret"] == "s3cret"
    assert request.headers["x-mine"] == "yes"
    assert request.headers["content-type"] == "application/json"
    assert request.body == {
        "message": {
            "type": "voice-request",
            "text": "Hello, world!",
            "sampleRate": 8000,
            "timestamp": 12500,
            "call": {"id": "c1"},
            "customer": {"number": "+1"},
        }
    }


async def test_audio_is_given_as_it_comes() -> None:
    first_given = asyncio.Event()

    async def reply(request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n\1\2\3")
        await writer.drain()
        await first_given.wait()
        writer.write(b"\4\5\6")

    async with http_server(reply) as server, outside() as reach, asyncio.timeout(PATIENCE):
        pieces = RemoteVoice(Remote(server.url), reach).say("Hi.")
        assert await anext(pieces) == b"\1\2"
        first_given.set()
        assert await anext(pieces) == b"\3\4\5\6"
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)


async def test_odd_pieces_make_whole_samples() -> None:
    pcm = clip("okay")
    pieces = [pcm[i : i + 333] for i in range(0, len(pcm), 333)]
    async with http_server(in_pieces(pieces, 0)) as server:
        assert await speak(server) == pcm


async def test_an_error_of_the_server_is_told_with_its_words() -> None:
    error = await refused(answer(b'{"error": "no such voice"}', "422 Unprocessable", "application/json"))
    assert "HTTP 422" in error.detail
    assert "no such voice" in error.detail


async def test_json_with_status_200_is_no_audio() -> None:
    assert "JSON" in (await refused(answer(b'{"error": "quota"}'))).detail
    assert "quota" in (await refused(answer(b'{"error": "quota"}', kind="application/json"))).detail


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(b""), "empty"),
        (answer(b"<html>", kind="text/html"), "text/html"),
        (answer(b"\x1f\x8b", content_encoding="gzip"), "compressed"),
        (answer(b"", "302 Found", location="http://127.0.0.1:1/"), "302"),
        (in_pieces([bytes(320)], end=False), "peer closed connection"),
        (in_pieces([bytes(65536)] * 50, 0), "more than"),
    ],
    ids=["empty", "html", "gzip", "redirect", "broken off", "endless"],
)
async def test_what_is_no_audio_is_an_error(reply: Reply, words: str) -> None:
    assert words in (await refused(reply)).detail


async def test_a_server_that_speaks_no_http() -> None:
    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example.org ESMTP\r\n")

    assert (await refused(reply)).detail


async def test_a_silent_server_is_given_up() -> None:
    assert "too long" in (await refused(never, timeoutSeconds=0.3)).detail


async def test_nobody_listens() -> None:
    async with http_server(never) as server:
        pass
    with pytest.raises(EngineError, match="Connect"):
        await speak(server)


async def test_a_private_address_is_refused() -> None:
    async with http_server(answer(clip("okay"))) as server, outside(allow_private=False) as reach:
        with pytest.raises(EngineError, match="private"):
            await anext(RemoteVoice(Remote(server.url), reach).say("Hi."))
    assert server.requests == []


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/", "http://", "http://[::1"])
async def test_a_url_that_is_none(url: str) -> None:
    async with outside() as reach:
        with pytest.raises(EngineError):
            await anext(RemoteVoice(Remote(url), reach).say("Hi."))


async def test_closing_the_iterator_ends_the_request() -> None:
    endless = in_pieces([bytes(320)] * 500, 0.01)
    async with http_server(endless) as server, outside() as reach, asyncio.timeout(PATIENCE):
        pieces = RemoteVoice(Remote(server.url), reach).say("Hi.")
        await anext(pieces)
        await cast("AsyncGenerator[Any, None]", pieces).aclose()
        await server.closed_by_peer.wait()


def test_headers_with_line_breaks_are_refused() -> None:
    with pytest.raises(EngineError, match="line break"):
        Remote.of({"server": {"url": "http://x", "headers": {"A": "b\r\nC: d"}}}, "voice")


def test_a_server_without_url_is_refused() -> None:
    with pytest.raises(EngineError, match=r"no server\.url"):
        Remote.of({"server": {}}, "voice")


def test_secrets_stay_out_of_logs() -> None:
    remote = Remote.of({"server": {"url": "http://x", "secret": "s3cret"}}, "voice")
    assert "s3cret" not in repr(remote)


async def test_a_kept_connection_that_the_server_closes_costs_no_sentence() -> None:
    """Its FIN and the next request may cross."""

    async def converse(_: Heard, writer: asyncio.StreamWriter) -> None:
        if len(server.heard) == 2:
            writer.transport.abort()
        else:
            writer.write(whole(200, bytes(320), "content-encoding: "))

    async with serving(converse) as server, outside() as reach, asyncio.timeout(PATIENCE):
        voice = RemoteVoice(Remote(server.url), reach)
        for _ in range(2):
            assert b"".join([piece async for piece in voice.say("Hello.")]) == bytes(320)
    assert (len(server.heard), server.connections) == (3, 2)


@pytest.mark.parametrize("before", ["", "x" * 170])
@pytest.mark.parametrize(
    ("status", "kind"), [("401 No", "text/plain"), ("200 OK", "application/json"), ("200 OK", "audio/raw")]
)
async def test_a_secret_that_the_server_quotes_is_told_nobody(status: str, kind: str, before: str) -> None:
    body = json.dumps({"no": f"{before} canary-0123456789abcdef"}).encode()

    error = await refused(answer(body, status, kind), secret="canary-0123456789abcdef")

    assert "canary" not in str(error)
