"""Soniox's realtime transcription, as strict as the original about how a session begins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness

KNOWN = {
    "model", "audio_format", "sample_rate", "num_channels", "language_hints", "language_hints_strict",
    "context", "enable_endpoint_detection", "max_endpoint_delay_ms", "endpoint_sensitivity",
    "endpoint_latency_adjustment_level", "enable_speaker_diarization", "enable_language_identification",
}  # fmt: skip


@dataclass
class Fake(EarsFake):
    given: int = 0
    """Tokens of this stretch that are for good already."""

    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        return None if path == "/transcribe-websocket" else 404

    async def welcome(self, connection: ServerConnection) -> bool:
        config, self.given = json.loads(await connection.recv()), 0
        self.begun.append(config)
        if self.headers[-1].get("authorization") != f"Bearer {KEY}":
            return await self._failed(connection, 401, "Incorrect API key provided.")
        shape = (config.get("audio_format"), config.get("sample_rate"), config.get("num_channels"))
        if config.keys() - KNOWN or shape != ("pcm_s16le", 8000, 1):
            return await self._failed(connection, 400, f"Invalid request: {sorted(config)}")
        if not config["model"].startswith("stt-rt-"):
            return await self._failed(connection, 400, "Invalid model specified.")
        return True

    async def _failed(self, connection: ServerConnection, code: int, words: str) -> bool:
        await connection.send(json.dumps({"tokens": [], "error_code": code, "error_message": words}))
        await connection.close()
        return False

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        self.commands.append(json.loads(message)["type"] if message else "")
        if not message:
            await self._tokens(connection, [], finished=True)
            await connection.close()
        return bool(message)

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        """The first word for good, the second for now."""
        pieces = _pieces(hearing)
        first = [] if self.given else [_token(one, final=True) for one in pieces[:2]]
        self.given = 2
        await self._tokens(connection, [*first, *(_token(one, final=False) for one in pieces[2:4])])

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        rest = [_token(one, final=True) for one in _pieces(hearing)[self.given :]]
        self.given = 0
        end = {"text": "<end>", "is_final": True, "confidence": 1.0}
        await self._tokens(connection, [*rest, end])

    async def _tokens(self, connection: ServerConnection, tokens: list[Any], **more: Any) -> None:
        times = {"final_audio_proc_ms": 0, "total_audio_proc_ms": 0}
        await self.send(connection, {"tokens": tokens, **times, **more})


def _pieces(hearing: Loudness) -> list[tuple[str, float, float]]:
    """Each word in two tokens."""
    found = []
    for at, (word, start, end) in enumerate(hearing.words()):
        half, middle = (len(word) + 1) // 2, (start + end) / 2
        found.append((f"{' ' if at else ''}{word[:half]}", start, middle))
        found.append((word[half:], middle, end))
    return found


def _token(piece: tuple[str, float, float], final: bool) -> dict[str, Any]:
    text, start, end = piece
    times = {"start_ms": round(start * 1000), "end_ms": round(end * 1000)}
    return {"text": text, **times, "confidence": 0.9, "is_final": final}
