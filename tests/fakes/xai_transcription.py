"""xAI's streaming transcription, as it is documented."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness

KNOWN = {
    "encoding", "sample_rate", "interim_results", "diarize", "language", "endpointing", "smart_turn",
    "smart_turn_timeout", "vad_threshold", "keyterm",
}  # fmt: skip


@dataclass
class Fake(EarsFake):
    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401
        shape = (query.get("encoding"), query.get("sample_rate"))
        fine = path == "/v1/stt" and not query.keys() - KNOWN and shape == ("pcm", "8000")
        return None if fine else 400

    async def welcome(self, connection: ServerConnection) -> bool:
        await connection.send(json.dumps({"type": "transcript.created", "id": "t-1"}))
        return True

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        self.commands.append(json.loads(message)["type"])
        await connection.send(json.dumps({"type": "transcript.done", "text": ""}))
        await connection.close()
        return False

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        """The first two words are a piece."""
        half = " ".join(hearing.text.split()[:2])
        await self._told(connection, half, hearing.words()[:2], is_final=True)

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        """All of it once more."""
        await self._told(connection, hearing.text, hearing.words(), is_final=True, speech_final=True)

    async def _told(
        self, connection: ServerConnection, text: str, words: list[tuple[str, float, float]], **more: bool
    ) -> None:
        timed = [{"text": one, "start": start, "end": end} for one, start, end in words]
        ends = {"is_final": False, "speech_final": False} | more
        message = {"type": "transcript.partial", "text": text, "words": timed, "language": "en", **ends}
        await self.send(connection, message)
