"""Whose turn is it? A machine without a clock or I/O: inputs with their times in, actions out.

It decides when the caller has finished, when a reply may be prepared and when it may be heard, and when the
caller has cut the assistant short. It knows nothing of models and voices."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from offhook.conversation.turns.caller_words import CallerWords
from offhook.conversation.turns.interruption import StopSpeakingPlan
from offhook.conversation.turns.signals import (
    Action,
    Committed,
    CutShort,
    Deadline,
    Deaf,
    Drop,
    Forced,
    Hold,
    Input,
    Interrupt,
    PlayoutFinished,
    PlayoutStarted,
    Prepare,
    Release,
    ReplyEnded,
    Resume,
    Silenced,
    VoiceStarted,
    VoiceStopped,
    VoiceWentOn,
    WaitKnown,
    Words,
)

FINAL_PATIENCE = 12.0
"""Seconds after the end of speech in which a transcriber of whole phrases has to answer."""
STREAM_PATIENCE = 1.2
"""Seconds after the end of speech in which a streaming transcriber's final may still replace its partial."""
ANSWERABLE_REST = 1.5
"""Seconds. An acknowledgement that cuts off no more than this is an answer ("Shall I book it?" - "Yes")."""
TOLERANCE = 1e-6
STALE = 3.0
"""Seconds. Words that come longer than this after any voice were said just now, too softly for it."""


class State(Enum):
    LISTENING = auto()  # nobody speaks and nothing is pending
    HEARING = auto()  # the caller speaks
    DECIDING = auto()  # the caller has stopped: words are awaited, or the wait runs
    THINKING = auto()  # a reply may be heard as soon as there is one
    SPEAKING = auto()  # the assistant is heard
    OVERLAPPED = auto()  # the assistant is heard and the caller makes sound


Handler = Callable[["TurnMachine", Input, float], list[Action]]


