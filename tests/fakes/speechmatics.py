"""Speechmatics' realtime transcription, as strict as the original about how a session begins and ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness

CONFIG = {
    "language", "model", "operating_point", "enable_partials", "max_delay", "max_delay_mode",
    "additional_vocab", "diarization", "conversation_config", "transcript_filtering_config",
    "punctuation_overrides",
}  # fmt: skip


@dataclass
class Fake(EarsFake):
    heard: int = 0
    given: int = 0

    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401
        return None if path.rstrip("/") == "/v2" else 404

    async def welcome(self, connection: ServerConnection) -> bool:
        start = json.loads(await connection.recv())
        self.begun.append(start)
        self.heard = self.given = 0
        config, sound = start.get("transcription_config", {}), start.get("audio_format", {})
        trigger = config.get("conversation_config", {}).get("end_of_utterance_silence_trigger", 0)
        wrong = start.get("message") != "StartRecognition" or set(config) - CONFIG
        if wrong or sound.get("sample_rate") != 8000 or trigger >= config.get("max_delay", 10):
            await self._failed(connection, "invalid_config", f"Not so: {sorted(config)}")
            return False
        info = {"message": "Info", "type": "concurrent_session_usage", "reason": "1 of 2"}
        for message in (info, {"message": "RecognitionStarted", "id": "s-1"}):
            await connection.send(json.dumps(message))
        return True

    async def _failed(self, connection: ServerConnection, kind: str, reason: str) -> None:
        await connection.send(json.dumps({"message": "Error", "type": kind, "reason": reason}))
        await connection.close(1008)

    def sound(self, message: str | bytes) -> bytes | None:
        self.heard += isinstance(message, bytes)
        return message if isinstance(message, bytes) else None

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        asked = json.loads(message)
        self.commands.append(asked)
        if asked["message"] == "EndOfStream":
            if asked["last_seq_no"] != self.heard:
                await self._failed(connection, "protocol_error", "Wrong last_seq_no.")
                return False
            await connection.send(json.dumps({"message": "EndOfTranscript"}))
            await connection.close()
            return False
        return True

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        """The first word for good, the second for now."""
        results = _results(hearing)
        if not self.given:
            self.given = 1
            await self._told(connection, "AddTranscript", results[:1])
        await self._told(connection, "AddPartialTranscript", results[1:2])

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        rest, self.given = _results(hearing)[self.given :], 0
        await self._told(connection, "AddTranscript", rest)
        times = {"start_time": hearing.ended, "end_time": hearing.seconds}
        await self.send(connection, {"message": "EndOfUtterance", "metadata": times})

    async def _told(self, connection: ServerConnection, kind: str, results: list[Any]) -> None:
        words = "".join(
            ("" if one["type"] == "punctuation" else " ") + one["alternatives"][0]["content"]
            for one in results
        )
        metadata = {"start_time": 0.0, "end_time": 1.0, "transcript": words.removeprefix(" ") + " "}
        await self.send(connection, {"message": kind, "metadata": metadata, "results": results})


def _results(hearing: Loudness) -> list[dict[str, Any]]:
    """Marks at words are results of their own."""
    found: list[dict[str, Any]] = []
    for word, start, end in hearing.words():
        times = {"start_time": start, "end_time": end}
        bare = word.rstrip(".,?")
        found.append({"type": "word", **times, "alternatives": [{"content": bare, "confidence": 0.95}]})
        if mark := word[len(bare) :]:
            more = {"type": "punctuation", "attaches_to": "previous", "is_eos": True}
            found.append({**more, **times, "alternatives": [{"content": mark, "confidence": 1.0}]})
    return found
