"""The turn machine: every row of its table, then the stories that join them."""

from __future__ import annotations

import pytest

from offhook.conversation.profile import profile_of
from offhook.conversation.turns.machine import FINAL_PATIENCE, STREAM_PATIENCE, TABLE, State, TurnMachine
from offhook.conversation.turns.signals import (
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
from offhook.schema.assistant import Assistant

REPLY = PlayoutStarted(interruptible=True, reply=True)
FIRST = PlayoutStarted(interruptible=False, reply=False)


def machine(wait: float = 0.4, **stop: object) -> TurnMachine:
    plan = profile_of(Assistant.model_validate({"stopSpeakingPlan": stop})).stop
    return TurnMachine(lambda words: wait, plan)


def feed(turns: TurnMachine, *inputs: tuple[Input, float]) -> list[object]:
    return [action for given, at in inputs for action in turns.feed(given, at)]


def stopped(ended: float) -> VoiceStopped:
    """The end of a speech that the transcriber answers as a whole."""
    return VoiceStopped(ended, owed=True)


def paused(ended: float) -> VoiceStopped:
    """The same with a streaming transcriber."""
    return VoiceStopped(ended, owed=False)


def heard(text: str) -> Words:
    return Words(text, final=True, owed=True)


def question(turns: TurnMachine, start: float, text: str = "What time?") -> None:
    """A question of one second, asked, understood, waited out and being answered."""
    feed(turns, (VoiceStarted(), start), (stopped(start + 1), start + 1.2), (heard(text), start + 1.3))
    assert feed(turns, (Deadline(), start + 1.4)) == [Release(start + 1)]


def reach(state: State) -> TurnMachine:
    """A machine in this state, the shortest way; the time is then at most 2."""
    turns = machine()
    if state is State.HEARING:
        feed(turns, (VoiceStarted(), 0.0))
    elif state is State.DECIDING:
        feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.3))
    elif state in (State.THINKING, State.SPEAKING, State.OVERLAPPED):
        question(turns, 0.0)
        if state is not State.THINKING:
            feed(turns, (REPLY, 1.5))
        if state is State.OVERLAPPED:
            feed(turns, (VoiceStarted(), 1.6))
    assert turns.state is state
    return turns


S = State
ROWS: list[tuple[State, Input, State, list[object]]] = [
    (S.LISTENING, VoiceStarted(), S.HEARING, []),
    (S.LISTENING, Words("Hello?", True), S.DECIDING, [Prepare("Hello?")]),
    (S.LISTENING, PlayoutStarted(True, False), S.SPEAKING, []),
    (S.LISTENING, Committed(), S.LISTENING, []),
    (S.LISTENING, Forced(), S.THINKING, []),
    (S.LISTENING, CutShort(None), S.LISTENING, []),
    (S.LISTENING, Deadline(), S.LISTENING, []),
    (S.HEARING, stopped(1.9), S.DECIDING, []),
    (S.HEARING, Words("Well,", True), S.HEARING, []),
    (S.HEARING, PlayoutStarted(False, False), S.OVERLAPPED, []),
    (S.HEARING, Committed(), S.HEARING, []),
    (S.HEARING, Forced(), S.HEARING, [Hold()]),
    (S.HEARING, CutShort(None), S.HEARING, []),
    (S.DECIDING, VoiceStarted(), S.HEARING, []),
    (S.DECIDING, Words("Please.", True), S.DECIDING, [Drop(), Prepare("What time? Please.")]),
    (S.DECIDING, Words("", True), S.DECIDING, []),
    (S.DECIDING, PlayoutStarted(True, False), S.SPEAKING, []),
    (S.DECIDING, Committed(), S.DECIDING, []),
    (S.DECIDING, Forced(), S.THINKING, []),
    (S.DECIDING, CutShort(None), S.DECIDING, []),
    (S.DECIDING, Deadline(), S.THINKING, [Release(1.0)]),
    (S.DECIDING, WaitKnown(), S.DECIDING, []),
    (S.THINKING, VoiceStarted(), S.HEARING, [Hold()]),
    (S.THINKING, Words("Please.", True), S.DECIDING, [Drop(), Prepare("What time? Please.")]),
    (S.THINKING, PlayoutStarted(True, True), S.SPEAKING, []),
    (S.THINKING, Committed(), S.THINKING, []),
    (S.THINKING, Forced(), S.THINKING, []),
    (S.THINKING, ReplyEnded(), S.LISTENING, []),
    (S.THINKING, CutShort(None), S.THINKING, []),
    (S.THINKING, Deadline(), S.THINKING, []),
    (S.SPEAKING, VoiceStarted(), S.OVERLAPPED, []),
    (S.SPEAKING, Words("Stop!", True), S.DECIDING, [Interrupt(), Prepare("Stop!")]),
    (S.SPEAKING, Words("Stop!", False), S.DECIDING, [Interrupt()]),
    (S.SPEAKING, Words("Okay.", True), S.SPEAKING, []),
    (S.SPEAKING, PlayoutStarted(True, True), S.SPEAKING, []),
    (S.SPEAKING, PlayoutFinished(False), S.LISTENING, []),
    (S.SPEAKING, PlayoutFinished(True), S.THINKING, []),
    (S.SPEAKING, Committed(), S.SPEAKING, []),
    (S.SPEAKING, Forced(), S.SPEAKING, []),
    (S.SPEAKING, CutShort(None), S.SPEAKING, []),
    (S.SPEAKING, Silenced(), S.LISTENING, []),
    (S.SPEAKING, Deadline(), S.SPEAKING, []),
    (S.OVERLAPPED, VoiceWentOn(0.1), S.OVERLAPPED, []),
    (S.OVERLAPPED, VoiceWentOn(0.2), S.HEARING, [Interrupt()]),
    (S.OVERLAPPED, stopped(1.7), S.SPEAKING, []),
    (S.OVERLAPPED, Words("Stop!", True), S.HEARING, [Interrupt()]),
    (S.OVERLAPPED, Words("Okay.", True), S.OVERLAPPED, []),
    (S.OVERLAPPED, PlayoutStarted(True, False), S.OVERLAPPED, []),
    (S.OVERLAPPED, PlayoutFinished(False), S.HEARING, []),
    (S.OVERLAPPED, PlayoutFinished(True), S.HEARING, [Hold()]),
    (S.OVERLAPPED, Committed(), S.OVERLAPPED, []),
    (S.OVERLAPPED, Forced(), S.OVERLAPPED, []),
    (S.OVERLAPPED, CutShort(None), S.OVERLAPPED, []),
    (S.OVERLAPPED, Silenced(), S.HEARING, []),
    (S.OVERLAPPED, Deadline(), S.OVERLAPPED, []),
]


