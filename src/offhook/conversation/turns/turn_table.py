"""The table of turns: for each state and input what is done, and which state follows. `make docs` draws it
into docs/turns.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from offhook.conversation.turns import over_assistant as over
from offhook.conversation.turns import turn_memory as m
from offhook.conversation.turns.signals import (
    Action,
    CallerStarted,
    CallerStopped,
    CallerWentOn,
    Committed,
    Deadline,
    FinalWords,
    Forced,
    PartialWords,
    PlayoutFinished,
    PlayoutStarted,
    ReplyEnded,
    Silenced,
    WaitKnown,
)
from offhook.conversation.turns.turn_memory import TurnMemory, TurnState

TurnCondition = Callable[[TurnMemory, Any, float], bool]
TurnStep = Callable[[TurnMemory, Any, float], Action | None]


class TurnChoice(Enum):
    """What is decided behind a row, once its steps are done."""

    SETTLE = auto()  # the caller is silent: what is to be said next, and when may it be heard?
    NEWS = auto()  # words without any voice: is there something new in them?
    NOTHING_SAID = auto()  # it was noise, or too faint to understand


@dataclass(frozen=True, slots=True)
class TurnRow:
    """Where `when` holds, `does` is done and `then` follows; None: the state stays."""

    does: tuple[TurnStep, ...] = ()
    then: TurnState | TurnChoice | None = None
    when: TurnCondition | None = None


TurnRows = tuple[TurnRow, ...]
"""The first whose condition holds counts; the last one has none."""

IGNORED: Final[TurnRows] = (TurnRow(),)
"""Changes nothing in this state."""

LISTENING, HEARING, DECIDING, THINKING, SPEAKING, OVERLAPPED = TurnState
SETTLE, NEWS, NOTHING_SAID = TurnChoice

CHOICES: Mapping[TurnChoice, TurnRows] = {
    SETTLE: (
        TurnRow((m.stop_resuming,), DECIDING, m.words_still_to_come),
        TurnRow((), NOTHING_SAID, m.silence_means_no_words),
        TurnRow((), DECIDING, m.no_words),
        TurnRow((m.set_the_moment_to_resume,), DECIDING, m.nod),
        TurnRow((m.stop_resuming, m.forget_the_rest, m.set_the_moment), DECIDING, m.reply_prepared),
        TurnRow((m.stop_resuming, m.forget_the_rest, m.set_the_moment, m.prepare), DECIDING),
    ),
    NEWS: (
        TurnRow(when=m.nothing_new),
        TurnRow((m.note_unheard_voice,), SETTLE),
    ),
    NOTHING_SAID: (
        TurnRow((m.set_the_moment_to_resume,), DECIDING, m.something_was_cut_short),
        TurnRow((m.take_the_answered_again, m.set_the_moment, m.prepare), DECIDING, m.answer_was_only_begun),
        TurnRow((m.release,), THINKING, m.reply_held),
        TurnRow((), LISTENING),
    ),
}

_PARTIAL: TurnRows = (
    TurnRow(when=m.partial_behind_its_final),
    TurnRow((m.note_the_partial, m.forget_the_moment)),
)
_DEADLINE: TurnRows = (
    TurnRow(when=m.not_yet),
    TurnRow((m.give_up_on_the_transcriber,)),
)
_PLAYS, _ANSWERS = (m.note_the_playout,), (m.note_the_playout, m.count_as_answered)


def _final(then: TurnChoice | None) -> TurnRows:
    return (TurnRow((m.note_the_answer, m.take_the_words), then),)


def _playout(then: TurnState | None) -> TurnRows:
    return TurnRow(_ANSWERS, then, m.reply), TurnRow(_PLAYS, then)


def _final_over_assistant(interrupts: TurnRow) -> TurnRows:
    return (
        TurnRow((m.note_the_answer, m.confirm_the_partial, over.go_on), when=m.words_known_already),
        interrupts,
        TurnRow((m.note_the_answer, m.defer_the_words, over.go_on), when=over.answer_to_the_question),
        TurnRow((m.note_the_answer, over.go_on), when=over.words_that_need_no_answer),
        TurnRow((m.note_the_answer, m.defer_the_words, over.go_on)),
    )


TABLE: Mapping[tuple[TurnState, type], TurnRows] = {
    # nobody speaks and nothing is pending
    (LISTENING, CallerStarted): (TurnRow((), HEARING),),
    (LISTENING, CallerWentOn): IGNORED,
    (LISTENING, CallerStopped): IGNORED,
    (LISTENING, PartialWords): _PARTIAL,
    (LISTENING, FinalWords): _final(NEWS),
    (LISTENING, PlayoutStarted): _playout(SPEAKING),
    (LISTENING, PlayoutFinished): IGNORED,
    (LISTENING, Committed): (TurnRow((m.count_as_answered,)),),
    (LISTENING, Forced): (TurnRow((m.count_as_answered, m.forget_the_rest), THINKING),),
    (LISTENING, ReplyEnded): IGNORED,
    (LISTENING, Silenced): IGNORED,
    (LISTENING, WaitKnown): IGNORED,
    (LISTENING, Deadline): _DEADLINE,
    # the caller speaks
    (HEARING, CallerStarted): IGNORED,
    (HEARING, CallerWentOn): IGNORED,
    (HEARING, CallerStopped): (TurnRow((m.note_the_end,), SETTLE),),
    (HEARING, PartialWords): (
        *_PARTIAL[:1],
        TurnRow((m.note_the_partial, m.take_the_partial, m.prepare_early), when=m.turn_may_end),
        *_PARTIAL[1:],
    ),
    (HEARING, FinalWords): _final(None),
    (HEARING, PlayoutStarted): _playout(OVERLAPPED),
    (HEARING, PlayoutFinished): IGNORED,
    (HEARING, Committed): (TurnRow((m.count_as_answered,)),),
    (HEARING, Forced): (TurnRow((m.count_as_answered, m.forget_the_rest, m.hold)),),
    (HEARING, ReplyEnded): IGNORED,
    (HEARING, Silenced): IGNORED,
    (HEARING, WaitKnown): IGNORED,
    (HEARING, Deadline): IGNORED,
    # the caller has stopped: words are awaited, or the wait runs
    (DECIDING, CallerStarted): (TurnRow((m.forget_the_moment,), HEARING),),
    (DECIDING, CallerWentOn): IGNORED,
    (DECIDING, CallerStopped): IGNORED,
    (DECIDING, PartialWords): (
        *_PARTIAL[:1],
        TurnRow((m.note_the_partial, m.take_the_partial), SETTLE, m.turn_may_end),
        *_PARTIAL[1:],
    ),
    (DECIDING, FinalWords): _final(SETTLE),
    (DECIDING, PlayoutStarted): _playout(SPEAKING),
    (DECIDING, PlayoutFinished): IGNORED,
    (DECIDING, Committed): (TurnRow((m.count_as_answered,)),),
    (DECIDING, Forced): (TurnRow((m.count_as_answered, m.forget_the_rest), THINKING),),
    (DECIDING, ReplyEnded): IGNORED,
    (DECIDING, Silenced): IGNORED,
    (DECIDING, WaitKnown): (TurnRow((m.set_the_moment,), when=m.the_wait_runs), TurnRow()),
    (DECIDING, Deadline): (
        *_DEADLINE[:1],
        TurnRow((m.give_up_on_the_transcriber,), when=m.transcriber_owes_words),
        TurnRow((m.resume,), LISTENING, m.rest_waits_to_be_said),
        TurnRow((m.release,), THINKING, m.the_wait_runs),
        TurnRow((m.take_the_partial,), SETTLE, m.only_a_partial),
        TurnRow((), SETTLE, m.words_to_answer),
        TurnRow((), NOTHING_SAID),
    ),
    # a reply may be heard as soon as there is one
    (THINKING, CallerStarted): (TurnRow((m.forget_the_moment, m.hold), HEARING),),
    (THINKING, CallerWentOn): IGNORED,
    (THINKING, CallerStopped): IGNORED,
    (THINKING, PartialWords): _PARTIAL,
    (THINKING, FinalWords): _final(NEWS),
    (THINKING, PlayoutStarted): _playout(SPEAKING),
    (THINKING, PlayoutFinished): IGNORED,
    (THINKING, Committed): (TurnRow((m.count_as_answered,)),),
    (THINKING, Forced): (TurnRow((m.count_as_answered, m.forget_the_rest)),),
    (THINKING, ReplyEnded): (TurnRow((m.count_as_answered,), LISTENING),),
    (THINKING, Silenced): IGNORED,
    (THINKING, WaitKnown): IGNORED,
    (THINKING, Deadline): _DEADLINE,
    # the assistant is heard
    (SPEAKING, CallerStarted): (TurnRow((over.note_the_overlap,), OVERLAPPED),),
    (SPEAKING, CallerWentOn): IGNORED,
    (SPEAKING, CallerStopped): IGNORED,
    (SPEAKING, PartialWords): (
        TurnRow((m.interrupt, m.note_the_partial, m.note_unheard_voice), SETTLE, over.words_that_interrupt),
        TurnRow((over.heed_the_partial,)),
    ),
    (SPEAKING, FinalWords): _final_over_assistant(
        TurnRow(
            (m.note_the_answer, m.interrupt, m.take_the_words, m.note_unheard_voice),
            SETTLE,
            over.words_that_interrupt,
        )
    ),
    (SPEAKING, PlayoutStarted): _playout(None),
    (SPEAKING, PlayoutFinished): (
        TurnRow((m.take_deferred_words, m.note_whether_more_comes), SETTLE, m.words_for_later),
        TurnRow((m.note_whether_more_comes,), THINKING, m.more_of_the_reply_to_come),
        TurnRow((m.note_whether_more_comes,), LISTENING),
    ),
    (SPEAKING, Committed): (TurnRow((m.count_as_answered,)),),
    (SPEAKING, Forced): (TurnRow((m.count_as_answered, m.forget_the_rest)),),
    (SPEAKING, ReplyEnded): IGNORED,
    (SPEAKING, Silenced): (TurnRow((m.drop_deferred_words, m.forget_the_rest), LISTENING),),
    (SPEAKING, WaitKnown): IGNORED,
    (SPEAKING, Deadline): (
        *_DEADLINE[:1],
        TurnRow((over.go_on,), when=over.quiet),
        *_DEADLINE[1:],
    ),
    # the assistant is heard and the caller makes sound
    (OVERLAPPED, CallerStarted): IGNORED,
    (OVERLAPPED, CallerWentOn): (
        TurnRow((m.interrupt,), HEARING, over.voice_long_enough),
        TurnRow((over.note_the_voice, over.fall_quiet), when=over.voice_that_may_interrupt),
        TurnRow((over.note_the_voice, over.go_on), when=over.short_sound_is_over),
        TurnRow((over.note_the_voice,)),
    ),
    (OVERLAPPED, CallerStopped): (TurnRow((m.note_the_end,), SPEAKING),),
    (OVERLAPPED, PartialWords): (
        TurnRow((m.interrupt, m.note_the_partial), HEARING, over.words_that_interrupt),
        TurnRow((over.heed_the_partial,)),
    ),
    (OVERLAPPED, FinalWords): _final_over_assistant(
        TurnRow((m.note_the_answer, m.interrupt, m.take_the_words), HEARING, over.words_that_interrupt)
    ),
    (OVERLAPPED, PlayoutStarted): _playout(None),
    (OVERLAPPED, PlayoutFinished): (
        TurnRow((m.take_deferred_words, m.hold), HEARING, m.more_of_the_reply_to_come),
        TurnRow((m.take_deferred_words, m.note_whether_more_comes), HEARING),
    ),
    (OVERLAPPED, Committed): (TurnRow((m.count_as_answered,)),),
    (OVERLAPPED, Forced): (TurnRow((m.count_as_answered, m.forget_the_rest)),),
    (OVERLAPPED, ReplyEnded): IGNORED,
    (OVERLAPPED, Silenced): (TurnRow((m.drop_deferred_words, m.forget_the_rest), HEARING),),
    (OVERLAPPED, WaitKnown): IGNORED,
    (OVERLAPPED, Deadline): _DEADLINE,
}
