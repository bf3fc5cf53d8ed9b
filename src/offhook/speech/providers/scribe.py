"""Provider `11labs` as a transcriber: Scribe, which commits what was said at pauses (vapi-wire §5.1)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import ElevenLabsTranscriber as ScribeSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import Seconds, Text, WireMessage, Words, reader_of

URL: Final = "wss://api.elevenlabs.io"
DEFAULT_MODEL: Final = "scribe_v2_realtime"
BATCH_MODELS: Final = frozenset({"scribe_v1", "scribe_v2"})
"""Names of models that do not stream: the streaming one is asked instead."""
SILENCE_SECONDS: Final = 0.5
"""Without `silenceThresholdSeconds`. The vendor's own is made for dictation."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
_FAILURES: Final[Mapping[str, EngineFailure]] = {
    "auth_error": "invalid-api-key",
    "quota_exceeded": "quota-exceeded",
    "rate_limited": "system-busy-and-requested-upgrade",
    "unaccepted_terms": "unauthorized-access",
}
_PASSING: Final = frozenset(
    {
        "insufficient_audio_activity",  # a caller who is quiet for long
        "queue_overflow",
        "resource_exhausted",
        "session_time_limit_exceeded",
        "transcriber_error",
    }
)
_STATUSES: Final[Mapping[int, EngineFailure]] = {
    401: "invalid-api-key",
    403: "unauthorized-access",
    500: "500-server-error",
    502: "500-server-error",
    503: "503-server-error",
}


class _Word(WireMessage):
    text: Words
    start: Seconds | None = None
    end: Seconds | None = None
    type: Text | None = None


class _Partial(WireMessage):
    message_type: Literal["partial_transcript"]
    text: Text


class _Committed(WireMessage):
    message_type: Literal["committed_transcript_with_timestamps"]
    text: Text
    words: Annotated[list[_Word], Field(max_length=4000)] | None = None


class _Failed(WireMessage):
    message_type: Literal[
        "auth_error", "quota_exceeded", "rate_limited", "commit_throttled", "input_error", "invalid_request",
        "chunk_size_exceeded", "insufficient_audio_activity", "queue_overflow", "resource_exhausted",
        "session_time_limit_exceeded", "transcriber_error", "unaccepted_terms", "error",
    ]  # fmt: skip
    error: Text | None = None


_read = reader_of(_Partial, _Committed, _Failed, by="message_type")


class ScribeTranscriber(StreamingTranscriber):
    """A commit comes twice where times are asked for: the one with them is told."""

    provider = named = "11labs"
    gather = 5
    answers_after = SURE_SECONDS

    def sound(self, frames: list[bytes]) -> str:
        audio = b64encode(b"".join(frames)).decode()
        return (
            f'{{"message_type":"input_audio_chunk","audio_base_64":"{audio}","commit":false,'
            f'"sample_rate":{SAMPLE_RATE}}}'
        )

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read(message)
        if isinstance(told, _Partial):
            if told.text.strip():
                yield Transcript(told.text.strip(), final=False)
        elif isinstance(told, _Committed):
            if told.text.strip() or self.pending:
                yield Transcript(told.text.strip(), final=True, words=_timed(told.words or ()))
        elif isinstance(told, _Failed):
            kind = told.message_type
            lasting = kind not in _PASSING
            raise TranscriberFailed(f"{kind}: {told.error or ''}", _FAILURES.get(kind), lasting=lasting)
        else:
            self.no_answer()

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        return _STATUSES.get(failed.status)


def _timed(words: Iterable[_Word]) -> tuple[TimedWord, ...]:
    return tuple(
        TimedWord(one.text.strip(), one.start, one.end)
        for one in words
        if one.type in (None, "word") and one.start is not None and one.end is not None
    )


async def transcriber(request: EngineRequest[ScribeSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    place = SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/').removesuffix('/v1')}/v1/speech-to-text/realtime"
        f"?{urlencode(_query(settings))}",
        headers={"xi-api-key": account.key},
    )
    return ScribeTranscriber(place)


def _query(settings: ScribeSettings) -> list[tuple[str, Any]]:
    model = settings.model or DEFAULT_MODEL
    wished = {
        "vad_silence_threshold_secs": settings.silence_threshold_seconds or SILENCE_SECONDS,
        "vad_threshold": settings.confidence_threshold,
        "min_speech_duration_ms": settings.min_speech_duration_ms,
        "min_silence_duration_ms": settings.min_silence_duration_ms,
        # With a region it is refused.
        "language_code": settings.language and settings.language.partition("-")[0],
    }
    return [
        ("model_id", DEFAULT_MODEL if model in BATCH_MODELS else model),
        ("audio_format", f"pcm_{SAMPLE_RATE}"),
        ("commit_strategy", "vad"),
        ("include_timestamps", "true"),
        *((name, _number(value)) for name, value in wished.items() if value is not None),
    ]


def _number(value: float | str) -> float | str:
    return int(value) if isinstance(value, float) and value.is_integer() else value