@pytest.mark.parametrize(("state", "given", "after", "actions"), ROWS)
def test_row(state: State, given: Input, after: State, actions: list[object]) -> None:
    turns = reach(state)
    assert turns.feed(given, 2.0) == actions
    assert turns.state is after


def test_every_row_of_the_table_is_tested() -> None:
    assert {(state, type(given)) for state, given, *_ in ROWS} == set(TABLE)


@pytest.mark.parametrize("state", list(State))
def test_what_is_not_in_the_table_changes_nothing(state: State) -> None:
    inputs: list[Input] = [
        VoiceStarted(),
        VoiceWentOn(9),
        stopped(1),
        PlayoutFinished(False),
        ReplyEnded(),
        Silenced(),
        WaitKnown(),
    ]
    for given in inputs:
        if (state, type(given)) not in TABLE:
            turns = reach(state)
            assert turns.feed(given, 2.0) == []
            assert turns.state is state


def test_the_reply_is_prepared_while_the_wait_runs() -> None:
    turns = machine()
    assert feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2)) == []
    assert turns.feed(heard("What time?"), 1.25) == [Prepare("What time?")]
    assert turns.deadline() == 1.4
    assert turns.feed(Deadline(), 1.3) == []
    assert turns.feed(Deadline(), 1.4) == [Release(1.0)]
    assert turns.deadline() is None


def test_a_transcript_that_comes_after_the_wait_is_answered_at_once() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.9))
    assert turns.deadline() == 1.9


def test_a_caller_who_goes_on_is_answered_once_to_all_of_it() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2), (heard("A table for two."), 1.3))
    assert feed(turns, (VoiceStarted(), 1.35), (Deadline(), 1.4), (stopped(2.0), 2.2)) == []
    assert turns.feed(heard("And wine."), 2.3) == [Drop(), Prepare("A table for two. And wine.")]
    assert turns.feed(Deadline(), 2.4) == [Release(2.0)]


def test_a_pause_shorter_than_transcription_is_no_end() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2), (VoiceStarted(), 1.25))
    assert turns.feed(heard("A table"), 1.3) == []
    assert feed(turns, (stopped(2.0), 2.2)) == []
    assert turns.feed(heard("for two."), 2.3) == [Prepare("A table for two.")]


def test_noise_holds_a_reply_and_does_not_drop_it() -> None:
    turns = machine()
    question(turns, 0.0)
    assert turns.feed(VoiceStarted(), 1.45) == [Hold()]
    assert feed(turns, (stopped(1.6), 1.8), (heard(""), 1.9)) == []
    assert turns.feed(Deadline(), 2.0) == [Release(1.6)]


