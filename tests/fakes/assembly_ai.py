"""AssemblyAI's streaming v3, as strict as the original about what it is asked, and about how long its pieces
of sound are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness

KNOWN = {
    "sample_rate", "encoding", "speech_model", "format_turns", "end_of_turn_confidence_threshold",
    "min_turn_silence", "max_turn_silence", "keyterms_prompt", "mode", "prompt", "agent_context",
    "language_codes", "vad_threshold", "inactivity_timeout",
}  # fmt: skip
CONTEXT = {"mode", "prompt", "agent_context", "language_codes"}
MODELS = {"universal-streaming-english", "universal-streaming-multilingual", "universal-3-5-pro", "u3-rt-pro"}


@dataclass
class Fake(EarsFake):
    turns: int = 0

    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        return None if path == "/v3/ws" else 404

    async def welcome(self, connection: ServerConnection) -> bool:
        query = dict(self.queries[-1])
        model = query.get("speech_model", "")
        if self.headers[-1].get("authorization") != KEY:
            await self._ended(connection, 1008, "Unauthorized connection: Missing or invalid API key")
        elif query.keys() - KNOWN or model not in MODELS or query.get("sample_rate") != "8000":
            await self._ended(connection, 3006, f"Invalid parameters: {sorted(query)}")
        elif query.keys() & CONTEXT and not model.startswith("universal-3"):
            await self._ended(connection, 3006, "Only of universal-3-5-pro.")
        else:
            await connection.send(
                json.dumps({"type": "Begin", "id": "s-1", "expires_at": "2026-11-28T10:00:00Z"})
            )
            return True
        return False

    async def _ended(self, connection: ServerConnection, code: int, words: str) -> None:
        await connection.send(json.dumps({"type": "Error", "error_code": code, "error": words}))
        await connection.close(code, words)

    def sound(self, message: str | bytes) -> bytes | None:
        return message if isinstance(message, bytes) and 800 <= len(message) <= 16_000 else None

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        if isinstance(message, bytes):
            await self._ended(connection, 3007, "Input Duration Error: between 50 ms and 1000 ms")
            return False
        kind = json.loads(message)["type"]
        self.commands.append(kind)
        if kind == "Terminate":
            await connection.send(json.dumps({"type": "Termination", "audio_duration_seconds": 1}))
            await connection.close()
        return kind != "Terminate"

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        words = hearing.words()[:2]
        await self._turn(connection, words, final=1, transcript=words[0][0].lower().strip(".,?"))

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        words, plain = hearing.words(), hearing.text.lower().strip(".?")
        bare = [(text.lower().strip(".,?"), start, end) for text, start, end in words]
        await self._turn(connection, bare, final=len(words), transcript=plain, end=True)
        if dict(self.queries[-1]).get("format_turns", "").lower() == "true":
            await self._turn(
                connection, words, final=len(words), transcript=hearing.text, end=True, formatted=True
            )
        self.turns += 1

    async def _turn(
        self,
        connection: ServerConnection,
        words: list[tuple[str, float, float]],
        final: int,
        transcript: str,
        end: bool = False,
        formatted: bool = False,
    ) -> None:
        await self.send(
            connection,
            {
                "type": "Turn",
                "turn_order": self.turns,
                "turn_is_formatted": formatted,
                "end_of_turn": end,
                "transcript": transcript,
                "end_of_turn_confidence": 0.9 if end else 0.1,
                "words": [
                    {"text": text, "start": round(start * 1000), "end": round(stop * 1000),
                     "confidence": 0.95, "word_is_final": at < final}
                    for at, (text, start, stop) in enumerate(words)
                ],
            },
        )  # fmt: skip
