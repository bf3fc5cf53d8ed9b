"""The assistants of one conversation: the one that speaks, those that come and those that leave."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from offhook.conversation.active_assistant import ActiveAssistant, EngineFactory
from offhook.conversation.audio.caller_speech import TranscriberListener
from offhook.conversation.audio.synthesis import ahead
from offhook.conversation.events import World
from offhook.conversation.handover.succession import Succession
from offhook.language.extraction import Render
from offhook.schema.tools.handoff import Successors
from offhook.speech.engine_protocols import EngineError

log = logging.getLogger(__name__)

START_PATIENCE = 25.0
"""Seconds for another assistant to be found and to be ready."""


class ActiveAssistants:
    """Knows every assistant with open engines, so that `close` closes them all. `first` speaks first."""

    def __init__(self, first: ActiveAssistant, engines: EngineFactory, world: World, call_id: str) -> None:
        self.current = first
        self._engines = engines
        self._world = world
        self._call_id = call_id
        self._coming: list[ActiveAssistant] = []
        self._leaving: list[ActiveAssistant] = []
        self._synthesizing: set[asyncio.Task[None]] = set()

    async def find(self, destination: Successors) -> ActiveAssistant | None:
        """The assistant that a destination names, with its engines ready; None, with a line in the log, if
        there is none. It either takes over (`take_over`) or is dismissed (`dismiss`)."""
        try:
            async with asyncio.timeout(START_PATIENCE):
                settings = await self._world.assistant_for(destination)
                if settings is None:
                    return None
                found = await ActiveAssistant.start(settings, self._engines, TranscriberListener())
        except (EngineError, TimeoutError) as error:
            log.warning("call=%s the next assistant cannot be started: %s", self._call_id, error)
        except Exception:
            log.exception("call=%s the next assistant cannot be started", self._call_id)
        else:
            self._coming.append(found)
            return found
        return None

    def synthesize_ahead(self, succession: Succession, render: Render) -> Succession:
        """Let the next assistant's voice make its first words, while another is still heard."""
        assistant, profile = succession.assistant, succession.assistant.profile
        values = getattr(assistant.settings, "variable_values", None) or {}
        assumed = {**values, **succession.learned, "assistant": {"name": profile.name}}
        opens = profile.first_message_mode == "assistant-speaks-first"
        text = succession.welcome or (render(profile.first_message, assumed).strip() if opens else "")
        ready = ahead(text, assistant.engines.voice, profile.chunks, profile.form)
        if ready is not None and ready.maker is not None:
            self._synthesizing.add(ready.maker)
            ready.maker.add_done_callback(self._synthesized)
        return replace(succession, ready=ready)

    def _synthesized(self, maker: asyncio.Task[None]) -> None:
        self._synthesizing.discard(maker)
        if not maker.cancelled() and maker.exception() is not None:
            log.warning("call=%s the next assistant's voice: %s", self._call_id, maker.exception())

    def take_over(self, succession: Succession) -> ActiveAssistant:
        """The next assistant speaks from now on. Returns the one before, to be closed by `retire`."""
        self._coming.remove(succession.assistant)
        left, self.current = self.current, succession.assistant
        self._leaving.append(left)
        return left

    async def dismiss(self, succession: Succession) -> None:
        """The next assistant is not needed after all: close its engines."""
        self._coming.remove(succession.assistant)
        self._leaving.append(succession.assistant)
        if succession.ready is not None and succession.ready.maker is not None:
            succession.ready.maker.cancel()
        await self.retire(succession.assistant)

    async def retire(self, assistant: ActiveAssistant) -> None:
        """Close the engines of an assistant that leaves; `close` does what was not finished."""
        await assistant.close()
        self._leaving.remove(assistant)

    async def close(self) -> None:
        for maker in self._synthesizing:
            maker.cancel()
        await asyncio.gather(*self._synthesizing, return_exceptions=True)
        others, self._coming, self._leaving = [*self._coming, *self._leaving], [], []
        await asyncio.gather(*(assistant.close() for assistant in [*others, self.current]))
