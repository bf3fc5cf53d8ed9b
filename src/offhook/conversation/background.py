"""Tasks of a conversation that nobody waits for while it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

ERRAND_SECONDS = 3.0
"""For requests that nobody waits for to be made when the call is over."""

Work = Coroutine[Any, Any, None]


class BackgroundTasks:
    """`ended` is called with each task when it has ended, however it did."""

    def __init__(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self, work: Work) -> None:
        """It is cancelled at the end of the call."""
        self._start(work, self._tasks)

    def errand(self, work: Work) -> None:
        """The end of the call waits for it a little while."""
        self._start(work, self._errands)

    def _start(self, work: Work, tasks: set[asyncio.Task[None]]) -> None:
        if self._closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(self._ended)

    def refuse(self) -> None:
        """Start nothing any more."""
        self._closed = True

    async def close(self) -> None:
        self.refuse()
        if self._errands:
            await asyncio.wait(self._errands, timeout=ERRAND_SECONDS)
        tasks = [*self._tasks, *self._errands]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
