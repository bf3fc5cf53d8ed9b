"""Finding the next assistant, and seeing off the one that leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from offhook.conversation.ears import Ear, Ears
from offhook.conversation.events import World
from offhook.conversation.member import EngineFactory, Member
from offhook.language.base import ModelError
from offhook.speech.base import EngineError

log = logging.getLogger(__name__)

HIRING_PATIENCE = 25.0
"""Seconds for another assistant to be found and to be ready."""


class Relay:
    def __init__(self, world: World, engines: EngineFactory, ears: Ears, call_id: str) -> None:
        self._world = world
        self._engines = engines
        self._ears = ears
        self._call_id = call_id
        self._leaving: list[Member] = []

    async def hire(self, destination: Mapping[str, Any]) -> Member | None:
        """The assistant that a destination names, with its engines ready; None, with a line in the log, if
        there is none."""
        try:
            async with asyncio.timeout(HIRING_PATIENCE):
                assistant = await self._world.assistant_for(destination)
                if assistant is None:
                    return None
                return await Member.start(assistant, self._engines, Ear(self._ears))
        except (EngineError, ModelError, TimeoutError) as error:
            log.warning("call=%s the next assistant cannot come: %s", self._call_id, error)
        except Exception:
            log.exception("call=%s the next assistant cannot come", self._call_id)
        return None

    async def see_off(self, member: Member) -> None:
        """Close the engines of an assistant that has left; `close` does what was not finished."""
        self._leaving.append(member)
        await member.close()
        self._leaving.remove(member)

    async def close(self) -> None:
        leaving, self._leaving = self._leaving, []
        for member in leaving:
            await member.close()
