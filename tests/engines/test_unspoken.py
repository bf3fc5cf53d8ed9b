"""A sentence whose voice failed is gone on with by the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from offhook.engines.fallback import FallbackVoice
from offhook.speech.engine_protocols import EngineError, SpokenSound, TimedWord
from tests.engines.test_fallback import ScriptedVoice


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ((), "two, three four."),  # at the usual pace
        (("One,", "two,"), "three four."),
        (("uno",), "two, three four."),  # not as it is written
        (("One", "two", "three"), "four."),
        (("One,", "two,", "three", "four."), ""),
    ],
)
async def test_the_next_voice_goes_on_with_the_word_at_which_one_broke_off(
    words: tuple[str, ...], rest: str
) -> None:
    half = b"\1" * 6400  # 0.4 s

    class Breaks(ScriptedVoice):
        async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
            await anext(texts)
            yield SpokenSound(half, tuple(TimedWord(one, 0.0, 0.1) for one in words))
            raise EngineError("voice", self.provider, "fails")

    class Timed(ScriptedVoice):
        async def speak(self, texts: AsyncIterator[str]) -> AsyncIterator[SpokenSound]:
            async for text in texts:
                self.asked.append(text)
                yield SpokenSound(b"22", (TimedWord(text, 0.0, 0.5),), last=True)

    second = Timed("b")
    voice = FallbackVoice([Breaks("a"), second])
    await voice.start()

    async def texts() -> AsyncIterator[str]:
        yield "One, two, three four."
        yield "Five."

    sounds = [one async for one in voice.speak(texts())]
    assert second.asked == [one for one in (rest, "Five.") if one]
    assert [one.last for one in sounds].count(True) == 2
    if rest:
        assert sounds[1].words == (TimedWord(rest, 0.4, 0.9),)
    assert sounds[-1].words == (TimedWord("Five.", 0.0, 0.5),)
