"""Does a nod leave the assistant alone, and does an interruption stop it?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.virtual import run_virtual

from benchmarks.ear import clips
from benchmarks.ear.call import calling

NODS: Final = (
    "Mm hmm.", "Okay.", "Right.", "Yeah.", "Uh-huh.", "I see.", "Got it.", "Sure.", "Alright.", "Okay, yeah.",
    "Right, I see.", "Hmm.", "Yes.",
)  # fmt: skip
INTERRUPTIONS: Final = (
    "Stop.", "Wait, hold on.", "What about Sunday?", "Can you repeat that?", "No, that's wrong.",
    "Excuse me, I have a question.", "How much is it?", "Sorry, I meant Tuesday.",
    "I only want to know the price.", "Let me talk to a person.", "Actually, I need to cancel.",
    "Where is that?",
)  # fmt: skip
RECORDED_NODS: Final = ("mhm", "okay", "right")
RECORDED_INTERRUPTIONS: Final = ("wait", "price", "person", "repeat", "no", "hours", "cancel", "correction")
ANSWER: Final = (
    "We are open from nine to five on weekdays and from ten to two on Saturdays. On public holidays we are"
    " closed, and the week before the new year we close at noon. Parking is behind the building, and the"
    " entrance is in the side street next to the bakery."
)
SETTINGS: Final = {"firstMessage": "Hello, how can I help?", "messagePlan": {"idleMessages": []}}
AFTER: Final = (1.3, 2.1, 3.4)


@dataclass(frozen=True, slots=True)
class Overlap:
    """`silent`: the longest silence of the assistant from then on to the end of its answer, in seconds;
    `stopped`: seconds from the voice to its last sound, None if it was not stopped for good."""

    name: str
    silent: float
    stopped: float | None
    lines: Sequence[str]


def sounds(texts: Sequence[str], recorded: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for text in texts:
        for voice in clips.VOICES:
            yield f"{text} [{voice}]", clips.spoken(text, voice)
    for name in recorded:
        yield f"{name} [recorded]", clips.recorded(name)


async def _tried(name: str, sound: bytes, after: float) -> Overlap:
    async with calling([ANSWER, "Very well."], assistant=SETTINGS) as call:
        await call.hears_the_end()
        await call.pauses(0.5)
        ended = await call.says(clips.recorded("hours"))
        while call.first_heard(ended) is None:
            await call.pauses(0.02)
        await call.pauses(after)
        started = call.now + clips.voice_begins(sound)
        await call.says(sound)
        await call.pauses(22.0)
        later = [at for at in call.played if at >= started - 0.02]
        gaps = [(b - a, a) for a, b in itertools.pairwise(later)]
        whole = "next to the bakery" in " ".join(call.lines)
        last = next((a for gap, a in gaps if gap > 0.35), later[-1])
        silent = max((gap for gap, _ in gaps), default=0.0)
        return Overlap(name, silent - 0.02, None if whole else last - started, call.lines[2:])


def tried(texts: Sequence[str], recorded: Sequence[str]) -> list[Overlap]:
    moments = itertools.cycle(AFTER)
    return [run_virtual(_tried(name, sound, next(moments))) for name, sound in sounds(texts, recorded)]
