"""What the API asks of the calls that are up, where both are in one process."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel

from offhook.calls.calls import Calls
from offhook.schema.calls.call_watcher import CallWatcher
from offhook.schema.calls.monitored_call import MonitoredCall
from offhook.webhooks import Outbox


class LiveHere:
    """`api.services.Live` of this process."""

    def __init__(self, calls: Calls, outbox: Outbox) -> None:
        self._calls = calls
        self._outbox = outbox

    async def is_ready(self) -> bool:
        return self._calls.takes_calls()

    async def end_call(self, call_id: str) -> None:
        await self._calls.end_call(call_id)

    async def monitored(self, call_id: str) -> MonitoredCall | None:
        return self._calls.monitored(call_id)

    async def control(self, call_id: str, message: BaseModel) -> str | None:
        return await self._calls.control(call_id, message)

    async def watch(self, call_id: str, watcher: CallWatcher) -> Callable[[], None] | None:
        return self._calls.watch(call_id, watcher)

    async def forget(self, call_id: str) -> None:
        self._outbox.forget(call_id)

    def deliver(self) -> None:
        self._outbox.nudge()
