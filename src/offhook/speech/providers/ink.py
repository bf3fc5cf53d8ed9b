"""Provider `cartesia` as a transcriber: Ink 2, which judges turns by itself, and Ink Whisper, which is asked
for the words behind each speech (vapi-wire §5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal
from urllib.parse import urlencode

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import CartesiaTranscriber as InkSettings
from offhook.speech.engine_protocols import Transcriber, Transcript
from offhook.speech.engine_request import Account, EngineRequest
from offhook.speech.streaming.engine_socket import SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import Text, WireMessage, reader_of

URL: Final = "wss://api.cartesia.ai"
VERSION: Final = "2026-08-14"
TURNS_MODEL: Final = "ink-2"
WORDS_MODEL: Final = "ink-whisper"
END_SECONDS: Final = 5.6
"""Of silence, in which ink-2 ends a turn at the latest: its own default."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
_PASSING: Final = frozenset({429, 500, 502, 503, 504, 522})


class _Turn(WireMessage):
    type: Literal["turn.start", "turn.update", "turn.eager_end", "turn.resume", "turn.end"]
    transcript: Text = ""


class _Words(WireMessage):
    type: Literal["transcript"]
    text: Text
    is_final: bool = False


class _Flushed(WireMessage):
    type: Literal["flush_done", "done"]


class _InkError(WireMessage):
    type: Literal["error"]
    status_code: int | None = None
    title: Text | None = None
    message: Text | None = None


_read_turns = reader_of(_Turn, _InkError)
_read_words = reader_of(_Words, _Flushed, _InkError)


class InkTurnsTranscriber(StreamingTranscriber):
    provider = named = "cartesia"
    turn_patience = END_SECONDS + 1.0
    gather = 4
    answers_after = SURE_SECONDS

    def farewell(self) -> str:
        return '{"type":"close"}'

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read_turns(message)
        if isinstance(told, _InkError):
            raise _failed(told)
        if not isinstance(told, _Turn):
            self.no_answer()
            return
        text = told.transcript.strip()
        if told.type == "turn.end":
            yield Transcript(text, final=True, turn="ended")
        elif text:
            yield Transcript(text, final=False, turn="may-end" if told.type == "turn.eager_end" else None)


class InkWordsTranscriber(StreamingTranscriber):
    """Finals are pieces of what was said, told when they are asked for: behind each speech."""

    provider = named = "cartesia"
    gather = 5
    answers_after = SURE_SECONDS

    def farewell(self) -> str:
        return "close"

    def speech_stopped(self) -> None:
        super().speech_stopped()
        self.ask("finalize")

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read_words(message)
        if isinstance(told, _InkError):
            raise _failed(told)
        if isinstance(told, _Words) and told.text.strip():
            yield Transcript(told.text.strip(), final=told.is_final)


def _failed(error: _InkError) -> TranscriberFailed:
    words = ": ".join(one[:300] for one in (error.title, error.message) if one)
    return TranscriberFailed(words or "an error without words", lasting=error.status_code not in _PASSING)


async def transcriber(request: EngineRequest[InkSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    english = (settings.language or "en") == "en"
    model = settings.model or (TURNS_MODEL if english else WORDS_MODEL)
    if model == WORDS_MODEL:
        return InkWordsTranscriber(
            _place(request, account, "/stt/websocket", model, [("language", settings.language or "en")])
        )
    return InkTurnsTranscriber(_place(request, account, "/stt/turns/websocket", model, []))


def _place(
    request: EngineRequest[Any], account: Account, path: str, model: str, more: list[tuple[str, Any]]
) -> SocketPlace:
    query = [("model", model), ("encoding", "pcm_s16le"), ("sample_rate", SAMPLE_RATE), *more]
    return SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/')}{path}?{urlencode(query)}",
        headers={"X-API-Key": account.key, "Cartesia-Version": VERSION},
    )
