"""Provider `soniox`: words come as tokens, each for now or for good, and a token of its own is the end of the
turn (vapi-wire §5.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Annotated, Any, Final

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import SonioxTranscriber as SonioxSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import (
    MOST_WORDS,
    Share,
    Text,
    WireMessage,
    Words,
    checked,
    object_in,
)

URL: Final = "wss://stt-rt.soniox.com"
PATH: Final = "/transcribe-websocket"
DEFAULT_MODEL: Final = "stt-rt-v4"
KEEPALIVE_SECONDS: Final = 5.0
END_DELAY_MS: Final = 500
"""The API's default: of silence, in which a turn ends at the latest."""
_END: Final = "<end>"
_MARKS: Final = frozenset({_END, "<fin>"})
_PASSING: Final = frozenset({408, 500, 502, 503})
_FAILURES: Final[Mapping[int, EngineFailure]] = {
    400: "transcriber-invalid-config",
    401: "transcriber-auth-failed",
    403: "transcriber-auth-failed",
    404: "transcriber-invalid-config",
    429: "transcriber-rate-limited",
    500: "transcriber-server-error",
    502: "transcriber-server-error",
    503: "transcriber-server-error",
}


class _Token(WireMessage):
    text: Words
    start_ms: Annotated[float, Field(ge=0, le=1e9)] | None = None
    end_ms: Annotated[float, Field(ge=0, le=1e9)] | None = None
    confidence: Share | None = None
    is_final: bool | None = None


class _Heard(WireMessage):
    tokens: Annotated[list[_Token], Field(default_factory=list, max_length=MOST_WORDS)]
    error_code: int | None = None
    error_message: Text | None = None


class SonioxStream(StreamingTranscriber):
    provider = named = "soniox"
    gather = 4

    def __init__(self, place: SocketPlace, delay: float, least_confidence: float) -> None:
        super().__init__(place)
        self.turn_patience = delay + 1.0
        self._least_confidence = least_confidence
        self._sure: list[_Token] = []

    def begin(self) -> None:
        super().begin()
        self._sure = []

    def farewell(self) -> str:
        return ""

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        return _FAILURES.get(failed.status)

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = checked(_Heard, object_in(message))
        if told.error_code is not None:
            code, words = told.error_code, told.error_message or "an error without words"
            raise TranscriberFailed(words[:300], _FAILURES.get(code), lasting=code not in _PASSING)
        for token in told.tokens:
            if token.is_final and token.text == _END:
                yield self._turn_ended()
            elif token.is_final and token.text not in _MARKS:
                self._sure.append(token)
        if len(self._sure) > MOST_WORDS:
            yield self._turn_ended()
        open_tokens = [one for one in told.tokens if not one.is_final and one.text not in _MARKS]
        if text := _text(self._sure + open_tokens):
            yield Transcript(text, final=False)

    def _turn_ended(self) -> Transcript:
        tokens, self._sure = self._sure, []
        known = [one.confidence for one in tokens if one.confidence is not None]
        confidence = fmean(known) if known else None
        if confidence is not None and confidence < self._least_confidence:
            tokens = []
        return Transcript(
            _text(tokens), final=True, words=_timed(tokens), turn="ended", confidence=confidence
        )


def _text(tokens: Sequence[_Token]) -> str:
    return "".join(one.text for one in tokens).strip()


def _timed(tokens: Sequence[_Token]) -> tuple[TimedWord, ...]:
    """Tokens are parts of words; the first one of each begins with a space."""
    words: list[TimedWord] = []
    for one in tokens:
        if one.start_ms is None or one.end_ms is None:
            return ()
        start, end = one.start_ms / 1000, one.end_ms / 1000
        if words and not one.text.startswith(" "):
            words[-1] = TimedWord(words[-1].text + one.text.strip(), words[-1].start, end)
        elif one.text.strip():
            words.append(TimedWord(one.text.strip(), start, end))
    return tuple(words)


async def transcriber(request: EngineRequest[SonioxSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    place = SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/').removesuffix(PATH)}{PATH}",
        headers={"Authorization": f"Bearer {account.key}"},
        opening=(json.dumps(_config(settings)),),
        keepalive=(KEEPALIVE_SECONDS, '{"type":"keepalive"}'),
    )
    delay = (settings.max_endpoint_delay_ms or END_DELAY_MS) / 1000
    return SonioxStream(place, delay, settings.confidence_threshold or 0.0)


def _config(settings: SonioxSettings) -> Mapping[str, Any]:
    hints = settings.languages
    if hints is None:
        hints = [settings.language] if settings.language not in (None, "multi") else ["en"]
    config: dict[str, Any] = {
        "model": settings.model or DEFAULT_MODEL,
        "audio_format": "pcm_s16le",
        "sample_rate": SAMPLE_RATE,
        "num_channels": 1,
        "enable_endpoint_detection": True,
        "max_endpoint_delay_ms": round(settings.max_endpoint_delay_ms or END_DELAY_MS),
        "endpoint_sensitivity": settings.endpoint_sensitivity,
        "endpoint_latency_adjustment_level": _whole(settings.endpoint_latency_adjustment_level),
        "language_hints": hints or None,
        "language_hints_strict": settings.language_hints_strict,
        "context": _context(settings) or None,
    }
    return {name: value for name, value in config.items() if value is not None}


def _context(settings: SonioxSettings) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if settings.custom_vocabulary:
        context["terms"] = settings.custom_vocabulary
    if settings.context_general:
        context["general"] = [{"key": one.key, "value": one.value} for one in settings.context_general]
    return context


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
