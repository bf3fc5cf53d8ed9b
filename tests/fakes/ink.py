"""Cartesia's two ways of listening, as strict as the original about what they are asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fakes.loudness import Loudness

KEY = "sk_car_fake_0123456789"
TURNS = {"model", "encoding", "sample_rate", "keyterm", "turn_start_threshold", "turn_eager_end_threshold",
         "turn_end_threshold", "turn_end_timeout_ms", "cartesia_version"}  # fmt: skip
WORDS = {"model", "encoding", "sample_rate", "language", "min_volume", "max_silence_duration_secs", "keyterm"}
TURN_SECONDS = 0.5
EAGER_SECONDS = 0.2


@dataclass
class Fake:
    """`words`: what is said in each stretch of speech. `refusals`: HTTP statuses, one for each handshake;
    `told`: errors, one for each connection. `garbage`: what is sent instead of words."""

    words: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    garbage: str | None = None
    url: str = ""
    paths: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        self.paths.append(request.path)
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        turns = parts.path == "/stt/turns/websocket"
        bearer = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        if self.refusals:
            return connection.respond(HTTPStatus(self.refusals.pop(0)), "refused\n")
        if KEY not in (request.headers.get("X-API-Key"), bearer):
            return connection.respond(HTTPStatus(401), "Invalid API key\n")
        if not turns and parts.path != "/stt/websocket":
            return connection.respond(HTTPStatus(404), "Not found\n")
        known = query.keys() <= (TURNS if turns else WORDS)
        model = query.get("model") == "ink-2" or (not turns and query.get("model") == "ink-whisper")
        sound = (query.get("encoding"), query.get("sample_rate")) == ("pcm_s16le", "8000")
        if known and model and sound:
            return None
        return connection.respond(HTTPStatus(400), f"Bad request: {sorted(query)}\n")

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        turns = "/turns/" in connection.request.path
        try:
            if self.told:
                error = {"type": "error", "status_code": self.told.pop(0), "title": "No", "message": "No."}
                await connection.send(json.dumps({**error, "error_code": "code", "request_id": "r-1"}))
                await connection.close(1008)
                return
            await (self._turns(connection) if turns else self._words(connection))
        except ConnectionClosed:
            pass

    async def _turns(self, connection: ServerConnection) -> None:
        await self._send(connection, type="connected")
        hearing, eager = Loudness(self.words, TURN_SECONDS), False
        async for message in connection:
            if isinstance(message, str):
                self.commands.append(json.loads(message)["type"])
                await connection.close()
                return
            for start in range(0, len(message), 320):
                for event in hearing.hear(message[start : start + 320]):
                    half = " ".join(hearing.text.split()[:2])
                    if event == "began":
                        eager = False
                        await self._send(connection, type="turn.start")
                    elif event == "goes on":
                        await self._send(connection, type="turn.update", transcript=half)
                    else:
                        await self._send(connection, type="turn.end", transcript=hearing.text)
                quiet = hearing.seconds - hearing.ended
                if hearing.began is not None and quiet >= EAGER_SECONDS and not eager:
                    eager = True
                    await self._send(connection, type="turn.eager_end", transcript=hearing.text)
                elif hearing.began is not None and not quiet and eager:
                    eager = False
                    await self._send(connection, type="turn.resume")

    async def _words(self, connection: ServerConnection) -> None:
        hearing = Loudness(self.words, 9.0)
        async for message in connection:
            if isinstance(message, bytes):
                list(hearing.hear(message))
                continue
            self.commands.append(message)
            if hearing.began is not None:
                hearing.began = None
                await self._send(
                    connection, type="transcript", text=hearing.text, is_final=True, duration=0.5
                )
            if message == "close":
                await self._send(connection, type="done")
                await connection.close()
                return
            await self._send(connection, type="flush_done")

    async def _send(self, connection: ServerConnection, **message: Any) -> None:
        text = json.dumps({**message, "request_id": "r-1"})
        await connection.send(text if self.garbage is None else self.garbage)


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[Fake]:
    async with serve(
        fake.serve, "127.0.0.1", 0, process_request=fake.answer, close_timeout=0.2, compression=None
    ) as listener:
        fake.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield fake
