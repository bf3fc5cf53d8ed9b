"""`Conversation`: one call's conversation from the first message to the last. It builds its parts, gives each
what it needs, and does what concerns them all: handing over, ending."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from offhook.conversation.active_assistant import ActiveAssistant, EngineFactory
from offhook.conversation.audio.caller_speech import CallerSpeech, TranscriberListener
from offhook.conversation.audio.spoken_utterance import Delivery
from offhook.conversation.audio.synthesis import Synthesis
from offhook.conversation.background import BackgroundTasks
from offhook.conversation.context import Context
from offhook.conversation.course import Course
from offhook.conversation.engine_failures import Apology, EngineFailures
from offhook.conversation.event_feed import EventFeed
from offhook.conversation.events import Event, HandedOver, World
from offhook.conversation.farewell import Farewell
from offhook.conversation.handover.active_assistants import ActiveAssistants
from offhook.conversation.handover.context_plan import arrange
from offhook.conversation.handover.succession import Succession
from offhook.conversation.hooks import hook_actions, hooks
from offhook.conversation.hooks.live_control import LiveControl
from offhook.conversation.interjections import Interjections
from offhook.conversation.keypad import KeypadEntries
from offhook.conversation.time_limits import FOLLOWED, TimeLimits
from offhook.conversation.tools.tool_context import ToolContext
from offhook.conversation.transcript import ConversationTranscript
from offhook.conversation.transcript_writer import TranscriptWriter
from offhook.conversation.turn_taking import TurnTaking
from offhook.json_document import Variables
from offhook.language.extraction import Render
from offhook.language.language_model import Message
from offhook.media.channel import Channel
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.assistants.hook import HookAction
from offhook.schema.tools.destination import CallDestination
from offhook.speech.engine_protocols import Voice


class Conversation:
    """Made by `start`, then `begin`, and in any case `close`, all on one event loop. At the end of each tick
    `hear` is called, and what tells of the caller's voice: they never block nor raise."""

    @classmethod
    async def start(
        cls,
        *,
        assistant: Assistant,
        engines: EngineFactory,
        world: World,
        variables: Variables,
        render: Render,
        tell: Callable[[Event], None],
        rng: random.Random,
        channel: Channel,
        emergency: Voice | None = None,
        call_id: str = "",
    ) -> Conversation:
        """With the engines started and the first message made, so that it is heard as soon as media flow.
        Raises EngineError (`ended_reason` names the call's endedReason), with nothing left
        open.

        `variables` fill templates through `render(text, variables)`, as they are at the time. `channel` is
        what it speaks and listens through, and is closed with it. `emergency`: a voice that speaks the
        apology when the assistant's own voice has failed; whoever gives it starts and closes it."""

        def filled(text: str, more: Variables) -> str:
            return render(text, {**variables, **more} if more else variables)

        try:
            first = await ActiveAssistant.start(assistant, engines, TranscriberListener())
        except BaseException:
            channel.close()
            raise
        conversation = cls(first, engines, world, filled, tell, rng, channel, emergency, call_id)
        try:
            await conversation._make_first_message()
        except BaseException:
            await conversation.close()
            raise
        return conversation

    def __init__(
        self,
        first: ActiveAssistant,
        engines: EngineFactory,
        world: World,
        render: Render,
        tell: Callable[[Event], None],
        rng: random.Random,
        channel: Channel,
        emergency: Voice | None,
        call_id: str,
    ) -> None:
        """`first`: the assistant that speaks first, its engines started."""
        profile = first.profile
        self.channel = channel
        self.transcript = ConversationTranscript()
        self.context = Context(_filled(profile.system, render))
        self.render = render
        self._course = Course()
        self._failures = EngineFailures(call_id)
        self._events = EventFeed(tell, self._failures.log_exception)
        self._writer = TranscriptWriter(self.transcript, self._events.tell)
        self._tasks = BackgroundTasks(self._failures.log_ended_task)
        self._assistants = ActiveAssistants(first, engines, world, call_id)
        self._farewell = Farewell(world, self._course, self.context)
        tools = ToolContext(
            assistants=self._assistants,
            context=self.context,
            writer=self._writer,
            world=world,
            rng=rng,
            render=render,
            errand=self._tasks.errand,
            finish=self.finish,
            transfer=self._transfer,
            hand_over=self._hand_over,
        )
        self._turn_taking = TurnTaking(
            self._course,
            tools,
            self.transcript,
            channel,
            tell=self._events.tell,
            failed=self._failures.report,
            played_out=self._farewell.played_out,
        )
        self._interjections = Interjections(
            self._course, self.context, self._writer, self._turn_taking, world
        )
        self._caller_speech = CallerSpeech(
            first.engines.transcriber,
            first.listener,
            self._turn_taking,
            self._events.tell,
            self.transcript.bot_heard_between,
            self._failures.report,
        )
        self._keypad = KeypadEntries(profile.keypad, self._keypad_entry)
        self._time_limits = TimeLimits(
            profile,
            rng,
            busy=self._busy,
            say_idle_message=lambda text: self.say(render(text, {})),
            silent=self._silence_lasted,
            time_is_up=self._time_is_up,
        )
        self._events.follow(FOLLOWED, self._time_limits.follow)
        self._hook_context = hook_actions.HookContext(
            self._course,
            tools,
            self._interjections,
            self._synthesis,
            self.transcript,
            self._tasks,
            self._busy,
        )
        self._hooks = hooks.Hooks(self._hook_context)
        self._events.follow(hooks.FOLLOWED, self._hooks.follow)
        self._apology = Apology(
            self._failures,
            self._assistants,
            self._turn_taking,
            self._farewell,
            self._events.tell,
            self.finish,
            emergency,
            call_id,
        )
        self.live_control = LiveControl(
            self._course,
            self._assistants,
            self._interjections,
            self._turn_taking,
            channel,
            self._tasks,
            render,
            self.finish,
            self._hand_over,
        )
        channel.listener = self

    @property
    def assistant(self) -> ActiveAssistant:
        """The one that speaks."""
        return self._assistants.current

    # the life of it

    async def _make_first_message(self) -> None:
        """Raises EngineError."""
        profile = self.assistant.profile
        if profile.first_message_mode == "assistant-speaks-first":
            text = self.render(profile.first_message, {}).strip()
            if text:
                interruptible = profile.first_message_interruptible
                said = self.context.say()
                opening = self._synthesis.say(
                    text, said=said, interruptible=interruptible, delivery=Delivery.HELD
                )
                await self._synthesis.first_piece(opening)
        elif profile.first_message_mode == "assistant-speaks-first-with-model-generated-message":
            self._turn_taking.prepare_first_reply()
        if self._failures.first is not None:
            raise self._failures.first

    def begin(self) -> None:
        """Media flow: speak first, or listen."""
        self._writer.prompt(self.context.system)
        self._time_limits.start()
        self._hooks.start(self.assistant.profile.hooks)
        self._failures.attend(self._apology.make)
        self._turn_taking.begin()

    async def conclude(self, reason: str) -> None:
        """The call has ended for `reason` and nobody hears anything any more: what hooks want done then."""
        if not self._course.closed:
            await hook_actions.conclude(self._hooks.at_the_end(reason), reason, self._hook_context)

    async def close(self) -> None:
        """End every task and engine. May be called at any time, and more than once."""
        if self._course.closed:
            return
        self._course.close()
        self._tasks.refuse()
        self.channel.close()
        self._farewell.close()
        self._time_limits.close()
        self._hooks.close()
        self._keypad.close()
        await self._turn_taking.close()
        await self._tasks.close()
        await self._assistants.close()

    # the 20 ms tick

    def hear(self, heard: bytes, said: bytes) -> None:
        """20 ms of the caller and, beside it, of the assistant."""
        try:
            self._caller_speech.hear(heard, said)
        except Exception:
            self._failures.log_exception("hearing")

    def voice_began(self, at: float) -> None:
        self._take_voice(self._caller_speech.voice_began, at)

    def voice_went_on(self, seconds: float) -> None:
        self._take_voice(self._caller_speech.voice_went_on, seconds)

    def voice_ended(self, at: float) -> None:
        self._take_voice(self._caller_speech.voice_ended, at)

    def _take_voice(self, take: Callable[[float], None], given: float) -> None:
        try:
            take(given)
        except Exception:
            self._failures.log_exception("voice activity")

    def keypad(self, digit: str) -> None:
        """A key that the caller pressed: 0-9, *, #, A-D."""
        self._keypad.press(digit)

    def _keypad_entry(self, digits: str) -> None:
        if not self._course.listening:
            return
        current = self._synthesis.playout.current
        if current is not None and current.interruptible:
            self._turn_taking.cut_off()
        self.add_message({"role": "user", "content": f"User's Keypad Entry: {digits}"}, respond=True)

    # from outside

    def own(self, words: str) -> str:
        """Some of `own_words.py` as the assistant that is speaking says them; "" if it does not."""
        return self._assistants.current.profile.own(words)

    def say(self, text: str, interruptible: bool = True) -> None:
        """Say `text` after what is being said."""
        self._interjections.say(text, interruptible)

    def add_message(self, message: Message, respond: bool) -> None:
        """Let the model know something; `respond`: and let it answer that, after what is being said."""
        self._interjections.add(message, respond)

    def send_on(self, destination: CallDestination) -> None:
        """Say the destination's message (the usual one if it has none, nothing for ""), then transfer."""
        self._interjections.send_on(destination)

    def resume(self) -> None:
        """The call is back from a transfer that failed: go on listening."""
        self._course.come_back()
        self._time_limits.touch()
        self._turn_taking.restart()

    # the end

    def finish(self, reason: str, message: str) -> None:
        """End the call for `reason` when what is queued, and `message` as it is, have been played; unless a
        hook hands the caller on instead."""
        if self._course.closed:
            return
        self._turn_taking.wind_up()
        instead = () if self._course.over else self._hooks.rescue(reason)
        if instead:
            self._course.go_away()
            self._tasks.start(self._rescue(instead, reason, message))
        else:
            reply = self._turn_taking.reply
            marks = reply.unvoiced if reply is not None else None
            self._farewell.say(reason, message, self._synthesis, marks)

    async def _rescue(self, instead: Sequence[HookAction], reason: str, message: str) -> None:
        """Hand the caller on in place of an end; if that cannot even be begun, it is the end after all."""
        try:
            await hook_actions.perform(instead, self._hook_context)
        except Exception:
            self._failures.log_exception("a hook on the end of the call")
            self._course.come_back()
            self.finish(reason, message)

    def _busy(self) -> bool:
        return self._caller_speech.speaking or not self._turn_taking.idle or self._course.away

    def _silence_lasted(self) -> None:
        message = self.assistant.profile.silence_message
        self.finish("silence-timed-out", self.render(message, {}))

    def _time_is_up(self) -> None:
        self._farewell.hang_up(self._farewell.reason or "exceeded-max-duration")

    # handing over

    @property
    def _synthesis(self) -> Synthesis:
        return self._turn_taking.synthesis

    def _transfer(self, destination: CallDestination) -> None:
        self._interjections.transfer(destination)

    def _hand_over(self, succession: Succession) -> None:
        """Another assistant goes on with the conversation."""
        left, assistant = self._assistants.take_over(succession), succession.assistant
        profile, destination = assistant.profile, succession.destination
        names = left.profile.name, profile.name
        self._events.tell(HandedOver(*names, destination, assistant.settings, succession.learned))
        prompt = _filled(profile.system, self.render)
        self.context.rewrite(*arrange(destination, self.context, prompt))
        if succession.hint:
            self.context.add({"role": "system", "content": succession.hint})
        self._turn_taking.adopt(assistant)
        self._keypad.adopt(profile.keypad)
        self._time_limits.adopt(profile)
        self._hooks.adopt(profile.hooks)
        self._tasks.start(self._assistants.retire(left))
        self._say_first_words(succession)
        self._caller_speech.adopt(assistant.engines.transcriber, assistant.listener)

    def _say_first_words(self, succession: Succession) -> None:
        """Those of an assistant that has taken over."""
        welcome, profile, ready = succession.welcome, succession.assistant.profile, succession.ready
        speaks_first = profile.first_message_mode == "assistant-speaks-first"
        text = self.render(profile.first_message, {}).strip() if speaks_first else ""
        for words in (welcome, text):
            if words and not self._course.over:
                interruptible = profile.first_message_interruptible
                said = self.context.say()
                utterance = self._synthesis.say(words, said=said, interruptible=interruptible, ready=ready)
                ready = None if ready in utterance.pieces else ready
        if ready is not None and ready.maker is not None:
            ready.maker.cancel()
        if welcome and succession.ends:
            self.finish("assistant-ended-call-after-message-spoken", "")
        elif not welcome and not text and profile.first_message_mode != "assistant-waits-for-user":
            self._turn_taking.answer_now()


def _filled(prompt: Sequence[Message], render: Render) -> list[Message]:
    return [{"role": m["role"], "content": render(m["content"], {})} for m in prompt]
