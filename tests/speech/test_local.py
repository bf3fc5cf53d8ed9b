"""The local engines with their real models, in a real worker process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
import pytest_asyncio

from offhook.conversation.engine_failures import prepare_apology
from offhook.conversation.own_words import APOLOGY
from offhook.conversation.text.chunks import ChunkingPlan, cut_into_pieces
from offhook.conversation.text.speakable import FormattingPlan, speakable
from offhook.speech.engine_protocols import EngineError, Transcript
from offhook.speech.providers.local import LONGEST_TEXT, LocalTranscriber, LocalVoice, SpeechCache, plain
from offhook.speech.workers import Workers
from tests.machine import PATIENCE
from tests.speech.clips import SILENCE, clip, frames
from tests.speech.limits import PATIENT

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYWORDS = {
    "hello": {"hear"},
    "hours": {"opening", "hours"},
    "address": {"located"},
    "price": {"how", "much", "cleaning"},
    "insurance": {"accept", "insurance"},
    "person": {"speak", "person"},
    "transfer": {"front", "desk"},
    "appointment": {"book", "appointment", "tomorrow"},
    "name": {"name", "daniel", "carter"},
    "yes": {"yes", "correct"},
    "wait": {"another", "question"},
    "okay": {"okay"},
    "weather": {"weather", "week"},
    "repeat": {"say", "again"},
    "cancel": {"cancel", "appointment"},
    "thanks": {"thank", "help"},
    "goodbye": {"thanks"},
    "correction": {"tuesday", "wednesday"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(1, limits=PATIENT)
    async with asyncio.timeout(PATIENCE):
        await pool.start()
    yield pool
    await pool.close()


@dataclass
class Call:
    """A caller and a transcriber."""

    transcriber: LocalTranscriber
    told: asyncio.Queue[Transcript] = field(default_factory=asyncio.Queue)
    failed: asyncio.Queue[EngineError] = field(default_factory=asyncio.Queue)

    def hear(self, pcm: bytes) -> None:
        for frame in frames(pcm):
            self.transcriber.push(frame, SILENCE)

    def say(self, name: str) -> None:
        """A phrase as voice activity would see it: noticed late, and its end too."""
        self.hear(bytes(16000))
        pcm = clip(name)
        self.hear(pcm[: 320 * 8])
        self.transcriber.speech_started()
        self.hear(pcm[320 * 8 :] + bytes(3200))
        self.transcriber.speech_stopped()

    async def final(self) -> Transcript:
        while True:
            transcript = await self.told.get()
            if transcript.final:
                return transcript


@asynccontextmanager
async def calling(workers: Workers) -> AsyncIterator[Call]:
    call = Call(LocalTranscriber(workers))
    async with asyncio.timeout(PATIENCE):
        await call.transcriber.start(call.told.put_nowait, call.failed.put_nowait)
        try:
            yield call
        finally:
            await call.transcriber.close()


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def errors(wanted: str, heard: str) -> int:
    """Wrong, missing and added words."""
    a, b = re.findall(r"[a-z0-9]+", wanted.lower()), re.findall(r"[a-z0-9]+", heard.lower())
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@pytest.mark.parametrize("name", sorted(KEYWORDS))
async def test_the_caller_is_understood(workers: Workers, name: str) -> None:
    async with calling(workers) as call:
        call.say(name)
        transcript = await call.final()
    assert KEYWORDS[name] <= words(transcript.text)
    assert transcript.seconds is not None


async def test_silence_and_noise_have_no_words(workers: Workers) -> None:
    hiss = np.random.default_rng(1).normal(0, 20, 8000).astype("<i2").tobytes()
    async with calling(workers) as call:
        for pcm in (bytes(16000), hiss):
            call.transcriber.speech_started()
            call.hear(pcm)
            call.transcriber.speech_stopped()
            assert (await call.final()).text == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Your code is <spell>AB 12</spell>.", "Your code is A B 1 2."),
        ('Well <break time="1s"/> yes', "Well, yes"),
        ("Now <<soft>> and <emphasis>here</emphasis>", "Now  and here"),
        ("2 < 3 and 4 > 3", "2 < 3 and 4 > 3"),
    ],
)
async def test_tags_are_followed_or_left_out(text: str, said: str) -> None:
    assert plain(text) == said


async def test_a_stop_without_a_start_is_answered_too(workers: Workers) -> None:
    async with calling(workers) as call:
        call.transcriber.speech_stopped()
        assert (await call.final()).text == ""


async def test_phrases_asked_one_after_the_other_keep_their_order(workers: Workers) -> None:
    names = ["person", "okay", "appointment", "name"]
    async with calling(workers) as call:
        for name in names:
            call.say(name)
        for name in names:
            assert KEYWORDS[name] <= words((await call.final()).text)


async def test_a_long_phrase_is_told_in_parts_and_lost_nowhere(workers: Workers) -> None:
    async with calling(workers) as call:
        call.transcriber.speech_started()
        for name in ("long", "angry", "appointment"):
            call.hear(clip(name) + bytes(4800))
        call.transcriber.speech_stopped()
        partials = []
        while not (transcript := await call.told.get()).final:
            partials.append(transcript.text)
    assert len(partials) >= 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(partials))
    assert {"dentist", "school", "third", "nobody", "appointment", "morning"} <= words(transcript.text)


async def test_calls_at_the_same_time_each_get_their_own_words(workers: Workers) -> None:
    async with calling(workers) as first, calling(workers) as second:
        first.say("hours")
        second.say("person")
        assert KEYWORDS["person"] <= words((await second.final()).text)
        assert KEYWORDS["hours"] <= words((await first.final()).text)


@pytest.mark.slow
async def test_a_phrase_survives_the_death_of_its_worker(workers: Workers) -> None:
    async with calling(workers) as call:
        (pid,) = workers.processes
        call.say("appointment")
        os.kill(pid, signal.SIGKILL)
        assert KEYWORDS["appointment"] <= words((await call.final()).text)
        assert call.failed.empty()
    assert workers.processes != [pid]


async def test_a_pool_that_is_closed_fails_the_call() -> None:
    closed = Workers(1)
    await closed.close()
    async with calling(closed) as call:
        call.say("okay")
        error = await call.failed.get()
    assert (error.stage, error.provider) == ("transcriber", "vapi")
    with pytest.raises(EngineError):
        await anext(LocalVoice(closed).say("Hello."))


async def test_a_listener_that_fails_does_not_go_unnoticed(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Transcript) -> None:
        raise RuntimeError("boom")

    failed: asyncio.Queue[EngineError] = asyncio.Queue()
    transcriber = LocalTranscriber(workers)
    async with asyncio.timeout(PATIENCE):
        await transcriber.start(fail, failed.put_nowait)
        transcriber.speech_stopped()
        assert "stopped working" in (await failed.get()).detail
        transcriber.speech_stopped()
        await transcriber.close()
    assert "boom" in caplog.text


async def test_answers_that_nobody_fetches_are_bounded(workers: Workers) -> None:
    async with calling(workers) as call:
        for _ in range(100):
            call.transcriber.speech_stopped()
        assert "overloaded" in (await call.failed.get()).detail
        assert call.failed.empty()


async def said(voice: LocalVoice, text: str) -> list[bytes]:
    async with asyncio.timeout(PATIENCE):
        return [piece async for piece in voice.say(text)]


async def test_what_the_voice_says_the_transcriber_understands(workers: Workers) -> None:
    text = "We are open from nine to five on Monday. A cleaning costs eighty dollars."
    pcm = b"".join(await said(LocalVoice(workers), text))
    async with calling(workers) as call:
        call.transcriber.speech_started()
        call.hear(pcm)
        call.transcriber.speech_stopped()
        heard = (await call.final()).text
    spelled = heard.lower().replace("$80", "eighty dollars").replace("9", "nine").replace("5", "five")
    assert errors(text, spelled) <= 2


async def test_one_piece_of_audio_for_each_sentence(workers: Workers) -> None:
    assert len(await said(LocalVoice(workers), "Hello. How are you? I am fine.")) == 3


@pytest.mark.parametrize("text", ["Yes.", "Thank you for calling, how can I help you today?", "Goodbye!"])
async def test_the_voice_is_as_loud_as_a_telephone_voice_and_not_clipped(workers: Workers, text: str) -> None:
    (pcm,) = await said(LocalVoice(workers), text)
    samples = np.frombuffer(pcm, "<i2").astype(np.float64) / 32768
    tens = np.sqrt(np.square(samples[: len(samples) // 80 * 80].reshape(-1, 80)).mean(axis=1))
    speech = tens[tens > tens.max() * 0.1]
    loudness = 20 * np.log10(np.sqrt(np.square(speech).mean()))
    assert -20 < loudness < -15
    assert np.abs(samples).max() < 0.96
    assert np.abs(samples[-80:]).max() < 0.05


async def test_words_start_at_once(workers: Workers) -> None:
    (pcm,) = await said(LocalVoice(workers), "Hello there.")
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > 600)
    assert loud[0] < 0.06 * 8000
    assert len(pcm) // 2 - loud[-1] < 0.25 * 8000


async def test_speed(workers: Workers) -> None:
    text = "We are open from nine to five."
    lengths = [len(b"".join(await said(LocalVoice(workers, speed=s), text))) for s in (0.7, 1.0, 1.5)]
    assert lengths[0] > lengths[1] * 1.2 > lengths[2] * 1.5


@pytest.mark.parametrize("text", ["", "   ", "…", "日本"])
async def test_text_without_words_is_silence(workers: Workers, text: str) -> None:
    assert sum(map(len, await said(LocalVoice(workers), text))) < 8000


async def test_a_sentence_without_end_is_said_in_parts(workers: Workers) -> None:
    pieces = await said(LocalVoice(workers), "and so on " * 100)
    assert len(pieces) > 3
    assert (await said(LocalVoice(workers), "x" * 600)) != []


async def test_too_long_a_text_is_refused(workers: Workers) -> None:
    with pytest.raises(EngineError):
        await said(LocalVoice(workers), "x" * (LONGEST_TEXT + 1))


@pytest.mark.slow
async def test_a_sentence_survives_the_death_of_the_worker(workers: Workers) -> None:
    (pid,) = workers.processes
    os.kill(pid, signal.SIGKILL)
    assert await said(LocalVoice(workers), "Are you still there?")


async def test_an_interrupted_sentence_leaves_the_worker_free(workers: Workers) -> None:
    pieces = LocalVoice(workers).say("One. Two. Three. Four. Five. Six. Seven. Eight.")
    await anext(pieces)
    await cast("AsyncGenerator[Any, None]", pieces).aclose()
    assert len(await said(LocalVoice(workers), "Next.")) == 1


async def test_what_was_said_before_comes_from_the_cache(workers: Workers) -> None:
    cache = SpeechCache()
    first = b"".join(await said(LocalVoice(workers, cache=cache), "Hello. How are you?"))
    assert cache.size == len(first)
    closed = Workers(1)
    await closed.close()
    assert await said(LocalVoice(closed, cache=cache), "Hello. How are you?") == [first]
    with pytest.raises(EngineError):
        await said(LocalVoice(closed, cache=cache, speed=1.5), "Hello. How are you?")


async def test_an_interrupted_sentence_is_not_kept(workers: Workers) -> None:
    cache = SpeechCache()
    pieces = LocalVoice(workers, cache=cache).say("Hello. How are you?")
    await anext(pieces)
    await cast("AsyncGenerator[Any, None]", pieces).aclose()
    assert cache.size == 0


async def test_the_cache_is_bounded_and_forgets_what_was_not_used() -> None:
    cache = SpeechCache(limit_bytes=3200)
    for number in range(16):
        cache.put((str(number), "", 1.0), bytes(200))
    assert cache.get(("0", "", 1.0)) is not None
    cache.put(("16", "", 1.0), bytes(200))
    assert cache.size == 3200
    assert cache.get(("0", "", 1.0)) is not None
    assert cache.get(("1", "", 1.0)) is None
    cache.put(("long", "", 1.0), bytes(3000))
    assert cache.get(("long", "", 1.0)) is None


@pytest.mark.slow
async def test_the_apology_is_heard_when_no_worker_is_left(workers: Workers) -> None:
    emergency = LocalVoice(workers, cache=SpeechCache())
    await prepare_apology(emergency)
    closed = Workers(0)
    await closed.close()
    emergency._workers = closed
    for piece in cut_into_pieces(APOLOGY, ChunkingPlan()):
        assert await said(emergency, speakable(piece, FormattingPlan()))
