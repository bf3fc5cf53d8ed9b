"""ElevenLabs' two sockets for text to speech, as strict as the original about what they are sent: each
character takes the same time, and is said to."""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

KEY = "xi-fake-0123456789abcdef"
VOICE = "21m00Tcm4TlvDq8ikWAM"
RATE = 8000
CHARACTER_MS = 40
PER_MESSAGE = 20
"""Characters."""
SCHEDULE = 120
QUERY = {
    "model_id", "output_format", "language_code", "enable_ssml_parsing", "enable_logging",
    "inactivity_timeout", "sync_alignment", "auto_mode", "apply_text_normalization", "seed",
}  # fmt: skip
FORMATS = {"pcm_8000", "pcm_16000", "ulaw_8000", "mp3_44100_128"}


class Refused(Exception):
    """What is told after the handshake, before the connection is closed."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


@dataclass
class Fake:
    """`refusals`: HTTP statuses with their `detail`, one for each handshake. `told`: errors after the
    handshake. `hangs`: connections without an answer. `mute`: connections that bring no sound. `garbage`:
    what is sent instead of sound. `closes_after`: so many messages with sound, on `closings` connections.
    `slow`: seconds before the first sound. `pace`: seconds between messages. `aligned`: are times told?
    `character_ms`: how long a character takes."""

    refusals: list[tuple[int, str, str]] = field(default_factory=list)
    told: list[Refused] = field(default_factory=list)
    hangs: int = 0
    mute: int = 0
    garbage: str | None = None
    closes_after: int | None = None
    closings: int = 1
    slow: float = 0.0
    pace: float = 0.0
    aligned: bool = True
    character_ms: int = CHARACTER_MS
    url: str = ""
    paths: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0

    @property
    def texts(self) -> list[str]:
        """What was to be said."""
        return [one["text"].strip() for one in self.received if one.get("text", "").strip()]

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        path = urlsplit(request.path).path
        if self.refusals:
            status, name, message = self.refusals.pop(0)
        elif not path.endswith(("/stream-input", "/multi-stream-input")):
            status, name, message = 404, "not_found", "Not Found"
        else:
            return None
        body = json.dumps({"detail": {"status": name, "message": message}}).encode()
        return Response(
            status, HTTPStatus(status).phrase, Headers({"Content-Type": "application/json"}), body
        )

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        parts = urlsplit(connection.request.path)
        self.paths.append(parts.path)
        query = dict(parse_qsl(parts.query))
        self.queries.append(query)
        mute, self.mute = self.mute > 0, max(self.mute - 1, 0)
        speaking = _Speaking(self, connection, query, parts.path.endswith("/multi-stream-input"), mute)
        try:
            self._check(connection.request, parts.path.split("/")[3], query)
            if self.told:
                raise self.told.pop(0)
            async for message in connection:
                await speaking.take(json.loads(message))
        except Refused as refused:
            told = {"message": str(refused), "error": refused.error, "code": 1008}
            await connection.send(json.dumps(told))
            await connection.close(1008, str(refused)[:100])
        except ConnectionClosed:
            pass
        finally:
            await speaking.stop()

    def _check(self, request: Request, voice: str, query: Mapping[str, str]) -> None:
        """Raises Refused."""
        model = query.get("model_id", "eleven_monolingual_v1")
        if request.headers.get("xi-api-key") != KEY:
            raise Refused("invalid_api_key", "Invalid API key.")
        if voice != VOICE:
            raise Refused("voice_id_does_not_exist", f"A voice with voice_id {voice} does not exist.")
        if model.endswith("_gone") or model.startswith("eleven_v3"):
            raise Refused("invalid_model_id", f"The model {model} cannot be used here.")
        if query.keys() - QUERY or query.get("output_format", "mp3_44100_128") not in FORMATS:
            raise Refused("input_invalid", f"Unknown parameters: {sorted(query.keys() - QUERY)}")
        if int(query.get("inactivity_timeout", "20")) > 180:
            raise Refused("input_invalid", "inactivity_timeout must be at most 180.")
        if "language_code" in query and not model.endswith("_v2_5"):
            raise Refused("input_invalid", f"Model {model} does not support language_code.")


@dataclass
class _Context:
    name: str | None
    buffer: str = ""
    closing: bool = False
    first: bool = True


@dataclass
class _Speaking:
    fake: Fake
    connection: ServerConnection
    query: Mapping[str, str]
    multi: bool
    mute: bool
    contexts: dict[str | None, _Context] = field(default_factory=dict)
    queue: asyncio.Queue[tuple[_Context, str]] = field(default_factory=asyncio.Queue)
    worker: asyncio.Task[None] | None = None
    messages: int = 0

    async def take(self, message: dict[str, Any]) -> None:
        self.fake.received.append(message)
        if self.worker is None:
            self.worker = asyncio.create_task(self._speak())
        if message.get("close_socket"):
            await self.connection.close()
            return
        name = message.get("context_id") if self.multi else None
        context = self.contexts.get(name)
        if context is None:
            if message.get("close_context"):
                return
            if message.get("text") != " ":
                raise Refused("input_invalid", "The first message of a context must be a space.")
            context = self.contexts[name] = _Context(name)
            if len(self.contexts) > 5:
                raise Refused("max_contexts", "Maximum simultaneous contexts exceeded (5).")
        elif message.get("voice_settings") is not None:
            raise Refused("input_invalid", "Voice settings can only be given in the first message.")
        self._add(context, message)

    def _add(self, context: _Context, message: Mapping[str, Any]) -> None:
        text = message.get("text", "")
        over = bool(message.get("close_context")) or (text == "" and not self.multi and "text" in message)
        context.buffer += text
        auto = self.query.get("auto_mode") == "true" and context.buffer.rstrip()[-1:] in (".", "!", "?")
        if over or message.get("flush") or auto or len(context.buffer) >= SCHEDULE:
            if context.buffer.strip():
                self.queue.put_nowait((context, context.buffer.lstrip()))
            context.buffer = ""
        if over:
            self.contexts.pop(context.name, None)
            self.queue.put_nowait((context, ""))

    async def _speak(self) -> None:
        try:
            await asyncio.sleep(self.fake.slow)
            while True:
                context, text = await self.queue.get()
                if text:
                    await self._say(context, text)
                else:
                    await self._send(
                        context, {"isFinal": True} if self.multi else {"audio": None, "isFinal": True}
                    )
                    if not self.multi:
                        await self.connection.close()
                        return
        except ConnectionClosed:
            pass

    async def _say(self, context: _Context, text: str) -> None:
        for start in range(0, len(text), PER_MESSAGE):
            if self.fake.pace:
                await asyncio.sleep(self.fake.pace)
            part = text[start : start + PER_MESSAGE]
            alignment = {
                "chars": list(part),
                "charStartTimesMs": [at * self.fake.character_ms for at in range(len(part))],
                "charDurationsMs": [self.fake.character_ms] * len(part),
            }
            times = {"normalizedAlignment": alignment, "alignment": alignment} if self.fake.aligned else {}
            audio = sound(
                len(part) * self.fake.character_ms / 1000, self.query.get("output_format", "mp3_44100_128")
            )
            await self._send(context, {"audio": b64encode(audio).decode(), **times})
            self.messages += 1
            if self.fake.closes_after == self.messages and self.fake.closings:
                self.fake.closings -= 1
                await self.connection.close(1011, "internal error")

    async def _send(self, context: _Context, message: dict[str, Any]) -> None:
        if self.mute:
            return
        if self.multi:
            message["contextId"] = context.name
        elif "isFinal" not in message:
            message["isFinal"] = None
        self.fake.sent.append(message)
        await self.connection.send(json.dumps(message) if self.fake.garbage is None else self.fake.garbage)

    async def stop(self) -> None:
        if self.worker is not None:
            self.worker.cancel()
            await asyncio.gather(self.worker, return_exceptions=True)


def sound(seconds: float, output_format: str = "pcm_8000") -> bytes:
    if output_format == "pcm_8000":
        return struct.pack("<h", 6000) * round(seconds * RATE)
    return b"\x55" * round(seconds * RATE)


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[Fake]:
    async with serve(
        fake.serve, "127.0.0.1", 0, process_request=fake.answer, close_timeout=0.2, compression=None
    ) as listener:
        fake.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield fake
