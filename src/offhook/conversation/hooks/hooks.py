"""An assistant's hooks: what its owner wants done when something happens in a call (vapi-wire §5).

`Hooks` knows when, by the events that the conversation tells; `hook_actions.py` does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from offhook.conversation.events import (
    AssistantInterrupted,
    AssistantLate,
    CallerSpokenOver,
    Event,
    Role,
    SpeechStarted,
    SpeechStopped,
    TranscriptHeard,
)
from offhook.conversation.hooks.hook_actions import HookContext, perform
from offhook.schema.assistants import effective
from offhook.schema.assistants.hook import (
    CallHookCallEnding,
    CallHookCallTimeElapsed,
    CallHookCustomerSpeechTimeout,
    CallHookFilter,
    CallHookModelResponseTimeout,
    Hook,
    HookAction,
    SpeechInterruptedHook,
    TransferHookAction,
)

PIPELINE_ERROR = "pipeline-error"
"""In a filter it stands for every reason that begins with it."""


AGAIN_SECONDS = 1.0
"""After which a hook that was due while the caller was elsewhere looks again."""


FOLLOWED = (
    SpeechStarted,
    SpeechStopped,
    TranscriptHeard,
    CallerSpokenOver,
    AssistantInterrupted,
    AssistantLate,
)


class Hooks:
    """There are none before `start`."""

    def __init__(self, context: HookContext) -> None:
        self._context = context
        self._hooks: tuple[Hook, ...] = ()
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._ended: set[int] = set()  # hooks on the call's ending that have run
        self._timers: dict[int, asyncio.Handle] = {}  # by the hook's place
        self._silences: list[_Silence] = []
        self._speaking: set[Role] = set()
        self._over = -1  # the assistant's turn that interrupted the caller last
        self._words = 0  # how often the caller was understood

    def start(self, hooks: Sequence[Hook]) -> None:
        """The call has been answered."""
        self._began = self._loop.time()
        self.adopt(hooks)

    def adopt(self, hooks: Sequence[Hook]) -> None:
        """Go by those of another assistant."""
        self.close()
        self._hooks = tuple(hooks)
        self._ended.clear()
        self._silences = [
            _Silence(hook, self._silent) for hook in hooks if isinstance(hook, CallHookCustomerSpeechTimeout)
        ]
        for index, hook in enumerate(hooks):
            if isinstance(hook, CallHookCallTimeElapsed):
                at = self._began + hook.options.seconds
                if at >= self._loop.time():
                    self._at(at, index, hook)
        self._count_silence()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for silence in self._silences:
            silence.stop()

    def follow(self, event: Event) -> None:
        """Follow what happens."""
        match event:
            case SpeechStarted(role):
                self._speaking.add(role)
                for silence in self._silences:
                    silence.stop()
            case SpeechStopped(role):
                self._speaking.discard(role)
                self._count_silence()
            case TranscriptHeard("user", _, final):
                self._words += 1
                for silence in self._silences:
                    silence.caller_spoke(final)
            case CallerSpokenOver(turn):
                self._over = turn
                self._run_interrupted("customer.speech.interrupted")
            case AssistantInterrupted(turn) if turn != self._over:
                self._run_interrupted("assistant.speech.interrupted")
            case AssistantLate():
                self._run_all(CallHookModelResponseTimeout)
            case _:
                pass

    # the caller's silence

    def _count_silence(self) -> None:
        if not self._speaking:
            for silence in self._silences:
                silence.count()

    def _silent(self, silence: _Silence) -> None:
        if self._context.busy() or not self._context.course.listening:
            silence.count()
            return
        silence.times += 1
        silence.count()
        known = self._words
        self._run(silence.hook.do, lambda: self._words > known or "user" in self._speaking)

    # time that has passed

    def _at(self, moment: float, index: int, hook: CallHookCallTimeElapsed) -> None:
        self._timers[index] = self._loop.call_at(moment, self._elapsed, index, hook)

    def _elapsed(self, index: int, hook: CallHookCallTimeElapsed) -> None:
        """While the caller is elsewhere it is put off: a transfer that fails brings the caller back."""
        if self._context.course.listening:
            self._run(hook.do)
        elif not self._context.course.over:
            self._at(self._loop.time() + AGAIN_SECONDS, index, hook)

    # what is done

    def _run_interrupted(self, event: str) -> None:
        for hook in self._hooks:
            if isinstance(hook, SpeechInterruptedHook) and hook.on == event:
                self._run(hook.do)

    def _run_all(self, kind: type[CallHookModelResponseTimeout]) -> None:
        for hook in self._hooks:
            if isinstance(hook, kind):
                self._run(hook.do)

    def _run(self, actions: Sequence[HookAction], moot: Callable[[], bool] = lambda: False) -> None:
        if self._context.course.listening:
            self._context.tasks.start(perform(actions, self._context, moot=moot))

    # the end of the call

    def rescue(self, reason: str) -> Sequence[HookAction]:
        """What is to be done instead of ending the call for `reason`: the actions of hooks of which one hands
        the caller on, up to that. Empty if none does. Each hook counts once."""
        found: list[HookAction] = []
        for index, hook in self._ending(reason):
            for at, action in enumerate(hook.do):
                if isinstance(action, TransferHookAction) and action.destination is not None:
                    self._ended.add(index)
                    return [*found, *hook.do[: at + 1]]
        return found

    def at_the_end(self, reason: str) -> Sequence[HookAction]:
        """What is to be done when the call has ended for `reason`. Each hook counts once."""
        due = list(self._ending(reason))
        self._ended.update(index for index, _ in due)
        return [action for _, hook in due for action in hook.do]

    def _ending(self, reason: str) -> list[tuple[int, CallHookCallEnding]]:
        return [
            (index, hook)
            for index, hook in enumerate(self._hooks)
            if isinstance(hook, CallHookCallEnding)
            and index not in self._ended
            and all(_passes(each, reason) for each in hook.filters or ())
        ]


class _Silence:
    """One hook on the caller's silence: it counts from when the last word was heard, its own included."""

    def __init__(self, hook: CallHookCustomerSpeechTimeout, due: Callable[[_Silence], None]) -> None:
        self.hook = hook
        self.times = 0
        self._plan = effective.speech_timeout(hook)
        self._due = due
        self._timer: asyncio.Handle | None = None

    def count(self) -> None:
        self.stop()
        if self.times < self._plan.trigger_max_count:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._plan.timeout_seconds, self._due, self)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def caller_spoke(self, final: bool) -> None:
        if final and self._plan.reset_on_user_speech:
            self.times = 0


def _passes(given: CallHookFilter, reason: str) -> bool:
    """A filter on anything but the call's endedReason lets nothing through."""
    return given.key == "call.endedReason" and any(
        reason == wanted or (wanted == PIPELINE_ERROR and reason.startswith(PIPELINE_ERROR))
        for wanted in given.one_of
    )
