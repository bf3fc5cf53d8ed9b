"""The turn machine: every row of its table, then the stories that join them."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from offhook.conversation.profile import profile_of
from offhook.conversation.turns.interruption import InterruptionPlan
from offhook.conversation.turns.signals import (
    CallerStarted,
    CallerStopped,
    CallerWentOn,
    Committed,
    CutShort,
    Deadline,
    DropReply,
    FallQuiet,
    FinalWords,
    Forced,
    GoOn,
    HoldReply,
    Input,
    Interrupt,
    PartialWords,
    PlayoutFinished,
    PlayoutStarted,
    PrepareReply,
    ReleaseReply,
    ReplyEnded,
    Resume,
    Silenced,
    TranscriberOverdue,
    WaitKnown,
)
from offhook.conversation.turns.turn_machine import TurnMachine
from offhook.conversation.turns.turn_memory import FINAL_PATIENCE, STREAM_PATIENCE, TurnState
from offhook.conversation.turns.turn_table import CHOICES, IGNORED, TABLE, TurnChoice, TurnRows
from offhook.schema.assistants.assistant import Assistant

REPLY = PlayoutStarted(interruptible=True, reply=True)
FIRST = PlayoutStarted(interruptible=False, reply=False)


NOTHING_LEFT = CutShort(None)


def machine(wait: float = 0.4, cut: CutShort = NOTHING_LEFT, **stop: object) -> TurnMachine:
    """`cut`: what is left of what the assistant says when it is cut short. The plan is an owner's, by which
    voice alone interrupts; unless `voiceSeconds` is None."""
    given = {name: value for name, value in {"voiceSeconds": 0.2, **stop}.items() if value is not None}
    return TurnMachine(lambda words: wait, lambda: cut, plan(**given))


def plan(**stop: object) -> InterruptionPlan:
    return profile_of(Assistant.model_validate({"stopSpeakingPlan": stop})).stop


def feed(turns: TurnMachine, *inputs: tuple[Input, float]) -> list[object]:
    return [action for given, at in inputs for action in turns.feed(given, at)]


def stopped(ended: float) -> CallerStopped:
    """The end of a speech that the transcriber answers as a whole."""
    return CallerStopped(ended, owed=True)


def paused(ended: float) -> CallerStopped:
    """The same with a streaming transcriber."""
    return CallerStopped(ended, owed=False)


def heard(text: str) -> FinalWords:
    return FinalWords(text, owed=True)


def question(turns: TurnMachine, start: float, text: str = "What time?") -> None:
    """A question of one second, asked, understood, waited out and being answered."""
    feed(turns, (CallerStarted(), start), (stopped(start + 1), start + 1.2), (heard(text), start + 1.3))
    assert feed(turns, (Deadline(), start + 1.4)) == [ReleaseReply(start + 1)]


def reach(state: TurnState) -> TurnMachine:
    """A machine in this state, the shortest way; the time is then at most 2."""
    turns = machine()
    if state is TurnState.HEARING:
        feed(turns, (CallerStarted(), 0.0))
    elif state is TurnState.DECIDING:
        feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.3))
    elif state in (TurnState.THINKING, TurnState.SPEAKING, TurnState.OVERLAPPED):
        question(turns, 0.0)
        if state is not TurnState.THINKING:
            feed(turns, (REPLY, 1.5))
        if state is TurnState.OVERLAPPED:
            feed(turns, (CallerStarted(), 1.6))
    assert turns.state is state
    return turns


S = TurnState
ROWS: list[tuple[TurnState, Input, TurnState, list[object]]] = [
    (S.LISTENING, CallerStarted(), S.HEARING, []),
    (S.LISTENING, FinalWords("Hello?"), S.DECIDING, [PrepareReply("Hello?")]),
    (S.LISTENING, PlayoutStarted(True, False), S.SPEAKING, []),
    (S.LISTENING, Committed(), S.LISTENING, []),
    (S.LISTENING, Forced(), S.THINKING, []),
    (S.LISTENING, Deadline(), S.LISTENING, []),
    (S.LISTENING, PartialWords("Hel"), S.LISTENING, []),
    (S.HEARING, stopped(1.9), S.DECIDING, []),
    (S.HEARING, PartialWords("We"), S.HEARING, []),
    (S.HEARING, FinalWords("Well,"), S.HEARING, []),
    (S.HEARING, PlayoutStarted(False, False), S.OVERLAPPED, []),
    (S.HEARING, Committed(), S.HEARING, []),
    (S.HEARING, Forced(), S.HEARING, [HoldReply()]),
    (S.DECIDING, CallerStarted(), S.HEARING, []),
    (S.DECIDING, PartialWords("Pl"), S.DECIDING, []),
    (S.DECIDING, FinalWords("Please."), S.DECIDING, [DropReply(), PrepareReply("What time? Please.")]),
    (S.DECIDING, FinalWords(""), S.DECIDING, []),
    (S.DECIDING, PlayoutStarted(True, False), S.SPEAKING, []),
    (S.DECIDING, Committed(), S.DECIDING, []),
    (S.DECIDING, Forced(), S.THINKING, []),
    (S.DECIDING, Deadline(), S.THINKING, [ReleaseReply(1.0)]),
    (S.DECIDING, WaitKnown(), S.DECIDING, []),
    (S.THINKING, CallerStarted(), S.HEARING, [HoldReply()]),
    (S.THINKING, PartialWords("Pl"), S.THINKING, []),
    (S.THINKING, FinalWords("Please."), S.DECIDING, [DropReply(), PrepareReply("What time? Please.")]),
    (S.THINKING, PlayoutStarted(True, True), S.SPEAKING, []),
    (S.THINKING, Committed(), S.THINKING, []),
    (S.THINKING, Forced(), S.THINKING, []),
    (S.THINKING, ReplyEnded(), S.LISTENING, []),
    (S.THINKING, Deadline(), S.THINKING, []),
    (S.SPEAKING, CallerStarted(), S.OVERLAPPED, []),
    (S.SPEAKING, FinalWords("Stop!"), S.DECIDING, [Interrupt(NOTHING_LEFT), PrepareReply("Stop!")]),
    (S.SPEAKING, PartialWords("Stop!"), S.DECIDING, [Interrupt(NOTHING_LEFT)]),
    (S.SPEAKING, FinalWords("Okay."), S.SPEAKING, []),
    (S.SPEAKING, PlayoutStarted(True, True), S.SPEAKING, []),
    (S.SPEAKING, PlayoutFinished(False), S.LISTENING, []),
    (S.SPEAKING, PlayoutFinished(True), S.THINKING, []),
    (S.SPEAKING, Committed(), S.SPEAKING, []),
    (S.SPEAKING, Forced(), S.SPEAKING, []),
    (S.SPEAKING, Silenced(), S.LISTENING, []),
    (S.SPEAKING, Deadline(), S.SPEAKING, []),
    (S.OVERLAPPED, CallerWentOn(0.1), S.OVERLAPPED, []),
    (S.OVERLAPPED, CallerWentOn(0.2), S.HEARING, [Interrupt(NOTHING_LEFT)]),
    (S.OVERLAPPED, stopped(1.7), S.SPEAKING, []),
    (S.OVERLAPPED, PartialWords("Stop!"), S.HEARING, [Interrupt(NOTHING_LEFT)]),
    (S.OVERLAPPED, PartialWords("Okay"), S.OVERLAPPED, []),
    (S.OVERLAPPED, FinalWords("Stop!"), S.HEARING, [Interrupt(NOTHING_LEFT)]),
    (S.OVERLAPPED, FinalWords("Okay."), S.OVERLAPPED, []),
    (S.OVERLAPPED, PlayoutStarted(True, False), S.OVERLAPPED, []),
    (S.OVERLAPPED, PlayoutFinished(False), S.HEARING, []),
    (S.OVERLAPPED, PlayoutFinished(True), S.HEARING, [HoldReply()]),
    (S.OVERLAPPED, Committed(), S.OVERLAPPED, []),
    (S.OVERLAPPED, Forced(), S.OVERLAPPED, []),
    (S.OVERLAPPED, Silenced(), S.HEARING, []),
    (S.OVERLAPPED, Deadline(), S.OVERLAPPED, []),
]


@pytest.mark.parametrize(("state", "given", "after", "actions"), ROWS)
def test_row(state: TurnState, given: Input, after: TurnState, actions: list[object]) -> None:
    turns = reach(state)
    assert turns.feed(given, 2.0) == actions
    assert turns.state is after


def test_every_cell_that_is_not_ignored_is_tested() -> None:
    assert {(state, type(given)) for state, given, *_ in ROWS} == {
        cell for cell, rows in TABLE.items() if rows is not IGNORED
    }


def test_the_table_names_every_input_in_every_state() -> None:
    assert set(TABLE) == {(state, kind) for state in TurnState for kind in get_args(Input)}


@pytest.mark.parametrize("rows", [*TABLE.values(), *CHOICES.values()])
def test_only_the_last_row_of_a_cell_holds_without_a_condition(rows: TurnRows) -> None:
    assert [row.when is None for row in rows] == [*[False] * (len(rows) - 1), True]


def test_a_choice_leads_to_a_state_in_the_end() -> None:
    leads = {
        choice: {row.then for row in rows if isinstance(row.then, TurnChoice)}
        for choice, rows in CHOICES.items()
    }

    assert leads == {
        TurnChoice.SETTLE: {TurnChoice.NOTHING_SAID},
        TurnChoice.NEWS: {TurnChoice.SETTLE},
        TurnChoice.NOTHING_SAID: set(),
    }


INPUTS: dict[type, Any] = {
    type(given): given
    for given in (
        CallerStarted(),
        CallerWentOn(9),
        stopped(1),
        PlayoutFinished(False),
        ReplyEnded(),
        Silenced(),
    )
} | {WaitKnown: WaitKnown(), Deadline: Deadline()}


@pytest.mark.parametrize(("state", "kind"), [cell for cell, rows in TABLE.items() if rows is IGNORED])
def test_what_is_ignored_changes_nothing(state: TurnState, kind: type) -> None:
    turns = reach(state)
    before = turns.state, turns.deadline(), turns.hears

    assert turns.feed(INPUTS[kind], 2.0) == []
    assert (turns.state, turns.deadline(), turns.hears) == before


def test_an_input_that_the_table_does_not_name_is_no_input() -> None:
    class Unknown:
        pass

    with pytest.raises(KeyError):
        machine().feed(Unknown(), 1.0)  # type: ignore[arg-type]  # on purpose: no input


def test_the_reply_is_prepared_while_the_wait_runs() -> None:
    turns = machine()
    assert feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2)) == []
    assert turns.feed(heard("What time?"), 1.25) == [PrepareReply("What time?")]
    assert turns.deadline() == 1.4
    assert turns.feed(Deadline(), 1.3) == []
    assert turns.feed(Deadline(), 1.4) == [ReleaseReply(1.0)]
    assert turns.deadline() is None


def test_a_transcript_that_comes_after_the_wait_is_answered_at_once() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.9))
    assert turns.deadline() == 1.9


def test_a_caller_who_goes_on_is_answered_once_to_all_of_it() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2), (heard("A table for two."), 1.3))
    assert feed(turns, (CallerStarted(), 1.35), (Deadline(), 1.4), (stopped(2.0), 2.2)) == []
    assert turns.feed(heard("And wine."), 2.3) == [DropReply(), PrepareReply("A table for two. And wine.")]
    assert turns.feed(Deadline(), 2.4) == [ReleaseReply(2.0)]


def test_a_pause_shorter_than_transcription_is_no_end() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2), (CallerStarted(), 1.25))
    assert turns.feed(heard("A table"), 1.3) == []
    assert feed(turns, (stopped(2.0), 2.2)) == []
    assert turns.feed(heard("for two."), 2.3) == [PrepareReply("A table for two.")]


def test_noise_holds_a_reply_and_does_not_drop_it() -> None:
    turns = machine()
    question(turns, 0.0)
    assert turns.feed(CallerStarted(), 1.45) == [HoldReply()]
    assert feed(turns, (stopped(1.6), 1.8), (heard(""), 1.9)) == []
    assert turns.feed(Deadline(), 2.0) == [ReleaseReply(1.6)]


def test_noise_while_a_tool_runs_holds_the_reply_too() -> None:
    turns = machine()
    question(turns, 0.0)
    feed(turns, (Committed(), 1.5))
    assert turns.feed(CallerStarted(), 2.0) == [HoldReply()]
    assert feed(turns, (stopped(2.3), 2.5), (heard(""), 2.6)) == [ReleaseReply(2.3)]


def test_new_words_while_a_tool_runs_ask_for_a_new_reply() -> None:
    turns = machine()
    question(turns, 0.0)
    feed(turns, (Committed(), 1.5), (CallerStarted(), 2.0), (stopped(2.5), 2.7))
    assert turns.feed(heard("Never mind."), 2.8) == [PrepareReply("Never mind.")]


def test_after_an_interruption_the_assistant_backs_off() -> None:
    turns = machine(cut=CutShort(4.0), backoffSeconds=2)
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (CallerStarted(), 3.0))
    assert turns.feed(CallerWentOn(0.224), 3.2) == [Interrupt(CutShort(4.0))]
    feed(turns, (stopped(3.5), 3.7), (heard("Why?"), 3.8))
    assert turns.deadline() == pytest.approx(5.2)


@pytest.mark.parametrize("text", ["Mm hmm, okay.", ""])
def test_a_nod_or_a_cough_lets_the_assistant_go_on(text: str) -> None:
    turns = machine(cut=CutShort(4.0), backoffSeconds=1)
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (CallerStarted(), 3.0), (CallerWentOn(0.224), 3.2))
    assert feed(turns, (stopped(3.5), 3.7), (heard(text), 3.8)) == []
    assert turns.feed(Deadline(), 3.8) == [Resume()]
    assert turns.state is TurnState.LISTENING


def overlapped() -> TurnMachine:
    """Without a plan of the owner's for the voice; the caller speaks over an answer since 3.0."""
    turns = machine(cut=CutShort(4.0), voiceSeconds=None)
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (CallerStarted(), 3.1), (CallerWentOn(0.1), 3.1), (CallerWentOn(0.2), 3.2))
    return turns


