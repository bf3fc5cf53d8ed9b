"""Does it understand a caller on a speakerphone, and one beside a television?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.virtual import run_virtual

from benchmarks.ear import clips
from benchmarks.ear.call import Mouth, calling
from benchmarks.ear.overlaps import ANSWER
from benchmarks.ear.surroundings import Speakerphone, Surroundings, Television
from offhook.conversation.events import AssistantInterrupted, SpeechStarted
from offhook.language.words import words

GREETING: Final = "Thanks for calling Riverside Dental. This is Anna, how can I help you today?"
ECHOES: Final = tuple(itertools.product((-10, -20, -30, -40), (0.06, 0.2)))
"""dB, and seconds."""
LONG: Final = {
    "firstMessage": f"{GREETING} {ANSWER}",
    "firstMessageInterruptionsEnabled": True,
    "messagePlan": {"idleMessages": []},
}
ALONE_SECONDS: Final = 20.0
FAR: Final = (-20, -25, -30)
"""dB."""
QUESTIONS: Final = (
    "What are your opening hours?", "How much is a cleaning?", "Do you take new patients?",
    "Can I bring my dog?", "Where can I park my car?", "Are you open on Sunday?",
)  # fmt: skip
OVER: Final = ("Wait, hold on.", "No, that's wrong.", "Can you repeat that?", "How much is it?")


@dataclass(frozen=True, slots=True)
class Alone:
    """Nobody spoke in ALONE_SECONDS: how often was the assistant interrupted, and thought to hear a voice?"""

    name: str
    interrupted: int
    heard: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Spoke:
    """`waited`: seconds from the end of a question to its answer, or from an interruption to silence; None if
    that never came."""

    name: str
    waited: float | None
    lines: Sequence[str]


async def _alone(level: float, delay: float) -> Alone:
    rooms = Speakerphone(level, delay)
    async with calling(["Very well."], assistant=LONG, voice=Mouth(), surroundings=rooms) as call:
        await call.pauses(ALONE_SECONDS)
        return Alone(
            f"{level} dB, {delay} s",
            sum(isinstance(one, AssistantInterrupted) for one in call.events),
            sum(isinstance(one, SpeechStarted) and one.role == "user" for one in call.events),
            call.lines[1:],
        )


async def _over(sound: bytes, name: str, rooms: Surroundings, after: float) -> Spoke:
    async with calling(["Very well."], assistant=LONG, voice=Mouth(), surroundings=rooms) as call:
        while not call.played:
            await call.pauses(0.02)
        await call.pauses(after)
        began = call.now + clips.voice_begins(sound)
        await call.says(clips.loud(sound))
        await call.pauses(1.5)
        gaps = itertools.pairwise([*(at for at in call.played if at >= began - 0.02), call.now])
        stopped = next((a for a, b in gaps if b - a > 0.25), None)
        return Spoke(name, None if stopped is None else stopped - began, call.lines)


async def _asked(question: str, voice: str, level: float) -> Spoke:
    rooms = Television(level)
    async with calling(["Very well."] * 9, assistant={"firstMessage": GREETING}, voice=Mouth(),
                       surroundings=rooms) as call:  # fmt: skip
        await call.hears_the_end()
        await call.pauses(0.7)
        ended = await call.says(clips.loud(clips.spoken(question, voice)))
        await call.pauses(4.0)
        began = call.first_heard(ended)
        lines = [line for line in call.lines if line.startswith("User:")]
        understood = len(lines) == 1 and len(words(lines[0])) <= len(words(question)) + 4
        return Spoke(
            f"{question} [{voice}] {level} dB",
            began - ended if began is not None and understood else None,
            call.lines[1:],
        )


def alone() -> list[Alone]:
    return [run_virtual(_alone(level, delay)) for level, delay in ECHOES]


def spoken_over() -> list[Spoke]:
    found = []
    places, moments = itertools.cycle(ECHOES[:4]), itertools.cycle((1.3, 2.6, 4.0, 5.1, 6.7))
    for text, voice in itertools.product(OVER, clips.VOICES):
        level, delay = next(places)
        name = f"{text} [{voice}] {level} dB, {delay} s"
        sound, rooms = clips.spoken(text, voice), Speakerphone(level, delay)
        found.append(run_virtual(_over(sound, name, rooms, next(moments))))
    return found


def beside_a_television() -> list[Spoke]:
    cases = itertools.product(QUESTIONS, clips.VOICES)
    return [
        run_virtual(_asked(*case, level)) for case, level in zip(cases, itertools.cycle(FAR), strict=False)
    ]
