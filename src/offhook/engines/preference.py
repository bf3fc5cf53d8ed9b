"""Several engines for one thing, and which of them is in charge: what is the same of every fallback plan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from offhook.engines.circuits import Circuit
from offhook.speech.engine_protocols import EngineError, closing

log = logging.getLogger(__name__)


class Closable(Protocol):
    @property
    def provider(self) -> str: ...

    async def close(self) -> None: ...


E = TypeVar("E", bound=Closable)
T = TypeVar("T")


class Preference(Generic[E]):
    """Engines in the order of preference; `start` starts the one at a place. Whoever is in charge stays so
    until it fails. `circuits`: where it is kept how each has done; () for nowhere."""

    def __init__(
        self,
        engines: Sequence[E],
        start: Callable[[int], Awaitable[None]],
        circuits: Sequence[Circuit] = (),
    ) -> None:
        self.engines = list(engines)
        self._circuits = circuits or [Circuit() for _ in engines]
        self.at = 0
        self._start = start
        self._started: set[int] = set()
        self._one_at_a_time = asyncio.Lock()

    @property
    def current(self) -> E:
        return self.engines[self.at]

    def has_after(self, at: int) -> bool:
        return at + 1 < len(self.engines)

    async def take(self, at: int) -> None:
        """Put the first that starts in charge, from `at` on, unless one behind it is already. Raises the
        EngineError of the last one if none starts."""
        async with self._one_at_a_time:
            while True:
                self.at = at = max(at, self.at)
                try:
                    if at not in self._started:
                        await self._start(at)
                        self._started.add(at)
                    return
                except EngineError as error:
                    self.failed(at, error)
                    if not self.has_after(at):
                        raise
                    at += 1

    async def first_that_gives(
        self, ask: Callable[[E], AsyncIterator[T]], ends: Callable[[T], bool] = lambda _: False
    ) -> AsyncGenerator[T, None]:
        """What `ask` brings of the engine in charge. One that fails before it has given anything is followed
        by the next; afterwards its EngineError is raised. Where an item `ends` something, nothing of what
        follows has been given yet."""
        while True:
            at, given = self.at, False
            try:
                async with closing(ask(self.engines[at])) as items:
                    async for item in items:
                        given = not ends(item)
                        yield item
                self.worked(at)
                return
            except EngineError as error:
                self.failed(at, error)
                if given or not self.has_after(at):
                    raise
            await self.take(at + 1)

    def failed(self, at: int, error: EngineError) -> None:
        self._circuits[at].failed(error)
        if self.has_after(at):
            log.warning("falling back to the next %s: %s", error.stage, error.unquoted)

    def worked(self, at: int) -> None:
        self._circuits[at].worked()

    async def close_one(self, at: int) -> None:
        self._started.discard(at)
        await self.engines[at].close()

    async def close(self) -> None:
        """All that are started, and the one that is about to be, together: one that hangs holds up no other.
        Raises what the first of them raises, once all have ended."""
        places = sorted({*self._started, self.at})
        ends = await asyncio.gather(*map(self.close_one, places), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
