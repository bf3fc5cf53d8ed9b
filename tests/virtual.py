"""An event loop whose clock jumps: when nothing is ready to run, time moves to the next timer at once.

A whole call with its ten-second waits runs in milliseconds and is the same every time. Time stands still
while a thread of `asyncio.to_thread` works. Only for code that does no real I/O: a socket that would wake the
loop is not waited for."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, ParamSpec, TypeVar, cast

from tests.machine import PATIENCE

T = TypeVar("T")
P = ParamSpec("P")


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set: the test would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Polls real file descriptors without waiting and moves the loop's time by the wait it was asked for."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.threads:
            return super().select(PATIENCE)
        if timeout is None:
            raise Deadlock("nothing is ready and no timer is set")
        self.loop.advance(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self._virtual_time = 0.0
        self.threads = 0
        """What was handed to threads and is not back yet."""
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual_time

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._came_back)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """`timeout`: from Python 3.12 on there is one. Here it cannot pass."""
        self.threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.threads -= 1

    def _came_back(self, future: object) -> None:
        self.threads -= 1

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """A moment that has passed gives a plain Handle, as uvloop's `call_at` does."""
        if when <= self.time():
            return cast("asyncio.TimerHandle", self.call_soon(callback, *args, context=context))
        return super().call_at(when, callback, *args, context=context)

    def advance(self, seconds: float) -> None:
        # One clock resolution more, so that a timer set for exactly this moment is due.
        self._virtual_time += max(seconds, 0.0) + 1e-9


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a fresh VirtualLoop; raises Deadlock if it can never end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def story(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that runs on a fresh VirtualLoop."""

    @functools.wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        run_virtual(test(*arguments, **named))

    return run
