"""What a voice is given of an utterance, in which order and when, in whole conversations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from offhook.conversation.audio.synthesis import VOICE_PATIENCE
from offhook.conversation.events import AssistantInterrupted
from offhook.frames import SAMPLE_RATE
from offhook.language.language_model import Text
from offhook.speech.engine_protocols import SpokenSound, TimedWord
from tests.conversation.stage import on_stage
from tests.scripted import ScriptedVoice
from tests.virtual import story

LONG = "First this is said to the caller. Then comes the second sentence of it. And this is the third one."
SECOND = SAMPLE_RATE * 2


class ContextVoice(ScriptedVoice):
    """As vendors on a socket: takes texts as they come, and sends sound and times of words for them. Each
    word takes 0.3 s, and behind the third of a text is a pause of a second."""

    def __init__(self) -> None:
        super().__init__()
        self.utterances: list[list[str]] = []
        self.cancelled = 0

    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        given: list[str] = []
        self.utterances.append(given)
        waiting: asyncio.Queue[str | None] = asyncio.Queue()

        async def forward() -> None:
            async for text in texts:
                given.append(text)
                waiting.put_nowait(text)
            waiting.put_nowait(None)

        forwarding = asyncio.create_task(forward())
        try:
            while (text := await waiting.get()) is not None:
                at = 0.0
                for number, word in enumerate(text.split()):
                    await asyncio.sleep(0.01)
                    length = 1.3 if number == 3 else 0.3
                    word_time = TimedWord(word, at + length - 0.3, at + length)
                    yield SpokenSound(b"\x01\x02" * round(length * SAMPLE_RATE), (word_time,))
                    at += length
                yield SpokenSound(b"", last=True)
        finally:
            self.cancelled += not forwarding.done()
            forwarding.cancel()
            await asyncio.gather(forwarding, return_exceptions=True)


@story
async def test_one_utterance_is_one_context_of_the_voice() -> None:
    voice = ContextVoice()
    async with on_stage([LONG], voice=voice) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Tell me.")
        await stage.caller.hears_the_end(pause=1.5)
        assert stage.lines[-1] == f"AI: {LONG}"
    assert voice.utterances[-1] == [part + "." for part in LONG.removesuffix(".").split(". ")]


@story
async def test_text_goes_to_the_voice_as_it_is_written() -> None:
    """The second sentence is given while the first still plays, the last when there is less ahead."""
    voice = ContextVoice()
    async with on_stage([f"{LONG} {LONG}"], voice=voice) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Tell me.")
        await stage.caller.hears()
        await asyncio.sleep(1)
        assert 2 <= len(voice.utterances[-1]) < 5
        await stage.caller.hears_the_end(pause=1.5)
        assert len(voice.utterances[-1]) == 5


@story
async def test_what_was_heard_is_known_by_the_times_of_the_voice() -> None:
    voice = ContextVoice()
    async with on_stage([f"{LONG} {LONG}", "Sorry."], voice=voice) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Tell me.")
        await stage.caller.hears()
        # Three words in 0.9 s, then a pause of 1 s: at 1.5 s nobody has heard the fourth.
        await asyncio.sleep(1.25)
        stage.caller.begin("Stop, please.", 0.8)
        await asyncio.sleep(3)
        (cut,) = stage.told(AssistantInterrupted)
        assert cut.heard == "First this is"
    assert voice.cancelled == 1


class Hanging(ContextVoice):
    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        self.utterances.append([await anext(texts)])
        yield SpokenSound(bytes(SECOND))
        await asyncio.Event().wait()


class Ending(ContextVoice):
    async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
        self.utterances.append([await anext(texts)])
        yield SpokenSound(bytes(SECOND))


@pytest.mark.parametrize("kind", [Hanging, Ending])
@story
async def test_a_voice_that_leaves_a_text_unsaid_has_failed(kind: type[ContextVoice]) -> None:
    waits = {"firstMessageMode": "assistant-waits-for-user"}
    async with on_stage([LONG], assistant=waits, voice=kind(), emergency=ScriptedVoice()) as stage:
        await stage.caller.says("Tell me.")
        await asyncio.sleep(VOICE_PATIENCE + 12)
        assert stage.ended == ["pipeline-error-scripted-voice-failed"]


@story
async def test_a_model_that_thinks_long_is_no_fault_of_the_voice() -> None:
    voice = ContextVoice()
    pause: list[Any] = [Text("Let me see. "), VOICE_PATIENCE + 5.0, Text("It is open.")]
    async with on_stage([pause], voice=voice) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Is it open?")
        await stage.caller.hears()
        await asyncio.sleep(VOICE_PATIENCE + 10)
        assert stage.lines[-1] == "AI: Let me see. It is open."
        assert stage.ended == []
    assert voice.utterances[-1] == ["Let me see.", "It is open."]
