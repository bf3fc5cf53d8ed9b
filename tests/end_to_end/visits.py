"""A caller who says nothing: dials, listens, takes what comes in the dialog, and waits for the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from offhook.phone import PhoneLine, open_line
from offhook.sip.dialogs.handler import Answer
from offhook.sip.messages.message import Request
from tests.end_to_end.ear import ListeningPhone
from tests.end_to_end.node import Number
from tests.end_to_end.sound import words
from tests.machine import PATIENCE


@dataclass(slots=True)
class Visit:
    """What the caller heard and was sent."""

    heard: bytes = b""
    digits: str = ""
    requests: list[Request] = field(default_factory=list)
    end: str = ""

    @property
    def words(self) -> str:
        return words(self.heard)

    def of(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]


class _Listener(ListeningPhone):
    def __init__(self, line: PhoneLine, visit: Visit) -> None:
        super().__init__(line)
        self.visit = visit
        heeds = self._leg.requested

        def noted(request: Request) -> Answer | None:
            visit.requests.append(request)
            return heeds(request)

        # Every request is noted, those too that the leg heeds itself: keys by INFO.
        self._leg.requested = noted  # type: ignore[method-assign]  # looked on, not replaced

    def digit(self, digit: str, milliseconds: int) -> None:
        self.visit.digits += digit

    def leg_requested(self, request: Request) -> Answer | None:
        return 202 if request.method == "REFER" else 200


def visit(number: Number) -> Visit:
    """One whole call to `number`, which has to hang up or send the caller on."""
    return asyncio.run(_visit(number))


async def _visit(number: Number) -> Visit:
    visit = Visit()
    async with open_line(number.uri()) as line:
        phone = _Listener(line, visit)
        async with asyncio.timeout(PATIENCE):
            await phone.dial(line)
            while not phone.ended.is_set() and not visit.of("REFER"):
                await asyncio.sleep(0.02)
        await phone.hang_up()
        visit.heard, visit.end = phone.ear.heard, phone.end_reason
    return visit
