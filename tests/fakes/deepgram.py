"""Deepgram's two ways of listening, as strict as the original about what it is asked: it hears loud sound as
speech, and says of each stretch of it the next of the words that it was given."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

KEY = "dg-fake-0123456789abcdef"
RATE = 8000
LOUD = 500
NOVA = {
    "model", "language", "encoding", "sample_rate", "channels", "interim_results", "punctuate",
    "smart_format", "numerals", "profanity_filter", "redact", "keyterm", "keywords", "endpointing",
    "utterance_end_ms", "vad_events", "filler_words", "diarize", "mip_opt_out", "tag", "version",
}  # fmt: skip
FLUX = {
    "model", "encoding", "sample_rate", "eot_threshold", "eager_eot_threshold", "eot_timeout_ms", "keyterm",
    "language_hint", "numerals", "profanity_filter", "redact", "tag", "mip_opt_out",
}  # fmt: skip
IDLE_SECONDS = 10.0


@dataclass
class Refusal:
    status: int
    err_code: str
    err_msg: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fake:
    """`words`: what is said in each stretch of speech. `refusals` come first, one for each connection; `None`
    among them lets one through. `hangs`: how many connections get no answer. `mute`: how many are opened and
    then say nothing. `garbage`: what is sent instead of results. `closes_after`: so many results, on so many
    connections (`closings`). `confidence`: of every word."""

    words: list[str] = field(default_factory=list)
    refusals: list[Refusal | None] = field(default_factory=list)
    hangs: int = 0
    mute: int = 0
    garbage: str | None = None
    closes_after: int | None = None
    closings: int = 1
    confidence: float = 0.98
    url: str = ""
    queries: list[list[tuple[str, str]]] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    audio: int = 0
    connections: int = 0

    def refused(self, request: Request) -> Refusal | None:
        parts = urlsplit(request.path)
        query = parse_qsl(parts.query)
        self.queries.append(query)
        if request.headers.get("Authorization") != f"Token {KEY}":
            return Refusal(401, "INVALID_AUTH", "Invalid credentials.")
        if self.refusals and (refusal := self.refusals.pop(0)) is not None:
            return refusal
        if parts.path not in ("/v1/listen", "/v2/listen"):
            return Refusal(404, "NOT_FOUND", "Not found.")
        flux = parts.path == "/v2/listen"
        for problem in _problems(query, flux):
            return Refusal(400, "Bad Request", problem)
        return None

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        refusal = self.refused(request)
        if refusal is None:
            return None
        body = {"err_code": refusal.err_code, "err_msg": refusal.err_msg, "request_id": "r-1"}
        headers = Headers({"dg-request-id": "r-1", "dg-error": refusal.err_msg, **refusal.headers})
        return Response(refusal.status, HTTPStatus(refusal.status).phrase, headers, json.dumps(body).encode())

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        parts = urlsplit(connection.request.path)
        query = dict(parse_qsl(parts.query))
        kind = _Flux if parts.path == "/v2/listen" else _Nova
        mute = self.mute > 0
        self.mute -= mute
        hearing = kind(self, query, connection, mute)
        try:
            await hearing.greet()
            await self._listen(connection, hearing)
        except ConnectionClosed:
            pass

    async def _listen(self, connection: ServerConnection, hearing: _Hearing) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await connection.recv()
            except TimeoutError:
                await connection.close(1011, "NET-0001: no audio was received within the timeout window")
                return
            if isinstance(message, bytes) and message:
                self.audio += len(message)
                await hearing.hear(message)
            else:
                control = json.loads(message)["type"] if message else "CloseStream"
                self.controls.append(control)
                if control == "CloseStream":
                    await hearing.end()
                    await connection.close()
                    return
                await hearing.control(control)


@dataclass
class _Hearing:
    fake: Fake
    query: Mapping[str, str]
    connection: ServerConnection
    mute: bool
    seconds: float = 0.0
    began: float | None = None
    ended: float = 0.0
    told: float = 0.0
    text: str = ""
    results: int = 0

    async def greet(self) -> None: ...

    async def hear(self, audio: bytes) -> None:
        """In steps of 20 ms."""
        assert self.query["encoding"] == "linear16"
        for start in range(0, len(audio), 320):
            samples = struct.unpack(f"<{len(audio[start : start + 320]) // 2}h", audio[start : start + 320])
            loud = sum(map(abs, samples)) > LOUD * len(samples)
            self.seconds += len(samples) / RATE
            if loud:
                if self.began is None:
                    self.began = self.told = self.seconds - 0.02
                    self.text = self.fake.words.pop(0) if self.fake.words else ""
                    await self.speech_began()
                self.ended = self.seconds
            await self.step(loud)

    async def speech_began(self) -> None: ...

    async def step(self, loud: bool) -> None: ...

    async def control(self, control: str) -> None: ...

    async def end(self) -> None: ...

    @property
    def quiet(self) -> float:
        return self.seconds - self.ended

    def words(self, share: float = 1.0) -> list[dict[str, Any]]:
        """The first of them, with their times: each takes the same time."""
        assert self.began is not None
        words = self.text.split()
        each = max(self.ended - self.began, 0.02) / max(len(words), 1)
        return [
            {
                "word": word.strip(".,?!").lower(),
                "start": round(self.began + each * at, 3),
                "end": round(self.began + each * (at + 1), 3),
                "confidence": self.fake.confidence,
                "punctuated_word": word,
            }
            for at, word in enumerate(words[: round(len(words) * share)])
        ]

    async def send(self, message: Mapping[str, Any]) -> None:
        if self.mute:
            return
        await self.connection.send(json.dumps(message) if self.fake.garbage is None else self.fake.garbage)
        self.results += 1
        if self.fake.closes_after == self.results and self.fake.closings:
            self.fake.closings -= 1
            await self.connection.close(1011, "NET-0000: the service ended unexpectedly")


class _Nova(_Hearing):
    async def speech_began(self) -> None:
        if self.query.get("vad_events") == "true":
            await self.send({"type": "SpeechStarted", "channel": [0], "timestamp": self.began})

    async def step(self, loud: bool) -> None:
        if self.began is None:
            if round(self.seconds / 0.02) % 50 == 0:
                await self._results(self.seconds - 1.0, "", [], final=False)
            return
        endpointing = int(self.query.get("endpointing", "10")) / 1000
        if loud and self.seconds - self.told >= 0.3 and self.query.get("interim_results") == "true":
            self.told = self.seconds
            words = self.words(0.5)
            await self._results(
                self.began, " ".join(one["punctuated_word"] for one in words), words, final=False
            )
        elif not loud and self.quiet >= max(endpointing, 0.02):
            await self._finish()

    async def control(self, control: str) -> None:
        if control == "Finalize" and self.began is not None:
            await self._finish(from_finalize=True)
        elif control not in ("KeepAlive", "Finalize"):
            await self.send({"type": "Error", "variant": "SchemaError", "description": "unknown variant"})

    async def end(self) -> None:
        if self.began is not None:
            await self._finish()
        created = "2026-01-01T00:00:00.000Z"
        await self.send(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": "r-1",
                "sha256": "0" * 64,
                "created": created,
                "duration": self.seconds,
                "channels": 1,
            }
        )

    async def _finish(self, **more: Any) -> None:
        words = self.words()
        began, self.began = self.began, None
        assert began is not None
        await self._results(began, self.text, words, final=True, **more)

    async def _results(
        self, start: float, transcript: str, words: list[dict[str, Any]], final: bool, **more: Any
    ) -> None:
        plain = self.query.get("punctuate") != "true" and self.query.get("smart_format") != "true"
        if plain:
            transcript = " ".join(one["word"] for one in words)
            for one in words:
                del one["punctuated_word"]
        confidence = self.fake.confidence if words else 0.0
        await self.send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": round(self.seconds - start, 3),
                "start": round(start, 3),
                "is_final": final,
                "speech_final": final,
                "channel": {
                    "alternatives": [{"transcript": transcript, "confidence": confidence, "words": words}]
                },
                "metadata": {
                    "request_id": "r-1",
                    "model_info": {"name": self.query["model"], "version": "2026-01-01.0", "arch": "nova-3"},
                    "model_uuid": "m-1",
                },
                **({"from_finalize": False} | more if final else {}),
            }
        )


class _Flux(_Hearing):
    sequence = 0
    turn = 0
    eager = False

    async def greet(self) -> None:
        await self._say({"type": "Connected", "request_id": "r-1"})

    async def speech_began(self) -> None:
        self.eager = False
        await self._turn("StartOfTurn", 0.0)

    async def step(self, loud: bool) -> None:
        if self.began is None:
            return
        if loud and self.eager:
            self.eager = False
            await self._turn("TurnResumed", 1.0)
        elif loud and self.seconds - self.told >= 0.25:
            self.told = self.seconds
            await self._turn("Update", 0.5)
        elif not loud and self.quiet >= 0.2 and not self.eager and "eager_eot_threshold" in self.query:
            self.eager = True
            await self._turn("EagerEndOfTurn", 1.0)
        elif not loud and self.quiet >= 0.5:
            await self._turn("EndOfTurn", 1.0)
            self.began = None
            self.turn += 1

    async def _turn(self, event: str, share: float) -> None:
        words = self.words(share)
        for one in words:
            one["word"] = one.pop("punctuated_word")
        await self._say(
            {
                "type": "TurnInfo",
                "request_id": "r-1",
                "event": event,
                "turn_index": self.turn,
                "audio_window_start": 0.0 if self.began is None else self.began,
                "audio_window_end": round(self.seconds, 3),
                "transcript": " ".join(one["word"] for one in words),
                "words": words,
                "end_of_turn_confidence": 0.9 if event == "EndOfTurn" else 0.5,
            }
        )

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self.send({**message, "sequence_id": self.sequence})
        self.sequence += 1


def _problems(query: list[tuple[str, str]], flux: bool) -> list[str]:
    given = dict(query)
    model = given.get("model", "")
    found = [f"unknown field `{name}`" for name in given.keys() - (FLUX if flux else NOVA)]
    if flux != model.startswith("flux-") or model.endswith("-gone"):
        found.append("Bad Request: No such model/language/tier combination found.")
    if given.get("encoding") in ("linear16", "mulaw", "alaw") and "sample_rate" not in given:
        found.append("Bad Request: sample_rate is required with raw encodings.")
    if "keyterm" in given and not (flux or model.startswith("nova-3")):
        found.append("Bad Request: Keyterm Prompting is only available for Nova-3.")
    if "keywords" in given and model.startswith("nova-3"):
        found.append("Bad Request: Keywords are not supported for Nova-3, use Keyterm Prompting.")
    if "language_hint" in given and model != "flux-general-multi":
        found.append("Bad Request: language_hint is for multilingual models.")
    if "utterance_end_ms" in given and (
        given.get("interim_results") != "true" or int(given["utterance_end_ms"]) < 1000
    ):
        found.append("Bad Request: utterance_end_ms needs interim_results, and at least 1000.")
    return found


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[Fake]:
    async with serve(
        fake.serve, "127.0.0.1", 0, process_request=fake.answer, close_timeout=0.2, compression=None
    ) as listener:
        fake.url = f"http://127.0.0.1:{next(iter(listener.sockets)).getsockname()[1]}"
        yield fake


def speech(seconds: float) -> bytes:
    """Loud sound."""
    return struct.pack("<h", 8000) * round(seconds * RATE)


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))
