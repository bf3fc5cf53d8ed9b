"""Presence of this node among the others: it shows that it lives, checks that the database can be written,
and detects dead nodes.

Each node increments a counter in the database. A node that sees another's counter unchanged over several of
its own looks takes that node for dead, ends the calls that it held and reports them. Looks are counted and
not clocks, so that neither a wrong clock nor a database outage makes a node seem dead. A node that was only
paused finds its row gone when it resumes, and hangs up the calls that others have ended. Nothing is written
twice: a call that has ended is not written again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from offhook.network import words_of
from offhook.store import Database

BEAT_SECONDS: Final = 5.0

AGAIN_SECONDS: Final = 1.0
"""Seconds until the next beat after one that could not be written."""

BEAT_WITHIN_SECONDS: Final = 3.0
"""Seconds for a beat to be written. After that the database counts as unavailable."""

LOOKS: Final = 6
"""How many looks in a row find the counter of a dead node unchanged: with the interval above, half a
minute."""

_log = logging.getLogger(__name__)


class Presence:
    """`end_calls_of` ends and reports the calls of another node. `held` gives the calls that are up here,
    `hang_up` ends one of them that another node has ended already."""

    def __init__(
        self,
        database: Database,
        node: str,
        *,
        end_calls_of: Callable[[str], Awaitable[int]],
        held: Callable[[], Collection[str]],
        hang_up: Callable[[str], None],
    ) -> None:
        self._database = database
        self._node = node
        self._end_calls_of = end_calls_of
        self._held = held
        self._hang_up = hang_up
        self._beat = 0
        self._seen: dict[str, tuple[int | None, int]] = {}
        self._doubted = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._ready = False

    def is_ready(self) -> bool:
        """Whether the last beat was written."""
        return self._ready

    async def start(self) -> None:
        """Raises StoreError."""
        async with self._database.transaction() as tx:
            self._beat = await tx.nodes.enter(self._node)
        self._ready = True
        self.task = asyncio.create_task(self._run(), name="presence")

    def doubt(self) -> None:
        """The database could not be reached: beat at once."""
        self._doubted.set()

    async def close(self) -> None:
        """Removes this node from the list. Called when it holds no calls any more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        try:
            async with asyncio.timeout(BEAT_WITHIN_SECONDS), self._database.transaction() as tx:
                await tx.nodes.leave(self._node, self._beat)
        except Exception as error:  # who looks finds no calls of it
            _log.warning("the node could not be removed from the list: %s", words_of(error))

    async def _run(self) -> None:
        while True:
            await self._pause()
            try:
                async with asyncio.timeout(BEAT_WITHIN_SECONDS):
                    self._doubted.clear()
                    await self._go_on()
            except Exception as error:
                if self._ready:
                    _log.error("not ready: the database is unavailable: %s", words_of(error))
                self._ready = False
                continue
            if not self._ready:
                _log.warning("ready again: the database is available")
            self._ready = True
            await self._look()

    async def _pause(self) -> None:
        if not self._ready:
            await asyncio.sleep(AGAIN_SECONDS)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEAT_SECONDS):
                await self._doubted.wait()

    async def _go_on(self) -> None:
        async with self._database.transaction() as tx:
            beat = await tx.nodes.beat(self._node, self._beat)
            lost = beat is None
            if beat is None:
                beat = await tx.nodes.enter(self._node)
        self._beat = beat
        if lost:
            await self._let_go()

    async def _let_go(self) -> None:
        """Other nodes took this node for dead: drop the calls that they have ended."""
        async with self._database.reading() as tx:
            taken = await tx.nodes.taken(self._held())
        _log.error("other nodes took this node for dead and ended its calls: %d", len(taken))
        for call_id in taken:
            self._hang_up(call_id)

    async def _look(self) -> None:
        """Looks at the other nodes. What fails is tried again at the next look."""
        try:
            async with self._database.reading() as tx:
                holders = await tx.nodes.holders()
            holders.pop(self._node, None)
            self._seen = {name: self._looked_at(name, beat) for name, beat in holders.items()}
            for name, (beat, looks) in self._seen.items():
                if looks >= LOOKS:
                    await self._take(name, beat)
        except Exception:
            _log.exception("the other nodes could not be checked")

    def _looked_at(self, name: str, beat: int | None) -> tuple[int | None, int]:
        before, looks = self._seen.get(name, (beat, 0))
        return (beat, looks + 1) if before == beat else (beat, 1)

    async def _take(self, name: str, beat: int | None) -> None:
        async with self._database.transaction() as tx:
            gone = await tx.nodes.leave(name, beat)
        self._seen[name] = (None, 0)
        if gone:
            _log.warning("node %s is dead: this node ends and reports its calls", name)
            await self._end_calls_of(name)
