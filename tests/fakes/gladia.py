"""Gladia's live transcription, as strict as the original: a session is asked for over HTTP, and its socket
knows it by a token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request as Handshake
from websockets.http11 import Response

from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness
from tests.speech.servers import Request, http_server

KNOWN = {
    "encoding", "bit_depth", "sample_rate", "channels", "model", "endpointing", "language_config",
    "messages_config", "pre_processing", "realtime_processing", "maximum_duration_without_endpointing",
    "custom_metadata", "callback", "callback_config", "post_processing",
}  # fmt: skip


@dataclass
class Fake(EarsFake):
    sessions: int = 0
    socket_url: str = ""

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.begun.append(request.body)
        parts = urlsplit(request.path)
        self.queries.append(parse_qsl(parts.query))
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        await asyncio.sleep(self.slow)
        status = self.refusals.pop(0) if self.refusals else _problem(parts.path, request)
        self.sessions += 1
        url = f"{self.socket_url}/v2/live?token=t-{self.sessions}"
        told: Any = {"id": f"s-{self.sessions}", "created_at": "2026-11-28T10:00:00Z", "url": url}
        if status is not None:
            told = {"statusCode": status, "message": "Refused."}
        data = json.dumps(told).encode()
        writer.write(
            f"HTTP/1.1 {status or 201} Told\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
            + data
        )

    async def answer(self, connection: ServerConnection, request: Handshake) -> Response | None:
        known = request.path.endswith(f"token=t-{self.sessions}")
        return None if known and "x-gladia-key" not in request.headers else connection.respond(
            401, "Unknown session.\n"
        )  # fmt: skip

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        self.commands.append(json.loads(message)["type"])
        await connection.close()
        return False

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        half = hearing.words()[:2]
        await self._told(connection, " ".join(one[0] for one in half), half, final=False)

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        await self._told(connection, hearing.text, hearing.words(), final=True)

    async def _told(
        self, connection: ServerConnection, text: str, words: list[tuple[str, float, float]], final: bool
    ) -> None:
        utterance = {
            "text": text, "start": words[0][1], "end": words[-1][2], "confidence": 0.9, "channel": 0,
            "language": "en",
            "words": [{"word": one, "start": a, "end": b, "confidence": 0.9} for one, a, b in words],
        }  # fmt: skip
        data = {"id": "00_00000000", "is_final": final, "utterance": utterance}
        session = {"session_id": f"s-{self.sessions}", "created_at": "2026-11-28T10:00:00Z"}
        await self.send(connection, {"type": "transcript", **session, "data": data})


def _problem(path: str, request: Request) -> int | None:
    if request.headers.get("x-gladia-key") != KEY:
        return 401
    body = request.body
    shape = (body.get("encoding"), body.get("bit_depth"), body.get("sample_rate"))
    fine = path == "/v2/live" and not body.keys() - KNOWN and shape == ("wav/pcm", 16, 8000)
    return None if fine else 422


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[Fake]:
    async with (
        serve(
            fake.serve, "127.0.0.1", 0, process_request=fake.answer, close_timeout=0.2, compression=None
        ) as listener,
        http_server(fake.reply) as server,
    ):
        fake.socket_url = f"ws://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        fake.url = server.url
        yield fake
