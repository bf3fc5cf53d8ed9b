from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from offhook.engines.fallback import FallbackModel, FallbackTranscriber, FallbackVoice
from offhook.language.language_model import Finished, Message, ModelError, Reply, Text, ToolDefinition
from offhook.speech.engine_protocols import (
    EngineError,
    FailureSink,
    SpokenSound,
    TimedWord,
    Transcript,
    TranscriptSink,
)
from offhook.speech.sentence_voice import SentenceVoice, sound_of
from tests.machine import PATIENCE

FRAME = bytes(320)


class ScriptedVoice(SentenceVoice):
    """Gives the pieces; a None among them is a failure."""

    def __init__(self, name: str, *pieces: bytes | None, starts: bool = True) -> None:
        self.provider = name
        self.pieces = pieces
        self.starts = starts
        self.started = self.closed = 0
        self.asked: list[str] = []

    async def start(self) -> None:
        self.started += 1
        if not self.starts:
            raise EngineError("voice", self.provider, "does not start")

    async def say(self, text: str) -> AsyncIterator[bytes]:
        self.asked.append(text)
        for piece in self.pieces:
            if piece is None:
                raise EngineError("voice", self.provider, "fails")
            yield piece

    async def close(self) -> None:
        self.closed += 1


async def said(voice: FallbackVoice, text: str = "Hello.") -> list[bytes]:
    return [piece async for piece in sound_of(voice, text)]


async def test_the_first_voice_speaks_while_it_works() -> None:
    first, second = ScriptedVoice("a", b"1", b"2"), ScriptedVoice("b", b"3")
    voice = FallbackVoice([first, second])
    await voice.start()
    assert await said(voice) == [b"1", b"2"]
    assert (voice.provider, second.started) == ("a", 0)


async def test_the_next_voice_says_the_sentence_and_all_that_follow() -> None:
    first, second = ScriptedVoice("a", None), ScriptedVoice("b", b"3")
    voice = FallbackVoice([first, second])
    await voice.start()
    assert await said(voice, "One.") == [b"3"]
    assert await said(voice, "Two.") == [b"3"]
    assert voice.provider == "b"
    assert (first.asked, second.asked) == (["One."], ["One.", "Two."])
    await voice.close()
    assert (first.closed, second.closed) == (1, 1)


async def three() -> AsyncIterator[str]:
    for text in ("One.", "Two.", "Three."):
        yield text


async def test_the_next_voice_goes_on_with_the_text_that_was_not_begun() -> None:
    first, second = ScriptedVoice("a"), ScriptedVoice("b", b"3")

    async def breaks(text: str) -> AsyncIterator[bytes]:
        first.asked.append(text)
        if text == "Two.":
            raise EngineError("voice", "a", "fails")
        yield b"1"

    first.say = breaks  # type: ignore[method-assign]  # an engine with a fault
    voice = FallbackVoice([first, second])
    await voice.start()
    sounds = [sound async for sound in voice.speak(three())]
    assert [sound.audio for sound in sounds] == [b"1", b"", b"3", b"", b"3", b""]
    assert [sound.last for sound in sounds] == [False, True] * 3
    assert (first.asked, second.asked) == (["One.", "Two."], ["Two.", "Three."])


class Eager(ScriptedVoice):
    """Takes all texts before it makes a sound, and fails with the second."""

    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        self.asked = [text async for text in texts]
        yield SpokenSound(b"1", last=True)
        raise EngineError("voice", self.provider, "fails")


async def test_what_a_voice_had_asked_for_ahead_is_not_lost() -> None:
    first, second = Eager("a"), ScriptedVoice("b", b"3")
    voice = FallbackVoice([first, second])
    await voice.start()
    assert [sound.audio async for sound in voice.speak(three())] == [b"1", b"3", b"", b"3", b""]
    assert (first.asked, second.asked) == (["One.", "Two.", "Three."], ["Two.", "Three."])


class ScriptedModel:
    generative = True

    def __init__(self, name: str, *replies: Reply | None) -> None:
        self.provider, self.name, self.replies = "scripted", name, replies
        self.closed = 0

    async def start(self) -> None: ...

    async def respond(
        self, messages: Sequence[Message], tools: Sequence[ToolDefinition]
    ) -> AsyncIterator[Reply]:
        for reply in self.replies:
            if reply is None:
                raise ModelError(self.provider, f"{self.name} fails", "429-exceeded-quota")
            yield reply

    async def close(self) -> None:
        self.closed += 1


