"""`Conversation`: one call's conversation from the first message to the last.

What its parts ask of each other stands in `stage.py`. At the end of each tick `hear` and `voice_activity` are
called: they never block nor raise."""

from __future__ import annotations

import asyncio

from offhook.conversation.active_assistant import Member
from offhook.conversation.context import Context
from offhook.conversation.hook_actions import conclude
from offhook.conversation.hooks import Hooks
from offhook.conversation.keypad import KeypadEntries
from offhook.conversation.reply import Reply
from offhook.conversation.stage import ConversationStage
from offhook.conversation.time_limits import Watch
from offhook.conversation.turn_taking import Floor
from offhook.conversation.turns import signals as turn

ERRAND_SECONDS = 3.0
"""For requests that nobody waits for to be made when the call is over."""


class Conversation(ConversationStage):
    """One call's conversation. Lives on one event loop: make it there, `prepare`, `begin`, and in any case
    `close`. `variables` fill templates through `render(text, variables)`, as they are at the time.
    `channel` is what it speaks and listens through, and is closed with it.
    `emergency`: a voice that speaks the apology when the assistant's own voice has failed; whoever gives it
    starts and closes it."""

    # the life of it

    async def prepare(self) -> None:
        """Start the engines and make the first message, so that it is heard as soon as media flow. Raises
        EngineError or ModelError; `ended_reason` names the call's endedReason."""
        self.member = await Member.start(self._assistant, self._engines, self._ears.current)
        profile = self.member.profile
        self.context = Context(self._prompt(profile.system))
        self._floor = Floor(self, self.member, self.context, self.transcript)
        self._keypad = KeypadEntries(profile.keypad, self._keypad_entry)
        self._ears.adopt(self.member.engines.transcriber, self.member.ear)
        self._prepared = True
        self.channel.listener = self
        if profile.first_message_mode == "assistant-speaks-first":
            text = self.render(profile.first_message, {}).strip()
            if text:
                interruptible = profile.first_message_interruptible
                said = self.context.say()
                opening = self.mouth.say(text, said=said, interruptible=interruptible, released=False)
                await self.mouth.first_piece(opening)
        elif profile.first_message_mode == "assistant-speaks-first-with-model-generated-message":
            self._floor.reply = Reply(self)
        if self._failures.first is not None:
            raise self._failures.first

    def begin(self) -> None:
        """Media flow: speak first, or listen."""
        floor, now = self._floor, self._loop.time()
        floor.begun = True
        for message in self.context.system:
            if message["role"] == "system":
                self.transcript.add_system(message["content"], now)
        self._watch = Watch(self.member.profile, self, self.rng)
        self._hooks = Hooks(self.member.profile.hooks, self, now)
        if self._failures.first is not None:
            self._failures.apologise(self._failures.first)
        elif floor.reply is not None:
            floor.feed(turn.Forced())
            floor.release(floor.reply)
        else:
            for opening in self.mouth.playout.all():
                opening.released = True

    async def conclude(self, reason: str) -> None:
        """The call has ended for `reason` and nobody hears anything any more: what hooks want done then."""
        if self._hooks is not None and not self._closed:
            await conclude(self._hooks.at_the_end(reason), reason, self)

    async def close(self) -> None:
        """End every task and engine. May be called at any time, and more than once."""
        if self._closed:
            return
        self._closed = True
        self.channel.close()
        self._farewell.close()
        if self._watch is not None:
            self._watch.close()
        if self._hooks is not None:
            self._hooks.close()
        if not self._prepared:
            return
        self._keypad.close()
        await self._floor.close()
        if self._errands:
            await asyncio.wait(self._errands, timeout=ERRAND_SECONDS)
        tasks = [*self._tasks, *self._errands]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._relay.close()
        await self.member.close()

    # the 20 ms tick

    def hear(self, heard: bytes, said: bytes) -> None:
        """20 ms of the caller and, beside it, of the assistant."""
        try:
            self._ears.hear(heard, said)
        except Exception:
            self._failures.broken("hearing")

    def voice_activity(self, probability: float) -> None:
        """How likely it is that the last 32 ms of the caller's sound are speech, 0 to 1."""
        try:
            self._ears.voice_activity(probability, self.channel.at)
        except Exception:
            self._failures.broken("voice activity")

    def keypad(self, digit: str) -> None:
        """A key that the caller pressed: 0-9, *, #, A-D."""
        self._keypad.press(digit)

    # from outside

    def say(self, text: str) -> None:
        """Say `text` after what is being said."""
        self.speak(text)

    def resume(self) -> None:
        """The call is back from a transfer that failed: go on listening."""
        self._away = False
        self.touch()
        self._floor.start_afresh()
