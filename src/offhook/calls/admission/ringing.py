"""Calls that ring, for when places run out: the sender of an INVITE may be forged.

While an owner's server takes long to answer, each INVITE holds a place. A source that has acknowledged a call
before has proved that it exists. Such sources take precedence, and calls from other sources give up their
places to them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from offhook.network.sources import REMEMBERED, Source

PATIENCE: Final = 4.0
"""How long a call from an unknown source may ring, in seconds, when another unknown source wants its
place."""


class Ringing:
    """`time` is the loop's clock. For each call that has a place its owner calls `begin`, `answered`,
    `acknowledged` and `end`."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._known: OrderedDict[str, None] = OrderedDict()
        self._since: dict[str, tuple[Source, float]] = {}  # the one that rings for longest first
        self._answered: dict[str, Source] = {}

    def begin(self, call_id: str, source: Source) -> None:
        self._since[call_id] = source, self._time()

    def answered(self, call_id: str) -> None:
        if call_id in self._since:
            self._answered[call_id] = self._since.pop(call_id)[0]

    def acknowledged(self, call_id: str) -> None:
        source = self._answered.pop(call_id, None)
        if source is None:
            return
        self._known[source] = None
        self._known.move_to_end(source)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def end(self, call_id: str) -> None:
        self._since.pop(call_id, None)
        self._answered.pop(call_id, None)

    def makes_room_for(self, source: Source) -> tuple[str, Source] | None:
        """The call whose place `source` gets, and the source of that call. It is the one from an unknown
        source that has rung longest. None if all sources are known; or if `source` itself is unknown and no
        call has rung for long enough."""
        for call_id, (other, since) in self._since.items():
            if not self._knows(other):
                gives_way = self._knows(source) or self._time() - since > PATIENCE
                return (call_id, other) if gives_way else None
        return None

    def _knows(self, source: Source) -> bool:
        return source is None or source in self._known
