"""Provider `openai` as a transcriber: a realtime session that only transcribes. It cuts at pauses by itself,
and says the words of each piece behind it (vapi-wire §5.1)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from offhook.rtp.codecs import PCMU
from offhook.schema.assistants.transcriber import OpenAITranscriber as OpenAISettings
from offhook.speech.engine_protocols import Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.engine_socket import SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import LONGEST_TEXT, Text, WireMessage, Words, reader_of

URL: Final = "wss://api.openai.com/v1"
SILENCE_MS: Final = 300
"""Of silence behind a piece. The vendor's own is 500."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
_MOST_PIECES: Final = 16
_MOST_UNHEARD: Final = 3
"""Pieces in a row of which it has no words: so it is without credit, too, for the session stays open."""
_PASSING: Final = frozenset({"server_error", "session_expired"})


class _Delta(WireMessage):
    type: Literal["conversation.item.input_audio_transcription.delta"]
    item_id: Words
    delta: Text = ""


class _Completed(WireMessage):
    type: Literal["conversation.item.input_audio_transcription.completed"]
    item_id: Words
    transcript: Text


class _Stopped(WireMessage):
    type: Literal["input_audio_buffer.speech_stopped"]
    item_id: Words
    audio_end_ms: Annotated[float, Field(ge=0, le=1e9)]


class _Problem(WireMessage):
    type: Text | None = None
    code: Text | None = None
    message: Text | None = None


class _NotHeard(WireMessage):
    type: Literal["conversation.item.input_audio_transcription.failed"]
    item_id: Words
    error: _Problem | None = None


class _Error(WireMessage):
    type: Literal["error"]
    error: _Problem


_read = reader_of(_Delta, _Completed, _NotHeard, _Stopped, _Error)


class OpenAITranscription(StreamingTranscriber):
    """µ-law goes out as the telephone has it: the vendor's PCM is 24 kHz only."""

    provider = named = "openai"
    gather = 4
    answers_after = SURE_SECONDS

    def __init__(self, place: SocketPlace) -> None:
        super().__init__(place)
        self._encode = PCMU.coding().encode
        self._pieces: OrderedDict[str, str] = OrderedDict()
        self._ends: OrderedDict[str, float] = OrderedDict()
        self._unheard = 0

    def begin(self) -> None:
        super().begin()
        self._pieces.clear()
        self._ends.clear()

    def frame(self, heard: bytes, said: bytes) -> bytes:
        return self._encode(heard)

    def sound(self, frames: list[bytes]) -> str:
        audio = b64encode(b"".join(frames)).decode()
        return f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}'

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read(message)
        if isinstance(told, _Delta):
            text = (self._pieces.pop(told.item_id, "") + told.delta)[-LONGEST_TEXT:]
            _keep(self._pieces, told.item_id, text)
            if text.strip():
                yield Transcript(text.strip(), final=False)
        elif isinstance(told, _Stopped):
            _keep(self._ends, told.item_id, told.audio_end_ms / 1000)
        elif isinstance(told, _Completed):
            self._unheard = 0
            yield from self._whole(told.item_id, told.transcript.strip())
        elif isinstance(told, _NotHeard):
            self._unheard += 1
            if self._unheard == _MOST_UNHEARD:
                raise TranscriberFailed(_words_of(told.error or _Problem()))
            yield from self._whole(told.item_id, "")
        elif isinstance(told, _Error):
            problem = told.error
            lasting = not {problem.type, problem.code} & _PASSING
            raise TranscriberFailed(_words_of(problem), lasting=lasting)
        else:
            self.no_answer()

    def _whole(self, item: str, text: str) -> Iterable[Transcript]:
        begun = self._pieces.pop(item, "")
        end = self._ends.pop(item, None)
        if text or begun or self.pending:
            yield Transcript(text, final=True)
        if end is not None:
            self.heard_until(end)


def _words_of(problem: _Problem) -> str:
    return (problem.message or problem.code or "an error without words")[:300]


def _keep(kept: OrderedDict[str, Any], item: str, what: Any) -> None:
    kept[item] = what
    if len(kept) > _MOST_PIECES:
        kept.popitem(last=False)


async def transcriber(request: EngineRequest[OpenAISettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    # A model in the address makes it a session that answers.
    place = SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/')}/realtime?intent=transcription",
        headers={"Authorization": f"Bearer {account.key}"},
        opening=(json.dumps(_session(settings)),),
    )
    return OpenAITranscription(place)


def _session(settings: OpenAISettings) -> dict[str, Any]:
    transcription: dict[str, Any] = {"model": settings.model}
    if settings.language:
        transcription["language"] = settings.language
    heard = {
        "format": {"type": "audio/pcmu"},
        "transcription": transcription,
        "turn_detection": {"type": "server_vad", "silence_duration_ms": SILENCE_MS},
    }
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": heard}}}
