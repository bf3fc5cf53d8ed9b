"""Cartesia's socket for text to speech, as strict as the original about what it is sent: contexts, flushes,
each word with its time."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

KEY = "sk_car_fake_0123456789"
VOICE = "6ccbfb76-1fc6-48f7-b71d-91ac6298247b"
WORD_SECONDS = 0.3
RATE = 8000
KNOWN = {
    "model_id", "transcript", "voice", "output_format", "context_id", "continue", "flush", "language",
    "max_buffer_delay_ms", "add_timestamps", "add_phoneme_timestamps", "use_normalized_timestamps",
    "generation_config", "pronunciation_dict_id", "speed",
}  # fmt: skip
MAY_CHANGE = {"transcript", "continue", "flush"}


@dataclass
class Fake:
    """`refusals`: HTTP statuses, one for each handshake. `told`: errors (status, title, message), one for
    each request. `mute`, `garbage`, `closes_after`: as ElevenLabs' fake has them. `restarts`: do the times of
    words begin anew with each flush?"""

    refusals: list[int] = field(default_factory=list)
    told: list[tuple[int, str, str]] = field(default_factory=list)
    mute: int = 0
    garbage: str | None = None
    closes_after: int | None = None
    restarts: bool = False
    url: str = ""
    versions: list[str | None] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        self.versions.append(request.headers.get("Cartesia-Version"))
        bearer = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        if self.refusals:
            status = self.refusals.pop(0)
        elif KEY not in (request.headers.get("X-API-Key"), bearer):
            status = 401
        elif not request.path.split("?")[0].endswith("/tts/websocket"):
            status = 404
        else:
            return None
        return connection.respond(HTTPStatus(status), "refused\n")

    async def serve(self, connection: ServerConnection) -> None:
        mute, self.mute = self.mute > 0, max(self.mute - 1, 0)
        contexts: dict[str, _Context] = {}
        try:
            async for message in connection:
                asked = json.loads(message)
                self.received.append(asked)
                name = asked["context_id"]
                if asked.get("cancel"):
                    contexts.pop(name, None)
                    continue
                context = contexts.setdefault(name, _Context(name, asked))
                for answer in self._answers(context, asked):
                    if not mute:
                        await self._send(connection, answer)
                if not asked.get("continue"):
                    contexts.pop(name, None)
        except ConnectionClosed:
            pass

    def _answers(self, context: _Context, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        problem = _problem(context, asked) or (self.told.pop(0) if self.told else None)
        if problem is not None:
            status, title, message = problem
            error = {"title": title, "message": message, "error_code": "code", "request_id": "r"}
            return [
                {"type": "error", "context_id": context.name, "done": True, "status_code": status, **error}
            ]
        said = asked["transcript"].split()
        found: list[dict[str, Any]] = []
        base = {"context_id": context.name, "done": False, "status_code": 206, "flush_id": context.flushes}
        for word in said:
            audio = b64encode(sound(WORD_SECONDS)).decode()
            times = {"words": [word], "start": [context.seconds], "end": [context.seconds + WORD_SECONDS]}
            context.seconds += WORD_SECONDS
            found.append({"type": "chunk", "data": audio, "step_time": 1.0, **base})
            if asked.get("add_timestamps"):
                found.append({"type": "timestamps", "word_timestamps": times, **base})
        if asked.get("flush"):
            found.append({"type": "flush_done", "flush_done": True, **base})
            context.flushes += 1
            context.seconds = 0.0 if self.restarts else context.seconds
        if not asked.get("continue"):
            found.append({"type": "done", "context_id": context.name, "done": True, "status_code": 200})
        return found

    async def _send(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        self.sent.append(message)
        await connection.send(json.dumps(message) if self.garbage is None else self.garbage)
        if self.closes_after == len(self.sent):
            await connection.close(1011, "internal error")


@dataclass
class _Context:
    name: str
    first: Mapping[str, Any]
    flushes: int = 1
    seconds: float = 0.0


def _problem(context: _Context, asked: Mapping[str, Any]) -> tuple[int, str, str] | None:
    if unknown := asked.keys() - KNOWN:
        return 400, "Invalid request", f"Unknown fields: {sorted(unknown)}"
    if asked["voice"]["id"] != VOICE:
        return 404, "Voice not found", "The voice does not exist."
    if asked["model_id"].endswith("-gone"):
        return 404, "Model not found", "The model does not exist."
    if asked["output_format"] != {"container": "raw", "encoding": "pcm_s16le", "sample_rate": RATE}:
        return 400, "Invalid output format", "This fake speaks one."
    given = {name: value for name, value in asked.items() if name not in MAY_CHANGE}
    if given != {name: value for name, value in context.first.items() if name not in MAY_CHANGE}:
        return 400, "Invalid context", "Only transcript, continue and flush may change within a context."
    return None


def sound(seconds: float) -> bytes:
    return struct.pack("<h", 5000) * round(seconds * RATE)


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[Fake]:
    async with serve(
        fake.serve, "127.0.0.1", 0, process_request=fake.answer, close_timeout=0.2, compression=None
    ) as listener:
        fake.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield fake
