"""`Conversation`: joins ears, turn machine, model and mouth on the asyncio loop.

It decides little itself: when to answer and when to be silent is `turns`, what was heard is `speaking`, what
is said is `reply`. The tick calls `next_frame`, `hear` and `voice_activity`: they never block nor raise."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from offhook.conversation import turn_signals as turn
from offhook.conversation.context import Context
from offhook.conversation.ears import Ears
from offhook.conversation.events import (
    AssistantLate,
    ConversationChanged,
    EngineFailed,
    Event,
    HandedOver,
    SpeechStarted,
    SpeechStopped,
    TranscriptHeard,
    UserInterrupted,
    World,
)
from offhook.conversation.farewell import Farewell
from offhook.conversation.handover import arrange
from offhook.conversation.keypad import Keypad
from offhook.conversation.member import EngineFactory, Member, ended_reason
from offhook.conversation.metrics import measured
from offhook.conversation.reply import Reply
from offhook.conversation.speaking import Piece, Utterance
from offhook.conversation.transcript import Transcript
from offhook.conversation.turns import State, TurnMachine
from offhook.conversation.voicing import Mouth
from offhook.conversation.watch import Watch
from offhook.language.base import Message, ModelError, ToolCall
from offhook.schema.assistant import Assistant
from offhook.speech.base import EngineError, Voice
from offhook.speech.base import Transcript as Heard

log = logging.getLogger(__name__)

APOLOGY = "I'm sorry, something went wrong on our side and I have to end the call. Goodbye."
LATE_SECONDS = 5.0
"""After this long without a sound of the reply the assistant counts as late."""


class Conversation:
    """One call's conversation. Lives on one event loop: make it there, `prepare`, `begin`, and in any case
    `close`. `variables` fill templates through `render(text, variables)`. `emergency`: a voice that speaks
    the apology when the assistant's own voice has failed; whoever gives it starts and closes it."""

    member: Member
    context: Context
    mouth: Mouth

    def __init__(
        self,
        *,
        assistant: Assistant,
        engines: EngineFactory,
        world: World,
        variables: Mapping[str, Any],
        render: Callable[[str, Mapping[str, Any]], str],
        tell: Callable[[Event], None],
        rng: random.Random,
        emergency: Voice | None = None,
        call_id: str = "",
    ) -> None:
        self.world = world
        self.rng = rng
        self.tell = tell
        self.transcript = Transcript()
        self._assistant = assistant
        self._engines = engines
        self._variables = dict(variables)
        self._render = render
        self._emergency = emergency
        self._call_id = call_id
        self._loop = asyncio.get_running_loop()
        self._ears = Ears(self, tell)
        self._farewell = Farewell(world)
        self._machine: TurnMachine
        self._keypad: Keypad
        self._watch: Watch | None = None
        self._reply: Reply | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired: list[Member] = []
        self._turn_timer: asyncio.TimerHandle | None = None
        self._keypad_timer: asyncio.TimerHandle | None = None
        self._late_timer: asyncio.TimerHandle | None = None
        self._cut: tuple[Utterance, list[str]] | None = None  # what could be resumed
        self._opening: Utterance | None = None
        self._turns = 0
        self._begun = False
        self._away = False
        self._closed = False
        self._failure: EngineError | ModelError | None = None

    # the life of it

    async def prepare(self) -> None:
        """Start the engines and make the first message, so that it is heard as soon as media flow. Raises
        EngineError or ModelError; `ended_reason` names the call's endedReason."""
        token, on_transcript, on_failure = self._ears.sinks()
        self.member = await Member.start(self._assistant, self._engines, on_transcript, on_failure)
        profile, engines = self.member.profile, self.member.engines
        self.context = Context(self._prompt(profile.system))
        self.mouth = Mouth(engines.voice, profile.chunks, profile.form, self, self.tell, self.engine_failed)
        self._machine = TurnMachine(self._wait_after, profile.stop, engines.transcriber.segmented)
        self._keypad = Keypad(profile.keypad)
        self._ears.adopt(engines.transcriber, token)
        if profile.first_message_mode == "assistant-waits-for-user":
            return
        if profile.first_message_mode == "assistant-speaks-first":
            text = self.render(profile.first_message, {}).strip()
            if text:
                interruptible = profile.first_message_interruptible
                said = self.context.say()
                self._opening = self.mouth.say(text, said=said, interruptible=interruptible, released=False)
                await self.mouth.first_piece(self._opening)
        else:
            self._reply = Reply(self)
        if self._failure is not None:
            raise self._failure

    def begin(self) -> None:
        """Media flow: speak first, or listen."""
        self._begun = True
        now = self._loop.time()
        for message in self.context.system:
            if message["role"] == "system":
                self.transcript.add_system(message["content"], now)
        self._watch = Watch(self.member.profile, self, self.rng)
        if self._failure is not None:
            self._fail(self._failure)
        elif self._opening is not None:
            self._opening.released = True
        elif self._reply is not None:
            self._feed(turn.Forced())
            self._release(self._reply)

    async def close(self) -> None:
        """End every task and engine. May be called at any time, and more than once."""
        self._closed = True
        for timer in (self._turn_timer, self._keypad_timer, self._late_timer, self._watch, self._farewell):
            if isinstance(timer, asyncio.TimerHandle):
                timer.cancel()
            elif timer is not None:
                timer.close()
        tasks = [*self._tasks, *([self._reply.task] if self._reply else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if hasattr(self, "mouth"):
            await self.mouth.close()
        retired, self._retired = self._retired, []
        members = [*retired, *([self.member] if hasattr(self, "member") else [])]
        for member in members:
            await member.close()

    # the 20 ms tick

    def next_frame(self) -> bytes | None:
        try:
            return self.mouth.playout.next_frame()
        except Exception:
            self._broken("playing")
            return None

    def hear(self, heard: bytes, said: bytes) -> None:
        try:
            self._ears.hear(heard, said)
        except Exception:
            self._broken("hearing")

    def voice_activity(self, probability: float) -> None:
        try:
            self._ears.voice_activity(probability)
        except Exception:
            self._broken("voice activity")

    def keypad(self, digit: str) -> None:
        """A key that the caller pressed: 0-9, *, #, A-D."""
        entry = self._keypad.press(digit, self._loop.time())
        if self._keypad_timer is not None:
            self._keypad_timer.cancel()
        if entry is not None:
            self._keypad_entry(entry)
        elif self._keypad.deadline is not None:
            self._keypad_timer = self._loop.call_at(self._keypad.deadline, self._keypad_entry, None)

    # from outside

    def say(self, text: str, *, then_end: str | None = None, interruptible: bool = True) -> None:
        """Say `text` after what is being said; `then_end`: then hang up for it, unless it was cut."""
        if not text.strip() or self._over:
            return
        utterance = self.mouth.say(text, said=self.context.say(), interruptible=interruptible)
        if then_end is not None:
            reason = then_end
            utterance.on_end.append(lambda played: self._farewell.now(reason) if played else None)

    def add_message(self, message: Message, respond: bool) -> None:
        """Let the model know something; `respond`: and let it answer that, after what is being said."""
        if self._over:
            return
        now = self._loop.time()
        self.context.add(message)
        content = message.get("content")
        if isinstance(content, str) and message.get("role") == "user":
            self.transcript.add_user(content, now, now)
        elif isinstance(content, str) and message.get("role") == "system":
            self.transcript.add_system(content, now)
        self.tell(ConversationChanged())
        if respond:
            self._answer_now()

    def hang_up(self, reason: str) -> None:
        """Stop speaking, say the endCallMessage if there is one, and end the call."""
        if self._farewell.reason is not None:
            return
        self._drop_reply()
        self._silence()
        self.finish(reason, self.member.profile.end_call_message)

    def resume(self) -> None:
        """The call is back from a transfer that failed: go on listening."""
        self._away = False

    # what the ears tell

    def caller_started(self) -> None:
        self._touch(by_caller=True)
        self._feed(turn.VoiceStarted())

    def caller_went_on(self, seconds: float) -> None:
        if self._machine.state is State.OVERLAPPED:
            self._feed(turn.VoiceWentOn(seconds))

    def caller_stopped(self, ended: float) -> None:
        self._touch(by_caller=True)
        self._feed(turn.VoiceStopped(ended))

    def caller_said(self, heard: Heard, start: float, end: float, owed: bool) -> None:
        now = self._loop.time()
        text = heard.text.strip()
        if text:
            self._touch(by_caller=True)
            self.tell(TranscriptHeard("user", text, heard.final, now))
            if heard.final:
                self.transcript.add_user(text, start, end)
                self.tell(ConversationChanged())
        self._words_at = (now, heard.seconds or 0.0)
        self._feed(turn.Words(text, heard.final, owed))

    _words_at: tuple[float, float] | None = None

    # what the playout tells

    def utterance_began(self, utterance: Utterance) -> None:
        now = self._loop.time()
        utterance.turn, self._turns = self._turns, self._turns + 1
        utterance.entry = self.transcript.add_bot(now)
        self.tell(SpeechStarted("assistant", utterance.turn, now))
        self._cut = None
        self._on_time()
        if utterance.reply:
            self.context.answered()
            self._measure(utterance.turn, now)
        self._feed(turn.PlayoutStarted(utterance.interruptible, utterance.reply))

    def _measure(self, assistant_turn: int, now: float) -> None:
        """Tell how long the caller waited, once for each reply to what the caller said."""
        reply = self._reply
        if reply is not None and reply.marks.released and not reply.measured:
            reply.measured = True
            self.tell(measured(reply.marks, assistant_turn, now))

    def piece_played(self, utterance: Utterance, piece: Piece) -> None:
        now = self._loop.time()
        if utterance.entry is not None:
            utterance.entry.extend(piece.text, now)
        self._touch()
        self.tell(TranscriptHeard("assistant", piece.text, True, now))
        self.tell(ConversationChanged())
        heard = utterance.heard().lower()
        if any(phrase in heard for phrase in self.member.profile.end_call_phrases):
            self.finish("assistant-said-end-call-phrase", "")

    def utterance_finished(self, utterance: Utterance) -> None:
        now = self._loop.time()
        if utterance.entry is not None:
            utterance.entry.end = now
            self.tell(SpeechStopped("assistant", utterance.turn, now))
        self._touch()
        reply = self._reply
        if reply is not None and utterance in reply.utterances:
            reply.utterances.remove(utterance)
        utterance.end(played=True)
        self._feed(turn.PlayoutFinished(reply is not None and reply.released and reply.live))
        self._look_whether_over()
        self._farewell.look()

    # what replies and tools ask

    def next_turn(self) -> int:
        return self._turns

    def reply_acts(self, reply: Reply) -> None:
        self.context.answered()
        self._feed(turn.Committed())

    def reply_done(self, reply: Reply) -> None:
        if reply is self._reply:
            self._look_whether_over()

    def render(self, text: str, more: Mapping[str, Any]) -> str:
        return self._render(text, {**self._variables, **more} if more else self._variables)

    def note_calls(self, calls: Sequence[ToolCall]) -> None:
        self.transcript.add_tool_calls(calls, self._loop.time())
        self.tell(ConversationChanged())

    def note_result(self, call: ToolCall, result: str) -> None:
        self.transcript.add_tool_result(call, result, self._loop.time())
        self.tell(ConversationChanged())

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closed:
            work.close()
            return
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def finish(self, reason: str, message: str) -> None:
        if not self._closed:
            self._on_time()
            if self._reply is not None and not self._reply.released:
                self._drop_reply()
            self._farewell.say(reason, self.render(message, {}), self.mouth, self.context)

    def transfer(self, destination: Mapping[str, Any]) -> None:
        self._away = True
        self.world.transfer(destination)

    async def hire(self, destination: Mapping[str, Any]) -> Member | None:
        assistant = await self.world.assistant_for(destination)
        if assistant is None:
            return None
        token, on_transcript, on_failure = self._ears.sinks()
        try:
            member = await Member.start(assistant, self._engines, on_transcript, on_failure)
        except (EngineError, ModelError) as error:
            log.warning("call=%s the next assistant cannot speak: %s", self._call_id, error)
            return None
        self._token = token
        return member

    _token: object = None

    def hand_over(self, member: Member, destination: Mapping[str, Any], by_transfer: bool) -> None:
        left, self.member = self.member, member
        profile, engines = member.profile, member.engines
        system, items = arrange(
            destination,
            by_transfer,
            self.context.system,
            self.context.history(),
            self._prompt(profile.system),
        )
        self.context.rewrite(system, items)
        self.mouth.adopt(engines.voice, profile.chunks, profile.form)
        self._machine.adopt(profile.stop, engines.transcriber.segmented)
        self._ears.adopt(engines.transcriber, self._token)
        self._keypad = Keypad(profile.keypad)
        if self._watch is not None:
            self._watch.adopt(profile)
        self._retired.append(left)
        self.in_background(self._retire(left))
        self.tell(HandedOver(left.profile.name, profile.name))
        text = self.render(profile.first_message, {}).strip()
        if profile.first_message_mode == "assistant-speaks-first" and text:
            self.say(text, interruptible=profile.first_message_interruptible)
        elif profile.first_message_mode != "assistant-waits-for-user":
            self._answer_now()

    async def _retire(self, member: Member) -> None:
        await member.close()
        if member in self._retired:
            self._retired.remove(member)

    # what the watch asks

    def busy(self) -> bool:
        mouth, reply = self.mouth, self._reply
        waiting = reply is not None and reply.live
        return self._ears.speaking or not mouth.playout.idle or waiting or self._away

    def speak_up(self, text: str) -> None:
        self.say(self.render(text, {}))

    def silence_lasted(self) -> None:
        self.finish("silence-timed-out", self.member.profile.silence_message)

    def time_is_up(self) -> None:
        self._farewell.now("exceeded-max-duration")

    # turns

    @property
    def _over(self) -> bool:
        """Nothing more is to be said or answered."""
        return self._closed or self._farewell.reason is not None

    def _feed(self, given: turn.Input) -> None:
        if not self._begun or self._closed:
            return
        caller = isinstance(given, turn.VoiceStarted | turn.VoiceWentOn | turn.VoiceStopped | turn.Words)
        if caller and (self._over or self._away):
            return
        for action in self._machine.feed(given, self._loop.time()):
            self._act(action)
        self.mouth.playout.hold = self._machine.state is State.HEARING
        self._set_turn_timer()

    def _act(self, action: turn.Action) -> None:
        if isinstance(action, turn.Prepare):
            self._prepare_reply(action.text)
        elif isinstance(action, turn.Drop):
            self._drop_reply()
        elif isinstance(action, turn.Release):
            self._release_for_caller(action.ended)
        elif isinstance(action, turn.Hold):
            self._on_time()
            if self._reply is not None:
                self._reply.hold()
        elif isinstance(action, turn.Interrupt):
            self._interrupt()
        elif isinstance(action, turn.Resume):
            self._say_the_rest()
        else:
            provider = self.member.engines.transcriber.provider
            self._fail(EngineError("transcriber", provider, "it does not answer"))

    def _set_turn_timer(self) -> None:
        deadline = self._machine.deadline()
        timer = self._turn_timer
        if timer is not None:
            if timer.when() == deadline and not timer.cancelled():
                return
            timer.cancel()
        self._turn_timer = None
        if deadline is not None and not self._over:
            self._turn_timer = self._loop.call_at(deadline, self._turn_due)

    def _turn_due(self) -> None:
        self._turn_timer = None
        self._feed(turn.Deadline())

    def _wait_after(self, words: str) -> float:
        return self.member.profile.start.wait(words, self.transcript.last_bot_text())

    def _prepare_reply(self, text: str) -> None:
        previous = self._drop_reply()
        self.context.hear(text)
        self._reply = Reply(self, previous)
        if self._words_at is not None:
            self._reply.marks.words, self._reply.marks.transcribing = self._words_at

    def _release_for_caller(self, ended: float) -> None:
        reply = self._reply
        if reply is None:
            return
        reply.marks.ended, reply.marks.released = ended, self._loop.time()
        self._release(reply)

    def _release(self, reply: Reply) -> None:
        if self._late_timer is None:
            self._late_timer = self._loop.call_later(LATE_SECONDS, self._late)
        reply.release()
        self._look_whether_over()

    def _answer_now(self) -> None:
        """Let the model speak without waiting for the caller."""
        previous = self._reply
        if previous is not None and not previous.released:
            previous = self._drop_reply()
        self._reply = Reply(self, previous if previous is not None and not previous.done else None)
        self._feed(turn.Forced())
        self._release(self._reply)

    def _drop_reply(self) -> Reply | None:
        """Give up the reply that is being made; returns it if its tools still run."""
        reply, self._reply = self._reply, None
        self._on_time()
        if reply is None:
            return None
        reply.drop()
        if reply.done:
            return reply.previous
        self._tasks.add(reply.task)
        reply.task.add_done_callback(self._tasks.discard)
        return reply

    def _look_whether_over(self) -> None:
        reply = self._reply
        if reply is not None and reply.released and not reply.live:
            self._on_time()
            self._feed(turn.ReplyEnded())

    # silence

    def _interrupt(self) -> None:
        reply = self._reply
        acting = reply is not None and reply.acting
        complete = reply is None or reply.done
        utterance = self._silence()
        if utterance is None:
            self._feed(turn.CutShort(None, more=acting))
            return
        self.tell(UserInterrupted(utterance.turn, utterance.heard(), self._loop.time()))
        rest = utterance.rest()
        resumable = complete and utterance.closed and bool(rest)
        self._cut = (utterance, rest) if resumable else None
        if acting and reply is not None:
            reply.hold()
        elif reply is not None:
            self._drop_reply()
        self._feed(turn.CutShort(utterance.rest_seconds() if resumable else None, more=acting))

    def _silence(self) -> Utterance | None:
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
                self.tell(TranscriptHeard("assistant", heard[len(told) :].strip(), True, now))
            self.transcript.drop_empty(utterance.entry)
            self.tell(SpeechStopped("assistant", utterance.turn, now))
        if self._reply is not None and utterance in self._reply.utterances:
            self._reply.utterances.remove(utterance)
        self.tell(ConversationChanged())
        return utterance

    def _forget(self, utterance: Utterance) -> None:
        """Something that was to be said, of which nothing was heard."""
        if self._reply is not None and utterance in self._reply.utterances:
            self._reply.forget(utterance)
        elif utterance.said is not None:
            self.context.forget(utterance.said)

    def _say_the_rest(self) -> None:
        cut, self._cut = self._cut, None
        if cut is None or self._over:
            return
        utterance, rest = cut
        again = self.mouth.utter(said=self.context.say(), interruptible=utterance.interruptible)
        for text in rest:
            self.mouth.add(again, text)
        self.mouth.close_utterance(again)

    # keypad, lateness, failure

    def _keypad_entry(self, entry: str | None) -> None:
        self._keypad_timer = None
        digits = entry or self._keypad.finish()
        if digits is None or self._over or self._away:
            return
        current = self.mouth.playout.current
        if current is not None and current.interruptible:
            self._drop_reply()
            self._silence()
        self.add_message({"role": "user", "content": f"User's Keypad Entry: {digits}"}, respond=True)

    def _late(self) -> None:
        self._late_timer = None
        self.tell(AssistantLate(LATE_SECONDS))

    def _on_time(self) -> None:
        if self._late_timer is not None:
            self._late_timer.cancel()
            self._late_timer = None

    def _touch(self, by_caller: bool = False) -> None:
        if self._watch is not None:
            self._watch.touch(by_caller)

    def engine_failed(self, error: EngineError | ModelError) -> None:
        if self._closed or self._failure is not None:
            return
        if self._begun:
            self._fail(error)
        else:
            self._failure = error

    def _fail(self, error: EngineError | ModelError) -> None:
        """Apologise, with another voice if this one failed, and end the call."""
        reason = ended_reason(error)
        log.error("call=%s ends with %s: %s", self._call_id, reason, error)
        self._failure = error
        self.tell(EngineFailed(reason, error.detail))
        speechless = isinstance(error, EngineError) and error.stage == "voice"
        if self._farewell.reason is not None:
            if speechless:
                self._farewell.now(self._farewell.reason)
            return
        self._drop_reply()
        self._silence()
        if speechless:
            if self._emergency is None:
                self._farewell.now(reason)
                return
            profile = self.member.profile
            self.mouth.adopt(self._emergency, profile.chunks, profile.form)
        self._failure = None  # a second failure, of the apology, ends the call at once
        self.finish(reason, APOLOGY)

    def _broken(self, what: str) -> None:
        log.exception("call=%s %s failed", self._call_id, what)

    def _prompt(self, system: Sequence[Message]) -> list[Message]:
        return [{"role": m["role"], "content": self.render(m["content"], {})} for m in system]