def test_noise_while_a_tool_runs_holds_the_reply_too() -> None:
    turns = machine()
    question(turns, 0.0)
    feed(turns, (Committed(), 1.5))
    assert turns.feed(VoiceStarted(), 2.0) == [Hold()]
    assert feed(turns, (stopped(2.3), 2.5), (heard(""), 2.6)) == [Release(2.3)]


def test_new_words_while_a_tool_runs_ask_for_a_new_reply() -> None:
    turns = machine()
    question(turns, 0.0)
    feed(turns, (Committed(), 1.5), (VoiceStarted(), 2.0), (stopped(2.5), 2.7))
    assert turns.feed(heard("Never mind."), 2.8) == [Prepare("Never mind.")]


def test_after_an_interruption_the_assistant_backs_off() -> None:
    turns = machine(backoffSeconds=2)
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (VoiceStarted(), 3.0))
    assert turns.feed(VoiceWentOn(0.224), 3.2) == [Interrupt()]
    feed(turns, (CutShort(4.0), 3.2), (stopped(3.5), 3.7), (heard("Why?"), 3.8))
    assert turns.deadline() == pytest.approx(5.2)


@pytest.mark.parametrize("text", ["Mm hmm, okay.", ""])
def test_a_nod_or_a_cough_lets_the_assistant_go_on(text: str) -> None:
    turns = machine(backoffSeconds=1)
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (VoiceStarted(), 3.0), (VoiceWentOn(0.224), 3.2), (CutShort(4.0), 3.2))
    assert feed(turns, (stopped(3.5), 3.7), (heard(text), 3.8), (Deadline(), 4.1)) == []
    assert turns.feed(Deadline(), 4.2) == [Resume()]
    assert turns.state is State.LISTENING


def test_a_nod_that_goes_on_as_a_question_is_answered() -> None:
    turns = machine()
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (VoiceStarted(), 3.0), (VoiceWentOn(0.224), 3.2), (CutShort(4.0), 3.2))
    feed(
        turns,
        (stopped(3.5), 3.7),
        (heard("Okay."), 3.8),
        (VoiceStarted(), 3.9),
        (stopped(4.9), 5.1),
    )
    assert turns.feed(heard("And Sunday?"), 5.2) == [Prepare("Okay. And Sunday?")]


def test_a_reply_of_which_nothing_was_heard_answers_nothing() -> None:
    turns = machine()
    question(turns, 0.0, "A table, please.")
    feed(
        turns,
        (REPLY, 1.5),
        (VoiceStarted(), 1.52),
        (VoiceWentOn(0.2), 1.6),
        (CutShort(None, heard=False), 1.6),
    )
    feed(turns, (stopped(2.5), 2.7))
    assert turns.feed(heard("For two."), 2.8) == [Prepare("A table, please. For two.")]


@pytest.mark.parametrize("rest", [1.0, None])
def test_yes_over_the_end_of_a_question_is_its_answer(rest: float | None) -> None:
    turns = machine()
    question(turns, 0.0)
    feed(turns, (REPLY, 1.5), (VoiceStarted(), 3.0), (VoiceWentOn(0.224), 3.2), (CutShort(rest), 3.2))
    assert feed(turns, (stopped(3.5), 3.7), (heard("Yes."), 3.8)) == [Prepare("Yes.")]


def test_with_num_words_the_voice_alone_does_not_interrupt() -> None:
    turns = machine(numWords=2)
    feed(turns, (PlayoutStarted(True, False), 0.0), (VoiceStarted(), 1.0))
    assert (
        feed(turns, (VoiceWentOn(5.0), 6.0), (Words("and", False), 6.1), (Words("okay yeah", False), 6.2))
        == []
    )
    assert turns.feed(Words("and what", False), 6.3) == [Interrupt()]
    assert feed(turns, (paused(7.0), 7.2), (Words("and what about it?", True), 7.3)) == [
        Prepare("and what about it?")
    ]


def test_too_few_words_over_the_assistant_are_answered_when_it_has_finished() -> None:
    turns = machine(numWords=3)
    feed(turns, (PlayoutStarted(True, False), 0.0), (VoiceStarted(), 1.0), (stopped(1.5), 1.7))
    assert turns.feed(heard("Tomorrow."), 1.8) == []
    assert turns.feed(PlayoutFinished(False), 4.0) == [Prepare("Tomorrow.")]
    assert turns.feed(Deadline(), 4.0) == [Release(1.5)]


@pytest.mark.parametrize("text", ["Hello?", "Okay."])
def test_a_greeting_over_the_first_message_needs_no_answer(text: str) -> None:
    turns = machine()
    feed(turns, (FIRST, 0.0), (VoiceStarted(), 1.0))
    assert feed(turns, (VoiceWentOn(0.5), 1.5), (stopped(1.5), 1.7), (heard(text), 1.8)) == []
    assert turns.feed(PlayoutFinished(False), 4.0) == []
    assert turns.state is State.LISTENING


