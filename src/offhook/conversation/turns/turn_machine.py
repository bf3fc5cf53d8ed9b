"""Whose turn is it? A machine without a clock or I/O: inputs with their times in, actions out.

It decides when the caller has finished, when a reply may be prepared and when it may be heard, and when the
caller has cut the assistant short. It knows nothing of models and voices. Its rows stand in `table.py`, what
they name in `memory.py`."""

from __future__ import annotations

from collections.abc import Callable

from offhook.conversation.turns.interruption import InterruptionPlan
from offhook.conversation.turns.signals import Action, CutShort, Input
from offhook.conversation.turns.turn_memory import TurnMemory, TurnState
from offhook.conversation.turns.turn_table import CHOICES, TABLE, TurnChoice


class TurnMachine:
    """`feed` an input with its time (loop.time()), carry out the actions in their order; none of them is
    answered by another input.

    `wait`: seconds between the end of the caller's speech and the earliest reply, for the words said.
    `cut`: what would be left of what the assistant says, if it were cut short now."""

    __slots__ = ("_memory",)

    def __init__(
        self, wait: Callable[[str], float], cut: Callable[[], CutShort], stop: InterruptionPlan
    ) -> None:
        self._memory = TurnMemory(wait, cut, stop)

    @property
    def state(self) -> TurnState:
        return self._memory.state

    def feed(self, given: Input, at: float) -> list[Action]:
        """Raises KeyError for an input that the table does not name."""
        memory = self._memory
        rows = TABLE[memory.state, type(given)]
        actions: list[Action] = []
        while True:
            for row in rows:
                if row.when is None or row.when(memory, given, at):
                    break
            for step in row.does:
                action = step(memory, given, at)
                if action is not None:
                    actions.append(action)
            if not isinstance(row.then, TurnChoice):
                break
            rows = CHOICES[row.then]
        if row.then is not None:
            memory.state = row.then
        return actions

    @property
    def hears(self) -> bool:
        """Does the caller speak, or are the words still on their way that were just spoken?"""
        words, state = self._memory.words, self._memory.state
        if state is TurnState.DECIDING:
            return words.owed > 0 or bool(words.partial)
        return state is TurnState.HEARING

    @property
    def answers(self) -> bool:
        """Are there words of the caller's that what is heard now answers? If it is withdrawn, these are
        answered again; what answers nothing, or has been heard in part, or comes from tools that have run,
        would be lost."""
        return self._memory.words.answered

    def deadline(self) -> float | None:
        """When to feed `Deadline`, in loop.time(); None if there is nothing to wait for."""
        return self._memory.deadline()

    def adopt(self, stop: InterruptionPlan) -> None:
        """Go on by another assistant's plan; what the last one's transcriber still owed is not awaited."""
        self._memory.stop = stop
        self._memory.words.expect_nothing()

    def reset(self, speaking: bool) -> None:
        """Forget what was going on. `speaking`: the assistant is heard."""
        self._memory.reset(speaking)
