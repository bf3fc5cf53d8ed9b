"""Vendors that answer each text with its sound over HTTP, as strict as the originals about what they are
asked: what is the same of all of them, and a row of each."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from tests.fakes.http_voices import SECONDS, sound
from tests.speech.servers import HttpServer, Request, http_server

KEY = "fake-0123456789-abcdef"


@dataclass(frozen=True)
class Mouth:
    """`knows`: names in the body that the vendor has; `wants`: what must be so in it. `written`: sound as the
    vendor sends it. `refused`: what it says in place of sound with status 200."""

    settings: dict[str, Any]
    path: str
    key: tuple[str, str]
    knows: set[str] = field(default_factory=set)
    wants: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "audio/pcm"
    rate: int = 8000
    written: Callable[[bytes], list[bytes]] = lambda audio: [audio]
    refused: dict[str, Any] | None = None
    ssml: bool = False


def _events(*objects: Any, name: str = "message") -> list[bytes]:
    return [f"event: {name}\ndata: {json.dumps(one)}\n\n".encode() for one in objects]


def _lines(*objects: Any) -> list[bytes]:
    return [json.dumps(one).encode() + b"\n" for one in objects]


def _halves(audio: bytes) -> list[bytes]:
    """The first of odd length."""
    middle = len(audio) // 4 * 2 + 1
    return [audio[:middle], audio[middle:]]


def _b64(audio: bytes) -> str:
    return b64encode(audio).decode()


def _minimax(audio: bytes) -> list[bytes]:
    fine = {"status_code": 0, "status_msg": "success"}
    told = [{"data": {"audio": one.hex(), "status": 1}, "base_resp": fine} for one in _halves(audio)]
    return _events(*told, {"data": {"audio": "", "status": 2}, "base_resp": fine})


def _inworld(audio: bytes) -> list[bytes]:
    return _lines(*({"result": {"audioContent": _b64(one), "usage": {}}} for one in _halves(audio)))


def _neuphonic(audio: bytes) -> list[bytes]:
    return _events(
        *({"status_code": 200, "data": {"audio": _b64(one), "text": "We"}} for one in _halves(audio))
    )


def _smallest(audio: bytes) -> list[bytes]:
    return [
        *_events(*({"audio": _b64(one)} for one in _halves(audio)), name="audio"),
        *_events({"done": True}, name="done"),
    ]


def _hume(audio: bytes) -> list[bytes]:
    ids = {"generation_id": "g", "request_id": "r", "snippet_id": "s", "text": "We are open."}
    parts = _halves(audio)
    return _lines(
        *(
            {"type": "audio", "audio": _b64(one), "audio_format": "pcm", "chunk_index": at,
             "is_last_chunk": at + 1 == len(parts), **ids}
            for at, one in enumerate(parts)
        )
    )  # fmt: skip


BEARER = ("authorization", f"Bearer {KEY}")
AZURE_HEADERS = {
    "content-type": "application/ssml+xml",
    "x-microsoft-outputformat": "raw-8khz-16bit-mono-pcm",
}
MOUTHS = {
    "azure": Mouth(
        {"provider": "azure", "voiceId": "andrew"}, "/cognitiveservices/v1",
        ("ocp-apim-subscription-key", KEY), headers=AZURE_HEADERS, ssml=True,
    ),
    "microsoft": Mouth(
        {"provider": "microsoft", "voiceId": "en-US-Iris:MAI-Voice-2"}, "/cognitiveservices/v1",
        ("ocp-apim-subscription-key", KEY), headers=AZURE_HEADERS, ssml=True,
    ),
    "rime-ai": Mouth(
        {"provider": "rime-ai", "voiceId": "luna"}, "/v1/rime-tts", BEARER,
        {"text", "speaker", "modelId", "lang", "samplingRate", "speedAlpha", "pauseBetweenBrackets",
         "phonemizeBetweenBrackets", "inlineSpeedAlpha", "reduceLatency"},
        {"samplingRate": 8000}, {"accept": "audio/pcm"},
    ),
    "minimax": Mouth(
        {"provider": "minimax", "voiceId": "English_Trustworthy_Man"}, "/v1/t2a_v2", BEARER,
        {"model", "text", "stream", "stream_options", "voice_setting", "audio_setting", "language_boost",
         "text_normalization"},
        {"stream": True, "stream_options": {"exclude_aggregated_audio": True},
         "audio_setting": {"sample_rate": 8000, "format": "pcm", "channel": 1}},
        kind="text/event-stream", written=_minimax,
        refused={"base_resp": {"status_code": 1004, "status_msg": "login fail"}},
    ),
    "inworld": Mouth(
        {"provider": "inworld", "voiceId": "Ashley"}, "/tts/v1/voice:stream",
        ("authorization", f"Basic {KEY}"),
        {"text", "voiceId", "modelId", "audioConfig", "temperature", "language"},
        kind="application/json", written=_inworld, refused={"error": {"code": 5, "message": "Unknown voice"}},
    ),
    "xai": Mouth(
        {"provider": "xai", "voiceId": "eve"}, "/v1/tts", BEARER,
        {"text", "voice_id", "language", "speed", "output_format"},
        {"output_format": {"codec": "pcm", "sample_rate": 8000}},
    ),
    "lmnt": Mouth(
        {"provider": "lmnt", "voiceId": "leah"}, "/v1/ai/speech/bytes", ("x-api-key", KEY),
        {"text", "voice", "format", "sample_rate", "language"},
        {"format": "pcm_s16le", "sample_rate": 8000}, kind="application/octet-stream",
    ),
    "neuphonic": Mouth(
        {"provider": "neuphonic", "voiceId": "v-1", "language": "en"}, "/sse/speak/en", ("x-api-key", KEY),
        {"text", "voice_id", "lang_code", "speed", "encoding", "sampling_rate"},
        {"encoding": "pcm_linear", "sampling_rate": 8000}, kind="text/event-stream", written=_neuphonic,
        refused={"status_code": 400, "errors": ["Unknown voice"]},
    ),
    "smallest-ai": Mouth(
        {"provider": "smallest-ai", "voiceId": "magnus"}, "/waves/v1/tts/live", BEARER,
        {"text", "voice_id", "model", "sample_rate", "speed", "output_format", "language"},
        {"output_format": "pcm", "sample_rate": 8000, "model": "lightning_v3.1"},
        kind="text/event-stream", written=_smallest, refused={"error": "Unknown voice"},
    ),
    "hume": Mouth(
        {"provider": "hume", "voiceId": "v-1"}, "/v0/tts/stream/json", ("x-hume-api-key", KEY),
        {"utterances", "version", "format", "instant_mode", "strip_headers"},
        {"format": {"type": "pcm"}, "strip_headers": True}, kind="application/json", rate=48000,
        written=_hume, refused={"error": {"message": "Unknown voice"}},
    ),
}  # fmt: skip


@dataclass
class Fake:
    """`statuses`: refusals, one for each request, with the headers of each. `hangs`: how many get no answer;
    `breaks`: how many end in the middle; `refuses`: how many are refused with status 200; `instead`: a type
    and a body that come with it; `slow`: seconds before the first byte."""

    mouth: Mouth
    statuses: list[tuple[str, str]] = field(default_factory=list)
    hangs: int = 0
    breaks: int = 0
    refuses: int = 0
    instead: tuple[str, bytes] | None = None
    slow: float = 0.0
    asked: list[Any] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(request.path)
        self.asked.append(request.body)
        self.queries.append(dict(parse_qsl(parts.query)))
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        await asyncio.sleep(self.slow)
        status, more = self.statuses.pop(0) if self.statuses else (self._problem(request, parts.path), "")
        if status:
            body = json.dumps({"error": {"message": f"Refused, {KEY[:4]}."}}).encode()
            _write(writer, status, "application/json", [body], more)
            return
        if self.refuses:
            self.refuses -= 1
            _write(writer, "200 OK", self.mouth.kind, [json.dumps(self.mouth.refused).encode()])
            return
        if self.instead is not None:
            _write(writer, "200 OK", self.instead[0], [self.instead[1]])
            return
        data = b"".join(self.mouth.written(sound(SECONDS, self.mouth.rate)))
        pieces = [data[at : at + 1001] for at in range(0, len(data), 1001)]
        broken = self.breaks > 0
        self.breaks -= broken
        _write(
            writer,
            "200 OK",
            self.mouth.kind,
            pieces[: len(pieces) // 2] if broken else pieces,
            end=not broken,
        )

    def _problem(self, request: Request, path: str) -> str:
        mouth, body = self.mouth, request.body
        name, key = mouth.key
        if request.headers.get(name) != key:
            return "401 Unauthorized"
        if path != mouth.path:
            return "404 Not Found"
        if any(request.headers.get(header) != value for header, value in mouth.headers.items()):
            return "415 Unsupported Media Type"
        if mouth.ssml:
            return "" if _spoken(body) is not None else "400 Bad Request"
        wrong = body.keys() - mouth.knows or any(
            body.get(name) != value for name, value in mouth.wants.items()
        )
        return "400 Bad Request" if wrong else ""


def _spoken(body: Any) -> str | None:
    """The text in SSML, None where it is none."""
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, TypeError):
        return None
    return re.sub(r"\s+", " ", "".join(root.itertext())) if root.tag.endswith("}speak") else None


def _write(
    writer: asyncio.StreamWriter,
    status: str,
    kind: str,
    pieces: list[bytes],
    more: str = "",
    end: bool = True,
) -> None:
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Transfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    for piece in filter(None, pieces):
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    if end:
        writer.write(b"0\r\n\r\n")


@asynccontextmanager
async def served(fake: Fake) -> AsyncIterator[HttpServer]:
    async with http_server(fake.reply) as server:
        yield server
