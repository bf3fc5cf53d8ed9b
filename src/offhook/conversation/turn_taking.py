"""Turn taking: carries out what the turn machine asks for, with replies and their synthesis.

All that the caller's speech, the playout and the replies report comes together here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from offhook.conversation.active_assistant import ActiveAssistant
from offhook.conversation.assistant_reply import AssistantReply, ReplyContext
from offhook.conversation.assistant_speech import AssistantSpeech
from offhook.conversation.audio.spoken_utterance import SpokenPiece, SpokenUtterance
from offhook.conversation.audio.synthesis import Synthesis
from offhook.conversation.course import Course
from offhook.conversation.events import (
    AssistantInterrupted,
    ConversationChanged,
    Event,
    TranscriptHeard,
)
from offhook.conversation.metrics import measured
from offhook.conversation.tools.tool_context import ToolContext
from offhook.conversation.transcript import ConversationTranscript
from offhook.conversation.turns import signals as turn
from offhook.conversation.turns.lateness import Lateness
from offhook.conversation.turns.patience import Patience
from offhook.conversation.turns.questions import asks_whether
from offhook.conversation.turns.turn_machine import TurnMachine
from offhook.conversation.turns.turn_memory import TurnState
from offhook.language.language_model import Message
from offhook.media.channel import Channel
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_protocols import Transcript as Heard

WITHDRAWN_SECONDS = 0.3
"""An answer over which the caller goes on so soon had come too early: it counts as never given."""
STEADY = 0.5
"""How stable a partial has to be for its words to silence the assistant."""


class TurnTaking:
    """`failed` is called when an engine fails, `played_out` when an utterance has been played to its end."""

    def __init__(
        self,
        course: Course,
        tools: ToolContext,
        transcript: ConversationTranscript,
        channel: Channel,
        tell: Callable[[Event], None],
        failed: Callable[[EngineError], None],
        played_out: Callable[[], None],
    ) -> None:
        engines, profile = tools.assistant.engines, tools.assistant.profile
        self.synthesis = Synthesis(engines.voice, profile.chunks, profile.form, self, tell, failed, channel)
        self.reply: AssistantReply | None = None
        self._machine = TurnMachine(self._wait_after, self._would_be_cut, profile.stop)
        self._patience = Patience(tools.world, lambda: self.feed(turn.WaitKnown()))
        self._reply_context = ReplyContext(tools, self.synthesis, self, tell, failed)
        self._course = course
        self._assistants = tools.assistants
        self._context = tools.context
        self._transcript = transcript
        self._channel = channel
        self._tell = tell
        self._failed = failed
        self._finish = tools.finish
        self._played_out = played_out
        self._loop = asyncio.get_running_loop()
        self._begun = False
        self._voice = (0.0, 0.0)  # when the caller's last sound began, and when the one before it ended
        self._words_at: tuple[float, float] | None = None  # the caller's last words: when, and what they took
        self._cut: tuple[SpokenUtterance, list[str]] | None = None  # what could be resumed
        self._speech = AssistantSpeech(transcript, tools.context, channel, tell)
        self._turn_timer: asyncio.Handle | None = None
        self._turn_due_at: float | None = None
        self._lateness = Lateness(tell, self._ask_to_wait, self.synthesis.take_back)
        self._abandoned: set[asyncio.Task[None]] = set()  # replies given up whose tools still run

    def prepare_first_reply(self) -> None:
        """Ask the model for its first words, and hold them until `begin`."""
        self.reply = AssistantReply(self._reply_context)

    def begin(self) -> None:
        """Release what was prepared, and heed the caller from now on."""
        self._begun = True
        if self.reply is not None:
            self.feed(turn.Forced())
            self.release(self.reply)
        else:
            for opening in self.synthesis.playout.all():
                opening.release()

    def adopt(self, assistant: ActiveAssistant) -> None:
        """Go on with another assistant's engines and plans."""
        profile = assistant.profile
        self.synthesis.adopt(assistant.engines.voice, profile.chunks, profile.form)
        self._machine.adopt(profile.stop)

    def restart(self) -> None:
        """Listen again after a time in which the caller did not matter."""
        self.drop_reply()
        self._machine.reset(speaking=self.synthesis.playout.current is not None)
        self._hold_back()

    @property
    def idle(self) -> bool:
        """Is the assistant neither heard nor about to be?"""
        return self.synthesis.playout.idle and (self.reply is None or not self.reply.live)

    async def close(self) -> None:
        self._begun = False
        self._lateness.stop()
        self._patience.close()
        if self._turn_timer is not None:
            self._turn_timer.cancel()
        tasks = [*self._abandoned, *([self.reply.task] if self.reply else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.synthesis.close()

    # what the caller's speech tells

    def caller_started(self, at: float) -> None:
        self._voice = at, self._voice[1]
        if self._machine.state in (TurnState.DECIDING, TurnState.THINKING):
            self._patience.went_on(at - self._voice[1])
        self.feed(turn.CallerStarted())

    def caller_went_on(self, seconds: float) -> None:
        if self._machine.state is TurnState.OVERLAPPED:
            self.feed(turn.CallerWentOn(seconds))

    def caller_stopped(self, ended: float, owed: bool) -> None:
        self._voice = self._voice[0], ended
        self.feed(turn.CallerStopped(ended, owed))

    def caller_said(self, heard: Heard, start: float, end: float, owed: bool) -> None:
        now, text = self._loop.time(), heard.text.strip()
        if text:
            self._tell(TranscriptHeard("user", self._written(text), heard.final, now))
            if heard.final:
                self._transcript.add_user(text, start, end).rewrite(self._written)
                self._tell(ConversationChanged())
        self._words_at = now, heard.seconds or 0.0
        if text or heard.turn is not None:
            self._patience.turn_ended = heard.turn == "ended"
        if heard.final:
            self.feed(turn.FinalWords(text, owed))
        else:
            steady = heard.stability >= STEADY
            self.feed(turn.PartialWords(text, steady, may_end=heard.turn == "may-end"))

    # what the playout tells

    def utterance_began(self, utterance: SpokenUtterance) -> None:
        self._speech.began(utterance)
        self._cut = None
        if utterance.said is not None or (self.reply and self.reply.acting):  # else it was a word to wait
            self._lateness.stop()
        if utterance.answers:
            self._context.answered()
        if utterance.answers or self._course.over:  # the last words are an answer, too
            self._measure(utterance.turn)
        self.feed(turn.PlayoutStarted(utterance.interruptible, utterance.answers))

    def _measure(self, assistant_turn: int) -> None:
        """Tell how long the caller waited, once for each reply to what the caller said."""
        reply = self.reply
        if reply is not None and reply.marks.released and not reply.marks.told:
            reply.marks.told = True
            self._tell(measured(reply.marks, assistant_turn, self._channel.at))

    def piece_played(self, utterance: SpokenUtterance, piece: SpokenPiece) -> None:
        heard = self._speech.played(utterance, piece).lower()
        if any(phrase in heard for phrase in self._assistants.current.profile.end_call_phrases):
            self._finish("assistant-said-end-call-phrase", "")

    def utterance_finished(self, utterance: SpokenUtterance) -> None:
        self._speech.finished(utterance)
        reply = self.reply
        if reply is not None and utterance in reply.utterances:
            reply.utterances.remove(utterance)
        utterance.end(played=True)
        self.feed(turn.PlayoutFinished(reply is not None and reply.released and reply.live))
        self._played_out()

    # what replies ask

    def next_turn(self) -> int:
        return self._speech.next_turn

    def reply_acts(self) -> None:
        self._context.answered()
        self.feed(turn.Committed())

    def reply_done(self, reply: AssistantReply) -> None:
        if reply is self.reply and self._reply_is_over():
            self._lateness.stop()
            self._context.answered()
            self.feed(turn.ReplyEnded())

    # turns

    def feed(self, given: turn.Input) -> None:
        if not self._begun or (isinstance(given, turn.CALLER_INPUTS) and not self._course.listening):
            return
        self._carry_out(self._machine.feed(given, self._loop.time()))
        if self._machine.state is TurnState.THINKING and self._reply_is_over():
            self._lateness.stop()
            self._context.answered()
            self._carry_out(self._machine.feed(turn.ReplyEnded(), self._loop.time()))
        self._hold_back()
        self._set_turn_timer()

    def _reply_is_over(self) -> bool:
        """Is there nothing left of it to be heard? One that was given up is over, too."""
        return self.reply is None or (self.reply.released and not self.reply.live)

    def _carry_out(self, actions: Sequence[turn.Action]) -> None:
        for action in actions:  # none feeds the machine in turn
            self._act(action)

    def _hold_back(self) -> None:
        """Begin nothing while the caller speaks, nor before it is known what was said: those words would cut
        it short. While they perhaps begin to speak the media plane does so by itself."""
        self.synthesis.playout.hold = self._machine.hears

    def _act(self, action: turn.Action) -> None:
        if isinstance(action, turn.PrepareReply):
            self._prepare_reply(action.text)
        elif isinstance(action, turn.DropReply):
            self.drop_reply()
        elif isinstance(action, turn.ReleaseReply):
            self._release_for_caller(action.ended)
        elif isinstance(action, turn.HoldReply):
            self._lateness.stop()
            if self.reply is not None:
                self.reply.hold()
        elif isinstance(action, turn.Interrupt):
            self._interrupt(action.cut)
        elif isinstance(action, turn.FallQuiet | turn.GoOn):
            self.synthesis.playout.quieten(isinstance(action, turn.FallQuiet))
        elif isinstance(action, turn.Resume):
            self._say_the_rest()
        else:
            provider = self._assistants.current.engines.transcriber.provider
            error = EngineError("transcriber", provider, "it does not answer")
            self._loop.call_soon(self._failed, error)

    def _set_turn_timer(self) -> None:
        deadline = None if self._course.over else self._machine.deadline()
        if deadline == self._turn_due_at:
            return
        if self._turn_timer is not None:
            self._turn_timer.cancel()
        self._turn_due_at = deadline
        self._turn_timer = None if deadline is None else self._loop.call_at(deadline, self._turn_due)

    def _turn_due(self) -> None:
        self._turn_timer, self._turn_due_at = None, None
        self.feed(turn.Deadline())

    def _wait_after(self, words: str) -> float:
        assistant, said = self._assistants.current, self._transcript.last_bot_text()
        return self._patience.after(words, said, assistant.profile.start, assistant.engines.transcriber)

    def _written(self, words: str) -> str:
        return self._assistants.current.written(words, self._transcript.last_bot_text())

    def _prepare_reply(self, text: str) -> None:
        previous = self.drop_reply()
        self._context.hear(text, self._written(text))
        self.reply = AssistantReply(self._reply_context, previous)
        if self._words_at is not None:
            self.reply.marks.words, self.reply.marks.transcribing = self._words_at

    def _release_for_caller(self, ended: float) -> None:
        if (reply := self.reply) is not None:
            reply.marks.ended, reply.marks.released = ended, self._loop.time()
            self._release(reply)

    def release(self, reply: AssistantReply) -> None:
        """Let a reply be heard that the caller has not asked for."""
        self._release(reply)
        self.reply_done(reply)  # it may be complete, and have nothing to say

    def _release(self, reply: AssistantReply) -> None:
        reply.release()
        if not reply.live:
            self._lateness.stop()
        else:
            self._lateness.start()

    def answer_now(self, besides: Sequence[Message] = ()) -> AssistantReply:
        """Let the model speak without waiting for the caller; `besides` as for `AssistantReply`."""
        previous = self.reply
        if previous is not None and not previous.released:
            previous = self.drop_reply()
        waited_for = previous if previous is not None and not previous.done else None
        self.reply = reply = AssistantReply(self._reply_context, waited_for, besides)
        self.feed(turn.Forced())
        if self._machine.state is not TurnState.HEARING:
            self.release(reply)
        return reply

    def drop_reply(self) -> AssistantReply | None:
        """Give up the reply that is being made; returns it if its tools still run."""
        reply, self.reply = self.reply, None
        self._lateness.stop()
        if reply is None:
            return None
        reply.drop()
        if reply.done:
            return reply.previous
        self._abandoned.add(reply.task)
        reply.task.add_done_callback(self._abandoned.discard)
        return reply

    # silence and lateness

    def _would_be_cut(self) -> turn.CutShort:
        reply, utterance = self.reply, self.synthesis.playout.current
        acting = reply is not None and reply.acting
        if utterance is None:
            return turn.CutShort(None, more=acting)
        soon = utterance.began_shortly_before(self._voice[0], WITHDRAWN_SECONDS)
        unheard = utterance.answers and self._machine.answers and (soon or not utterance.heard())
        complete = reply is None or reply.done
        resumable = complete and utterance.closed and bool(utterance.rest()) and not unheard
        left = utterance.rest_seconds()
        asks = left if utterance.closed and asks_whether(utterance.text) else None
        begun = utterance.answers and not (complete or acting or unheard)
        return turn.CutShort(left if resumable else None, acting, heard=not unheard, asks=asks, begun=begun)

    def _interrupt(self, cut: turn.CutShort) -> None:
        utterance = self._cut_playout(withdrawn=not cut.heard)
        if utterance is None:
            return
        heard = utterance.heard() if cut.heard else ""
        self._tell(AssistantInterrupted(utterance.turn, heard, self._loop.time()))
        if not cut.heard:
            self._context.unanswered()
            self._patience.went_on(self._voice[0] - self._voice[1])
        self._cut = (utterance, utterance.rest()) if cut.rest is not None else None
        if cut.more and self.reply is not None:
            self.reply.hold()
        else:
            self.drop_reply()

    def _cut_playout(self, withdrawn: bool = False) -> SpokenUtterance | None:
        """Stop the playout; transcript and context keep what was heard of it, unless it is `withdrawn`."""
        utterance, dropped = self.synthesis.cut()
        for never_heard in dropped:
            self._forget(never_heard)
        if utterance is None:
            return None
        self._speech.cut(utterance, self._loop.time(), withdrawn)
        if self.reply is not None and utterance in self.reply.utterances:
            self.reply.utterances.remove(utterance)
        return utterance

    def cut_off(self) -> None:
        """Be silent at once and give up the reply that is being made, for a reason other than the caller."""
        self.drop_reply()
        self._cut_playout()
        self.feed(turn.Silenced())

    def wind_up(self) -> None:
        """The call is to end: a reply that is not released is dropped."""
        self._lateness.stop()
        if self.reply is not None and not self.reply.released:
            self.drop_reply()

    def _forget(self, utterance: SpokenUtterance) -> None:
        """An utterance of which nothing was heard is left out of the context."""
        if self.reply is not None and utterance in self.reply.utterances:
            self.reply.forget(utterance)
        elif utterance.said is not None:
            self._context.forget(utterance.said)

    def _ask_to_wait(self) -> SpokenUtterance | None:
        """Not while a tool runs: what is said of that is the owner's."""
        acting = self.reply is None or self.reply.acting or not self._course.listening
        waits = self._machine.state is TurnState.THINKING and self.synthesis.playout.current is None
        words = self._assistants.current.profile.word_to_wait
        return self.synthesis.say(words, said=None) if words and waits and not acting else None

    def _say_the_rest(self) -> None:
        cut, self._cut = self._cut, None
        if cut is not None and not (self._course.over or self.synthesis.muted):
            utterance, rest = cut
            again = self.synthesis.utter(said=self._context.say(), interruptible=utterance.interruptible)
            for text in rest:
                self.synthesis.add(again, text)
            self.synthesis.close_utterance(again)
