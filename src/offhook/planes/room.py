"""A place for a new connection where another call process has the one that is to go for it.

Connections are counted over all processes, but each can only close its own. So the newcomer may stay until
the others have been asked, one after the other, and has to go if none of them has an idle one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

from offhook.planes.handing import HandedKind
from offhook.planes.siblings import Siblings
from offhook.sip.transports.places import Placed, Places

MOST_NEWCOMERS: Final = 16
"""That may stay until the others have answered."""

ANSWER_SECONDS: Final = 2.0
"""For all of them to answer; one that stands still closes nothing."""

Hand = Callable[[int, HandedKind, bytes], object]
"""What another process, by its number, is told."""


class Room:
    """To be told what the others say: `asked` of a MAKE_ROOM, `answered` of a MADE_ROOM."""

    def __init__(self, places: Places, siblings: Siblings, hand: Hand) -> None:
        self._places = places
        self._siblings = siblings
        self._hand = hand
        self._numbers = itertools.count(1)
        self._newcomers: dict[int, Placed] = {}
        places.ask_others = self._ask

    def _ask(self, whose: str, newcomer: Placed) -> bool:
        if len(self._newcomers) >= MOST_NEWCOMERS:
            return False
        number = next(self._numbers)
        self._newcomers[number] = newcomer
        asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._settle, number, False)
        self._pass_on(b"%d %d %s" % (self._siblings.number, number, whose.encode()))
        return True

    def asked(self, data: bytes) -> None:
        origin, number, whose = data.split(b" ", 2)
        if self._places.close_idle(whose.decode()):
            self._hand(int(origin), HandedKind.MADE_ROOM, b"%s 1" % number)
        elif self._next() == int(origin):
            self._hand(int(origin), HandedKind.MADE_ROOM, b"%s 0" % number)
        else:
            self._pass_on(data)

    def answered(self, data: bytes) -> None:
        number, made = map(int, data.split())
        self._settle(number, bool(made))

    def _settle(self, number: int, made: bool) -> None:
        newcomer = self._newcomers.pop(number, None)
        if newcomer is not None and not made:
            newcomer.give_way()

    def _pass_on(self, data: bytes) -> None:
        self._hand(self._next(), HandedKind.MAKE_ROOM, data)

    def _next(self) -> int:
        return self._siblings.number % self._siblings.count + 1