def test_a_voice_quietens_the_assistant_until_words_are_known() -> None:
    turns = overlapped()
    assert turns.feed(CallerWentOn(0.31), 3.31) == [FallQuiet()]
    assert feed(turns, (CallerWentOn(0.5), 3.5), (stopped(3.5), 3.7)) == []
    assert turns.feed(heard("Okay."), 3.8) == [GoOn()]
    assert turns.state is TurnState.SPEAKING


@pytest.mark.parametrize("text", ["", "Mm.", "Fort.", "Yeah, right."])
def test_what_is_no_interruption_lets_it_go_on(text: str) -> None:
    turns = overlapped()
    feed(turns, (CallerWentOn(0.31), 3.31), (CallerWentOn(0.5), 3.5), (stopped(3.5), 3.7))
    assert turns.feed(heard(text), 3.8) == [GoOn()]


@pytest.mark.parametrize("text", ["Stop.", "And on Sunday?", "Sorry?", "Okay, but when?", "No."])
def test_what_interrupts_ends_it(text: str) -> None:
    turns = overlapped()
    feed(turns, (CallerWentOn(0.31), 3.31), (CallerWentOn(0.5), 3.5), (stopped(3.5), 3.7))
    assert turns.feed(heard(text), 3.8) == [Interrupt(CutShort(4.0)), PrepareReply(text)]


