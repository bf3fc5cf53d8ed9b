"""Who interrupts whom, when both speak at the same time."""

from __future__ import annotations

from offhook.conversation.events import (
    AssistantInterrupted,
    CallerSpokenOver,
    Event,
    SpeechStarted,
    SpeechStopped,
)

REACTION_SECONDS = 0.25
"""Nobody reacts to a voice sooner: a caller who is heard within this time was about to speak anyway."""

FOLLOWED = frozenset({SpeechStarted, SpeechStopped, AssistantInterrupted})
"""The kinds of events that tell who speaks."""


class Overlap:
    """`follow` what is told. The assistant interrupts when it begins while the caller speaks; and when a
    caller cuts it short who had begun too soon after it to have reacted, having only paused."""

    __slots__ = ("_assistant", "_caller", "_unaware")

    def __init__(self) -> None:
        self._assistant: float | None = None  # since when it speaks
        self._caller: float | None = None
        self._unaware = False

    def follow(self, event: Event) -> CallerSpokenOver | None:
        match event:
            case SpeechStarted("assistant", turn, at):
                self._assistant, self._unaware = at, False
                return CallerSpokenOver(turn) if self._caller is not None else None
            case SpeechStarted("user", _, at):
                self._caller = at
                self._unaware = self._assistant is not None and at - self._assistant < REACTION_SECONDS
            case SpeechStopped("assistant"):
                self._assistant = None
            case SpeechStopped("user"):
                self._caller = None
            case AssistantInterrupted(turn) if self._unaware:
                self._unaware = False
                return CallerSpokenOver(turn)
            case _:
                pass
        return None
