"""Provider `assembly-ai`: streaming v3, which judges turns by itself (vapi-wire §5.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import AssemblyAITranscriber as AssemblyAISettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import EngineError, TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.streaming_transcriber import (
    WHOLE_TURN,
    WHOLE_TURN_MESSAGES,
    StreamingTranscriber,
    TranscriberFailed,
)
from offhook.speech.streaming.wire_message import MOST_WORDS, Share, Text, WireMessage, Words, reader_of

URL: Final = "wss://streaming.assemblyai.com"
PROVIDER: Final = "assembly-ai"
DEFAULT_MODEL: Final = "universal-streaming-english"
MULTILINGUAL_MODEL: Final = "universal-streaming-multilingual"
"""Without a model, for other languages than English."""
CONTEXT_MODEL: Final = "universal-3"
"""Models of this name take `mode`, `prompt`, `agentContext` and `languageCodes`."""
LEAST_CONFIDENCE: Final = 0.4
END_OF_TURN_CONFIDENCE: Final = 0.7
MIN_TURN_SILENCE_MS: Final = 160
MAX_TURN_SILENCE_MS: Final = 400
"""These four are the API's defaults."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words: of a cough it says nothing."""
_LEAST_FRAMES: Final = 3
"""A message of less than 50 ms ends the session, as does one of more than a second."""
_PASSING: Final = frozenset({3005, 3007, 3008})
"""Server error, sound faster than real time (that is sent again after a break), session too old."""
_FAILURES: Final[Mapping[str, EngineFailure]] = {
    "insufficient": "returning-400-insufficent-funds",
    "balance": "returning-400-insufficent-funds",
    "paid": "returning-400-paid-only-feature",
    "upgrade": "returning-400-paid-only-feature",
    "authoriz": "returning-401-invalid-credentials",
    "api key": "returning-401-invalid-credentials",
    "api token": "returning-401-invalid-credentials",
}
"""By what the vendor's words have in them: one code stands for all of these."""

Milliseconds = Annotated[float, Field(ge=0, le=1e9)]


class _Word(WireMessage):
    text: Words
    start: Milliseconds
    end: Milliseconds
    confidence: Share = 0.0


class _Turn(WireMessage):
    type: Literal["Turn"]
    transcript: Text
    end_of_turn: bool = False
    turn_is_formatted: bool = False
    words: Annotated[list[_Word], Field(default_factory=list, max_length=MOST_WORDS)]


class _Error(WireMessage):
    type: Literal["Error"]
    error_code: int | None = None
    error: Text | None = None


_read = reader_of(_Turn, _Error)


class AssemblyAIStream(StreamingTranscriber):
    """`formatted`: the end of a turn is told a second time with capitals and marks, and only that counts."""

    provider = named = PROVIDER
    gather = 5
    least = _LEAST_FRAMES
    answers_after = SURE_SECONDS

    def __init__(
        self, place: SocketPlace, formatted: bool, partials: bool, least_confidence: float, silence: float
    ) -> None:
        super().__init__(place)
        self._formatted = formatted
        self._partials = partials
        self._least_confidence = least_confidence
        self.turn_patience = silence + 1.0

    def farewell(self) -> str:
        return '{"type":"Terminate"}'

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        return _named(str(failed)) if failed.status in (0, 400, 401, 402, 403) else None

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read(message)
        if isinstance(told, _Turn):
            yield from self._turn(told)
        elif isinstance(told, _Error):
            words = told.error or "an error without words"
            raise TranscriberFailed(words[:300], _named(words), lasting=told.error_code not in _PASSING)
        else:
            self.no_answer()

    def _turn(self, turn: _Turn) -> Iterable[Transcript]:
        # What is not yet sure is in the words alone.
        text = " ".join(one.text for one in turn.words).strip() or turn.transcript.strip()
        ended = turn.end_of_turn and (turn.turn_is_formatted or not self._formatted)
        if not ended:
            if text and (self._partials or turn.end_of_turn):
                yield Transcript(text, final=False, turn="may-end" if turn.end_of_turn else None)
            return
        confidence = fmean(one.confidence for one in turn.words) if turn.words else None
        if confidence is not None and confidence < self._least_confidence:
            text, turn = "", turn.model_copy(update={"words": []})
        yield Transcript(
            turn.transcript.strip() if text else "",
            final=True,
            words=_timed(turn.words),
            turn="ended",
            confidence=confidence,
        )


def _timed(words: Sequence[_Word]) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(one.text, one.start / 1000, one.end / 1000) for one in words)


def _named(words: str) -> EngineFailure | None:
    found = (failure for part, failure in _FAILURES.items() if part in words.lower())
    return next(found, None)


async def transcriber(request: EngineRequest[AssemblyAISettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    url, outside = account.url or URL, request.way_to(account)
    if settings.realtime_url:
        if not getattr(await request.credential(), "api_key", None):
            detail = "realtimeUrl wants a key of the org's own: the node's goes to no other address"
            raise EngineError("transcriber", PROVIDER, detail)
        url, outside = settings.realtime_url, request.node.outside
    formatted = settings.format_turns is not False
    place = SocketPlace(
        outside,
        f"{url.rstrip('/').removesuffix('/v3/ws')}/v3/ws?{urlencode(_query(settings, formatted))}",
        headers={"Authorization": account.key},
        largest=WHOLE_TURN,
        messages=WHOLE_TURN_MESSAGES,
    )
    least = LEAST_CONFIDENCE if settings.confidence_threshold is None else settings.confidence_threshold
    silence = (settings.max_turn_silence or MAX_TURN_SILENCE_MS) / 1000
    return AssemblyAIStream(place, formatted, not settings.disable_partial_transcripts, least, silence)


def _query(settings: AssemblyAISettings, formatted: bool) -> list[tuple[str, Any]]:
    english = (settings.language or "en") == "en"
    model = settings.speech_model or (DEFAULT_MODEL if english else MULTILINGUAL_MODEL)
    confidence = settings.end_of_turn_confidence_threshold
    query: list[tuple[str, Any]] = [
        ("sample_rate", SAMPLE_RATE),
        ("encoding", "pcm_s16le"),
        ("speech_model", model),
        ("format_turns", "true" if formatted else "false"),
        ("end_of_turn_confidence_threshold", END_OF_TURN_CONFIDENCE if confidence is None else confidence),
        ("min_turn_silence", _whole(settings.min_end_of_turn_silence_when_confident, MIN_TURN_SILENCE_MS)),
        ("max_turn_silence", _whole(settings.max_turn_silence, MAX_TURN_SILENCE_MS)),
    ]
    if settings.keyterms_prompt:
        query.append(("keyterms_prompt", json.dumps(settings.keyterms_prompt)))
    if model.startswith(CONTEXT_MODEL):
        query += [
            (name, value)
            for name, value in (
                ("mode", settings.mode),
                ("prompt", settings.prompt),
                ("agent_context", settings.agent_context),
                ("language_codes", json.dumps(settings.language_codes) if settings.language_codes else None),
            )
            if value
        ]
    return query


def _whole(milliseconds: float | None, otherwise: int) -> int:
    return otherwise if milliseconds is None else round(milliseconds)
