"""Azure's speech recognition over its socket, as its open client (in JavaScript) speaks to it."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.server import ServerConnection

from tests.fakes.ears import KEY, EarsFake
from tests.fakes.loudness import Loudness

PATH = "/speech/recognition/conversation/cognitiveservices/v1"
KNOWN = {
    "language", "format", "wordLevelTimestamps", "segmentationSilenceTimeoutMs",
    "segmentationMaximumTimeMs", "segmentationStrategy", "initialSilenceTimeoutMs",
}  # fmt: skip
TICKS = 10_000_000


@dataclass
class Fake(EarsFake):
    turn: str = ""

    def problem(self, path: str, query: dict[str, str], headers: dict[str, str]) -> int | None:
        if headers.get("ocp-apim-subscription-key") != KEY:
            return 401
        return None if path == PATH and not query.keys() - KNOWN and "language" in query else 400

    async def welcome(self, connection: ServerConnection) -> bool:
        headers, body = _read(str(await connection.recv()))
        assert headers["path"] == "speech.config"
        assert json.loads(body)["context"]["system"]["name"]
        assert headers["x-timestamp"].endswith("Z")
        self.turn = headers["x-requestid"]
        assert len(self.turn) == 32
        self.begun.append("")
        return True

    def sound(self, message: str | bytes) -> bytes | None:
        """The first begins with the head of a WAV file."""
        assert isinstance(message, bytes)
        (length,) = struct.unpack(">H", message[:2])
        headers, _ = _read(message[2 : 2 + length].decode())
        assert (headers["path"], headers["x-requestid"]) == ("audio", self.turn)
        audio = message[2 + length :]
        if not self.begun[-1]:
            kind, channels, rate = struct.unpack("<HHI", audio[20:28])
            assert (audio[:4], kind, channels, rate) == (b"RIFF", 1, 1, 8000)
            self.begun[-1] = headers["content-type"]
            audio = audio[44:]
        return audio or None

    async def command(self, connection: ServerConnection, message: Any) -> bool:
        self.commands.append("end")
        await connection.close()
        return False

    async def refuse(self, connection: ServerConnection, told: dict[str, Any]) -> None:
        await connection.send(self._written("turn.start", {}))
        await connection.send(self._written(told["path"], told["body"]))
        await connection.close(1000)

    async def goes_on(self, connection: ServerConnection, hearing: Loudness) -> None:
        half = " ".join(hearing.text.split()[:2])
        body = {"Text": half, "Offset": round((hearing.began or 0) * TICKS), "Duration": 0}
        await self._told(connection, "speech.hypothesis", body)

    async def paused(self, connection: ServerConnection, hearing: Loudness) -> None:
        words = [
            {"Word": word, "Offset": round(start * TICKS), "Duration": round((end - start) * TICKS)}
            for word, start, end in hearing.words()
        ]
        began = hearing.began or 0.0
        best = {"Confidence": 0.95, "Lexical": "", "Display": hearing.text, "Words": words}
        times = {"Offset": round(began * TICKS), "Duration": round((hearing.ended - began) * TICKS)}
        body = {"RecognitionStatus": "Success", **times, "NBest": [best]}
        await self._told(connection, "speech.phrase", body)

    async def _told(self, connection: ServerConnection, path: str, body: dict[str, Any]) -> None:
        await connection.send(self.garbage or self._written(path, body))

    def _written(self, path: str, body: dict[str, Any]) -> str:
        head = f"X-RequestId:{self.turn}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}"
        return f"{head}\r\n\r\n{json.dumps(body)}"


def _read(text: str) -> tuple[dict[str, str], str]:
    head, _, body = text.partition("\r\n\r\n")
    pairs = (line.split(":", 1) for line in head.split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, value in pairs}, body
