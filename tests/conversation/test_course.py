"""The phases of a conversation."""

from __future__ import annotations

import pytest

from offhook.conversation.course import Course, Phase

STEPS = ("go_away", "come_back", "end", "close")


def reach(phase: Phase) -> Course:
    course = Course()
    course.phase = phase
    return course


@pytest.mark.parametrize(
    ("phase", "after"),
    [
        (Phase.TALKING, (Phase.AWAY, Phase.TALKING, Phase.ENDING, Phase.CLOSED)),
        (Phase.AWAY, (Phase.AWAY, Phase.TALKING, Phase.ENDING, Phase.CLOSED)),
        (Phase.ENDING, (Phase.ENDING, Phase.ENDING, Phase.ENDING, Phase.CLOSED)),
        (Phase.CLOSED, (Phase.CLOSED, Phase.CLOSED, Phase.CLOSED, Phase.CLOSED)),
    ],
)
def test_each_step_from_each_phase(phase: Phase, after: tuple[Phase, ...]) -> None:
    for step, expected in zip(STEPS, after, strict=True):
        course = reach(phase)
        getattr(course, step)()
        assert course.phase is expected, step


def test_the_caller_matters_only_while_there_is_talk() -> None:
    assert [reach(phase).listening for phase in Phase] == [True, False, False, False]
    assert [reach(phase).over for phase in Phase] == [False, False, True, True]
