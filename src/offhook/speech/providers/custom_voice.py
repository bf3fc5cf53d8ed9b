"""Provider `custom-voice`: the owner's own server turns text into audio (vapi-wire §4.4 voice-request)."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing

import httpx2

from offhook.frames import SAMPLE_RATE
from offhook.network import turns, words_of
from offhook.network.outside import Outside
from offhook.network.pool import REPEATABLE
from offhook.schema.assistants.voice import CustomVoice
from offhook.speech.engine_protocols import EngineError, Voice
from offhook.speech.engine_request import EngineRequest
from offhook.speech.remote import CUSTOM, REFUSED, CallContext, Remote, json_of, no_context
from offhook.speech.sentence_voice import SentenceVoice
from offhook.speech.streaming.voice_limits import LONGEST_REPLY, SLOWEST, most_audio

MOST_CHUNKS = 20_000
"""Pieces in which the audio of one text may come."""
_CHUNK_COST = 40
"""Of each, in microseconds, about."""

CHUNK_TIMEOUT = 10.0
"""Seconds between two pieces of one reply."""

_TOLD = frozenset({"call", "phoneNumber", "customer", "assistant"})
_LONGEST_MESSAGE = 4096
_LONGEST_WAV_HEADER = 1024
_PCM = 1
_EXTENSIBLE = 0xFFFE


class NotAudio(Exception):
    """The server sent something else. The text says what, and how it begins where that are words."""

    def __init__(self, what: str, begins: str | None = None) -> None:
        super().__init__(what if begins is None else f"{what}: {begins}")
        self.unquoted = what


class AudioReader:
    """The body of a reply, in any pieces -> whole samples.

    Raw s16le mono at 8 kHz is asked for. A WAV header in front of it is skipped if it says just that; an
    error in JSON, which many servers send with status 200, is found out."""

    __slots__ = ("_held", "_in_audio", "_most", "_taken")

    def __init__(self, most: int = LONGEST_REPLY) -> None:
        self._most = most
        self._held = b""
        self._in_audio = False
        self._taken = 0

    def feed(self, data: bytes) -> bytes:
        """Raises NotAudio, also when there are more than `most` bytes."""
        self._taken += len(data)
        if self._taken > self._most:
            raise NotAudio(f"more than {self._most} bytes of audio")
        data = self._held + data
        if not self._in_audio:
            start = self._start(data)
            if start is None:
                self._held = data
                return b""
            self._in_audio = True
            data = data[start:]
        whole = len(data) & ~1
        self._held = data[whole:]
        return data[:whole]

    @property
    def seconds(self) -> float:
        """Of audio so far."""
        return self._taken / (SAMPLE_RATE * 2)

    def end(self) -> bytes:
        """What was held back. Raises NotAudio if it is not audio, or if there was nothing at all."""
        if self._in_audio:
            return b""  # half a sample at most
        if not self._held:
            raise NotAudio("an empty body")
        if self._held[:1] == b"{":
            try:
                json.loads(self._held)
            except ValueError:
                pass
            else:
                raise NotAudio("JSON instead of audio", _excerpt(self._held))
        elif self._held[:4] == b"RIFF":
            raise NotAudio("a WAV file without audio")
        return self._held[: len(self._held) & ~1]

    def _start(self, data: bytes) -> int | None:
        """Where the audio starts; None if that cannot be told yet."""
        if data[:1] == b"{":
            return 0 if len(data) > _LONGEST_MESSAGE else None
        if data[:4] == b"RIFF"[: len(data)]:
            return _wav_start(data)
        return 0


def _wav_start(data: bytes) -> int | None:
    """Where the samples of a WAV file start (RIFF: chunks of `id, size u32, body`, padded to even sizes)."""
    at = 12
    formatted = False
    while len(data) >= at + 8:
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"data":
            if not formatted:
                raise NotAudio("a WAV file without a format")
            return at + 8
        if name == b"fmt ":
            if len(data) < at + 24:
                return None
            _check_format(data, at + 8)
            formatted = True
        at += 8 + size + (size & 1)
        if at > _LONGEST_WAV_HEADER:
            raise NotAudio("a WAV file with too long a header")
    return None


def _check_format(data: bytes, at: int) -> None:
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at)
    if kind not in (_PCM, _EXTENSIBLE) or (channels, rate, bits) != (1, SAMPLE_RATE, 16):
        raise NotAudio(
            f"WAV format {kind}, {bits} bit, {channels} channel(s), {rate} Hz; asked for was 16 bit mono PCM "
            f"at {SAMPLE_RATE} Hz"
        )


class RemoteVoice(SentenceVoice):
    """One call's custom voice. `now`: seconds since the epoch, for the message's timestamp."""

    provider = "custom-voice"

    def __init__(
        self,
        remote: Remote,
        outside: Outside,
        context: CallContext = no_context,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._remote = remote
        self._outside = outside
        self._context = context
        self._now = now

    async def start(self) -> None:
        """Nothing to do: each sentence is a request of its own."""

    async def close(self) -> None:
        """Nothing to give back: a `speak` under way ends with its iterator."""

    async def say(self, text: str) -> AsyncIterator[bytes]:
        try:
            async with aclosing(self._pieces(text)) as pieces:
                async for piece in pieces:
                    yield piece
        except NotAudio as error:
            raise EngineError("voice", CUSTOM, self._remote.told(str(error)), error.unquoted) from None
        except TimeoutError:
            raise EngineError("voice", CUSTOM, "the server took too long") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, *REFUSED) as error:
            raise EngineError("voice", CUSTOM, self._remote.told(words_of(error))) from None

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        http, remote = self._outside.http, self._remote
        headers = {**remote.headers, "Content-Type": "application/json", "Accept-Encoding": "identity"}
        body = json.dumps({"message": self._message(text)}, default=str).encode()
        request = http.build_request(
            "POST",
            remote.url,
            content=body,
            headers=headers,
            timeout=remote.timeout,
            extensions={REPEATABLE: True},
        )
        async with asyncio.timeout(remote.timeout):
            response = await http.send(request, stream=True)
        try:
            await self._check(response)
            reader = AudioReader(most_audio(text))
            lane = turns.lane("engines")
            chunks, taken, loop = response.aiter_raw(), 0, asyncio.get_running_loop()
            begun, limit = loop.time(), remote.timeout
            while True:
                latest = begun + remote.timeout + CHUNK_TIMEOUT + SLOWEST * reader.seconds
                async with asyncio.timeout_at(min(loop.time() + limit, latest)):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if piece := reader.feed(chunk):
                    yield piece
                await lane.turn(_CHUNK_COST)
                limit, taken = CHUNK_TIMEOUT, taken + 1
                if taken > MOST_CHUNKS:
                    raise NotAudio(f"audio in more than {MOST_CHUNKS} pieces")
                if loop.time() > latest:
                    raise TimeoutError
            if piece := reader.end():
                yield piece
        finally:
            await response.aclose()

    def _message(self, text: str) -> Mapping[str, object]:
        return {
            "timestamp": round(self._now() * 1000),
            **{name: value for name, value in self._context().items() if name in _TOLD},
            "type": "voice-request",
            "text": text,
            "sampleRate": SAMPLE_RATE,
        }

    async def _check(self, response: httpx2.Response) -> None:
        kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if not response.is_success:
            raise NotAudio(f"HTTP {response.status_code}", await self._words(response))
        if kind in ("application/json", "application/problem+json") or kind.startswith("text/"):
            raise NotAudio(f"{kind} instead of audio", await self._words(response))
        if response.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
            raise NotAudio("compressed audio, which was not asked for")

    async def _words(self, response: httpx2.Response) -> str:
        body = b""
        async with asyncio.timeout(self._remote.timeout):
            async for chunk in response.aiter_raw(512):
                body += chunk
                if len(body) > 512:
                    break
        return _excerpt(body)


async def voice(request: EngineRequest[CustomVoice]) -> Voice:
    remote = Remote.of(json_of(request.settings), "voice")
    return RemoteVoice(remote, request.node.outside, request.context, request.node.now)


def _excerpt(body: bytes) -> str:
    text = body[:512].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)
