"""What the turn machine knows beside its state, and the conditions and steps that the rows of its table name.

A condition is asked (`memory, given, at`) and changes nothing. A step changes what is known, or gives the
action that is asked for, or both. Their names stand in docs/turns.md."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from offhook.conversation.turns.caller_words import CallerWords
from offhook.conversation.turns.interruption import InterruptionPlan
from offhook.conversation.turns.signals import (
    CallerStopped,
    CutShort,
    DropReply,
    FinalWords,
    HoldReply,
    Input,
    Interrupt,
    PartialWords,
    PlayoutFinished,
    PlayoutStarted,
    PrepareReply,
    ReleaseReply,
    Resume,
    TranscriberOverdue,
)

FINAL_PATIENCE = 12.0
"""Seconds after the end of speech in which a transcriber of whole phrases has to answer."""
STREAM_PATIENCE = 1.2
"""Seconds after the end of speech in which a streaming transcriber's final may still replace its partial."""
ANSWERABLE_REST = 1.5
"""Seconds. An acknowledgement that cuts off no more than this is an answer ("Shall I book it?" - "Yes")."""
WORDLESS_PATIENCE = 1.0
"""Seconds after the caller's voice for which the assistant stays quiet without having words."""
TOLERANCE = 1e-6
STALE = 3.0
"""Seconds. Words that come longer than this after any voice were said just now, too softly for it."""


class TurnState(Enum):
    LISTENING = auto()  # nobody speaks and nothing is pending
    HEARING = auto()  # the caller speaks
    DECIDING = auto()  # the caller has stopped: words are awaited, or the wait runs
    THINKING = auto()  # a reply may be heard as soon as there is one
    SPEAKING = auto()  # the assistant is heard
    OVERLAPPED = auto()  # the assistant is heard and the caller makes sound


class TurnMemory:
    """`wait` and `cut` are asked when a row needs them: how many seconds to wait after these words, and what
    would be left of what is being said."""

    __slots__ = (
        "backoff_until",
        "begun",
        "cut",
        "due",
        "ended",
        "held",
        "interruptible",
        "over",
        "prepared",
        "quiet",
        "rest",
        "resuming",
        "state",
        "still",
        "stop",
        "voiced",
        "wait",
        "whole",
        "words",
    )

    def __init__(
        self, wait: Callable[[str], float], cut: Callable[[], CutShort], stop: InterruptionPlan
    ) -> None:
        self.wait = wait
        self.cut = cut
        self.stop = stop
        self.ended = 0.0
        self.whole = False  # the last speech is answered as a whole, so that silence means no words
        self.interruptible = True
        self.backoff_until = 0.0
        self.reset(speaking=False)

    def reset(self, speaking: bool) -> None:
        self.state = TurnState.SPEAKING if speaking else TurnState.LISTENING
        self.words = CallerWords()
        self.due: float | None = None  # when the prepared reply, or the rest of the last, may be heard
        self.rest: float | None = None  # seconds that were left of what was cut short
        self.begun = False  # an answer was cut short of which no more had been written
        self.prepared = False
        self.held = False  # a reply under way that is not to be dropped was told to wait
        self.resuming = False
        self.quiet = False  # the assistant pauses until it is known whether it is interrupted
        self.forget_the_overlap()

    def forget_the_overlap(self) -> None:
        self.over = ""  # what the caller is heard to say over the assistant
        self.voiced = 0.0  # seconds of voice in it
        self.still = 0  # windows since without voice

    @property
    def nods(self) -> bool:
        return self.stop.only_acknowledges(self.over)

    def deadline(self) -> float | None:
        if self.quiet and self.state is TurnState.SPEAKING:
            return self.ended + WORDLESS_PATIENCE
        if self.words.owed:
            return None if self.state is TurnState.HEARING else self.ended + FINAL_PATIENCE
        if self.state is not TurnState.DECIDING:
            return None
        if self.due is not None:
            return self.due
        return max(self.ended, self.words.partial_at) + STREAM_PATIENCE


# conditions: the caller


def words_known_already(memory: TurnMemory, given: FinalWords, at: float) -> bool:
    """The partial before them was taken for them."""
    return memory.words.repeats(given.text)


def partial_behind_its_final(memory: TurnMemory, given: PartialWords, at: float) -> bool:
    return not memory.words.is_news(given.text)


def turn_may_end(memory: TurnMemory, given: PartialWords, at: float) -> bool:
    return given.may_end


def words_still_to_come(memory: TurnMemory, given: Input, at: float) -> bool:
    return bool(memory.words.owed or memory.words.partial)


def words_to_answer(memory: TurnMemory, given: Input, at: float) -> bool:
    return bool(memory.words.unanswered)


def words_for_later(memory: TurnMemory, given: Input, at: float) -> bool:
    """Said over the assistant, or still owed by the transcriber."""
    return memory.words.waiting


def nothing_new(memory: TurnMemory, given: Input, at: float) -> bool:
    """All that was said has an answer, or one is being prepared."""
    return memory.prepared or not memory.words.unanswered


def no_words(memory: TurnMemory, given: Input, at: float) -> bool:
    return not memory.words.unanswered