@pytest.mark.parametrize("text", ["Okay", "Mm", "Okay, yeah"])
def test_a_nod_that_is_known_early_is_talked_over(text: str) -> None:
    turns = overlapped()
    assert feed(turns, (PartialWords(text), 3.25), (CallerWentOn(0.5), 3.5), (CallerWentOn(1.0), 4.0)) == []


def test_a_sound_that_is_over_soon_lets_it_go_on_before_words_are_known() -> None:
    turns = overlapped()
    assert turns.feed(CallerWentOn(0.4), 3.4) == [FallQuiet()]
    assert feed(turns, (CallerWentOn(0.4), 3.43), (CallerWentOn(0.4), 3.46)) == [GoOn()]
    assert feed(turns, (CallerWentOn(0.4), 3.5), (stopped(3.4), 3.6), (heard("Stop!"), 3.7))[:1] == [
        Interrupt(CutShort(4.0))
    ]


@pytest.mark.parametrize(
    ("partial", "interrupts"),
    [("Stop", True), ("What about", True), ("Help", False), ("No", False), ("Right, I said", False)],
)
def test_words_known_early_interrupt_where_they_cannot_be_half_a_nod(partial: str, interrupts: bool) -> None:
    turns = overlapped()
    assert turns.feed(PartialWords(partial), 3.25) == ([Interrupt(CutShort(4.0))] if interrupts else [])


