"""Provider `custom-transcriber`: the owner's own server hears the call over a WebSocket (vapi-wire §5.1).

We send one text frame that describes the audio, then binary frames: s16le at 16 kHz, two channels
interleaved, the customer first and the assistant second. The server answers with text frames:
`{"type": "transcriber-response", "transcription", "channel": "customer" | "assistant"}`, and optionally
`"transcriptType": "partial" | "final"`; without it the words are final.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from offhook.network.outside import Outside
from offhook.schema.assistants.transcriber import CustomTranscriber
from offhook.speech.engine_protocols import FailureSink, Transcriber, Transcript, TranscriptSink
from offhook.speech.engine_request import EngineRequest
from offhook.speech.remote import CUSTOM, Remote, json_of
from offhook.speech.streaming.engine_socket import SocketPlace
from offhook.speech.streaming.streaming_transcriber import StreamingTranscriber
from offhook.speech.streaming.wire_message import LONGEST_TEXT, NotUnderstood, object_in

if TYPE_CHECKING:
    from offhook.speech.resample import LiveStereo

START: Final = json.dumps(
    {"type": "start", "encoding": "linear16", "container": "raw", "sampleRate": 16000, "channels": 2}
)


def parse_response(text: str | bytes) -> Transcript | None:
    """The words of the customer in one message, or None if it has none: another type, the other channel.
    Raises NotUnderstood for what is not in the form above."""
    message = object_in(text)
    if message.get("type") != "transcriber-response":
        return None
    # Servers in typed languages send null, or nothing between quotes, for what is not set.
    words, channel = message.get("transcription"), message.get("channel") or "customer"
    if not isinstance(words, str):
        raise NotUnderstood("no transcription")
    if channel not in ("customer", "assistant"):
        raise NotUnderstood("an unknown channel")
    kind = message.get("transcriptType") or "final"
    if kind not in ("partial", "final"):
        raise NotUnderstood("an unknown transcriptType")
    if channel == "assistant" or not words.strip():
        return None
    return Transcript(words[-LONGEST_TEXT:].strip(), final=kind == "final")


def _stereo() -> LiveStereo:
    from offhook.speech.resample import LiveStereo

    return LiveStereo()


class RemoteTranscriber(StreamingTranscriber):
    """One call's custom transcriber. The server decides for itself what is speech, and may say nothing; what
    it sends in another form is left out."""

    provider = "custom-transcriber"
    named = CUSTOM
    most_odd = None
    answers_after = None

    def __init__(self, remote: Remote, outside: Outside) -> None:
        super().__init__(
            SocketPlace(
                outside,
                remote.url,
                headers=remote.headers,
                opening=(START,),
                timeout=remote.timeout,
                tries=1,
            )
        )
        self._stereo: LiveStereo | None = None

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        # No other engine here computes with it: the first call that needs numpy loads it, beside the loop.
        self._stereo = await asyncio.to_thread(_stereo)
        await super().start(on_transcript, on_failure)

    def frame(self, heard: bytes, said: bytes) -> bytes:
        assert self._stereo is not None
        return self._stereo.push(heard, said)

    def read(self, message: str | bytes) -> Iterable[Transcript]:
        transcript = parse_response(message)
        return () if transcript is None else (transcript,)


async def transcriber(request: EngineRequest[CustomTranscriber]) -> Transcriber:
    return RemoteTranscriber(Remote.of(json_of(request.settings), "transcriber"), request.node.outside)