async def test_the_next_model_answers_while_nothing_was_said_and_stays() -> None:
    first, second = ScriptedModel("a", None), ScriptedModel("b", Text("Hi."), Finished("stop"))
    model = FallbackModel([first, second])
    await model.start()
    assert model.name == "a"
    for _ in range(2):
        assert [one async for one in model.respond([], ())] == [Text("Hi."), Finished("stop")]
    assert model.name == "b"
    await model.close()
    assert (first.closed, second.closed) == (1, 1)


async def test_half_a_reply_is_not_said_twice() -> None:
    model = FallbackModel([ScriptedModel("a", Text("Hi"), None), ScriptedModel("b", Text("Ho"))])
    await model.start()
    replies = model.respond([], ())
    assert await anext(replies) == Text("Hi")
    with pytest.raises(ModelError, match="a fails") as caught:
        await anext(replies)
    assert caught.value.suffix == "429-exceeded-quota"


async def test_a_voice_that_does_not_start_is_passed_over() -> None:
    voice = FallbackVoice([ScriptedVoice("a", starts=False), ScriptedVoice("b", b"3")])
    await voice.start()
    assert await said(voice) == [b"3"]


async def test_when_all_fail_the_last_ones_error_is_told() -> None:
    voice = FallbackVoice([ScriptedVoice("a", None), ScriptedVoice("b", None)])
    await voice.start()
    with pytest.raises(EngineError, match="b voice"):
        await said(voice)
    none = FallbackVoice([ScriptedVoice("a", starts=False), ScriptedVoice("b", starts=False)])
    with pytest.raises(EngineError, match="b voice"):
        await none.start()


class ScriptedTranscriber:
    def __init__(self, name: str, segmented: bool = True, starts: bool = True) -> None:
        self.provider = name
        self.segmented = segmented
        self.turn_patience: float | None = None
        self.starts = starts
        self.events: list[str] = []
        self.release = asyncio.Event()
        self.release.set()
        self.tell: TranscriptSink = lambda _: None
        self.fail: FailureSink = lambda _: None

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        await self.release.wait()
        if not self.starts:
            raise EngineError("transcriber", self.provider, "does not start")
        self.tell, self.fail = on_transcript, on_failure
        self.events.append("start")

    def push(self, heard: bytes, said: bytes) -> None:
        self.events.append("frame")

    def speech_started(self) -> None:
        self.events.append("started")

    def speech_stopped(self) -> None:
        self.events.append("stopped")

    async def close(self) -> None:
        self.events.append("close")

    def break_down(self) -> None:
        self.fail(EngineError("transcriber", self.provider, "breaks down"))


class Told:
    def __init__(self) -> None:
        self.transcripts: list[Transcript] = []
        self.errors: list[EngineError] = []


async def listening(*transcribers: ScriptedTranscriber) -> tuple[FallbackTranscriber, Told]:
    told = Told()
    fallback = FallbackTranscriber(transcribers)
    await fallback.start(told.transcripts.append, told.errors.append)
    return fallback, told


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_heard_while_switching_reaches_the_next() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b", segmented=False)
    second.release.clear()
    fallback, told = await listening(first, second)
    fallback.speech_started()
    first.break_down()
    fallback.push(FRAME, FRAME)
    fallback.speech_stopped()
    fallback.push(FRAME, FRAME)
    second.release.set()
    await settle()
    assert first.events == ["start", "started", "close"]
    assert second.events == ["start", "started", "frame", "stopped", "frame"]
    assert (fallback.provider, fallback.segmented) == ("b", False)
    assert told.errors == []


async def test_a_phrase_that_was_owed_ends_empty() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b")
    fallback, told = await listening(first, second)
    fallback.speech_started()
    fallback.speech_stopped()
    first.tell(Transcript("one", final=True))
    fallback.speech_started()
    fallback.speech_stopped()
    first.break_down()
    await settle()
    assert [t.text for t in told.transcripts] == ["one", ""]


async def test_what_the_failed_one_still_says_is_not_heard() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b")
    _, told = await listening(first, second)
    first.break_down()
    first.break_down()
    await settle()
    first.tell(Transcript("late", final=True))
    second.tell(Transcript("now", final=True))
    assert [t.text for t in told.transcripts] == ["now"]
    assert second.events == ["start"]


