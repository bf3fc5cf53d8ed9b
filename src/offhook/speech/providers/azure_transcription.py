"""Provider `azure` as a transcriber: each message has headers of its own, and the sound begins as a WAV file
does (vapi-wire §5.1)."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import AzureSpeechTranscriber as AzureSettings
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.providers.azure import KEY_HEADER, address
from offhook.speech.streaming.engine_socket import SocketPlace
from offhook.speech.streaming.streaming_transcriber import (
    WHOLE_TURN,
    StreamingTranscriber,
    TranscriberFailed,
)
from offhook.speech.streaming.wire_message import (
    MOST_WORDS,
    NotUnderstood,
    Share,
    Text,
    WireMessage,
    Words,
    checked,
    object_in,
)

PATH: Final = "/speech/recognition/conversation/cognitiveservices/v1"
SILENCE_MS: Final = 300
"""Of silence behind a phrase, without `segmentationSilenceTimeoutMs`."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
_TICKS: Final = 1e7
"""In a second."""
Ticks = Annotated[float, Field(ge=0, le=1e13)]


class _Pascal(WireMessage):
    model_config = ConfigDict(alias_generator=to_pascal)


class _Word(_Pascal):
    word: Words
    offset: Ticks
    duration: Ticks


class _Best(_Pascal):
    display: Text = ""
    confidence: Share | None = None
    words: Annotated[list[_Word], Field(default_factory=list, max_length=MOST_WORDS)]


class _Hypothesis(_Pascal):
    text: Text = ""


class _Phrase(_Pascal):
    recognition_status: Text
    display_text: Text = ""
    offset: Ticks = 0.0
    duration: Ticks = 0.0
    n_best: Annotated[list[_Best], Field(default_factory=list, max_length=20)]


class AzureTranscription(StreamingTranscriber):
    """`written_at`: as its messages say the time."""

    provider = "azure"
    named = "azure"
    gather = 5
    answers_after = SURE_SECONDS

    def __init__(self, place: SocketPlace, request_id: str, written_at: str) -> None:
        super().__init__(place)
        headers = f"X-RequestId: {request_id}\r\nX-Timestamp: {written_at}\r\n"
        self._head = _framed(f"Path: audio\r\n{headers}")
        self._first = _framed(f"Path: audio\r\n{headers}Content-Type: audio/x-wav\r\n") + _wav_head()
        self._begun = False

    def begin(self) -> None:
        super().begin()
        self._begun = False

    def sound(self, frames: list[bytes]) -> bytes:
        head = self._head if self._begun else self._first
        self._begun = True
        return head + b"".join(frames)

    def farewell(self) -> bytes:
        return self._head

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        path, body = _parted(message)
        if path == "speech.hypothesis":
            text = checked(_Hypothesis, object_in(body)).text.strip()
            if text:
                yield Transcript(text, final=False)
        elif path == "speech.phrase":
            yield from self._phrase(checked(_Phrase, object_in(body)))
        elif path == "turn.end":
            raise TranscriberFailed("the vendor has ended its turn", lasting=False)
        else:
            self.no_answer()

    def _phrase(self, phrase: _Phrase) -> Iterable[Transcript]:
        if phrase.recognition_status == "Error":
            raise TranscriberFailed("the vendor reports an error", lasting=False)
        best = phrase.n_best[0] if phrase.n_best else _Best()
        text = (best.display or phrase.display_text).strip()
        self.heard_until((phrase.offset + phrase.duration) / _TICKS)
        if text or self.pending:
            words = tuple(
                TimedWord(one.word, one.offset / _TICKS, (one.offset + one.duration) / _TICKS)
                for one in best.words
            )
            yield Transcript(text, final=True, words=words if text else (), confidence=best.confidence)


def _framed(headers: str) -> bytes:
    """What stands before the body of a binary message."""
    data = headers.encode()
    return struct.pack(">H", len(data)) + data


def _wav_head() -> bytes:
    """Of 16-bit PCM without an end."""
    shape = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + shape + b"data\0\0\0\0"


def _parted(message: str | bytes) -> tuple[str, str]:
    """Path and body of a message. Raises NotUnderstood."""
    if isinstance(message, bytes):
        raise NotUnderstood("a binary message")
    head, _, body = message.partition("\r\n\r\n")
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "path":
            return value.strip().lower(), body
    raise NotUnderstood("a message without a path")


def _written(path: str, request_id: str, at: str, body: Mapping[str, Any]) -> str:
    return (
        f"Path: {path}\r\nX-RequestId: {request_id}\r\nX-Timestamp: {at}\r\n"
        f"Content-Type: application/json\r\n\r\n{json.dumps(body)}"
    )


async def transcriber(request: EngineRequest[AzureSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    base = (await address(request, "stt")).rstrip("/").removesuffix(PATH)
    request_id = uuid.uuid4().hex
    at = datetime.fromtimestamp(request.node.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    config = {"context": {"system": {"name": "offhook", "version": "1"}}}
    place = SocketPlace(
        request.way_to(account),
        f"{base}{PATH}?{urlencode(_query(settings))}",
        headers={KEY_HEADER: account.key, "X-ConnectionId": uuid.uuid4().hex},
        opening=(_written("speech.config", request_id, at, config),),
        largest=WHOLE_TURN,  # a phrase is told in five readings, each with the times of its words
    )
    return AzureTranscription(place, request_id, at)


def _query(settings: AzureSettings) -> Mapping[str, Any]:
    silence = settings.segmentation_silence_timeout_ms
    wished = {
        "language": settings.language or "en-US",
        "format": "detailed",
        "word_level_timestamps": "true",
        "segmentation_silence_timeout_ms": SILENCE_MS if silence is None else round(silence),
        "segmentation_maximum_time_ms": settings.segmentation_maximum_time_ms,
        "segmentation_strategy": settings.segmentation_strategy,
    }
    return {to_camel(name): value for name, value in wished.items() if value is not None}