def test_a_long_voice_interrupts_without_words() -> None:
    turns = overlapped()
    assert feed(turns, (CallerWentOn(0.6), 3.6), (CallerWentOn(0.88), 3.9)) == [FallQuiet()]
    assert turns.feed(CallerWentOn(0.95), 4.0) == [Interrupt(CutShort(4.0))]


def test_who_falls_quiet_and_hears_no_words_goes_on() -> None:
    turns = overlapped()
    feed(turns, (CallerWentOn(0.8), 3.8), (paused(3.8), 4.0))
    assert turns.deadline() == pytest.approx(4.8)
    assert turns.feed(Deadline(), 4.8) == [GoOn()]
    assert turns.deadline() is None


def test_yes_said_before_a_question_is_over_is_kept_for_its_end() -> None:
    turns = machine(cut=CutShort(None, asks=0.6))
    feed(turns, (FIRST, 0.0), (CallerStarted(), 3.0), (stopped(3.3), 3.5))
    assert turns.feed(heard("Yes."), 3.6) == []
    assert turns.feed(PlayoutFinished(False), 4.2) == [PrepareReply("Yes.")]


@pytest.mark.parametrize(("asks", "text"), [(None, "Yes."), (4.0, "Yes."), (0.6, "Mm hmm.")])
def test_a_nod_that_answers_no_question_is_not_kept(asks: float | None, text: str) -> None:
    turns = machine(cut=CutShort(None, asks=asks))
    feed(turns, (FIRST, 0.0), (CallerStarted(), 3.0), (stopped(3.3), 3.5))
    assert feed(turns, (heard(text), 3.6), (PlayoutFinished(False), 4.2)) == []


