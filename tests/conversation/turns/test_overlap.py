from __future__ import annotations

import pytest

from offhook.conversation.events import (
    AssistantInterrupted,
    CallerSpokenOver,
    Event,
    SpeechStarted,
    SpeechStopped,
)
from offhook.conversation.turns.overlap import REACTION_SECONDS, Overlap

JUST = REACTION_SECONDS - 0.01
LATER = REACTION_SECONDS + 0.01


HELLO = SpeechStarted("assistant", 1, 0.0)
CUT = AssistantInterrupted(1, "", 1.0)


def caller(at: float) -> SpeechStarted:
    return SpeechStarted("user", 0, at)


@pytest.mark.parametrize(
    ("story", "over"),
    [
        ([HELLO, SpeechStopped("assistant", 0, 2.0), caller(2.1)], []),
        ([caller(0.0), SpeechStarted("assistant", 3, 1.0)], [3]),
        ([caller(0.0), SpeechStopped("user", 0, 0.9), SpeechStarted("assistant", 3, 1.0)], []),
        ([HELLO, caller(LATER), CUT], []),
        ([HELLO, caller(JUST), CUT], [1]),
        ([HELLO, caller(JUST), CUT, CUT], [1]),
        ([HELLO, caller(JUST)], []),  # a nod, perhaps
    ],
)
def test_who_interrupts_whom(story: list[Event], over: list[int]) -> None:
    overlap = Overlap()
    assert [found for event in story if (found := overlap.follow(event))] == [
        CallerSpokenOver(t) for t in over
    ]
