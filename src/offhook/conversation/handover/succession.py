"""Finding the next assistant, and seeing off the one that leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from offhook.conversation.active_assistant import EngineFactory, Member
from offhook.conversation.audio.caller_speech import Ear, Ears
from offhook.conversation.audio.playout_queue import Piece
from offhook.conversation.audio.synthesis import ahead
from offhook.conversation.events import World
from offhook.conversation.tools.tool_messages import SpokenMessage
from offhook.language.base import ModelError
from offhook.speech.base import EngineError

log = logging.getLogger(__name__)

Render = Callable[[str, Mapping[str, Any]], str]

HIRING_PATIENCE = 25.0
"""Seconds for another assistant to be found and to be ready."""


@dataclass(frozen=True, slots=True)
class Succession:
    """Who goes on with the conversation, and what with. `by_transfer`: the destination is a transferCall
    tool's. `learned`: variables. `message`: the tool's request-complete, said before the first message and in
    place of one that the model would make. `ready`: the first words with their sound."""

    member: Member
    destination: Mapping[str, Any]
    by_transfer: bool
    learned: Mapping[str, Any] = field(default_factory=dict)
    message: SpokenMessage | None = None
    ready: Piece | None = None

    @property
    def welcome(self) -> str:
        message = self.message
        return message.text if message is not None and message.role == "assistant" else ""

    @property
    def hint(self) -> str:
        """What the model that comes is told."""
        message = self.message
        return message.text if message is not None and message.role == "system" else ""

    @property
    def ends(self) -> bool:
        return self.message is not None and self.message.end_call_after


class Relay:
    """Every member but the one that speaks is known here, so that none is left open."""

    def __init__(self, world: World, engines: EngineFactory, ears: Ears, call_id: str) -> None:
        self._world = world
        self._engines = engines
        self._ears = ears
        self._call_id = call_id
        self._coming: list[Member] = []
        self._leaving: list[Member] = []
        self._rehearsing: set[asyncio.Task[None]] = set()

    async def hire(self, destination: Mapping[str, Any]) -> Member | None:
        """The assistant that a destination names, with its engines ready; None, with a line in the log, if
        there is none. It is to be welcomed with `joined` or sent away with `dismiss`."""
        try:
            async with asyncio.timeout(HIRING_PATIENCE):
                assistant = await self._world.assistant_for(destination)
                if assistant is None:
                    return None
                member = await Member.start(assistant, self._engines, Ear(self._ears))
        except (EngineError, ModelError, TimeoutError) as error:
            log.warning("call=%s the next assistant cannot come: %s", self._call_id, error)
        except Exception:
            log.exception("call=%s the next assistant cannot come", self._call_id)
        else:
            self._coming.append(member)
            return member
        return None

    def rehearse(self, succession: Succession, render: Render) -> Succession:
        """Let the voice that comes make its first words, while another is still heard."""
        member, profile = succession.member, succession.member.profile
        values = getattr(member.assistant, "variable_values", None) or {}
        assumed = {**values, **succession.learned, "assistant": {"name": profile.name}}
        opens = profile.first_message_mode == "assistant-speaks-first"
        text = succession.welcome or (render(profile.first_message, assumed).strip() if opens else "")
        ready = ahead(text, member.engines.voice, profile.chunks, profile.form)
        if ready is not None and ready.maker is not None:
            self._rehearsing.add(ready.maker)
            ready.maker.add_done_callback(self._rehearsed)
        return replace(succession, ready=ready)

    def _rehearsed(self, maker: asyncio.Task[None]) -> None:
        self._rehearsing.discard(maker)
        if not maker.cancelled() and maker.exception() is not None:
            log.warning("call=%s the next assistant's voice: %s", self._call_id, maker.exception())

    def joined(self, succession: Succession) -> None:
        """It speaks from now on."""
        self._coming.remove(succession.member)

    async def dismiss(self, succession: Succession) -> None:
        """It is not needed after all."""
        self._coming.remove(succession.member)
        if succession.ready is not None and succession.ready.maker is not None:
            succession.ready.maker.cancel()
        await self.see_off(succession.member)

    async def see_off(self, member: Member) -> None:
        """Close the engines of an assistant that has left; `close` does what was not finished."""
        self._leaving.append(member)
        await member.close()
        self._leaving.remove(member)

    async def close(self) -> None:
        for maker in self._rehearsing:
            maker.cancel()
        await asyncio.gather(*self._rehearsing, return_exceptions=True)
        others, self._coming, self._leaving = [*self._coming, *self._leaving], [], []
        await asyncio.gather(*(member.close() for member in others))