def test_a_nod_that_goes_on_as_a_question_is_answered() -> None:
    turns = machine(cut=CutShort(4.0))
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (CallerStarted(), 3.0), (CallerWentOn(0.224), 3.2))
    feed(
        turns,
        (stopped(3.5), 3.7),
        (heard("Okay."), 3.8),
        (CallerStarted(), 3.9),
        (stopped(4.9), 5.1),
    )
    assert turns.feed(heard("And Sunday?"), 5.2) == [PrepareReply("Okay. And Sunday?")]


def test_a_reply_of_which_nothing_was_heard_answers_nothing() -> None:
    turns = machine(cut=CutShort(None, heard=False))
    question(turns, 0.0, "A table, please.")
    feed(
        turns,
        (REPLY, 1.5),
        (CallerStarted(), 1.52),
        (CallerWentOn(0.2), 1.6),
    )
    feed(turns, (stopped(2.5), 2.7))
    assert turns.feed(heard("For two."), 2.8) == [PrepareReply("A table, please. For two.")]


@pytest.mark.parametrize("rest", [1.0, None])
def test_yes_over_the_end_of_a_question_is_its_answer(rest: float | None) -> None:
    turns = machine(cut=CutShort(rest))
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (CallerStarted(), 3.0), (CallerWentOn(0.224), 3.2))
    assert feed(turns, (stopped(3.5), 3.7), (heard("Yes."), 3.8)) == [PrepareReply("Yes.")]


