"""Provider `speechmatics`: results come word by word, and the end of an utterance when it is silent
(vapi-wire §5.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import SpeechmaticsTranscriber as SpeechmaticsSettings
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.engine_socket import SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import (
    MOST_WORDS,
    Seconds,
    Share,
    Text,
    WireMessage,
    Words,
    reader_of,
)

URLS: Final = {"eu": "wss://eu2.rt.speechmatics.com", "us": "wss://us.rt.speechmatics.com"}
MAX_DELAY_MS: Final = 3000
"""The API's default."""
SILENCE_SECONDS: Final = 0.3
"""Behind which an utterance is over, and its words are told at once."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
_AT_THE_LAST: Final = frozenset({"previous", "both"})
_PASSING: Final = frozenset(
    {"job_error", "internal_error", "buffer_error", "timelimit_exceeded", "idle_timeout"}
)


class _Alternative(WireMessage):
    content: Words
    confidence: Share = 0.0


class _Result(WireMessage):
    type: Text
    start_time: Seconds = 0.0
    end_time: Seconds = 0.0
    attaches_to: Text | None = None
    alternatives: Annotated[list[_Alternative], Field(default_factory=list, max_length=20)]


class _Heard(WireMessage):
    message: Literal["AddPartialTranscript", "AddTranscript"]
    results: Annotated[list[_Result], Field(default_factory=list, max_length=MOST_WORDS)]


class _End(WireMessage):
    message: Literal["EndOfUtterance", "EndOfTranscript"]


class _Started(WireMessage):
    message: Literal["RecognitionStarted"]


class _Error(WireMessage):
    message: Literal["Error"]
    type: Text | None = None
    reason: Text | None = None


_read = reader_of(_Heard, _End, _Started, _Error, by="message")


class SpeechmaticsStream(StreamingTranscriber):
    provider = named = "speechmatics"
    gather = 5
    welcomed = True
    answers_after = SURE_SECONDS

    def __init__(self, place: SocketPlace) -> None:
        super().__init__(place)
        self._sent = 0
        self._sure: list[_Result] = []

    def begin(self) -> None:
        super().begin()
        self._sent, self._sure = 0, []

    def sound(self, frames: list[bytes]) -> bytes:
        self._sent += 1
        return b"".join(frames)

    def farewell(self) -> str:
        return json.dumps({"message": "EndOfStream", "last_seq_no": self._sent})

    def welcomes(self, message: str | bytes) -> bool:
        told = _read(message)
        if isinstance(told, _Error):
            raise _failed(told)
        return isinstance(told, _Started)

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read(message)
        if isinstance(told, _Error):
            raise _failed(told)
        if isinstance(told, _Heard):
            sure = told.message == "AddTranscript"
            if sure:
                self._sure += told.results
            if text := _text(self._sure if sure else [*self._sure, *told.results]):
                yield Transcript(text, final=False)
            if len(self._sure) > MOST_WORDS:
                yield from self._over()
        elif isinstance(told, _End):
            yield from self._over()
        else:
            self.no_answer()

    def _over(self) -> Iterable[Transcript]:
        results, self._sure = self._sure, []
        words = [one for one in results if one.type != "punctuation" and one.alternatives]
        if words or self.pending:
            confidence = fmean(one.alternatives[0].confidence for one in words) if words else None
            yield Transcript(_text(results), final=True, words=_timed(results), confidence=confidence)


def _text(results: Sequence[_Result]) -> str:
    text = ""
    for one in results:
        content = one.alternatives[0].content if one.alternatives else ""
        text += content if one.attaches_to in _AT_THE_LAST else f" {content}"
    return text.strip()


def _timed(results: Sequence[_Result]) -> tuple[TimedWord, ...]:
    """With the marks at them."""
    words: list[TimedWord] = []
    for one in results:
        content = one.alternatives[0].content if one.alternatives else ""
        if words and one.attaches_to in _AT_THE_LAST:
            words[-1] = replace(words[-1], text=words[-1].text + content)
        elif content:
            words.append(TimedWord(content, one.start_time, one.end_time))
    return tuple(words)


def _failed(error: _Error) -> TranscriberFailed:
    words = ": ".join(one[:300] for one in (error.type, error.reason) if one)
    return TranscriberFailed(words or "an error without words", lasting=error.type not in _PASSING)


async def transcriber(request: EngineRequest[SpeechmaticsSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    url = (account.url or URLS[settings.region or "eu"]).rstrip("/").removesuffix("/v2")
    place = SocketPlace(
        request.way_to(account),
        f"{url}/v2",
        headers={"Authorization": f"Bearer {account.key}"},
        opening=(json.dumps(_start(settings)),),
    )
    return SpeechmaticsStream(place)


def _start(settings: SpeechmaticsSettings) -> Mapping[str, Any]:
    config: dict[str, Any] = {
        "language": settings.language or "en",
        "enable_partials": True,
        "max_delay": (settings.max_delay or MAX_DELAY_MS) / 1000,
        "conversation_config": {"end_of_utterance_silence_trigger": SILENCE_SECONDS},
    }
    if settings.operating_point:
        config["operating_point"] = settings.operating_point
    if settings.custom_vocabulary:
        config["additional_vocab"] = [
            {"content": one.content} | ({"sounds_like": one.sounds_like} if one.sounds_like else {})
            for one in settings.custom_vocabulary
        ]
    if settings.remove_disfluencies:
        config["transcript_filtering_config"] = {"remove_disfluencies": True}
    sound = {"type": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE}
    return {"message": "StartRecognition", "audio_format": sound, "transcription_config": config}
