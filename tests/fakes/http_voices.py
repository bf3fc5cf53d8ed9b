"""Deepgram's and OpenAI's speech over HTTP, as strict as the originals about what they are asked."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.speech.servers import HttpServer, Request, http_server

DEEPGRAM_KEY = "dg-fake-0123456789abcdef"
OPENAI_KEY = "sk-fake-0123456789abcdef"
SECONDS = 0.5
AURA = {"model", "encoding", "sample_rate", "container", "speed", "mip_opt_out", "tag", "bit_rate"}
SPEECH = {"model", "input", "voice", "response_format", "speed", "instructions", "stream_format"}


@dataclass
class Refusal:
    status: str
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fake:
    """`refusals` come first, one for each request. `hangs`: how many get no answer; `breaks`: how many end in
    the middle; `instead`: headers and a body that come with status 200; `drips`: seconds between two samples,
    of which there is no end."""

    refusals: list[Refusal] = field(default_factory=list)
    hangs: int = 0
    breaks: int = 0
    instead: tuple[str, bytes] | None = None
    drips: float = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        deepgram = request.path.startswith("/v1/speak")
        query = dict(parse_qsl(urlsplit(request.path).query))
        self.asked.append(query | request.body)
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        refusal = self.refusals.pop(0) if self.refusals else _problem(request, query, deepgram)
        if refusal is not None:
            _refuse(writer, refusal, deepgram)
            return
        if self.instead is not None:
            headers, body = self.instead
            head = f"HTTP/1.1 200 OK\r\n{headers}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            return
        rate = 8000 if deepgram else 24000
        audio = sound(SECONDS, rate)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n"
        )
        while self.drips:
            writer.write(b"2\r\n\1\1\r\n")
            await writer.drain()
            await asyncio.sleep(self.drips)
        for start in range(0, len(audio), 1001):
            piece = audio[start : start + 1001]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if self.breaks and start > len(audio) // 2:
                self.breaks -= 1
                return
        writer.write(b"0\r\n\r\n")


def _refuse(writer: asyncio.StreamWriter, refusal: Refusal, deepgram: bool) -> None:
    body: Any = {"err_code": refusal.code, "err_msg": refusal.message, "request_id": "r-1"}
    if not deepgram:
        kind = "invalid_request_error"
        body = {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}}
    data = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {refusal.status}", "Content-Type: application/json", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in refusal.headers.items()]
    writer.write("\r\n".join([*lines, "Connection: close"]).encode() + b"\r\n\r\n" + data)


def _problem(request: Request, query: dict[str, str], deepgram: bool) -> Refusal | None:
    bearer = request.headers.get("authorization")
    if bearer != (f"Token {DEEPGRAM_KEY}" if deepgram else f"Bearer {OPENAI_KEY}"):
        return Refusal("401 Unauthorized", "INVALID_AUTH", "Invalid credentials.")
    body = request.body
    if deepgram:
        if query.keys() - AURA or set(body) != {"text"}:
            return Refusal("400 Bad Request", "Bad Request", "Unknown parameters.")
        if not query.get("model", "").startswith(("aura-2-thalia-en", "aura-2-celeste-es", "aura-luna-en")):
            return Refusal("400 Bad Request", "Bad Request", "No such model.")
        if (query.get("encoding"), query.get("sample_rate"), query.get("container")) != (
            "linear16", "8000", "none",
        ):  # fmt: skip
            return Refusal("400 Bad Request", "Bad Request", "This fake speaks one.")
        return None
    if request.path != "/v1/audio/speech":
        return Refusal("404 Not Found", "unknown_url", f"Unknown request URL: POST {request.path}.")
    if body.keys() - SPEECH or ("instructions" in body and body["model"].startswith("tts-1")):
        return Refusal("400 Bad Request", "unsupported_parameter", "Unsupported parameter.")
    if body["response_format"] != "pcm" or len(body["input"]) > 4096:
        return Refusal("400 Bad Request", "invalid_value", "This fake speaks one.")
    return None


def sound(seconds: float, rate: int = 8000) -> bytes:
    return struct.pack("<h", 5000) * round(seconds * rate)


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[HttpServer]:
    async with http_server(fake.reply) as server:
        yield server
