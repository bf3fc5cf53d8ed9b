"""OpenAI's realtime sessions that only transcribe, as strict as the original about how they are opened."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection

from offhook.rtp.codecs import PCMU
from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness

MODELS = {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"}
ITEM = "conversation.item.input_audio_transcription."


@dataclass
class Fake(EarsFake):
    items: int = 0
    ready: bool = False

    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401
        return None if path == "/v1/realtime" and query == {"intent": "transcription"} else 400

    async def welcome(self, connection: ServerConnection) -> bool:
        self.ready = False
        session = {"type": "transcription", "object": "realtime.transcription_session", "id": "sess_1"}
        await connection.send(json.dumps({"type": "session.created", "event_id": "e", "session": session}))
        return True

    def sound(self, message: str | bytes) -> bytes | None:
        event = json.loads(message)
        if event["type"] != "input_audio_buffer.append" or not self.ready:
            return None
        return PCMU.coding().decode(b64decode(event["audio"]))

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        event = json.loads(message)
        self.begun.append(event.get("session"))
        problem = _problem(event)
        if problem:
            error = {"type": "invalid_request_error", "code": problem, "message": f"Not so: {problem}."}
            await connection.send(json.dumps({"type": "error", "event_id": "e", "error": error}))
            return True
        self.ready = True
        updated = {"type": "session.updated", "event_id": "e", "session": event["session"]}
        await connection.send(json.dumps(updated))
        return True

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        """It says nothing of words before a piece is whole."""
        if hearing.told - (hearing.began or 0.0) < 0.4:
            start = {"audio_start_ms": round((hearing.began or 0.0) * 1000)}
            await self._told(connection, "input_audio_buffer.speech_started", **start)

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        end = round(hearing.ended * 1000)
        await self._told(connection, "input_audio_buffer.speech_stopped", audio_end_ms=end)
        await self._told(connection, "input_audio_buffer.committed", previous_item_id=None)
        half = " ".join(hearing.text.split()[:2])
        for delta in (half, hearing.text.removeprefix(half)):
            await self._told(connection, f"{ITEM}delta", content_index=0, delta=delta)
        usage = {"type": "duration", "seconds": 1}
        whole = {"content_index": 0, "transcript": hearing.text, "usage": usage}
        await self._told(connection, f"{ITEM}completed", **whole)
        self.items += 1

    async def _told(self, connection: ServerConnection, kind: str, **more: Any) -> None:
        await self.send(connection, {"type": kind, "event_id": "e", "item_id": f"item_{self.items}", **more})


def _problem(event: Any) -> str:
    if event["type"] != "session.update":
        return "no_session"
    session = event["session"]
    if session.get("type") != "transcription" or set(session) - {"type", "audio", "include"}:
        return "invalid_session"
    heard = session["audio"]["input"]
    if heard["format"] != {"type": "audio/pcmu"} or heard["turn_detection"]["type"] != "server_vad":
        return "invalid_format"
    if heard["transcription"]["model"] not in MODELS:
        return "invalid_model"
    return ""
