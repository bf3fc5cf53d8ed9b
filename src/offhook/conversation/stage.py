"""What the parts of a conversation ask of the whole: `ConversationStage` joins ears, floor, tools, hooks,
watch and farewell, and passes between them what one tells and another needs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from offhook.conversation.active_assistant import EngineFactory, Member
from offhook.conversation.audio.caller_speech import Ears
from offhook.conversation.audio.playout_queue import Utterance
from offhook.conversation.audio.synthesis import Mouth
from offhook.conversation.context import Context
from offhook.conversation.events import (
    ConversationChanged,
    Event,
    HandedOver,
    TranscriptHeard,
    World,
)
from offhook.conversation.failures import Failures
from offhook.conversation.farewell import Farewell
from offhook.conversation.handover.context_plan import arrange
from offhook.conversation.handover.succession import Relay, Succession
from offhook.conversation.hook_actions import perform
from offhook.conversation.hooks import Hooks
from offhook.conversation.keypad import KeypadEntries
from offhook.conversation.reply import Reply
from offhook.conversation.time_limits import Watch
from offhook.conversation.tools.tool_messages import TRANSFER_MESSAGE, content_of
from offhook.conversation.transcript import Transcript
from offhook.conversation.turn_taking import Floor
from offhook.conversation.turns import signals as turn
from offhook.conversation.turns.memory import State
from offhook.conversation.turns.overlap import Overlap
from offhook.language.base import Message, ModelError, ToolCall
from offhook.media.client import Channel
from offhook.schema.assistant import Assistant
from offhook.schema.hook import HookAction
from offhook.speech.base import EngineError, Voice
from offhook.speech.base import Transcript as Heard


class ConversationStage:
    """The inside of a `Conversation`, which see."""

    member: Member
    context: Context
    _floor: Floor
    _keypad: KeypadEntries

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
        channel: Channel,
        emergency: Voice | None = None,
        call_id: str = "",
    ) -> None:
        self.world = world
        self.rng = rng
        self.channel = channel
        self._tell = tell
        self.transcript = Transcript()
        self._assistant = assistant
        self._engines = engines
        self._variables = variables
        self._render = render
        self._loop = asyncio.get_running_loop()
        self._ears = Ears(self, self.tell)
        self._relay = Relay(world, engines, self._ears, call_id)
        self._farewell = Farewell(world)
        self._failures = Failures(self, self._farewell, emergency, call_id)
        self._overlap = Overlap()
        self._watch: Watch | None = None
        self._hooks: Hooks | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self._prepared = False
        self._away = False
        self._closed = False

    # what the ears tell

    def _touch_by_caller(self) -> None:
        if self._watch is not None:
            self._watch.touch(by_caller=True)

    def caller_started(self) -> None:
        self._touch_by_caller()
        self._floor.feed(turn.VoiceStarted())

    def caller_went_on(self, seconds: float) -> None:
        if self._floor.machine.state is State.OVERLAPPED:
            self._floor.feed(turn.VoiceWentOn(seconds))

    def caller_stopped(self, ended: float, owed: bool) -> None:
        self._touch_by_caller()
        self._floor.feed(turn.VoiceStopped(ended, owed))

    def caller_said(self, heard: Heard, start: float, end: float, owed: bool) -> None:
        now = self._loop.time()
        text = heard.text.strip()
        if text:
            self._touch_by_caller()
            self.tell(TranscriptHeard("user", text, heard.final, now))
            if heard.final:
                self.transcript.add_user(text, start, end)
                self.tell(ConversationChanged())
        self._floor.words_at = (now, heard.seconds or 0.0)
        words = turn.FinalWords(text, owed) if heard.final else turn.PartialWords(text)
        self._floor.feed(words)

    def assistant_heard_between(self, start: float, end: float) -> bool:
        return self.transcript.bot_heard_between(start, end)

    # what replies and tools ask

    def tell(self, event: Event) -> None:
        try:
            over = self._overlap.follow(event)
            if over is not None:
                self.tell(over)
            self._tell(event)
            if self._hooks is not None:
                self._hooks.told(event)
        except Exception:
            self._failures.broken(f"telling {type(event).__name__}")

    @property
    def mouth(self) -> Mouth:
        return self._floor.mouth

    @property
    def over(self) -> bool:
        return self._closed or self._farewell.reason is not None

    @property
    def listening(self) -> bool:
        return not self.over and not self._away

    def touch(self) -> None:
        if self._watch is not None:
            self._watch.touch()

    def played_out(self) -> None:
        self._farewell.look()

    def next_turn(self) -> int:
        return self._floor.next_turn()

    def reply_acts(self, reply: Reply) -> None:
        self._floor.reply_acts(reply)

    def reply_done(self, reply: Reply) -> None:
        self._floor.reply_done(reply)

    def render(self, text: str, more: Mapping[str, Any]) -> str:
        return self._render(text, {**self._variables, **more} if more else self._variables)

    def note_calls(self, calls: Sequence[ToolCall]) -> list[ToolCall]:
        noted = self.transcript.add_tool_calls(calls, self._loop.time())
        self.tell(ConversationChanged())
        return noted

    def note_result(self, call: ToolCall, result: str) -> None:
        self.transcript.add_tool_result(call, result, self._loop.time())
        self.tell(ConversationChanged())

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin_task(work, self._tasks)

    def errand(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin_task(work, self._errands)

    def _begin_task(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        if self._closed:
            work.close()
            return
        task = self._loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._failures.unnoticed)

    def cut_off(self) -> None:
        self._floor.cut_off()

    def finish(self, reason: str, message: str) -> None:
        if self._closed:
            return
        self._floor.wind_up()
        instead = self._hooks.rescue(reason) if self._hooks is not None and not self.over else ()
        if instead:
            self._away = True
            self.in_background(self._rescue(instead, reason, message))
        else:
            reply = self._floor.reply
            marks = reply.unvoiced if reply is not None else None
            self._farewell.say(reason, message, self.mouth, self.context, marks)

    async def _rescue(self, instead: Sequence[HookAction], reason: str, message: str) -> None:
        """Hand the caller on in place of an end; if that cannot even be begun, it is the end after all."""
        try:
            await perform(instead, self)
        except Exception:
            self._failures.broken("a hook on the end of the call")
            self._away = False
            self.finish(reason, message)

    def transfer(self, destination: Mapping[str, Any]) -> None:
        self._away = True
        self.world.transfer(destination)

    async def hire(self, destination: Mapping[str, Any]) -> Member | None:
        return await self._relay.hire(destination)

    async def dismiss(self, succession: Succession) -> None:
        await self._relay.dismiss(succession)

    def rehearse(self, succession: Succession) -> Succession:
        return self._relay.rehearse(succession, self.render)

    def hand_over(self, succession: Succession) -> None:
        left, member = self.member, succession.member
        self.member, profile, destination = member, member.profile, succession.destination
        self._relay.joined(succession)
        names = left.profile.name, profile.name
        self.tell(HandedOver(*names, destination, member.assistant, succession.learned))
        prompt = self._prompt(profile.system)
        self.context.rewrite(*arrange(destination, succession.by_transfer, self.context, prompt))
        if succession.hint:
            self.context.add({"role": "system", "content": succession.hint})
        self._floor.adopt(member)
        self._ears.adopt(member.engines.transcriber, member.ear)
        self._keypad.close()
        self._keypad = KeypadEntries(profile.keypad, self._keypad_entry)
        if self._watch is not None:
            self._watch.adopt(profile)
        if self._hooks is not None:
            self._hooks.adopt(profile.hooks)
        self.in_background(self._relay.see_off(left))
        self._open(succession)

    def _open(self, succession: Succession) -> None:
        """The first words of an assistant that has taken over."""
        welcome, profile, ready = succession.welcome, self.member.profile, succession.ready
        speaks_first = profile.first_message_mode == "assistant-speaks-first"
        text = self.render(profile.first_message, {}).strip() if speaks_first else ""
        for words in (welcome, text):
            if words and not self.over:
                interruptible = profile.first_message_interruptible
                said = self.context.say()
                utterance = self.mouth.say(words, said=said, interruptible=interruptible, ready=ready)
                ready = None if ready in utterance.pieces else ready
        if ready is not None and ready.maker is not None:
            ready.maker.cancel()
        if welcome and succession.ends:
            self.finish("assistant-ended-call-after-message-spoken", "")
        elif not welcome and not text and profile.first_message_mode != "assistant-waits-for-user":
            self._floor.answer_now()

    # what the hooks and the watch ask

    def speak(self, text: str, interruptible: bool = True) -> Utterance | None:
        if not text.strip() or self.over:
            return None
        heeded = interruptible and not self._away  # nobody heeds a caller who is on the way elsewhere
        return self.mouth.say(text, said=self.context.say(), interruptible=heeded)

    def prompt(self, messages: Sequence[Message]) -> Reply | None:
        return None if self.over or self._away else self._floor.answer_now(messages)

    def add_message(self, message: Message, respond: bool) -> None:
        """Let the model know something; `respond`: and let it answer that, after what is being said."""
        if self._closed:
            return
        now = self._loop.time()
        self.context.add(message)
        content = message.get("content")
        if isinstance(content, str) and message.get("role") == "user":
            self.transcript.add_user(content, now, now)
        elif isinstance(content, str) and message.get("role") == "system":
            self.transcript.add_system(content, now)
        self.tell(ConversationChanged())
        if respond and not self.over:
            self._floor.answer_now()

    def send_on(self, destination: Mapping[str, Any]) -> None:
        """Say the destination's message (the usual one if it has none, nothing for ""), then transfer."""
        if self.over:
            return
        self._away = True
        message = content_of(destination.get("message"))
        text = TRANSFER_MESSAGE if message is None else message
        if not text.strip():
            self.transfer(destination)
            return
        utterance = self.mouth.say(text, said=self.context.say(), interruptible=False)
        utterance.on_end.append(lambda played: self.transfer(destination) if played else None)

    def busy(self) -> bool:
        return self._ears.speaking or not self._floor.quiet or self._away

    def speak_up(self, text: str) -> None:
        self.speak(self.render(text, {}))

    def silence_lasted(self) -> None:
        self.finish("silence-timed-out", self.render(self.member.profile.silence_message, {}))

    def time_is_up(self) -> None:
        self._farewell.now(self._farewell.reason or "exceeded-max-duration")

    # keypad and failure

    def _keypad_entry(self, digits: str) -> None:
        if self.over or self._away:
            return
        current = self.mouth.playout.current
        if current is not None and current.interruptible:
            self._floor.cut_off()
        self.add_message({"role": "user", "content": f"User's Keypad Entry: {digits}"}, respond=True)

    def engine_failed(self, error: EngineError | ModelError) -> None:
        if self._closed or self._failures.first is not None:
            return
        if self._prepared and self._floor.begun:
            self._failures.apologise(error)
        else:
            self._failures.first = error

    def _prompt(self, system: Sequence[Message]) -> list[Message]:
        return [{"role": m["role"], "content": self.render(m["content"], {})} for m in system]
