"""Whose turn is it? A machine without a clock or I/O: inputs with their times in, actions out.

It decides when the caller has finished, when a reply may be prepared and when it may be heard, and when the
caller has cut the assistant short. It knows nothing of models and voices."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from offhook.conversation.interruption import StopSpeakingPlan
from offhook.conversation.turn_signals import (
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

    `wait`: seconds between the end of the caller's speech and the earliest reply, for the words said.
    `segmented`: the transcriber answers each speech with one final (speech/base.py)."""

    __slots__ = (
        "_asked",
        "_assumed",
        "_backoff_until",
        "_deferred",
        "_due",
        "_ended",
        "_heard",
        "_held",
        "_interruptible",
        "_owed",
        "_partial",
        "_partial_at",
        "_prepared",
        "_rest",
        "_resuming",
        "_segmented",
        "_stop",
        "_wait",
        "state",
    )

    def __init__(self, wait: Callable[[str], float], stop: StopSpeakingPlan, segmented: bool) -> None:
        self.state = State.LISTENING
        self._wait = wait
        self._stop = stop
        self._segmented = segmented
        self._heard = ""  # words not yet answered
        self._asked = ""  # what the reply that was heard last answers
        self._assumed = ""  # the end of _heard that is only a partial so far
        self._partial = ""
        self._partial_at = 0.0
        self._deferred = ""  # words said over the assistant, to be answered when it has finished
        self._owed = 0
        self._ended = 0.0
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

    def deadline(self) -> float | None:
        """When to feed `Deadline`, in loop.time(); None if there is nothing to wait for."""
        if self._owed:
            return None if self.state is State.HEARING else self._ended + FINAL_PATIENCE
        if self.state is not State.DECIDING:
            return None
        if self._due is not None:
            return self._due
        return max(self._ended, self._partial_at) + STREAM_PATIENCE

    def adopt(self, stop: StopSpeakingPlan, segmented: bool) -> None:
        """Go on by another assistant's plan and transcriber; what the last one still owed is not awaited."""
        self._stop, self._segmented = stop, segmented
        self._owed, self._partial = 0, ""

    def reset(self, speaking: bool) -> None:
        """Forget what was going on. `speaking`: the assistant is heard."""
        self.state = State.SPEAKING if speaking else State.LISTENING
        self._heard = self._partial = self._deferred = self._assumed = ""
        self._owed, self._due, self._rest = 0, None, None
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
        self._ended = given.ended
        if self._segmented:
            self._owed += 1

    # the caller's words

    def _words(self, given: Input, at: float) -> list[Action]:
        """Words while the assistant is silent."""
        assert isinstance(given, Words)
        if not given.final:
            self._partial, self._partial_at = given.text, at
            self._due = None
            return []
        actions = self._take(given)
        if self.state is State.HEARING:
            return actions
        if self.state is not State.DECIDING:
            if not self._heard or self._prepared:
                return actions
            self._note_unheard_voice(at)
            self.state = State.DECIDING
        return actions + self._settle(at)

    def _words_over_assistant(self, given: Input, at: float) -> list[Action]:
        assert isinstance(given, Words)
        if given.final:
            self._owed = max(self._owed - given.owed, 0)
            if self._assumed and _same_words(given.text, self._assumed):
                self._assumed = ""
                return []
        if self._interruptible and self._stop.interrupts(given.text):
            return self._interrupt_by_words(given, at)
        if given.final and given.text.strip() and not self._needs_no_answer(given.text):
            self._deferred = f"{self._deferred} {given.text.strip()}".strip()
        return []

    def _interrupt_by_words(self, given: Words, at: float) -> list[Action]:
        voiced = self.state is State.OVERLAPPED
        actions = self._interrupt(at)
        if given.final:
            self._join(given.text)
        else:
            self._partial, self._partial_at = given.text, at
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
        self._heard = f"{self._heard} {self._deferred}".strip()
        self._deferred = ""
        self._held = given.more
        if self.state is State.OVERLAPPED:
            self.state = State.HEARING
            return [Hold()] if given.more else []
        if self._heard or self._owed:
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
            self._heard = f"{self._asked} {self._heard}".strip()
        return []

    def _silenced(self, _: Input, at: float) -> list[Action]:
        self.state = State.HEARING if self.state is State.OVERLAPPED else State.LISTENING
        self._deferred, self._rest = "", None
        return []

    # the moment itself

    def _deadline(self, _: Input, at: float) -> list[Action]:
        due = self.deadline()
        if due is None or at + TOLERANCE < due:
            return []
        if self._owed:
            self._owed = 0
            return [Deaf()]
        if self._due is not None:
            return self._now_due()
        if self._partial:
            partial = self._partial
            actions = self._take(Words(partial, True))
            self._assumed = partial.strip()
            return actions + self._settle(at)
        return self._settle(at) if self._heard else self._nothing_said(at)

    def _now_due(self) -> list[Action]:
        self._due = None
        if self._resuming:
            self._heard, self._rest, self._resuming = "", None, False
            self.state = State.LISTENING
            return [Resume()]
        self.state = State.THINKING
        return [Release(self._ended)]

    # what they share

    def _interrupt(self, at: float) -> list[Action]:
        self.state = State.HEARING
        self._backoff_until = at + self._stop.backoff_seconds
        self._deferred = ""
        return [Interrupt()]

    def _take(self, given: Words) -> list[Action]:
        """A final: its words join those unanswered. The reply that did not know them is dropped."""
        self._owed = max(self._owed - given.owed, 0)
        self._partial = ""
        text = given.text.strip()
        if not text:
            return []
        if self._assumed and self._heard.endswith(self._assumed):
            kept = self._heard.removesuffix(self._assumed).strip()
            if _same_words(text, self._assumed):
                self._assumed = ""
                return []
            self._heard = kept
        self._join(text)
        if not self._prepared:
            return []
        self._prepared = False
        return [Drop()]

    def _join(self, text: str) -> None:
        self._assumed = ""
        self._heard = f"{self._heard} {text.strip()}".strip()

    def _settle(self, at: float) -> list[Action]:
        """The caller is silent: prepare what is to be said next, and set when it may be heard."""
        self._resuming = False
        if self._owed or self._partial:
            return []
        if not self._heard:
            return self._nothing_said(at) if self._segmented else []
        if (
            self._rest is not None
            and self._rest > ANSWERABLE_REST
            and self._stop.only_acknowledges(self._heard)
        ):
            return self._resume(at)
        self._rest = None
        self._due = max(self._ended + self._wait(self._heard), self._backoff_until, at)
        if self._prepared:
            return []
        self._prepared, self._held = True, False
        return [Prepare(self._heard)]

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
        self._asked = self._heard
        self._heard = ""
        self._prepared = self._held = False
        self._due = None


def _same_words(one: str, other: str) -> bool:
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


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
    **{(s, Words): _M._words for s in _SILENT},
    **{(s, Words): _M._words_over_assistant for s in _HEARD},
    **{(s, PlayoutStarted): _M._playout_started for s in State},
    **{(s, PlayoutFinished): _M._playout_finished for s in _HEARD},
    **{(s, Committed): _M._committed for s in State},
    **{(s, Forced): _M._forced for s in State},
    (State.THINKING, ReplyEnded): _M._reply_ended,
    **{(s, CutShort): _M._cut_short for s in State},
    **{(s, Silenced): _M._silenced for s in _HEARD},
    **{(s, Deadline): _M._deadline for s in State if s is not State.HEARING},
}
"""What is not listed changes nothing."""