def test_with_num_words_the_voice_alone_does_not_interrupt() -> None:
    turns = machine(numWords=2)
    feed(turns, (PlayoutStarted(True, False), 0.0), (CallerStarted(), 1.0))
    assert (
        feed(turns, (CallerWentOn(5.0), 6.0), (PartialWords("and"), 6.1), (PartialWords("okay yeah"), 6.2))
        == []
    )
    assert turns.feed(PartialWords("and what"), 6.3) == [Interrupt(NOTHING_LEFT)]
    assert feed(turns, (paused(7.0), 7.2), (FinalWords("and what about it?"), 7.3)) == [
        PrepareReply("and what about it?")
    ]


def test_too_few_words_over_the_assistant_are_answered_when_it_has_finished() -> None:
    turns = machine(numWords=3)
    feed(turns, (PlayoutStarted(True, False), 0.0), (CallerStarted(), 1.0), (stopped(1.5), 1.7))
    assert turns.feed(heard("Tomorrow."), 1.8) == []
    assert turns.feed(PlayoutFinished(False), 4.0) == [PrepareReply("Tomorrow.")]
    assert turns.feed(Deadline(), 4.0) == [ReleaseReply(1.5)]


@pytest.mark.parametrize("text", ["Hello?", "Okay."])
def test_a_greeting_over_the_first_message_needs_no_answer(text: str) -> None:
    turns = machine()
    feed(turns, (FIRST, 0.0), (CallerStarted(), 1.0))
    assert feed(turns, (CallerWentOn(0.5), 1.5), (stopped(1.5), 1.7), (heard(text), 1.8)) == []
    assert turns.feed(PlayoutFinished(False), 4.0) == []
    assert turns.state is TurnState.LISTENING


def test_words_still_owed_when_the_assistant_finishes_are_waited_for() -> None:
    turns = machine(numWords=2)
    feed(turns, (PlayoutStarted(True, False), 0.0), (CallerStarted(), 1.0), (stopped(1.5), 1.7))
    assert turns.feed(PlayoutFinished(False), 1.75) == []
    assert turns.feed(heard("Yes."), 1.8) == [PrepareReply("Yes.")]


def test_a_streaming_transcriber_s_partial_stands_in_for_a_final_that_does_not_come() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (PartialWords("what ti"), 0.8), (PartialWords("what time"), 1.1))
    feed(turns, (paused(1.0), 1.2))
    assert turns.deadline() == pytest.approx(1.1 + STREAM_PATIENCE)
    assert turns.feed(Deadline(), 2.4) == [PrepareReply("what time")]
    assert turns.feed(FinalWords("What time?"), 2.5) == []
    assert turns.feed(FinalWords("What time is it?"), 2.6) == [
        DropReply(),
        PrepareReply("what time What time is it?"),
    ]


def test_a_partial_whose_final_came_over_the_assistant_is_not_heard_again() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (PartialWords("what ti"), 0.8), (FIRST, 0.9), (paused(1.0), 1.2))
    feed(turns, (FinalWords("What time is it?"), 1.4))
    assert turns.feed(PlayoutFinished(False), 4.0) == [PrepareReply("What time is it?")]


def test_a_wait_that_becomes_known_moves_the_answer() -> None:
    waits = {"What time?": 2.0}
    turns = TurnMachine(lambda words: waits[words], lambda: NOTHING_LEFT, plan())
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.3))
    assert turns.deadline() == 3.0
    waits["What time?"] = 0.5
    assert turns.feed(WaitKnown(), 1.35) == []
    assert turns.deadline() == 1.5
    waits["What time?"] = 0.1
    turns.feed(WaitKnown(), 1.4)
    assert turns.deadline() == 1.4


