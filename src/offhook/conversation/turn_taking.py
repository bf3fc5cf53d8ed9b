"""Who has the floor: carries out what the turn machine asks for, with replies and the mouth.

All that the caller's voice, the playout and the replies report comes together here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from offhook.conversation.active_assistant import Member
from offhook.conversation.audio.playout_queue import Piece, Utterance
from offhook.conversation.audio.synthesis import Mouth
from offhook.conversation.context import Context
from offhook.conversation.events import (
    AssistantLate,
    ConversationChanged,
    SpeechStarted,
    SpeechStopped,
    SpeechWritten,
    TranscriptHeard,
    UserInterrupted,
)
from offhook.conversation.metrics import measured
from offhook.conversation.reply import Reply, ReplyStage
from offhook.conversation.transcript import Transcript
from offhook.conversation.turns import signals as turn
from offhook.conversation.turns.endpointing_request import Judge
from offhook.conversation.turns.machine import TurnMachine
from offhook.conversation.turns.memory import State
from offhook.language.base import Message
from offhook.media.client import Channel
from offhook.speech.base import EngineError
from offhook.speech.joined import joined

LATE_SECONDS = 5.0
"""After this long without a sound of the reply the assistant counts as late."""
CALLERS = (
    turn.VoiceStarted,
    turn.VoiceWentOn,
    turn.VoiceStopped,
    turn.PartialWords,
    turn.FinalWords,
)


class Stage(ReplyStage, Protocol):
    """What is needed of the conversation around it."""

    channel: Channel

    @property
    def listening(self) -> bool:
        """Does it matter what the caller says?"""
        ...

    @property
    def over(self) -> bool:
        """Is nothing more to be said or answered?"""
        ...

    def touch(self) -> None:
        """The assistant has just been heard."""
        ...

    def played_out(self) -> None:
        """An utterance has been played to its end."""
        ...


class Floor:
    """`words_at`: when the caller's last words came, and what the transcriber took for them, in seconds."""

    def __init__(self, stage: Stage, member: Member, context: Context, transcript: Transcript) -> None:
        profile, engines = member.profile, member.engines
        self.context = context
        self.transcript = transcript
        self.mouth = Mouth(
            engines.voice,
            profile.chunks,
            profile.form,
            self,
            stage.tell,
            stage.engine_failed,
            stage.channel,
        )
        self.machine = TurnMachine(self._wait_after, self._would_be_cut, profile.stop)
        self._judge = Judge(stage.world, lambda: self.feed(turn.WaitKnown()))
        self.reply: Reply | None = None
        self.words_at: tuple[float, float] | None = None
        self.begun = False
        self._stage = stage
        self._loop = asyncio.get_running_loop()
        self._cut: tuple[Utterance, list[str]] | None = None  # what could be resumed
        self._turns = 0
        self._turn_timer: asyncio.Handle | None = None
        self._turn_due_at: float | None = None
        self._late_timer: asyncio.Handle | None = None
        self._left: set[asyncio.Task[None]] = set()  # replies given up whose tools still run

    def adopt(self, member: Member) -> None:
        """Go on with another assistant's engines and plans."""
        profile, engines = member.profile, member.engines
        self.mouth.adopt(engines.voice, profile.chunks, profile.form)
        self.machine.adopt(profile.stop)

    def start_afresh(self) -> None:
        """Listen again after a time in which the caller did not matter."""
        self.drop_reply()
        self.machine.reset(speaking=self.mouth.playout.current is not None)
        self._hold_back()

    @property
    def quiet(self) -> bool:
        """Is the assistant neither heard nor about to be?"""
        return self.mouth.playout.idle and (self.reply is None or not self.reply.live)

    async def close(self) -> None:
        self.begun = False
        self.on_time()
        self._judge.close()
        if self._turn_timer is not None:
            self._turn_timer.cancel()
        tasks = [*self._left, *([self.reply.task] if self.reply else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.mouth.close()

    # what the playout tells

    def utterance_began(self, utterance: Utterance) -> None:
        now = self._stage.channel.at
        utterance.turn, self._turns = self._turns, self._turns + 1
        utterance.entry = self.transcript.add_bot(now)
        self._stage.tell(SpeechStarted("assistant", utterance.turn, now))
        self._tell_text(utterance)
        self._cut = None
        self.on_time()
        if utterance.reply:
            self.context.answered()
        if utterance.reply or self._stage.over:  # the last words are an answer, too
            self._measure(utterance.turn, now)
        self.feed(turn.PlayoutStarted(utterance.interruptible, utterance.reply))

    def _measure(self, assistant_turn: int, now: float) -> None:
        """Tell how long the caller waited, once for each reply to what the caller said."""
        reply = self.reply
        if reply is not None and reply.marks.released and not reply.measured:
            reply.measured = True
            self._stage.tell(measured(reply.marks, assistant_turn, now))

    def piece_played(self, utterance: Utterance, piece: Piece) -> None:
        now, entry = self._stage.channel.at, utterance.entry
        if entry is not None:
            entry.extend(piece.text, now)
        self._stage.touch()
        self._stage.tell(TranscriptHeard("assistant", piece.text, True, now))
        self._stage.tell(ConversationChanged())
        if utterance.playing < len(utterance.pieces):
            self._tell_text(utterance)
        heard = entry.text.lower() if entry is not None else ""
        if any(phrase in heard for phrase in self._stage.member.profile.end_call_phrases):
            self._stage.finish("assistant-said-end-call-phrase", "")

    def _tell_text(self, utterance: Utterance) -> None:
        heard = utterance.entry.text if utterance.entry is not None else ""
        text = joined(heard, utterance.pieces[utterance.playing].text)
        own = utterance.reply and utterance.said is not None
        self._stage.tell(SpeechWritten(text, utterance.turn, "model" if own else "force-say"))

    def utterance_finished(self, utterance: Utterance) -> None:
        now = self._stage.channel.at
        if utterance.entry is not None:
            utterance.entry.end = now
            self._stage.tell(SpeechStopped("assistant", utterance.turn, now))
        self._stage.touch()
        reply = self.reply
        if reply is not None and utterance in reply.utterances:
            reply.utterances.remove(utterance)
        utterance.end(played=True)
        self.feed(turn.PlayoutFinished(reply is not None and reply.released and reply.live))
        self._stage.played_out()

    # what replies ask

    def next_turn(self) -> int:
        return self._turns

    def reply_acts(self, reply: Reply) -> None:
        self.context.answered()
        self.feed(turn.Committed())

    def reply_done(self, reply: Reply) -> None:
        if reply is self.reply and self._reply_is_over():
            self.on_time()
            self.feed(turn.ReplyEnded())

    # turns

    def feed(self, given: turn.Input) -> None:
        if not self.begun or (isinstance(given, CALLERS) and not self._stage.listening):
            return
        self._carry_out(self.machine.feed(given, self._loop.time()))
        if self.machine.state is State.THINKING and self._reply_is_over():
            self.on_time()
            self._carry_out(self.machine.feed(turn.ReplyEnded(), self._loop.time()))
        self._hold_back()
        self._set_turn_timer()

    def _reply_is_over(self) -> bool:
        """Is there nothing left of it to be heard?"""
        reply = self.reply
        return reply is not None and reply.released and not reply.live

    def _carry_out(self, actions: Sequence[turn.Action]) -> None:
        """None of them feeds the machine: what comes of them is told later."""
        for action in actions:
            self._act(action)

    def _hold_back(self) -> None:
        """Begin nothing while the caller speaks, nor before it is known what was said: those words would cut
        it short. While they perhaps begin to speak the media plane does so by itself."""
        self.mouth.playout.hold = self.machine.hears

    def _act(self, action: turn.Action) -> None:
        if isinstance(action, turn.Prepare):
            self._prepare_reply(action.text)
        elif isinstance(action, turn.Drop):
            self.drop_reply()
        elif isinstance(action, turn.Release):
            self._release_for_caller(action.ended)
        elif isinstance(action, turn.Hold):
            self.on_time()
            if self.reply is not None:
                self.reply.hold()
        elif isinstance(action, turn.Interrupt):
            self._interrupt(action.cut)
        elif isinstance(action, turn.Resume):
            self._say_the_rest()
        else:
            provider = self._stage.member.engines.transcriber.provider
            error = EngineError("transcriber", provider, "it does not answer")
            self._loop.call_soon(self._stage.engine_failed, error)

    def _set_turn_timer(self) -> None:
        deadline = None if self._stage.over else self.machine.deadline()
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
        plan, assistant = self._stage.member.profile.start, self.transcript.last_bot_text()
        if plan.asks and plan.ruled(words, assistant) is None:
            seconds = self._judge.wait_after(words, plan.server)
            if seconds is not None:
                return max(plan.wait_seconds, seconds)
        return plan.wait(words, assistant, self._stage.member.engines.transcriber.segmented)

    def _prepare_reply(self, text: str) -> None:
        previous = self.drop_reply()
        self.context.hear(text)
        self.reply = Reply(self._stage, previous)
        if self.words_at is not None:
            self.reply.marks.words, self.reply.marks.transcribing = self.words_at

    def _release_for_caller(self, ended: float) -> None:
        reply = self.reply
        if reply is None:
            return
        reply.marks.ended, reply.marks.released = ended, self._loop.time()
        self._release(reply)

    def release(self, reply: Reply) -> None:
        """Let a reply be heard that the caller has not asked for."""
        self._release(reply)
        self.reply_done(reply)  # it may be complete, and have nothing to say

    def _release(self, reply: Reply) -> None:
        reply.release()
        if not reply.live:
            self.on_time()
        elif self._late_timer is None:
            self._late_timer = self._loop.call_later(LATE_SECONDS, self._late)

    def answer_now(self, besides: Sequence[Message] = ()) -> Reply:
        """Let the model speak without waiting for the caller; `besides` as for `Reply`."""
        previous = self.reply
        if previous is not None and not previous.released:
            previous = self.drop_reply()
        waited_for = previous if previous is not None and not previous.done else None
        self.reply = reply = Reply(self._stage, waited_for, besides)
        self.feed(turn.Forced())
        if self.machine.state is not State.HEARING:
            self.release(reply)
        return reply

    def drop_reply(self) -> Reply | None:
        """Give up the reply that is being made; returns it if its tools still run."""
        reply, self.reply = self.reply, None
        self.on_time()
        if reply is None:
            return None
        reply.drop()
        if reply.done:
            return reply.previous
        self._left.add(reply.task)
        reply.task.add_done_callback(self._left.discard)
        return reply

    # silence and lateness

    def _would_be_cut(self) -> turn.Cut:
        reply, utterance = self.reply, self.mouth.playout.current
        acting = reply is not None and reply.acting
        if utterance is None:
            return turn.Cut(None, more=acting)
        unheard = utterance.reply and not utterance.heard()
        complete = reply is None or reply.done
        resumable = complete and utterance.closed and bool(utterance.rest()) and not unheard
        seconds = utterance.rest_seconds() if resumable else None
        return turn.Cut(seconds, more=acting, heard=not unheard)

    def _interrupt(self, cut: turn.Cut) -> None:
        utterance = self.silence()
        if utterance is None:
            return
        self._stage.tell(UserInterrupted(utterance.turn, utterance.heard(), self._loop.time()))
        if not cut.heard:
            self.context.unanswered()
        self._cut = (utterance, utterance.rest()) if cut.rest is not None else None
        if cut.more and self.reply is not None:
            self.reply.hold()
        else:
            self.drop_reply()

    def silence(self) -> Utterance | None:
        """Stop what is being said; the record keeps what was heard of it."""
        utterance, dropped = self.mouth.cut()
        for never_heard in dropped:
            self._forget(never_heard)
        if utterance is None:
            return None
        now = self._loop.time()
        heard = utterance.heard()
        if utterance.said is not None:
            utterance.said.text = heard
            if not heard and not utterance.said.calls:
                self.context.forget(utterance.said)
        if utterance.entry is not None:
            told = utterance.entry.text
            utterance.entry.text, utterance.entry.end = heard, now
            if len(heard) > len(told):
                self._stage.tell(TranscriptHeard("assistant", heard[len(told) :].strip(), True, now))
            self.transcript.drop_empty(utterance.entry)
            self._stage.tell(SpeechStopped("assistant", utterance.turn, now))
        if self.reply is not None and utterance in self.reply.utterances:
            self.reply.utterances.remove(utterance)
        self._stage.tell(ConversationChanged())
        return utterance

    def cut_off(self) -> None:
        """Be silent at once and give up the reply that is being made, for a reason other than the caller."""
        self.drop_reply()
        if self.silence() is not None:
            self.feed(turn.Silenced())

    def wind_up(self) -> None:
        """The call is to end: what has not been decided to be said is not said."""
        self.on_time()
        if self.reply is not None and not self.reply.released:
            self.drop_reply()

    def _forget(self, utterance: Utterance) -> None:
        """Something that was to be said, of which nothing was heard."""
        if self.reply is not None and utterance in self.reply.utterances:
            self.reply.forget(utterance)
        elif utterance.said is not None:
            self.context.forget(utterance.said)

    def _say_the_rest(self) -> None:
        cut, self._cut = self._cut, None
        if cut is None or self._stage.over:
            return
        utterance, rest = cut
        again = self.mouth.utter(said=self.context.say(), interruptible=utterance.interruptible)
        for text in rest:
            self.mouth.add(again, text)
        self.mouth.close_utterance(again)

    def _late(self) -> None:
        self._late_timer = None
        self._stage.tell(AssistantLate(LATE_SECONDS))

    def on_time(self) -> None:
        if self._late_timer is not None:
            self._late_timer.cancel()
            self._late_timer = None
