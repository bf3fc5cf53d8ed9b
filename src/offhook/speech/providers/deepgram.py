"""Provider `deepgram`: nova and its elders over `/v1/listen`, which cut speech at pauses, and flux over
`/v2/listen`, which judges turns by itself (vapi-wire §5.1)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import DeepgramTranscriber as DeepgramSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import Account, EngineRequest
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.streaming_transcriber import (
    WHOLE_TURN,
    WHOLE_TURN_MESSAGES,
    StreamingTranscriber,
    TranscriberFailed,
)
from offhook.speech.streaming.wire_message import (
    MOST_WORDS,
    Seconds,
    Share,
    Text,
    WireMessage,
    Words,
    reader_of,
)

log = logging.getLogger(__name__)

URL: Final = "wss://api.deepgram.com"
PROVIDER: Final = "deepgram"
DEFAULT_MODEL: Final = "nova-3"
KEEPALIVE_SECONDS: Final = 4.0
"""Without sound the vendor closes after ten."""
UTTERANCE_END_MS: Final = 1000
"""The least that the vendor takes. Where noise hides the pause, this is the other end of an utterance."""
LEAST_CONFIDENCE: Final = 0.4
"""The API's default: what is heard with less is left out."""
ENDPOINTING_MS: Final = 10
EOT_TIMEOUT_MS: Final = 5000
EOT_THRESHOLD: Final = 0.7
EAGER_EOT_THRESHOLD: Final = 0.5
"""From here on flux says that the turn may be over, and a reply is prepared."""

_FLUX: Final = "flux-"
_NUMBERS: Final = "numbers"
_REFUSALS: Final[dict[int, EngineFailure]] = {
    401: "returning-401-invalid-credentials",
    403: "returning-403-model-access-denied",
    404: "returning-404-not-found",
    500: "returning-502-network-error",
    502: "returning-502-bad-gateway-ehostunreach",
    503: "returning-502-network-error",
    504: "returning-502-network-error",
}
_NO_SUCH_MODEL: Final = b"o such model"


class _Word(WireMessage):
    word: Words
    start: Seconds | None = None
    end: Seconds | None = None
    confidence: Share | None = None
    punctuated_word: Words | None = None


class _Alternative(WireMessage):
    transcript: Text
    confidence: Share = 0.0
    words: Annotated[list[_Word], Field(default_factory=list, max_length=2000)]


class _Channel(WireMessage):
    alternatives: Annotated[list[_Alternative], Field(min_length=1, max_length=20)]


class _Results(WireMessage):
    type: Literal["Results"]
    start: Seconds
    duration: Seconds
    is_final: bool = False
    speech_final: bool = False
    channel: _Channel


class _UtteranceEnd(WireMessage):
    type: Literal["UtteranceEnd"]


class _TurnInfo(WireMessage):
    type: Literal["TurnInfo"]
    event: Text
    audio_window_end: Seconds = 0.0
    transcript: Text
    words: Annotated[list[_Word], Field(default_factory=list, max_length=MOST_WORDS)]


class _Error(WireMessage):
    type: Literal["Error"]
    description: Text | None = None
    message: Text | None = None
    code: Text | None = None


_read_v1 = reader_of(_Results, _UtteranceEnd, _Error)
_read_v2 = reader_of(_TurnInfo, _Error)


class _Deepgram(StreamingTranscriber):
    provider = named = PROVIDER

    def __init__(self, place: SocketPlace, least_confidence: float) -> None:
        super().__init__(place)
        self._least_confidence = least_confidence

    def farewell(self) -> str:
        return '{"type":"CloseStream"}'

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        if failed.status == 400 and _NO_SUCH_MODEL in failed.body:
            return "returning-400-no-such-model-language-tier-combination"
        if not failed.status and not failed.code and not failed.flooded:
            return "returning-econnreset" if failed.wait is not None else None
        return _REFUSALS.get(failed.status)

    def nonsense(self) -> EngineFailure:
        return "returning-500-invalid-json"


class NovaTranscriber(_Deepgram):
    """Each final piece is told as it comes: a long turn has several."""

    gather = 3

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read_v1(message)
        if isinstance(told, _Results):
            yield from self._results(told)
        elif isinstance(told, _UtteranceEnd):
            if self.pending:
                self.ask('{"type":"Finalize"}')
        elif isinstance(told, _Error):
            raise _refusal(told)
        else:
            self.no_answer()

    def _results(self, results: _Results) -> Iterable[Transcript]:
        best = results.channel.alternatives[0]
        if results.is_final:
            self.heard_until(results.start + results.duration)
        if not best.transcript.strip() or best.confidence < self._least_confidence:
            if results.is_final and self.pending:
                yield Transcript("", final=True)  # what was heard for a moment is not
            return
        words = _timed(best.words) if results.is_final else ()
        yield Transcript(
            best.transcript.strip(), final=results.is_final, words=words, confidence=best.confidence
        )


