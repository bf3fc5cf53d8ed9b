"""An answer without an end: events as they happen (server-sent events, as in the HTML Standard)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from offhook.schema.calls.call_watcher import LOST, CallEvent

MOST_WAITING: Final = 256
"""Events that wait for a listener. One who is further behind is dropped, and never waited for."""

QUIET_SECONDS: Final = 15.0
"""After so long without an event a comment is sent: proxies close what is silent, and a listener who has gone
is noticed."""

_COMPLETE: Final = CallEvent("end", '{"type": "end", "complete": true}')
_BEHIND: Final = CallEvent("end", '{"type": "end", "complete": false}')

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Feed:
    """What waits for one listener. `take` gets each event; None or LOST: there are no more."""

    def __init__(self) -> None:
        self._waiting: deque[CallEvent] = deque()
        self._news = asyncio.Event()
        self._is_over = False
        self.is_behind = False

    def take(self, event: CallEvent | None) -> None:
        if self._is_over:
            return
        if event is not None and event != LOST and len(self._waiting) < MOST_WAITING:
            self._waiting.append(event)
        else:
            self._is_over, self.is_behind = True, event is not None
        self._news.set()

    async def next(self) -> CallEvent | None:
        """Waits for the next event; None once there are no more. What comes just when the wait is given up is
        the next one's."""
        while not self._waiting and not self._is_over:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft() if self._waiting else None


class ServerSentEvents(Response):
    """`first`, then what the feed gets, then `end`. `left` is called when nobody listens any more."""

    media_type = "text/event-stream"

    def __init__(self, first: CallEvent, feed: Feed, left: Callable[[], None]) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._first = first
        self._feed = feed
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send, scope["method"] == "HEAD"))
        leaving = asyncio.create_task(_has_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            leaving.cancel()
            self._left()

    async def _send(self, send: Send, is_head: bool) -> None:
        async def put(text: str, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": more})

        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if is_head:
            await put("", False)
            return
        await put(_written(self._first))
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    event = await self._feed.next()
            except TimeoutError:
                await put(": nothing new\n\n")
                continue
            if event is None:
                break
            await put(_written(event))
        await put(_written(_BEHIND if self._feed.is_behind else _COMPLETE), False)


def _written(event: CallEvent) -> str:
    return f"event: {event.type}\ndata: {event.document}\n\n"


async def _has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
