"""ElevenLabs' realtime speech to text, as strict as the original about what it is asked."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.fakes.loudness import Loudness

KEY = "xi-fake-0123456789abcdef"
KNOWN = {
    "model_id", "audio_format", "commit_strategy", "vad_silence_threshold_secs", "vad_threshold",
    "min_speech_duration_ms", "min_silence_duration_ms", "language_code", "include_timestamps",
    "include_language_detection", "keyterms", "no_verbatim", "enable_logging", "token",
}  # fmt: skip
STREAMING = {"scribe_v2_realtime", "scribe_v3_live"}


@dataclass
class Fake:
    """`words`: what is said in each stretch of speech. `told`: errors (kind, words), one for each connection.
    `garbage`: what is sent instead of words. `closes_after`: so many messages, once."""

    words: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    garbage: str | None = None
    closes_after: int | None = None
    url: str = ""
    queries: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    sent: int = 0

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.connections += 1
        parts = urlsplit(connection.request.path)
        query = dict(parse_qsl(parts.query))
        self.queries.append(query)
        problem = self._problem(connection, parts.path, query) or (self.told.pop(0) if self.told else None)
        try:
            if problem is not None:
                await connection.send(json.dumps({"message_type": problem[0], "error": problem[1]}))
                await connection.close(1008, problem[0])
                return
            config = {
                "sample_rate": 8000,
                "audio_format": query["audio_format"],
                "model_id": query["model_id"],
            }
            started = {"message_type": "session_started", "session_id": "s-1", "config": config}
            await connection.send(json.dumps(started))
            await self._listen(connection, query)
        except ConnectionClosed:
            pass

    def _problem(
        self, connection: ServerConnection, path: str, query: dict[str, str]
    ) -> tuple[str, str] | None:
        assert connection.request is not None
        if connection.request.headers.get("xi-api-key") != KEY:
            return "auth_error", "Invalid API key."
        if path != "/v1/speech-to-text/realtime" or query.keys() - KNOWN:
            return "invalid_request", f"Unknown: {path} {sorted(query.keys() - KNOWN)}"
        if query["model_id"] not in STREAMING or query["audio_format"] not in ("pcm_8000", "pcm_16000"):
            return "invalid_request", "No such model or format."
        if "-" in query.get("language_code", ""):
            return "invalid_request", "language_code has no region."
        return None

    async def _listen(self, connection: ServerConnection, query: dict[str, str]) -> None:
        pause = float(query.get("vad_silence_threshold_secs", "1.5"))
        hearing = Loudness(self.words, pause)
        async for message in connection:
            asked = json.loads(message)
            assert asked["message_type"] == "input_audio_chunk"
            for event in hearing.hear(b64decode(asked["audio_base_64"])):
                text, words = hearing.text, hearing.words()
                if event == "paused":
                    await self._send(connection, {"message_type": "committed_transcript", "text": text})
                    if query.get("include_timestamps") == "true":
                        await self._send(connection, _timed(text, words))
                elif event == "goes on":
                    half = " ".join(text.split()[:2])
                    await self._send(connection, {"message_type": "partial_transcript", "text": half})

    async def _send(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        await connection.send(json.dumps(message) if self.garbage is None else self.garbage)
        self.sent += 1
        if self.sent == self.closes_after:
            await connection.close(1011, "internal error")
            await asyncio.sleep(0)


def _timed(text: str, words: list[tuple[str, float, float]]) -> dict[str, Any]:
    timed: list[dict[str, Any]] = []
    for word, start, end in words:
        if timed:
            timed.append({"text": " ", "start": start, "end": start, "type": "spacing", "logprob": 0.0})
        timed.append({"text": word, "start": start, "end": end, "type": "word", "logprob": -0.1})
    kind = "committed_transcript_with_timestamps"
    return {"message_type": kind, "text": text, "language_code": "en", "words": timed}


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[Fake]:
    async with serve(fake.serve, "127.0.0.1", 0, close_timeout=0.2, compression=None) as listener:
        fake.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield fake