def test_each_speech_is_owed_what_the_transcriber_of_that_moment_promises() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2))
    assert turns.deadline() == 1.0 + FINAL_PATIENCE
    feed(turns, (heard(""), 1.3), (CallerStarted(), 2.0), (paused(3.0), 3.2))
    assert turns.deadline() == 3.0 + STREAM_PATIENCE


def test_a_final_replaces_the_partial_that_stood_in_for_it() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (PartialWords("what time"), 0.9), (paused(1.0), 1.2))
    feed(turns, (Deadline(), 2.3))
    assert turns.feed(FinalWords("What time is it?"), 2.35) == [DropReply(), PrepareReply("What time is it?")]


def test_a_late_final_does_not_interrupt_the_answer_to_its_partial() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (PartialWords("what time"), 0.9), (paused(1.0), 1.2))
    feed(turns, (Deadline(), 2.3), (Deadline(), 2.4), (REPLY, 2.6))
    assert turns.feed(FinalWords("What time?"), 2.8) == []
    assert turns.state is TurnState.SPEAKING


def test_silence_after_sound_without_words() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (paused(1.0), 1.2))
    assert turns.feed(Deadline(), 1.0 + STREAM_PATIENCE) == []
    assert turns.state is TurnState.LISTENING


@pytest.mark.parametrize("state", [TurnState.DECIDING, TurnState.SPEAKING])
def test_a_transcriber_that_never_answers_is_found_out(state: TurnState) -> None:
    turns = machine(numWords=3)
    if state is TurnState.SPEAKING:
        feed(turns, (PlayoutStarted(True, False), 0.0))
    feed(turns, (CallerStarted(), 0.5), (stopped(1.0), 1.2))
    assert turns.state is state
    assert turns.deadline() == 1.0 + FINAL_PATIENCE
    assert turns.feed(Deadline(), 1.0 + FINAL_PATIENCE) == [TranscriberOverdue()]
    assert turns.deadline() is None or turns.deadline() != 1.0 + FINAL_PATIENCE


def test_another_assistant_s_plan_and_transcriber_are_taken_over() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2))
    turns.adopt(plan(voiceSeconds=0.5))
    assert turns.deadline() == 1.0 + STREAM_PATIENCE
    feed(turns, (PlayoutStarted(True, False), 3.0), (CallerStarted(), 4.0))
    assert turns.feed(CallerWentOn(0.4), 4.4) == []
    assert turns.feed(CallerWentOn(0.5), 4.5) == [Interrupt(NOTHING_LEFT)]


def test_an_empty_final_does_not_forget_what_is_to_be_said_on() -> None:
    """A cough cut the assistant short; the transcriber that streams sends a final without words behind it."""
    turns = machine(cut=CutShort(4.0), backoffSeconds=3)
    feed(turns, (PlayoutStarted(True, False), 0.0), (CallerStarted(), 1.0), (CallerWentOn(0.224), 1.2))
    feed(turns, (paused(1.5), 1.7), (Deadline(), 1.5 + STREAM_PATIENCE), (FinalWords(""), 3.0))
    assert turns.feed(Deadline(), 4.2) == [Resume()]


def test_what_was_prepared_beneath_a_message_that_is_cut_short_is_prepared_again() -> None:
    turns = machine()
    feed(turns, (CallerStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.25))
    feed(turns, (PlayoutStarted(True, False), 1.3), (CallerStarted(), 1.4), (CallerWentOn(0.3), 1.7))
    assert feed(turns, (stopped(1.8), 2.0), (heard(""), 2.1)) == [PrepareReply("What time?")]


def test_words_that_cut_short_an_unheard_reply_go_on_from_what_it_would_have_answered() -> None:
    turns = machine(cut=CutShort(None, heard=False))
    question(turns, 0.0, "A table, please.")
    assert feed(turns, (REPLY, 1.5), (FinalWords("Wait, for two."), 1.55)) == [
        Interrupt(CutShort(None, heard=False)),
        PrepareReply("A table, please. Wait, for two."),
    ]
