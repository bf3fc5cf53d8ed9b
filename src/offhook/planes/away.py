"""What the API asks of the calls that are up, where these are in other processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final

from offhook.planes.link import Asking, Away, Link

READY_SECONDS: Final = 1.0
"""For a call plane to say whether it takes calls."""

TOLD_SECONDS: Final = 2.0
"""For a call plane to take note of a change; one that does not looks by itself before its next call."""

END_SECONDS: Final = 60.0
"""For a call to end; who asks has less patience."""

BEAT_SECONDS: Final = 0.4
"""Between two signs that there is nothing to tell: who has none for a second looks by itself."""


class LiveElsewhere:
    """`api.services.Live` of the call planes that are up."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.asking = Asking(link.tell)
        self._planes: frozenset[str] = frozenset()
        self._of = 1

    def up(self, planes: frozenset[str], of: int) -> None:
        """These call planes serve now, of so many."""
        self._planes, self._of = planes, of
        self.asking.gone(planes)

    @property
    def all_up(self) -> bool:
        return len(self._planes) == self._of

    async def is_ready(self) -> bool:
        """All of them: a new call is one plane's alone, and not answered while that one is away."""
        return self.all_up and all(await self._all("is_ready", READY_SECONDS))

    async def end_call(self, call_id: str) -> None:
        """Raises Away where a plane that may hold the call cannot be asked."""
        away = not self.all_up
        asked = [asyncio.create_task(one) for one in self._asked("end_call", END_SECONDS, call=call_id)]
        try:
            for answer in asyncio.as_completed(asked):
                ended = await answer
                if ended:
                    return
                away = away or ended is None
        finally:
            for one in asked:
                one.cancel()
        if away:
            raise Away("a call plane is away")

    async def forget(self, call_id: str) -> None:
        await self._all("forget", TOLD_SECONDS, call=call_id)

    def deliver(self) -> None:
        for plane in self._planes:
            self._link.tell({"to": plane, "what": "deliver"})

    async def changed(self) -> None:
        """What decides how calls are answered is another now."""
        await self._all("changed", TOLD_SECONDS)

    async def beat(self) -> None:
        """Tell again and again that all changes have been told."""
        while True:
            for plane in self._planes:
                self._link.tell({"to": plane, "what": "nothing"})
            await asyncio.sleep(BEAT_SECONDS)

    async def _all(self, what: str, within: float, **given: Any) -> list[Any]:
        return await asyncio.gather(*self._asked(what, within, **given))

    def _asked(self, what: str, within: float, **given: Any) -> list[Coroutine[Any, Any, Any]]:
        """What each call plane says; None where it is away."""

        async def one(plane: str) -> Any:
            with contextlib.suppress(Away):
                return await self.asking.ask(plane, what, within, **given)
            return None

        return [one(plane) for plane in self._planes]