class TurnMachine:
    """`feed` an input with its time (loop.time()), carry out the actions in their order.

    `wait`: seconds between the end of the caller's speech and the earliest reply, for the words said."""

    __slots__ = (
        "_backoff_until",
        "_due",
        "_ended",
        "_held",
        "_interruptible",
        "_prepared",
        "_rest",
        "_resuming",
        "_stop",
        "_wait",
        "_whole",
        "_words",
        "state",
    )

    def __init__(self, wait: Callable[[str], float], stop: StopSpeakingPlan) -> None:
        self.state = State.LISTENING
        self._wait = wait
        self._stop = stop
        self._words = CallerWords()
        self._ended = 0.0
        self._whole = False  # the last speech is answered as a whole, so that silence means no words
        self._due: float | None = None  # when the prepared reply, or the rest of the last, may be heard
        self._prepared = False
        self._held = False  # a reply under way that is not to be dropped was told to wait
        self._resuming = False
        self._interruptible = True
        self._rest: float | None = None
        self._backoff_until = 0.0

    def feed(self, given: Input, at: float) -> list[Action]:
        handler = TABLE.get((self.state, type(given)))
        return handler(self, given, at) if handler is not None else []

    @property
    def hears(self) -> bool:
        """Does the caller speak, or are the words still on their way that were just spoken?"""
        if self.state is State.DECIDING:
            return self._words.owed > 0 or bool(self._words.partial)
        return self.state is State.HEARING

    def deadline(self) -> float | None:
        """When to feed `Deadline`, in loop.time(); None if there is nothing to wait for."""
        if self._words.owed:
            return None if self.state is State.HEARING else self._ended + FINAL_PATIENCE
        if self.state is not State.DECIDING:
            return None
        if self._due is not None:
            return self._due
        return max(self._ended, self._words.partial_at) + STREAM_PATIENCE

    def adopt(self, stop: StopSpeakingPlan) -> None:
        """Go on by another assistant's plan; what the last one's transcriber still owed is not awaited."""
        self._stop = stop
        self._words.expect_nothing()

    def reset(self, speaking: bool) -> None:
        """Forget what was going on. `speaking`: the assistant is heard."""
        self.state = State.SPEAKING if speaking else State.LISTENING
        self._words = CallerWords()
        self._due, self._rest = None, None
        self._prepared = self._held = self._resuming = False

    # the caller's voice

    def _voice_started(self, _: Input, at: float) -> list[Action]:
        thinking = self.state is State.THINKING
        self.state = State.HEARING
        self._due = None
        if thinking:
            self._held = True
        return [Hold()] if thinking else []

    def _voice_over_assistant(self, _: Input, at: float) -> list[Action]:
        self.state = State.OVERLAPPED
        return []

    def _voice_went_on(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, VoiceWentOn)
        if not self._interruptible or self._stop.num_words > 0 or given.seconds < self._stop.voice_seconds:
            return []
        return self._interrupt(at)

    def _voice_stopped(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, VoiceStopped)
        self._note_end(given)
        self.state = State.DECIDING
        return self._settle(at)

    def _overlap_stopped(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, VoiceStopped)
        self._note_end(given)
        self.state = State.SPEAKING
        return []

    def _note_end(self, given: VoiceStopped) -> None:
        self._ended, self._whole = given.ended, given.owed
        self._words.owed += given.owed

    # the caller's words

    def _words_in_silence(self, given: Input, at: float) -> list[Action]:
        """Words while the assistant is silent."""
        assert isinstance(given, Words)
        if not given.final:
            if self._words.hear(given.text, at):
                self._due = None
            return []
        self._words.arrived(given.owed)
        actions = self._changed(self._words.take(given.text))
        if self.state is State.HEARING:
            return actions
        if self.state is not State.DECIDING:
            if not self._words.unanswered or self._prepared:
                return actions
            self._note_unheard_voice(at)
            self.state = State.DECIDING
        return actions + self._settle(at)

    def _words_over_assistant(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, Words)
        if given.final:
            self._words.arrived(given.owed)
            if self._words.repeats(given.text):
                return []
        if self._interruptible and self._stop.interrupts(given.text):
            return self._interrupt_by_words(given, at)
        if given.final and not self._needs_no_answer(given.text):
            self._words.defer(given.text)
        return []

    def _interrupt_by_words(self, given: Words, at: float) -> list[Action]:
        voiced = self.state is State.OVERLAPPED
        actions = self._interrupt(at)
        if given.final:
            self._words.take(given.text)
        else:
            self._words.hear(given.text, at)
        if voiced:
            return actions
        self._note_unheard_voice(at)
        self.state = State.DECIDING
        return actions + self._settle(at)

    def _note_unheard_voice(self, at: float) -> None:
        if at - self._ended > STALE:
            self._ended = at

    def _needs_no_answer(self, text: str) -> bool:
        """Acknowledgements; and greetings over a message that runs on regardless, which people say as they
        pick up and which that message answers."""
        if self._stop.only_acknowledges(text):
            return True
        greeting = text.lower().strip(" .!?,") in _GREETINGS
        return greeting and not self._interruptible

    # the assistant

    def _playout_started(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, PlayoutStarted)
        if self.state not in (State.SPEAKING, State.OVERLAPPED):
            self.state = State.OVERLAPPED if self.state is State.HEARING else State.SPEAKING
        self._interruptible = given.interruptible
        self._rest = None
        self._resuming = False
        if given.reply:
            self._answered()
        return []

    def _playout_finished(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, PlayoutFinished)
        self._words.take_deferred()
        self._held = given.more
        if self.state is State.OVERLAPPED:
            self.state = State.HEARING
            return [Hold()] if given.more else []
        if self._words.unanswered or self._words.owed:
            self.state = State.DECIDING
            return self._settle(at)
        self.state = State.THINKING if given.more else State.LISTENING
        return []

    def _committed(self, _: Input, at: float) -> list[Action]:
        self._answered()
        return []

    def _forced(self, _: Input, at: float) -> list[Action]:
        self._answered()
        self._rest = None
        if self.state in (State.LISTENING, State.DECIDING):
            self.state = State.THINKING
        elif self.state is State.HEARING:
            self._held = True
            return [Hold()]
        return []

    def _reply_ended(self, _: Input, at: float) -> list[Action]:
        self._answered()
        self.state = State.LISTENING
        return []

    def _cut_short(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, CutShort)
        self._rest = given.rest
        self._held = given.more
        if not given.heard:
            self._words.retract_answer()
        return []

    def _silenced(self, _: Input, at: float) -> list[Action]:
        self.state = State.HEARING if self.state is State.OVERLAPPED else State.LISTENING
        self._words.drop_deferred()
        self._rest = None
        return []

    # the moment itself

    def _wait_known(self, _: Input, at: float) -> list[Action]:
        if self._due is not None and not self._resuming:
            self._due = self._due_after(at)
        return []

    def _deadline(self, _: Input, at: float) -> list[Action]:
        due = self.deadline()
        if due is None or at + TOLERANCE < due:
            return []
        if self._words.owed:
            self._words.owed = 0
            return [Deaf()]
        if self._due is not None:
            return self._now_due()
        if self._words.partial:
            return self._changed(self._words.assume()) + self._settle(at)
        return self._settle(at) if self._words.unanswered else self._nothing_said(at)

    def _now_due(self) -> list[Action]:
        self._due = None
        if self._resuming:
            self._words.drop_unanswered()
            self._rest, self._resuming = None, False
            self.state = State.LISTENING
            return [Resume()]
        self.state = State.THINKING
        return [Release(self._ended)]

    # what they share

    def _interrupt(self, at: float) -> list[Action]:
        self.state = State.HEARING
        self._backoff_until = at + self._stop.backoff_seconds
        self._words.drop_deferred()
        return [Interrupt()]

    def _changed(self, changed: bool) -> list[Action]:
        """The reply that did not know these words is dropped."""
        if not changed or not self._prepared:
            return []
        self._prepared = False
        return [Drop()]

    def _settle(self, at: float) -> list[Action]:
        """The caller is silent: prepare what is to be said next, and set when it may be heard."""
        self._resuming = False
        words = self._words
        if words.owed or words.partial:
            return []
        if not words.unanswered:
            return self._nothing_said(at) if self._whole else []
        to_go_on = self._rest is not None and self._rest > ANSWERABLE_REST
        if to_go_on and self._stop.only_acknowledges(words.unanswered):
            return self._resume(at)
        self._rest = None
        self._due = self._due_after(at)
        if self._prepared:
            return []
        self._prepared, self._held = True, False
        return [Prepare(words.unanswered)]

    def _due_after(self, at: float) -> float:
        return max(self._ended + self._wait(self._words.unanswered), self._backoff_until, at)

    def _nothing_said(self, at: float) -> list[Action]:
        """It was noise, or too faint to understand."""
        if self._rest is not None:
            return self._resume(at)
        if self._held:
            self._held = False
            self.state = State.THINKING
            return [Release(self._ended)]
        self.state = State.LISTENING
        return []

    def _resume(self, at: float) -> list[Action]:
        self._resuming = True
        self._due = max(self._backoff_until, at)
        return []

    def _answered(self) -> None:
        self._words.answer()
        self._prepared = self._held = False
        self._due = None