class FluxTranscriber(_Deepgram):
    """`turn_patience`: flux ends each turn, at the latest when its time is out."""

    gather = 4

    def __init__(self, place: SocketPlace, least_confidence: float, timeout: float) -> None:
        super().__init__(place, least_confidence)
        self.turn_patience = timeout + 1.0

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read_v2(message)
        if isinstance(told, _TurnInfo):
            yield from self._turn(told)
        elif isinstance(told, _Error):
            raise _refusal(told)
        else:
            self.no_answer()

    def _turn(self, info: _TurnInfo) -> Iterable[Transcript]:
        text = info.transcript.strip()
        if info.event != "EndOfTurn":
            if text:
                yield Transcript(
                    text, final=False, turn="may-end" if info.event == "EagerEndOfTurn" else None
                )
            return
        self.heard_until(info.audio_window_end)
        known = [one.confidence for one in info.words if one.confidence is not None]
        confidence = fmean(known) if known else None
        if confidence is not None and confidence < self._least_confidence:
            text = ""
        words = _timed(info.words) if text else ()
        yield Transcript(text, final=True, words=words, turn="ended", confidence=confidence)


def _timed(words: Sequence[_Word]) -> tuple[TimedWord, ...]:
    """() where one has no time."""
    found = [
        TimedWord(one.punctuated_word or one.word, one.start, one.end)
        for one in words
        if one.start is not None and one.end is not None
    ]
    return tuple(found) if len(found) == len(words) else ()


def _refusal(error: _Error) -> TranscriberFailed:
    return TranscriberFailed(error.description or error.message or error.code or "an error without words")


async def transcriber(request: EngineRequest[DeepgramSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    least = LEAST_CONFIDENCE if settings.confidence_threshold is None else settings.confidence_threshold
    model = settings.model or DEFAULT_MODEL
    if model.startswith(_FLUX):
        place = _place(request, account, "/v2/listen", _flux_query(settings, model))
        place = replace(place, largest=WHOLE_TURN, messages=WHOLE_TURN_MESSAGES)
        return FluxTranscriber(place, least, (settings.eot_timeout_ms or EOT_TIMEOUT_MS) / 1000)
    place = _place(request, account, "/v1/listen", _nova_query(settings, model), keepalive=True)
    return NovaTranscriber(place, least)


def _place(
    request: EngineRequest[Any],
    account: Account,
    path: str,
    query: list[tuple[str, Any]],
    keepalive: bool = False,
) -> SocketPlace:
    return SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/').removesuffix('/v1')}{path}?{urlencode(query)}",
        headers={"Authorization": f"Token {account.key}"},
        keepalive=(KEEPALIVE_SECONDS, '{"type":"KeepAlive"}') if keepalive else None,
    )


def _nova_query(settings: DeepgramSettings, model: str) -> list[tuple[str, Any]]:
    query = [
        *_common(settings, model),
        ("channels", 1),
        ("language", settings.language or "en"),
        ("interim_results", "true"),
        ("punctuate", "true"),
        ("endpointing", _number(settings.endpointing or ENDPOINTING_MS)),
        ("utterance_end_ms", UTTERANCE_END_MS),
        ("vad_events", "true"),
    ]
    if settings.smart_format:
        query.append(("smart_format", "true"))
    query += [("redact", one) for one in settings.redaction or ()]
    # Each kind of model refuses the other's.
    terms, boosted = list(settings.keyterm or ()), list(settings.keywords or ())
    if model.startswith("nova-3"):
        terms += [one.partition(":")[0] for one in boosted]
        return query + [("keyterm", one) for one in terms]
    if terms:
        log.warning("deepgram: %s knows no keyterm, only keywords: %d are left out", model, len(terms))
    return query + [("keywords", one) for one in boosted]


def _flux_query(settings: DeepgramSettings, model: str) -> list[tuple[str, Any]]:
    threshold = settings.eot_threshold or EOT_THRESHOLD
    query = [
        *_common(settings, model),
        ("eot_threshold", _number(threshold)),
        ("eager_eot_threshold", _number(min(EAGER_EOT_THRESHOLD, threshold))),
        ("eot_timeout_ms", _number(settings.eot_timeout_ms or EOT_TIMEOUT_MS)),
    ]
    if model.endswith("-multi"):
        language = [settings.language] if settings.language not in (None, "multi") else []
        query += [("language_hint", one) for one in settings.languages or language]
    if _NUMBERS in (settings.redaction or ()):
        query.append(("redact", _NUMBERS))
    terms = [*(settings.keyterm or ()), *(one.partition(":")[0] for one in settings.keywords or ())]
    return query + [("keyterm", one) for one in terms]


def _common(settings: DeepgramSettings, model: str) -> list[tuple[str, Any]]:
    wished = {
        "numerals": settings.numerals,
        "profanity_filter": settings.profanity_filter,
        "mip_opt_out": settings.mip_opt_out,
    }
    return [
        ("model", model),
        ("encoding", "linear16"),
        ("sample_rate", SAMPLE_RATE),
        *((name, "true") for name, wish in wished.items() if wish),
    ]


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