async def test_one_that_does_not_start_is_passed_over() -> None:
    first, second = ScriptedTranscriber("a", starts=False), ScriptedTranscriber("b")
    fallback, _ = await listening(first, second)
    assert fallback.provider == "b"


async def test_the_last_failure_is_told() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b", starts=False)
    fallback, told = await listening(first, second)
    first.break_down()
    await settle()
    assert [error.provider for error in told.errors] == ["b"]
    await fallback.close()


async def test_the_kept_audio_is_bounded() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b")
    second.release.clear()
    fallback, _ = await listening(first, second)
    first.break_down()
    for _ in range(1000):
        fallback.push(FRAME, FRAME)
    second.release.set()
    await settle()
    assert second.events.count("frame") == 260


async def test_speech_that_ends_beyond_what_is_kept_ends_for_the_next_one_too() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b")
    second.release.clear()
    fallback, _ = await listening(first, second)
    fallback.speech_started()
    first.break_down()
    for _ in range(1000):
        fallback.push(FRAME, FRAME)
    fallback.speech_stopped()
    second.release.set()
    await settle()
    assert second.events[-1] == "stopped"


@pytest.mark.parametrize("kinds", [(True, False), (False, True), (True, True)])
async def test_nothing_is_promised_while_nobody_is_in_charge(kinds: tuple[bool, bool]) -> None:
    first, second = ScriptedTranscriber("a", kinds[0]), ScriptedTranscriber("b", kinds[1])
    second.release.clear()
    fallback, _ = await listening(first, second)
    promises = [fallback.segmented]
    first.break_down()
    promises.append(fallback.segmented)
    second.release.set()
    await settle()
    assert [*promises, fallback.segmented] == [kinds[0], False, kinds[1]]


async def test_close_while_switching_ends_it() -> None:
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b")
    second.release.clear()
    fallback, told = await listening(first, second)
    first.break_down()
    await settle()
    await fallback.close()
    assert second.events == ["close"]
    assert told.errors == []


@pytest.mark.parametrize("broken", ["start", "close", "push"])
async def test_what_breaks_while_switching_is_told(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*given: object) -> None:
        raise RuntimeError("broken")

    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b")
    fallback, told = await listening(first, second)
    monkeypatch.setattr(first if broken == "close" else second, broken, fails)
    first.break_down()
    fallback.push(FRAME, FRAME)
    await settle()
    if broken == "push":
        # It went wrong when what was kept was handed on; from then on the next one is in charge.
        assert "falling back to another transcriber failed" in caplog.text
    assert [error.detail for error in told.errors] == ["falling back failed"]
    monkeypatch.undo()
    await fallback.close()


async def test_times_of_words_go_on_where_the_next_one_takes_over() -> None:
    """The next one is given the kept sound: 50 frames were given to the one before."""
    first, second = ScriptedTranscriber("a"), ScriptedTranscriber("b", segmented=False)
    second.release.clear()
    second.turn_patience = 6.0
    fallback, told = await listening(first, second)
    for _ in range(50):
        fallback.push(FRAME, FRAME)
    first.tell(Transcript("one", final=True, words=(TimedWord("one", 0.2, 0.4),)))
    assert fallback.turn_patience is None
    first.break_down()
    for _ in range(10):
        fallback.push(FRAME, FRAME)
    second.release.set()
    await settle()
    fallback.push(FRAME, FRAME)
    second.tell(Transcript("two", final=True, words=(TimedWord("two", 0.1, 0.2),)))
    assert second.events.count("frame") == 11
    assert [(one.start, one.end) for t in told.transcripts for one in t.words] == [
        (0.2, 0.4),
        (pytest.approx(1.1), pytest.approx(1.2)),
    ]
    assert fallback.turn_patience == 6.0


async def test_all_are_closed_at_once() -> None:
    """One that hangs holds up no other."""
    closed, all_closed = [], asyncio.Event()

    class Hanging(ScriptedVoice):
        async def close(self) -> None:
            closed.append(self.provider)
            if len(closed) == 2:
                all_closed.set()
            await all_closed.wait()

    voice = FallbackVoice([Hanging("a", None), Hanging("b", b"1")])
    await voice.start()
    assert await said(voice) == [b"1"]
    async with asyncio.timeout(PATIENCE):
        await voice.close()
    assert sorted(closed) == ["a", "b"]
