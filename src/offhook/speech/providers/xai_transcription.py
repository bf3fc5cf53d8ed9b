"""Provider `xai` as a transcriber: pieces of what is said become final one by one, and all of it is said once
more at the pause behind it (vapi-wire §5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from pydantic import Field

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.transcriber import XaiTranscriber as XaiSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import TimedWord, Transcriber, Transcript
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber, TranscriberFailed
from offhook.speech.streaming.wire_message import (
    LONGEST_TEXT,
    MOST_WORDS,
    Seconds,
    Text,
    WireMessage,
    Words,
    reader_of,
)

URL: Final = "wss://api.x.ai"
ENDPOINTING_MS: Final = 300
"""Of silence behind what is said."""
SURE_SECONDS: Final = 1.5
"""Of voice, behind which there are words."""
_FAILURES: Final[Mapping[int, EngineFailure]] = {
    400: "transcriber-invalid-config",
    401: "transcriber-auth-failed",
    403: "transcriber-auth-failed",
    404: "transcriber-invalid-config",
    422: "transcriber-invalid-config",
    429: "transcriber-rate-limited",
}


class _Word(WireMessage):
    text: Words
    start: Seconds | None = None
    end: Seconds | None = None


class _Partial(WireMessage):
    type: Literal["transcript.partial"]
    text: Text = ""
    words: Annotated[list[_Word], Field(default_factory=list, max_length=MOST_WORDS)]
    is_final: bool = False
    speech_final: bool = False


class _Created(WireMessage):
    type: Literal["transcript.created"]


class _Error(WireMessage):
    type: Literal["error"]
    message: Text | None = None


_read = reader_of(_Partial, _Created, _Error)


class XaiTranscription(StreamingTranscriber):
    provider = named = "xai"
    gather = 5
    welcomed = True
    answers_after = SURE_SECONDS

    def __init__(self, place: SocketPlace) -> None:
        super().__init__(place)
        self._pieces = ""

    def begin(self) -> None:
        super().begin()
        self._pieces = ""

    def farewell(self) -> str:
        return '{"type":"audio.done"}'

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        return "transcriber-server-error" if failed.status >= 500 else _FAILURES.get(failed.status)

    def welcomes(self, message: str | bytes) -> bool:
        told = _read(message)
        if isinstance(told, _Error):
            raise _failed(told)
        return isinstance(told, _Created)

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        told = _read(message)
        if isinstance(told, _Error):
            raise _failed(told)
        if not isinstance(told, _Partial):
            self.no_answer()
            return
        text = told.text.strip()
        if told.speech_final:
            heard, self._pieces = bool(self._pieces), ""
            if text or heard or self.pending:
                yield Transcript(text, final=True, words=_timed(told.words))
            return
        so_far = f"{self._pieces} {text}".strip()[-LONGEST_TEXT:]
        if told.is_final:
            self._pieces = so_far
        if so_far:
            yield Transcript(so_far, final=False)


def _timed(words: Sequence[_Word]) -> tuple[TimedWord, ...]:
    """() where one has no time."""
    found = [
        TimedWord(one.text.strip(), one.start, one.end)
        for one in words
        if one.start is not None and one.end is not None
    ]
    return tuple(found) if len(found) == len(words) else ()


def _failed(error: _Error) -> TranscriberFailed:
    """It has no code: another connection may do."""
    return TranscriberFailed((error.message or "an error without words")[:300], lasting=False)


async def transcriber(request: EngineRequest[XaiSettings]) -> Transcriber:
    settings, account = request.settings, await request.account()
    query = [
        ("encoding", "pcm"),
        ("sample_rate", SAMPLE_RATE),
        ("interim_results", "true"),
        ("language", settings.language or "en"),
        ("endpointing", ENDPOINTING_MS),
    ]
    place = SocketPlace(
        request.way_to(account),
        f"{(account.url or URL).rstrip('/').removesuffix('/v1')}/v1/stt?{urlencode(query)}",
        headers={"Authorization": f"Bearer {account.key}"},
    )
    return XaiTranscription(place)