_GREETINGS = frozenset({"hello", "hi", "hey", "hello hello", "hi there", "hello there", "good morning"})
_M = TurnMachine
_SILENT = (State.LISTENING, State.HEARING, State.DECIDING, State.THINKING)
_HEARD = (State.SPEAKING, State.OVERLAPPED)

TABLE: dict[tuple[State, type], Handler] = {
    **{(s, VoiceStarted): _M._voice_started for s in (State.LISTENING, State.DECIDING, State.THINKING)},
    (State.SPEAKING, VoiceStarted): _M._voice_over_assistant,
    (State.OVERLAPPED, VoiceWentOn): _M._voice_went_on,
    (State.HEARING, VoiceStopped): _M._voice_stopped,
    (State.OVERLAPPED, VoiceStopped): _M._overlap_stopped,
    **{(s, Words): _M._words_in_silence for s in _SILENT},
    **{(s, Words): _M._words_over_assistant for s in _HEARD},
    **{(s, PlayoutStarted): _M._playout_started for s in State},
    **{(s, PlayoutFinished): _M._playout_finished for s in _HEARD},
    **{(s, Committed): _M._committed for s in State},
    **{(s, Forced): _M._forced for s in State},
    (State.THINKING, ReplyEnded): _M._reply_ended,
    **{(s, CutShort): _M._cut_short for s in State},
    **{(s, Silenced): _M._silenced for s in _HEARD},
    (State.DECIDING, WaitKnown): _M._wait_known,
    **{(s, Deadline): _M._deadline for s in State if s is not State.HEARING},
}
"""What is not listed changes nothing."""