def test_words_still_owed_when_the_assistant_finishes_are_waited_for() -> None:
    turns = machine(numWords=2)
    feed(turns, (PlayoutStarted(True, False), 0.0), (VoiceStarted(), 1.0), (stopped(1.5), 1.7))
    assert turns.feed(PlayoutFinished(False), 1.75) == []
    assert turns.feed(heard("Yes."), 1.8) == [Prepare("Yes.")]


def test_a_streaming_transcriber_s_partial_stands_in_for_a_final_that_does_not_come() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (Words("what ti", False), 0.8), (Words("what time", False), 1.1))
    feed(turns, (paused(1.0), 1.2))
    assert turns.deadline() == pytest.approx(1.1 + STREAM_PATIENCE)
    assert turns.feed(Deadline(), 2.4) == [Prepare("what time")]
    assert turns.feed(Words("What time?", True), 2.5) == []
    assert turns.feed(Words("What time is it?", True), 2.6) == [Drop(), Prepare("what time What time is it?")]


def test_a_partial_whose_final_came_over_the_assistant_is_not_heard_again() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (Words("what ti", False), 0.8), (FIRST, 0.9), (paused(1.0), 1.2))
    feed(turns, (Words("What time is it?", True), 1.4))
    assert turns.feed(PlayoutFinished(False), 4.0) == [Prepare("What time is it?")]


def test_a_wait_that_becomes_known_moves_the_answer() -> None:
    waits = {"What time?": 2.0}
    turns = TurnMachine(lambda words: waits[words], machine()._stop)
    feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2), (heard("What time?"), 1.3))
    assert turns.deadline() == 3.0
    waits["What time?"] = 0.5
    assert turns.feed(WaitKnown(), 1.35) == []
    assert turns.deadline() == 1.5
    waits["What time?"] = 0.1
    turns.feed(WaitKnown(), 1.4)
    assert turns.deadline() == 1.4


def test_each_speech_is_owed_what_the_transcriber_of_that_moment_promises() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2))
    assert turns.deadline() == 1.0 + FINAL_PATIENCE
    feed(turns, (heard(""), 1.3), (VoiceStarted(), 2.0), (paused(3.0), 3.2))
    assert turns.deadline() == 3.0 + STREAM_PATIENCE


def test_a_final_replaces_the_partial_that_stood_in_for_it() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (Words("what time", False), 0.9), (paused(1.0), 1.2))
    feed(turns, (Deadline(), 2.3))
    assert turns.feed(Words("What time is it?", True), 2.35) == [Drop(), Prepare("What time is it?")]


def test_a_late_final_does_not_interrupt_the_answer_to_its_partial() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (Words("what time", False), 0.9), (paused(1.0), 1.2))
    feed(turns, (Deadline(), 2.3), (Deadline(), 2.4), (REPLY, 2.6))
    assert turns.feed(Words("What time?", True), 2.8) == []
    assert turns.state is State.SPEAKING


def test_silence_after_sound_without_words() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (paused(1.0), 1.2))
    assert turns.feed(Deadline(), 1.0 + STREAM_PATIENCE) == []
    assert turns.state is State.LISTENING


@pytest.mark.parametrize("state", [State.DECIDING, State.SPEAKING])
def test_a_transcriber_that_never_answers_is_found_out(state: State) -> None:
    turns = machine(numWords=3)
    if state is State.SPEAKING:
        feed(turns, (PlayoutStarted(True, False), 0.0))
    feed(turns, (VoiceStarted(), 0.5), (stopped(1.0), 1.2))
    assert turns.state is state
    assert turns.deadline() == 1.0 + FINAL_PATIENCE
    assert turns.feed(Deadline(), 1.0 + FINAL_PATIENCE) == [Deaf()]
    assert turns.deadline() is None or turns.deadline() != 1.0 + FINAL_PATIENCE


def test_another_assistant_s_plan_and_transcriber_are_taken_over() -> None:
    turns = machine()
    feed(turns, (VoiceStarted(), 0.0), (stopped(1.0), 1.2))
    turns.adopt(profile_of(Assistant.model_validate({"stopSpeakingPlan": {"voiceSeconds": 0.5}})).stop)
    assert turns.deadline() == 1.0 + STREAM_PATIENCE
    feed(turns, (PlayoutStarted(True, False), 3.0), (VoiceStarted(), 4.0))
    assert turns.feed(VoiceWentOn(0.4), 4.4) == []
    assert turns.feed(VoiceWentOn(0.5), 4.5) == [Interrupt()]
