"""The table of turns: for each state and input what is done, and which state follows. `make docs` draws it
into docs/turns.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from offhook.conversation.turns import memory as m
from offhook.conversation.turns.memory import State, TurnMemory
from offhook.conversation.turns.signals import (
    Action,
    Committed,
    Deadline,
    FinalWords,
    Forced,
    PartialWords,
    PlayoutFinished,
    PlayoutStarted,
    ReplyEnded,
    Silenced,
    VoiceStarted,
    VoiceStopped,
    VoiceWentOn,
    WaitKnown,
)

Condition = Callable[[TurnMemory, Any, float], bool]
Step = Callable[[TurnMemory, Any, float], Action | None]


class Choice(Enum):
    """What is decided behind a row, once its steps are done."""

    SETTLE = auto()  # the caller is silent: what is to be said next, and when may it be heard?
    NEWS = auto()  # words without any voice: is there something new in them?
    NOTHING_SAID = auto()  # it was noise, or too faint to understand


@dataclass(frozen=True, slots=True)
class Row:
    """Where `when` holds, `does` is done and `then` follows; None: the state stays."""

    does: tuple[Step, ...] = ()
    then: State | Choice | None = None
    when: Condition | None = None


Rows = tuple[Row, ...]
"""The first whose condition holds counts; the last one has none."""

IGNORED: Final[Rows] = (Row(),)
"""Changes nothing in this state."""

LISTENING, HEARING, DECIDING, THINKING, SPEAKING, OVERLAPPED = State
SETTLE, NEWS, NOTHING_SAID = Choice

CHOICES: Mapping[Choice, Rows] = {
    SETTLE: (
        Row((m.stop_resuming,), DECIDING, m.words_still_to_come),
        Row((), NOTHING_SAID, m.silence_means_no_words),
        Row((), DECIDING, m.no_words),
        Row((m.set_the_moment_to_resume,), DECIDING, m.nod),
        Row((m.stop_resuming, m.forget_the_rest, m.set_the_moment), DECIDING, m.reply_prepared),
        Row((m.stop_resuming, m.forget_the_rest, m.set_the_moment, m.prepare), DECIDING),
    ),
    NEWS: (
        Row(when=m.nothing_new),
        Row((m.note_unheard_voice,), SETTLE),
    ),
    NOTHING_SAID: (
        Row((m.set_the_moment_to_resume,), DECIDING, m.something_was_cut_short),
        Row((m.release,), THINKING, m.reply_held),
        Row((), LISTENING),
    ),
}

_PARTIAL: Rows = (
    Row(when=m.partial_behind_its_final),
    Row((m.note_the_partial, m.forget_the_moment)),
)
_DEADLINE: Rows = (
    Row(when=m.not_yet),
    Row((m.give_up_on_the_transcriber,)),
)
_PLAYS, _ANSWERS = (m.note_the_playout,), (m.note_the_playout, m.count_as_answered)


def _final(then: Choice | None) -> Rows:
    return (Row((m.note_the_answer, m.take_the_words), then),)


def _playout(then: State | None) -> Rows:
    return Row(_ANSWERS, then, m.reply), Row(_PLAYS, then)


def _final_over_assistant(interrupts: Row) -> Rows:
    return (
        Row((m.note_the_answer, m.confirm_the_partial), when=m.words_known_already),
        interrupts,
        Row((m.note_the_answer,), when=m.words_that_need_no_answer),
        Row((m.note_the_answer, m.defer_the_words)),
    )


TABLE: Mapping[tuple[State, type], Rows] = {
    # nobody speaks and nothing is pending
    (LISTENING, VoiceStarted): (Row((), HEARING),),
    (LISTENING, VoiceWentOn): IGNORED,
    (LISTENING, VoiceStopped): IGNORED,
    (LISTENING, PartialWords): _PARTIAL,
    (LISTENING, FinalWords): _final(NEWS),
    (LISTENING, PlayoutStarted): _playout(SPEAKING),
    (LISTENING, PlayoutFinished): IGNORED,
    (LISTENING, Committed): (Row((m.count_as_answered,)),),
    (LISTENING, Forced): (Row((m.count_as_answered, m.forget_the_rest), THINKING),),
    (LISTENING, ReplyEnded): IGNORED,
    (LISTENING, Silenced): IGNORED,
    (LISTENING, WaitKnown): IGNORED,
    (LISTENING, Deadline): _DEADLINE,
    # the caller speaks
    (HEARING, VoiceStarted): IGNORED,
    (HEARING, VoiceWentOn): IGNORED,
    (HEARING, VoiceStopped): (Row((m.note_the_end,), SETTLE),),
    (HEARING, PartialWords): (
        *_PARTIAL[:1],
        Row((m.note_the_partial, m.take_the_partial, m.prepare_early), when=m.turn_may_end),
        *_PARTIAL[1:],
    ),
    (HEARING, FinalWords): _final(None),
    (HEARING, PlayoutStarted): _playout(OVERLAPPED),
    (HEARING, PlayoutFinished): IGNORED,
    (HEARING, Committed): (Row((m.count_as_answered,)),),
    (HEARING, Forced): (Row((m.count_as_answered, m.forget_the_rest, m.hold)),),
    (HEARING, ReplyEnded): IGNORED,
    (HEARING, Silenced): IGNORED,
    (HEARING, WaitKnown): IGNORED,
    (HEARING, Deadline): IGNORED,
    # the caller has stopped: words are awaited, or the wait runs
    (DECIDING, VoiceStarted): (Row((m.forget_the_moment,), HEARING),),
    (DECIDING, VoiceWentOn): IGNORED,
    (DECIDING, VoiceStopped): IGNORED,
    (DECIDING, PartialWords): (
        *_PARTIAL[:1],
        Row((m.note_the_partial, m.take_the_partial), SETTLE, m.turn_may_end),
        *_PARTIAL[1:],
    ),
    (DECIDING, FinalWords): _final(SETTLE),
    (DECIDING, PlayoutStarted): _playout(SPEAKING),
    (DECIDING, PlayoutFinished): IGNORED,
    (DECIDING, Committed): (Row((m.count_as_answered,)),),
    (DECIDING, Forced): (Row((m.count_as_answered, m.forget_the_rest), THINKING),),
    (DECIDING, ReplyEnded): IGNORED,
    (DECIDING, Silenced): IGNORED,
    (DECIDING, WaitKnown): (Row((m.set_the_moment,), when=m.the_wait_runs), Row()),
    (DECIDING, Deadline): (
        *_DEADLINE[:1],
        Row((m.give_up_on_the_transcriber,), when=m.transcriber_owes_words),
        Row((m.resume,), LISTENING, m.rest_waits_to_be_said),
        Row((m.release,), THINKING, m.the_wait_runs),
        Row((m.take_the_partial,), SETTLE, m.only_a_partial),
        Row((), SETTLE, m.words_to_answer),
        Row((), NOTHING_SAID),
    ),
    # a reply may be heard as soon as there is one
    (THINKING, VoiceStarted): (Row((m.forget_the_moment, m.hold), HEARING),),
    (THINKING, VoiceWentOn): IGNORED,
    (THINKING, VoiceStopped): IGNORED,
    (THINKING, PartialWords): _PARTIAL,
    (THINKING, FinalWords): _final(NEWS),
    (THINKING, PlayoutStarted): _playout(SPEAKING),
    (THINKING, PlayoutFinished): IGNORED,
    (THINKING, Committed): (Row((m.count_as_answered,)),),
    (THINKING, Forced): (Row((m.count_as_answered, m.forget_the_rest)),),
    (THINKING, ReplyEnded): (Row((m.count_as_answered,), LISTENING),),
    (THINKING, Silenced): IGNORED,
    (THINKING, WaitKnown): IGNORED,
    (THINKING, Deadline): _DEADLINE,
    # the assistant is heard
    (SPEAKING, VoiceStarted): (Row((), OVERLAPPED),),
    (SPEAKING, VoiceWentOn): IGNORED,
    (SPEAKING, VoiceStopped): IGNORED,
    (SPEAKING, PartialWords): (
        Row((m.interrupt, m.note_the_partial, m.note_unheard_voice), SETTLE, m.words_that_interrupt),
        Row(),
    ),
    (SPEAKING, FinalWords): _final_over_assistant(
        Row(
            (m.note_the_answer, m.interrupt, m.take_the_words, m.note_unheard_voice),
            SETTLE,
            m.words_that_interrupt,
        )
    ),
    (SPEAKING, PlayoutStarted): _playout(None),
    (SPEAKING, PlayoutFinished): (
        Row((m.take_deferred_words, m.note_whether_more_comes), SETTLE, m.words_for_later),
        Row((m.note_whether_more_comes,), THINKING, m.more_of_the_reply_to_come),
        Row((m.note_whether_more_comes,), LISTENING),
    ),
    (SPEAKING, Committed): (Row((m.count_as_answered,)),),
    (SPEAKING, Forced): (Row((m.count_as_answered, m.forget_the_rest)),),
    (SPEAKING, ReplyEnded): IGNORED,
    (SPEAKING, Silenced): (Row((m.drop_deferred_words, m.forget_the_rest), LISTENING),),
    (SPEAKING, WaitKnown): IGNORED,
    (SPEAKING, Deadline): _DEADLINE,
    # the assistant is heard and the caller makes sound
    (OVERLAPPED, VoiceStarted): IGNORED,
    (OVERLAPPED, VoiceWentOn): (Row((m.interrupt,), HEARING, m.voice_long_enough), Row()),
    (OVERLAPPED, VoiceStopped): (Row((m.note_the_end,), SPEAKING),),
    (OVERLAPPED, PartialWords): (
        Row((m.interrupt, m.note_the_partial), HEARING, m.words_that_interrupt),
        Row(),
    ),
    (OVERLAPPED, FinalWords): _final_over_assistant(
        Row((m.note_the_answer, m.interrupt, m.take_the_words), HEARING, m.words_that_interrupt)
    ),
    (OVERLAPPED, PlayoutStarted): _playout(None),
    (OVERLAPPED, PlayoutFinished): (
        Row((m.take_deferred_words, m.hold), HEARING, m.more_of_the_reply_to_come),
        Row((m.take_deferred_words, m.note_whether_more_comes), HEARING),
    ),
    (OVERLAPPED, Committed): (Row((m.count_as_answered,)),),
    (OVERLAPPED, Forced): (Row((m.count_as_answered, m.forget_the_rest)),),
    (OVERLAPPED, ReplyEnded): IGNORED,
    (OVERLAPPED, Silenced): (Row((m.drop_deferred_words, m.forget_the_rest), HEARING),),
    (OVERLAPPED, WaitKnown): IGNORED,
    (OVERLAPPED, Deadline): _DEADLINE,
}
