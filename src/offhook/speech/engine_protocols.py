"""What a conversation needs from speech engines: `Transcriber`, `Voice`, and how they fail.

Audio is as in `frames.py`: 16-bit PCM in frames of 20 ms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

from offhook.schema.calls.ended_reason import EngineFailure, PipelineFailure

Stage = Literal["transcriber", "model", "voice"]
T = TypeVar("T")

_FAILED: Final[dict[Stage, PipelineFailure]] = {
    "transcriber": "transcriber-failed",
    "model": "llm-failed",
    "voice": "voice-failed",
}


class EngineError(Exception):
    """An engine failed. `provider` and `suffix` make the call's endedReason
    (`pipeline-error-<provider>-<suffix>`, vapi-wire Appendix A);
    the text says what happened, for logs and the report, without any secret. `unquoted` is
    the text without a server's own words, which may repeat what was said in the call."""

    def __init__(
        self,
        stage: Stage,
        provider: str,
        detail: str,
        unquoted: str | None = None,
        suffix: EngineFailure | None = None,
    ) -> None:
        """`unquoted`: the detail without words of others, where there are any. `suffix` None: that the stage
        failed, and no more."""
        super().__init__(f"{provider} {stage}: {detail}")
        self.stage: Stage = stage
        self.provider = provider
        self.detail = detail
        self.suffix: EngineFailure = suffix or _FAILED[stage]
        self.unquoted = f"{provider} {stage}: {detail if unquoted is None else unquoted}"


class EngineLacking(EngineError):
    """There is none, or no key for it: another may stand in. Settings that are wrong are no such thing."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it was, or will be, spoken: in seconds from the beginning of the sound it is in."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words heard. A partial replaces the partial before it; a final stands.

    `seconds` is what the engine took for it (from asking to answer), None where the engine
    streams and there is no such moment. `words`: those of a final with their times, in seconds of the sound
    that the transcriber has been given; () where it does not say. `stability`: how likely a partial's words
    are to stay, 0 to 1. `turn`: what the engine itself says of the caller's turn, "may-end" with a partial of
    all its words, "ended" with a final (that may be empty); None: nothing. `confidence`: how sure it is of
    the words, 0 to 1; None where it does not say."""

    text: str
    final: bool
    seconds: float | None = None
    words: tuple[TimedWord, ...] = ()
    stability: float = 1.0
    turn: Literal["may-end", "ended"] | None = None
    confidence: float | None = None


TranscriptSink = Callable[[Transcript], None]
FailureSink = Callable[[EngineError], None]


class Transcriber(Protocol):
    """One call's ears. `push` and the two hints are called from the 20 ms tick: they never block.

    Engines that work on whole phrases collect from `speech_started` (with some audio kept from
    before it) and answer `speech_stopped` with exactly one final transcript, empty if there were
    no words. Engines that stream may ignore the hints; `segmented` says which kind it is.

    `turn_patience`: an engine that judges by itself when the caller's turn is over says so within so many
    seconds after the caller's voice; None: it does not judge."""

    @property
    def provider(self) -> str: ...

    @property
    def segmented(self) -> bool: ...

    @property
    def turn_patience(self) -> float | None: ...

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        """Connect or warm up. Raises EngineError."""
        ...

    def push(self, heard: bytes, said: bytes) -> None:
        """One frame of the caller and, beside it, of the assistant (silence if none)."""
        ...

    def speech_started(self) -> None: ...

    def speech_stopped(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SpokenSound:
    """Some of the sound of one text. `words`: those whose times have become known, in the order of the text
    and each once, in seconds from where the sound of this text begins. `last`: the sound of this text is
    whole; what comes next is that of the next one."""

    audio: bytes
    words: tuple[TimedWord, ...] = ()
    last: bool = False


class Voice(Protocol):
    """Text to audio. One `speak` may run at a time or several; each is cancelled by closing its iterator."""

    @property
    def provider(self) -> str: ...

    async def start(self) -> None:
        """Connect or warm up. Raises EngineError."""
        ...

    def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        """The sound of something that is said in one go, whose texts (a sentence or so each) come as they are
        written: none, or as many as it likes, may be asked for before the sound of the first is whole. The
        sounds are in the order of the texts, each as soon as there is any. `texts` may be asked again after a
        wait for it was cancelled. Raises EngineError from the iteration."""
        ...

    async def close(self) -> None: ...


@asynccontextmanager
async def closing(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close an iterator however it is left, if it can be closed: that is what cancels an engine's work."""
    try:
        yield items
    finally:
        aclose = getattr(items, "aclose", None)
        if aclose is not None:
            await aclose()
