"""Running what the model called: one `ToolRun` for the calls of one answer (vapi-wire §6, §7)."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from offhook.conversation.audio.spoken_utterance import SpokenUtterance
from offhook.conversation.context import Said
from offhook.conversation.events import ToolOutcome
from offhook.conversation.own_words import ONE_MOMENT
from offhook.conversation.tools.rejection import rejected
from offhook.conversation.tools.tool_context import ToolContext
from offhook.conversation.tools.tool_kind import ToolKind
from offhook.conversation.tools.tool_kinds import kind_of
from offhook.conversation.tools.tool_messages import (
    MessageKind,
    SpokenMessage,
    delayed_messages,
    pick_message,
)
from offhook.conversation.tools.toolbox import Toolbox
from offhook.language.language_model import Message, ToolCall
from offhook.schema.tools.tool import AnyTool

log = logging.getLogger(__name__)

TOOL_PATIENCE = 320.0
"""Seconds; tools have their own, shorter timeouts (at most 300 s)."""
SPEAKING_PATIENCE = 60.0
"""Seconds for a message to be spoken before something that waits for it goes on regardless."""


class Speaker(Protocol):
    """The reply that the tools belong to."""

    @property
    def abandoned(self) -> bool:
        """Has it been given up, so that nothing more is to be said for it?"""
        ...

    def utter(self, text: str, said: Said | None, interruptible: bool = True) -> SpokenUtterance: ...

    def unheard(self) -> SpokenUtterance | None:
        """The last that it has to say, if that was not yet heard to its end."""
        ...


class ActingTool(ToolKind, ABC):
    """A tool by which the conversation itself goes another way."""

    @abstractmethod
    async def act(self, run: ToolRun, tool: AnyTool, call: ToolCall) -> None: ...


class ToolRun:
    def __init__(
        self,
        context: ToolContext,
        reply: Speaker,
        said: Said,
        calls: Sequence[ToolCall],
        own: Toolbox | None = None,
    ) -> None:
        """`own`: tools that are not the assistant's, as a hook has. Nobody waits for those, so that nothing
        is said while they run but their own messages."""
        self._own = own
        self.context = context
        self._reply = reply
        self._said = said
        self._calls = calls
        self.assistant = context.assistant
        self.history: list[Message] = []  # what had been said before the model called
        self._ask_model = False
        self._leaves = False
        self._announced = {said.text.strip()} - {""}  # words before the tools run; each is said once

    @property
    def said_something(self) -> bool:
        """Has the assistant spoken since the caller did?"""
        for message in reversed(self.context.context.messages()):
            if message["role"] == "user":
                return False
            if message["role"] == "assistant" and message.get("content"):
                return True
        return False

    async def run(self) -> bool:
        """Run all calls, those that can at the same time; True if the model is to be asked again."""
        self.history = self.context.context.history()
        self._said.calls = self.context.writer.calls(self._calls)
        await asyncio.gather(*(self._run_one(call) for call in self._said.calls))
        return self._ask_model and not self._leaves

    async def _run_one(self, call: ToolCall) -> None:
        tool = (self._own or self.assistant.toolbox).find(call.name)
        refusal = await self._refusal(tool, call)
        if tool is None or refusal:
            self.result(call, refusal)
            self._ask_model = True
            return
        kind = kind_of(tool)
        if isinstance(kind, ActingTool):
            await kind.act(self, tool, call)
        elif tool.async_:
            self._run_unwatched(tool, call)
        else:
            await self._run_watched(tool, call)

    async def _refusal(self, tool: AnyTool | None, call: ToolCall) -> str:
        """Why the model is asked to do something else; empty if it may go ahead."""
        if tool is None:
            return f"There is no tool named {call.name}."
        if call.problem:
            return call.problem
        if await rejected(tool, self.history, self.context.render):
            return "This is not to be done at this point of the conversation."
        return ""

    # what tools that act make use of

    def leave(self) -> None:
        """The call ends, or goes elsewhere: there is nobody to answer."""
        self._leaves = True

    def refused(self, tool: AnyTool, call: ToolCall, error: str) -> None:
        self._conclude(tool, call, ToolOutcome(error=error))

    # tools that live elsewhere

    def _run_unwatched(self, tool: AnyTool, call: ToolCall) -> None:
        """An async tool: its answer is not waited for and not used."""

        async def run() -> None:
            await self._outcome(tool, call)

        self.context.errand(run())
        self._conclude(tool, call, ToolOutcome(result="The request was sent."))

    async def _run_watched(self, tool: AnyTool, call: ToolCall) -> None:
        start = self.pick(tool, "request-start", call)
        if start is not None:
            self.announce(start.text, interruptible=True)
            if start.blocking:
                await self.heard_out()
        elif not (self._own or self._announced) and (fillers := kind_of(tool).fillers):
            self._fill(fillers)
        with self.delays(tool, call):
            outcome = await self._outcome(tool, call)
        self._conclude(tool, call, outcome)

    def _fill(self, fillers: Sequence[str]) -> None:
        """In another language than English there is one of them, or none."""
        profile = self.assistant.profile
        words = self.context.rng.choice(fillers) if profile.own_language is None else profile.own(ONE_MOMENT)
        if words:
            self.announce(words, interruptible=True)

    @contextmanager
    def delays(self, tool: AnyTool, call: ToolCall) -> Iterator[None]:
        """Words for a caller who is kept waiting inside of this."""
        loop, context = asyncio.get_running_loop(), self.context
        language = self.assistant.profile.language
        delays = delayed_messages(tool, call, context.rng, context.render, language)
        timers = [loop.call_later(each.delay, self._say_delayed, each) for each in delays]
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()

    def _say_delayed(self, message: SpokenMessage) -> None:
        if message.text and not self._reply.abandoned:
            self._reply.utter(message.text, None)

    async def _outcome(self, tool: AnyTool, call: ToolCall) -> ToolOutcome:
        try:
            async with asyncio.timeout(TOOL_PATIENCE):
                return await self.context.world.run_tool(tool, call)
        except TimeoutError:
            return ToolOutcome(error="The tool did not answer in time.")
        except Exception:
            log.exception("running the tool %s failed", call.name)
            return ToolOutcome(error="The tool could not be run.")

    def _conclude(self, tool: AnyTool, call: ToolCall, outcome: ToolOutcome) -> None:
        """Note the result and find what is said about it: the answer's own message, else the tool's, else
        what the model makes of it."""
        failed = outcome.error is not None
        self.result(call, (outcome.error if failed else outcome.result) or "")
        if outcome.hint is not None:
            self._speak(SpokenMessage(outcome.hint, role="system"))
            return
        if outcome.message is not None:
            self._speak(SpokenMessage(outcome.message, end_call_after=outcome.end_call_after))
            return
        message = self.pick(tool, "request-failed" if failed else "request-complete", call)
        if message is not None:
            self._speak(message)
        else:
            self._ask_model = True

    def _speak(self, message: SpokenMessage) -> None:
        """Say it, or tell the model, which then speaks."""
        if message.role == "system":
            self.context.context.add({"role": "system", "content": message.text})
            self._ask_model = True
        elif message.end_call_after:
            self._leaves = True
            self.context.finish("assistant-ended-call-after-message-spoken", message.text)
        elif message.text and not self._reply.abandoned:
            self._reply.utter(message.text, self.context.context.say())

    def announce(self, text: str, interruptible: bool = False) -> None:
        """Say that something is about to be done, unless just that has been said: calls of one answer often
        have the same words."""
        if text.strip() and text.strip() not in self._announced:
            self._announced.add(text.strip())
            self._reply.utter(text, None, interruptible)

    async def heard_out(self) -> None:
        """Wait until all that the reply has to say so far was heard, or cut short."""
        await heard_out(self._reply.unheard())

    def result(self, call: ToolCall, result: str) -> None:
        self._said.results[call.id] = result
        self.context.writer.result(call, result)

    def pick(self, tool: AnyTool, kind: MessageKind, call: ToolCall) -> SpokenMessage | None:
        context, language = self.context, self.assistant.profile.language
        return pick_message(tool, kind, call, context.rng, context.render, language)


async def heard_out(utterance: SpokenUtterance | None) -> None:
    """Wait until it was heard, or cut short."""
    if utterance is None:
        return
    ended = asyncio.Event()
    utterance.on_end.append(lambda _: ended.set())
    try:
        async with asyncio.timeout(SPEAKING_PATIENCE):
            await ended.wait()
    except TimeoutError:
        log.warning("an utterance was not spoken within %g s", SPEAKING_PATIENCE)