def silence_means_no_words(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.whole and not memory.words.unanswered


def nod(memory: TurnMemory, given: Input, at: float) -> bool:
    """A mere acknowledgement, which cut off more than an answer would."""
    rest = memory.rest
    return (
        rest is not None and rest > ANSWERABLE_REST and memory.stop.only_acknowledges(memory.words.unanswered)
    )


# conditions: the assistant, and the moment


def reply(memory: TurnMemory, given: PlayoutStarted, at: float) -> bool:
    return given.reply


def more_of_the_reply_to_come(memory: TurnMemory, given: PlayoutFinished, at: float) -> bool:
    return given.more


def reply_prepared(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.prepared


def reply_held(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.held


def something_was_cut_short(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.rest is not None


def not_yet(memory: TurnMemory, given: Input, at: float) -> bool:
    due = memory.deadline()
    return due is None or at + TOLERANCE < due


def transcriber_owes_words(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.words.owed > 0


def rest_waits_to_be_said(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.resuming and memory.due is not None


def only_a_partial(memory: TurnMemory, given: Input, at: float) -> bool:
    return bool(memory.words.partial)


def the_wait_runs(memory: TurnMemory, given: Input, at: float) -> bool:
    return memory.due is not None and not memory.resuming


def answer_was_only_begun(memory: TurnMemory, given: Input, at: float) -> bool:
    """Cut short by a sound without words, before the model had written it to its end."""
    return memory.begun and memory.words.answered


# steps: the caller


def note_the_end(memory: TurnMemory, given: CallerStopped, at: float) -> None:
    memory.ended, memory.whole = given.ended, given.owed
    memory.words.owed += given.owed


def note_unheard_voice(memory: TurnMemory, given: Input, at: float) -> None:
    """Words so long after any voice were said just now."""
    if at - memory.ended > STALE:
        memory.ended = at


def note_the_partial(memory: TurnMemory, given: PartialWords, at: float) -> None:
    memory.words.hear(given.text, at)


def note_the_answer(memory: TurnMemory, given: FinalWords, at: float) -> None:
    """The transcriber has answered, with whatever words."""
    memory.words.arrived(given.owed)


def take_the_words(memory: TurnMemory, given: FinalWords, at: float) -> DropReply | None:
    """They are to be answered; the reply that did not know them is dropped."""
    return _changed(memory, memory.words.take(given.text))


def take_the_partial(memory: TurnMemory, given: Input, at: float) -> DropReply | None:
    """For the final that does not come."""
    return _changed(memory, memory.words.assume())


def confirm_the_partial(memory: TurnMemory, given: Input, at: float) -> None:
    memory.words.confirm()


def defer_the_words(memory: TurnMemory, given: FinalWords, at: float) -> None:
    """They are answered when the assistant has finished."""
    memory.words.defer(given.text)


def take_deferred_words(memory: TurnMemory, given: Input, at: float) -> None:
    memory.words.take_deferred()


def drop_deferred_words(memory: TurnMemory, given: Input, at: float) -> None:
    memory.words.drop_deferred()


def give_up_on_the_transcriber(memory: TurnMemory, given: Input, at: float) -> TranscriberOverdue:
    memory.words.owed = 0
    return TranscriberOverdue()


def _changed(memory: TurnMemory, changed: bool) -> DropReply | None:
    if not changed or not memory.prepared:
        return None
    memory.prepared = False
    return DropReply()


# steps: the assistant


def interrupt(memory: TurnMemory, given: Input, at: float) -> Interrupt:
    """What was prepared meanwhile goes with it."""
    memory.backoff_until = at + memory.stop.backoff_seconds
    memory.words.drop_deferred()
    memory.prepared = memory.quiet = False
    cut = memory.cut()
    memory.rest, memory.held, memory.begun = cut.rest, cut.more, cut.begun
    if not cut.heard:
        memory.words.retract_answer()
    return Interrupt(cut)


def note_the_playout(memory: TurnMemory, given: PlayoutStarted, at: float) -> None:
    memory.interruptible = given.interruptible
    memory.rest, memory.begun, memory.resuming = None, False, False


def note_whether_more_comes(memory: TurnMemory, given: PlayoutFinished, at: float) -> None:
    memory.held = given.more


def count_as_answered(memory: TurnMemory, given: Input, at: float) -> None:
    """What the caller said has its reply."""
    memory.words.answer()
    memory.prepared = memory.held = False
    memory.due = None


def hold(memory: TurnMemory, given: Input, at: float) -> HoldReply:
    memory.held = True
    return HoldReply()


def prepare(memory: TurnMemory, given: Input, at: float) -> PrepareReply:
    memory.prepared, memory.held = True, False
    return PrepareReply(memory.words.unanswered)


def prepare_early(memory: TurnMemory, given: Input, at: float) -> PrepareReply | None:
    """Unless a reply to just that is being prepared."""
    return prepare(memory, given, at) if memory.words.unanswered and not memory.prepared else None


def release(memory: TurnMemory, given: Input, at: float) -> ReleaseReply:
    memory.due, memory.held = None, False
    return ReleaseReply(memory.ended)


def take_the_answered_again(memory: TurnMemory, given: Input, at: float) -> None:
    """What the caller said before is answered anew."""
    memory.begun = False
    memory.words.retract_answer()


def resume(memory: TurnMemory, given: Input, at: float) -> Resume:
    memory.words.drop_unanswered()
    memory.due, memory.rest, memory.resuming = None, None, False
    return Resume()


# steps: the moment


def set_the_moment(memory: TurnMemory, given: Input, at: float) -> None:
    """When the reply may be heard."""
    waited = memory.ended + memory.wait(memory.words.unanswered)
    memory.due = max(waited, memory.backoff_until, at)


def set_the_moment_to_resume(memory: TurnMemory, given: Input, at: float) -> None:
    """At once: backing off is for true interruptions."""
    memory.resuming, memory.due = True, at


def forget_the_moment(memory: TurnMemory, given: Input, at: float) -> None:
    memory.due = None


def forget_the_rest(memory: TurnMemory, given: Input, at: float) -> None:
    """What was cut short is not said any more."""
    memory.rest, memory.begun = None, False


def stop_resuming(memory: TurnMemory, given: Input, at: float) -> None:
    memory.resuming = False
