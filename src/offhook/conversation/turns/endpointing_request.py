"""The owner's server is asked how long to wait after what the caller said (`smartEndpointingPlan` with
`custom-endpointing-model`, vapi-wire §4.5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from offhook.conversation.events import World
from offhook.schema.server import Server

log = logging.getLogger(__name__)

ASK_SECONDS = 2.0
"""A server that takes longer is not waited for."""


class EndpointingRequest:
    """One question at a time, about the last words. `known` is called when the answer, or none, has come."""

    def __init__(self, world: World, known: Callable[[], None]) -> None:
        self._world = world
        self._known = known
        self._words: str | None = None
        self._seconds: float | None = None
        self._question: asyncio.Task[None] | None = None

    def wait_after(self, words: str, server: Server | None) -> float | None:
        """Seconds from the end of the caller's speech; None if the server does not say. While it is being
        asked, longer than it may take."""
        if words != self._words:
            self.close()
            self._words, self._seconds = words, None
            self._question = asyncio.get_running_loop().create_task(self._ask(words, server))
        return self._seconds if self._question is None else 2 * ASK_SECONDS

    def close(self) -> None:
        if self._question is not None:
            self._question.cancel()
            self._question = None

    async def _ask(self, words: str, server: Server | None) -> None:
        seconds: float | None = None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                seconds = await self._world.endpointing(server)
        except TimeoutError:
            log.warning("the endpointing server took too long")
        except Exception:
            log.exception("asking the endpointing server failed")
        if words == self._words:
            self._seconds, self._question = seconds, None
            self._known()
