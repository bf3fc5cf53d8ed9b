"""Admits calls: the node's capacity for calls, and how many numbers strangers may look up before they have a
call."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from offhook.calls.admission.ringing import Ringing
from offhook.network import Address
from offhook.network.sources import ALONE, Common, PeerRate, Rate, Shares, Source, Sources

LOOK_UPS: Final = 128
"""How many look-ups of numbers that were not called before may run at once: as many as the database answers
well within a look-up's time limit, even on a busy machine."""

MISSES: Final = (20.0, 100)
MISSES_OF_SOURCE: Final = (100.0, 500)
"""Rate of unknown numbers, per second and in a burst, for one address and port, and for one source. Above it
only numbers that were called before are looked up for that source."""

MISSES_IN_ALL: Final = (200.0, 400)
"""The same rate for all sources together, forged ones included."""

MOST_CALLED: Final = 10_000
"""How many numbers are remembered because they were called before."""

LONGEST_USER: Final = 64
"""Length of a user part that is remembered, in characters."""

_ALL: Final = "all"

RETRY_AFTER: Final = (("Retry-After", "10"),)


@dataclass(frozen=True, slots=True)
class EntranceLimits:
    """`calls`: how many calls this node carries at once. `domains`: the host parts that are ours; none: any.
    `common`: what the call processes of the node count together."""

    calls: int
    domains: Collection[str] = ()
    sources: Sources = field(default_factory=Sources)
    common: Common = ALONE


class Turned(NamedTuple):
    """Why a caller is turned away, and the status that says so."""

    status: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()


class Entrance:
    """`time` is the loop's clock. `give_way` gets the id of a call that loses its place while it rings."""

    def __init__(
        self, limits: EntranceLimits, time: Callable[[], float], give_way: Callable[[str], None]
    ) -> None:
        self._time = time
        self._give_way = give_way
        self._given: set[str] = set()  # of those that lost it, until they are over
        self.ringing = Ringing(time)
        self._places = Shares(limits.calls, others=limits.common.places("calls"))
        self._look_ups = Shares(LOOK_UPS // limits.sources.parts)
        self._misses = PeerRate(limits.sources, MISSES, MISSES_OF_SOURCE)
        self._misses_in_all = Rate.part(MISSES_IN_ALL, limits.sources.parts)
        self._called: dict[str | tuple[str, str], None] = {}  # for everybody, or from one host

    def turns_away(self, source: Source, peer: Address, user: str) -> Turned | None:
        """Why the number `user` is not looked up now. None: it may be looked up."""
        if not self._places.admits(source) and self._room(source) is None:
            return self._full(source)
        if user in self._called or (user, peer.host) in self._called:
            return None
        # 480 speaks of this number alone: a proxy would take 503 for the whole node's, and keep its other
        # callers away too (RFC 3261 §21.5.4).
        now = self._time()
        if source is not None and (
            self._misses.exhausted(peer, now) or self._misses_in_all.exhausted(_ALL, now)
        ):
            return Turned(480, "too many unknown numbers were asked for")
        if not self._look_ups.admits(source):
            return Turned(503, "too many numbers are being looked up", RETRY_AFTER)
        return None

    def look_up(self, source: Source) -> None:
        self._look_ups.take(source)

    def looked_up(
        self, source: Source, peer: Address, user: str, found: bool | None, *, is_public: bool = True
    ) -> None:
        """Tells that the look-up has ended. `found` is None if it failed. Not `is_public`: the number is
        there for this host, and others may be told that there is none."""
        self._look_ups.give_back(source)
        if found is None:
            return
        called: str | tuple[str, str] = user if is_public else (user, peer.host)
        self._called.pop(called, None)
        if found and len(user) <= LONGEST_USER:
            if len(self._called) >= MOST_CALLED:
                del self._called[next(iter(self._called))]
            self._called[called] = None
        elif not found and source is not None:
            self._misses.admits(peer, self._time())
            self._misses_in_all.admits(_ALL, self._time())

    def enter(self, source: Source) -> Turned | None:
        """Takes a place for a call, which the call leaves at its end; or says why there is none."""
        if not self._places.admits(source):
            room = self._room(source)
            if room is None:
                return self._full(source)
            call_id, other = room
            self._places.give_back(other)
            self.ringing.end(call_id)
            self._given.add(call_id)
            self._give_way(call_id)
        self._places.take(source)
        return None

    def leave(self, call_id: str, source: Source) -> None:
        self.ringing.end(call_id)
        if call_id in self._given:
            self._given.remove(call_id)
        else:
            self._places.give_back(source)

    def _room(self, source: Source) -> tuple[str, Source] | None:
        """The call that gives its place to `source`, and the source of that call."""
        return self.ringing.makes_room_for(source) if self._places.may_take_over(source) else None

    @property
    def taken(self) -> float:
        """The share of the places that are taken, from 0 to 1."""
        return self._places.held / self._places.total

    def _full(self, source: Source) -> Turned:
        up, total = self._places.held, self._places.total
        of_source = f", {self._places.of(source)} of them of its source" if up < total else ""
        return Turned(503, f"{up} of {total} calls are up{of_source}", RETRY_AFTER)
