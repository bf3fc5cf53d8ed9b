"""Provider `cartesia`: its voices over one WebSocket for the whole call, a context for each utterance and a
flush for each text, with the times of words (vapi-wire §5.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.voice import CartesiaVoice as CartesiaSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import TimedWord, Voice
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.aligned_sound import MarkedSound, VoicePiece
from offhook.speech.streaming.context_voice import LARGEST, MESSAGES, ContextVoice, VoiceFailed
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.wire_message import (
    NotUnderstood,
    Seconds,
    Text,
    WireMessage,
    Words,
    base64_sound,
    reader_of,
)

URL: Final = "wss://api.cartesia.ai"
PROVIDER: Final = "cartesia"
DEFAULT_MODEL: Final = "sonic-3"
VERSION: Final = "2026-08-14"
CONTROLS_VERSION: Final = "2024-11-13"
"""The last that knows `experimentalControls`."""
_STATUSES: Final[dict[int, EngineFailure]] = {
    402: "requested-payment",
    500: "500-server-error",
    502: "502-server-error",
    503: "503-server-error",
    504: "503-server-error",
    522: "522-server-error",
}
_Context = Annotated[str, Field(max_length=100)]
_WordList = Annotated[list[Words], Field(max_length=2000)]
_TimeList = Annotated[list[Seconds], Field(max_length=2000)]


class _Chunk(WireMessage):
    type: Literal["chunk"]
    context_id: _Context
    data: str


class _WordTimes(WireMessage):
    words: _WordList
    start: _TimeList
    end: _TimeList


class _Timestamps(WireMessage):
    type: Literal["timestamps"]
    context_id: _Context
    word_timestamps: _WordTimes | None = None


class _FlushDone(WireMessage):
    type: Literal["flush_done"]
    context_id: _Context


class _Done(WireMessage):
    type: Literal["done"]
    context_id: _Context


class _Failure(WireMessage):
    type: Literal["error"]
    context_id: _Context | None = None
    status_code: int | None = None
    title: Text | None = None
    message: Text | None = None
    error: Text | None = None


_read = reader_of(_Chunk, _Timestamps, _FlushDone, _Done, _Failure)


class CartesiaSocketVoice(ContextVoice):
    provider = PROVIDER

    def __init__(self, place: SocketPlace, wishes: str) -> None:
        """`wishes`: what each request says of the voice, a JSON object."""
        super().__init__(place)
        self._wishes = wishes.removesuffix("}")

    def shape(self) -> MarkedSound:
        return MarkedSound()

    def saying(self, context: str, text: str, first: bool) -> list[str]:
        return [self._request(context, f"{text} "), self._request(context, "", flush=True)]

    def ending(self, context: str) -> list[str]:
        return [self._request(context, "", more=False)]

    def cancelling(self, context: str) -> list[str]:
        return [json.dumps({"context_id": context, "cancel": True})]

    def read(self, message: str | bytes) -> Iterator[tuple[str, VoicePiece]]:
        told = _read(message)
        if isinstance(told, _Chunk):
            yield told.context_id, VoicePiece(base64_sound(told.data))
        elif isinstance(told, _Timestamps) and told.word_timestamps is not None:
            yield told.context_id, VoicePiece(words=_timed(told.word_timestamps))
        elif isinstance(told, _FlushDone):
            yield told.context_id, VoicePiece(text_ended=True)
        elif isinstance(told, _Done):
            yield told.context_id, VoicePiece(ended=True)
        elif isinstance(told, _Failure):
            words = ": ".join(one[:300] for one in (told.title, told.message or told.error) if one)
            failure = _STATUSES.get(told.status_code or 0)
            raise VoiceFailed(words or "an error without words", failure, told.context_id or "")

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        if not failed.status and not failed.flooded and failed.wait is not None:
            return "socket-hang-up"
        return _STATUSES.get(failed.status)

    def _request(self, context: str, transcript: str, more: bool = True, flush: bool = False) -> str:
        of_this = {"context_id": context, "transcript": transcript, "continue": more}
        return f"{self._wishes}, {json.dumps(of_this | ({'flush': True} if flush else {}))[1:]}"


def _timed(times: _WordTimes) -> tuple[TimedWord, ...]:
    """Raises NotUnderstood."""
    if not len(times.words) == len(times.start) == len(times.end):
        raise NotUnderstood("words without their times")
    return tuple(TimedWord(*one) for one in zip(times.words, times.start, times.end, strict=True))


async def voice(request: EngineRequest[CartesiaSettings]) -> Voice:
    settings, account = request.settings, await request.account()
    old = settings.experimental_controls is not None
    place = SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/')}/tts/websocket",
        headers={"X-API-Key": account.key, "Cartesia-Version": CONTROLS_VERSION if old else VERSION},
        largest=LARGEST,
        messages=MESSAGES,
    )
    return CartesiaSocketVoice(place, json.dumps(_wishes(settings)))


def _wishes(settings: CartesiaSettings) -> dict[str, Any]:
    voice: dict[str, Any] = {"mode": "id", "id": settings.voice_id}
    if settings.experimental_controls is not None:
        controls = settings.experimental_controls
        emotion = {} if controls.emotion is None else {"emotion": [controls.emotion]}
        speed = {} if controls.speed is None else {"speed": controls.speed}
        voice["__experimental_controls"] = speed | emotion
    wishes: dict[str, Any] = {
        "model_id": settings.model or DEFAULT_MODEL,
        "voice": voice,
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE},
        "add_timestamps": True,
        "max_buffer_delay_ms": 0,  # each text is whole: nothing has to be waited for
    }
    if settings.language:
        wishes["language"] = settings.language
    if settings.pronunciation_dict_id:
        wishes["pronunciation_dict_id"] = settings.pronunciation_dict_id
    if settings.generation_config is not None:
        config = settings.generation_config
        wishes["generation_config"] = {
            name: value
            for name, value in (("speed", config.speed), ("volume", config.volume))
            if value is not None
        }
    return wishes
