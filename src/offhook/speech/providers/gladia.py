"""Provider `gladia`: a session is asked for over HTTP, and each has a socket of its own (vapi-wire §5.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import httpx2
from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.network import words_of
from offhook.network.http import BodyRefused, at_most, read_bounded
from offhook.network.refusal import explained
from offhook.schema.assistants.transcriber import GladiaTranscriber as GladiaSettings
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.remote import REFUSED
from offhook.speech.streaming.engine_socket import PASSING, RETRY_SECONDS, SocketFailed, SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import (
    MOST_WORDS,
    NotUnderstood,
    Seconds,
    Share,
    Text,
    WireMessage,
    Words,
    checked,
    object_in,
    reader_of,
)

URL: Final = "https://api.gladia.io"
DEFAULT_MODEL: Final = "solaria-1"
OLD_MODELS: Final = frozenset({"fast", "accurate"})
"""Names of models that are gone."""
ENDPOINTING_SECONDS: Final = 0.05
LEAST_CONFIDENCE: Final = 0.4
"""The API's default: what is heard with less is left out."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
MOST_BYTES: Final = 64 * 1024
"""Of the answer that tells of a session."""


class _Session(WireMessage):
    url: Text


class _Word(WireMessage):
    word: Words
    start: Seconds
    end: Seconds
    confidence: Share = 0.0


class _Utterance(WireMessage):
    text: Text
    confidence: Share | None = None
    words: Annotated[list[_Word], Field(default_factory=list, max_length=MOST_WORDS)]


class _Heard(WireMessage):
    is_final: bool = False
    utterance: _Utterance


class _Transcript(WireMessage):
    type: Literal["transcript"]
    data: _Heard


class _Error(WireMessage):
    type: Literal["error"]
    message: Text | None = None


_read = reader_of(_Transcript, _Error)


class GladiaStream(StreamingTranscriber):
    """`place` is where sessions are asked for by `wishes`, a JSON object."""

    provider = named = "gladia"
    gather = 5
    answers_after = SURE_SECONDS

    def __init__(self, place: SocketPlace, wishes: str, least_confidence: float) -> None:
        super().__init__(place)
        self._wishes = wishes
        self._least_confidence = least_confidence

    async def find(self) -> SocketPlace:
        try:
            async with asyncio.timeout(self.place.timeout):
                url = await self._session()
        except TimeoutError:
            raise SocketFailed("the server took too long to begin a session") from None
        except NotUnderstood as odd:
            raise SocketFailed(f"what it says of a session is not understood: {odd}", status=502) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, BodyRefused, *REFUSED) as error:
            raise SocketFailed(self.place.told(words_of(error)), wait=RETRY_SECONDS) from None
        # The address is the key to the session, and the account's is told nobody else.
        return replace(self.place, url=url, headers={}, secrets=(*self.place.secrets, url))

    async def _session(self) -> str:
        headers = {**self.place.headers, "Content-Type": "application/json"}
        async with self.place.outside.http.stream(
            "POST",
            self.place.url,
            content=self._wishes.encode(),
            headers=headers,
            extensions=at_most(MOST_BYTES),
        ) as response:
            body = await read_bounded(response, MOST_BYTES)
        if response.is_success:
            return checked(_Session, object_in(body.decode("utf-8", "replace"))).url
        unquoted = f"no session: HTTP {response.status_code}"
        words = "".join(char if char.isprintable() else " " for char in explained(body))[:300]
        wait = RETRY_SECONDS if response.status_code in PASSING - {429} else None
        detail = self.place.told(f"{unquoted}: {words}")
        raise SocketFailed(detail, unquoted, status=response.status_code, body=body, wait=wait)

    def farewell(self) -> str:
        return '{"type":"stop_recording"}'

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read(message)
        if isinstance(told, _Error):
            raise TranscriberFailed((told.message or "an error without words")[:300], lasting=False)
        if not isinstance(told, _Transcript):
            self.no_answer()
            return
        heard, said = told.data, told.data.utterance
        text = said.text.strip()
        if said.confidence is not None and said.confidence < self._least_confidence:
            text = ""
        if text or (heard.is_final and self.pending):
            words = _timed(said.words) if heard.is_final and text else ()
            yield Transcript(text, final=heard.is_final, words=words, confidence=said.confidence)


def _timed(words: Sequence[_Word]) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(one.word.strip(), one.start, one.end) for one in words)


async def transcriber(request: EngineRequest[GladiaSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    base = (account.url or URL).replace("wss://", "https://", 1).replace("ws://", "http://", 1)
    place = SocketPlace(
        request.way_to(account),
        f"{base.rstrip('/').removesuffix('/v2')}/v2/live?region={settings.region or 'us-west'}",
        headers={"X-Gladia-Key": account.key},
    )
    least = LEAST_CONFIDENCE if settings.confidence_threshold is None else settings.confidence_threshold
    return GladiaStream(place, json.dumps(_wishes(settings)), least)


def _wishes(settings: GladiaSettings) -> Mapping[str, Any]:
    model = settings.model
    prepared = {
        name: value
        for name, value in (
            ("audio_enhancer", settings.audio_enhancer),
            ("speech_threshold", settings.speech_threshold),
        )
        if value is not None
    }
    wishes: dict[str, Any] = {
        "encoding": "wav/pcm",
        "bit_depth": 16,
        "sample_rate": SAMPLE_RATE,
        "channels": 1,
        "model": DEFAULT_MODEL if model is None or model in OLD_MODELS else model,
        "endpointing": settings.endpointing or ENDPOINTING_SECONDS,
        "language_config": _languages(settings),
        "messages_config": {
            "receive_partial_transcripts": settings.receive_partial_transcripts is not False,
            "receive_final_transcripts": True,
            "receive_speech_events": False,
            "receive_acknowledgments": False,
            "receive_lifecycle_events": False,
        },
    }
    if prepared:
        wishes["pre_processing"] = prepared
    if settings.custom_vocabulary_config is not None and settings.custom_vocabulary_enabled is not False:
        config = settings.custom_vocabulary_config.model_dump(exclude_none=True)
        wishes["realtime_processing"] = {"custom_vocabulary": True, "custom_vocabulary_config": config}
    return wishes


def _languages(settings: GladiaSettings) -> Mapping[str, Any]:
    named = settings.languages or ([settings.language] if settings.language else [])
    if settings.language_behaviour == "automatic multiple languages":
        return {"languages": named, "code_switching": True}
    if settings.language_behaviour == "automatic single language":
        return {"languages": [], "code_switching": False}
    return {"languages": named or ["en"], "code_switching": False}
