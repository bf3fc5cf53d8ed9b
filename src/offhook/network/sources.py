"""Sources: where something comes from, and the share of a resource that one source may have.

Pure: the caller gives the time. Bounded even if senders are forged: places are counted while they are held,
and rates are remembered for a limited number of sources."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Hashable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Final, Protocol

from offhook.network.addresses import Address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

Source = str | None
"""What has a share of its own: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer
gets. None is a source that its operator trusts, without a limit."""

REMEMBERED: Final = 4096
"""Sources whose rates are remembered. The one that was idle longest is forgotten first."""

RESERVE: Final = 8
"""One part in so many is reserved for sources that hold little."""


@lru_cache(maxsize=8192)
def source_of(host: str) -> str:
    """The source that an IP literal belongs to. What is no literal is a source by itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


class Sources:
    """Tells sources apart. Limits per source do not apply to the networks in `trusted`. `parts`: so many
    processes share the sources, and each allows its part of the rates."""

    def __init__(self, trusted: Iterable[Network] = (), parts: int = 1) -> None:
        self.parts = parts
        self._trusted = tuple(trusted)
        self._known: dict[str, Source] = {}

    def of(self, host: str) -> Source:
        if not self._trusted:
            return source_of(host)
        if host not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[host] = None if self._trusts(host) else source_of(host)
        return self._known[host]

    def _trusts(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address.version == network.version and address in network for network in self._trusted)


class PeerRate:
    """Rates for each address and port, and for each source as a whole: neighbours behind one address do not
    pay for each other, and new ports bring nobody more than `of_source`. Both are (per second, burst); this
    process allows its part of them."""

    def __init__(self, sources: Sources, of_peer: tuple[float, int], of_source: tuple[float, int]) -> None:
        self._sources = sources
        self._of_peer = Rate.part(of_peer, sources.parts)
        self._of_source = Rate.part(of_source, sources.parts)

    def admits(self, peer: Address, now: float) -> bool:
        """Like `Rate.admits`."""
        source = self._sources.of(peer.host)
        if source is None:
            return True
        return self._of_peer.admits(peer, now) and self._of_source.admits(source, now)

    def exhausted(self, peer: Address, now: float) -> bool:
        """Like `Rate.exhausted`."""
        source = self._sources.of(peer.host)
        if source is None:
            return False
        return self._of_peer.exhausted(peer, now) or self._of_source.exhausted(source, now)


class Others(Protocol):
    """What other processes hold of the same places. `who` is a source; IN_ALL for all of them together."""

    def held(self, who: str) -> int:
        """How many places the others hold."""
        ...

    def hold(self, who: str, places: int) -> None:
        """Tells the others that this process holds so many now."""
        ...


class Common(Protocol):
    """What several processes share out among themselves."""

    def places(self, kind: str) -> Others:
        """The others that hold places of that kind."""
        ...

    def turn(self) -> AbstractContextManager[object]:
        """Within it no other process takes a place."""
        ...


class Alone:
    """`Common` and `Others` for a process that shares with nobody."""

    def places(self, kind: str) -> Others:
        return self

    def turn(self) -> AbstractContextManager[object]:
        return nullcontext()

    def held(self, who: str) -> int:
        return 0

    def hold(self, who: str, places: int) -> None:
        """Nothing to do: nobody asks."""


ALONE: Final = Alone()

IN_ALL: Final = ""


class Shares:
    """A number of places, `total`. One source may hold all but the last eighth, or `most` if it is given. The
    rest is for sources that hold few, so that a source which brings everything still leaves others a way in.
    `others` may hold some of the same places."""

    def __init__(self, total: int, most: int | None = None, others: Others = ALONE) -> None:
        self.total = total
        self._mine = 0
        self._others = others
        self._most = most
        self._reserve = total // RESERVE
        self._few = max(1, self._reserve // RESERVE)
        self._of: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """How many places are taken, by whatever process."""
        return self._mine + self._others.held(IN_ALL)

    def admits(self, source: Source) -> bool:
        """Whether `source` may take one more place."""
        held = self.held
        if held >= self.total:
            return False
        if source is None:
            return True
        of_source = self.of(source)
        if self._most is not None and of_source >= self._most:
            return False
        return held < self.total - self._reserve or of_source < self._few

    def take(self, source: Source) -> None:
        self._mine += 1
        if source is not None:
            self._of[source] += 1
        self._tell(source)

    def give_back(self, source: Source) -> None:
        self._mine -= 1
        if source is not None:
            self._of[source] -= 1
            if not self._of[source]:
                del self._of[source]
        self._tell(source)

    def may_take_over(self, source: Source) -> bool:
        """Whether `source` may have the place that another gives up, when none is free."""
        return source is None or self.of(source) < self.total - self._reserve

    def of(self, source: Source) -> int:
        """How many places a source holds that is not trusted."""
        return 0 if source is None else self._of.get(source, 0) + self._others.held(source)

    def _tell(self, source: Source) -> None:
        self._others.hold(IN_ALL, self._mine)
        if source is not None:
            self._others.hold(source, self._of.get(source, 0))


class Rate:
    """At most `burst` at once and `per_second` in the long run, for each source by itself (a `Source`, or
    whatever else has a rate; None has no limit).

    For a source only the moment is stored at which its whole burst is available again (the generic cell rate
    algorithm of ITU-T I.371): an idle source costs nothing."""

    def __init__(self, per_second: float, burst: int, remembered: int = REMEMBERED) -> None:
        self._interval = 1.0 / per_second
        self._tolerance = burst * self._interval * (1 + 1e-9)
        self._remembered = remembered
        self._whole_at: dict[Hashable, float] = {}

    @classmethod
    def part(cls, whole: tuple[float, int], parts: int) -> Rate:
        """One of so many equal parts of a rate (per second, burst)."""
        per_second, burst = whole
        return cls(per_second / parts, max(1, burst // parts))

    def __len__(self) -> int:
        return len(self._whole_at)

    def admits(self, source: Hashable | None, now: float) -> bool:
        """Whether one more is within the limit; if so, it is counted. `now` in seconds, never going back."""
        if source is None:
            return True
        # Taken out and put in again: the order is that of the last use, refused or not.
        whole_at = self._whole_at.pop(source, now)
        if whole_at < now:
            whole_at = now
        after = whole_at + self._interval
        admitted = after - now <= self._tolerance
        if self._whole_at:
            self._forget(now)
        self._whole_at[source] = after if admitted else whole_at
        return admitted

    def exhausted(self, source: Hashable | None, now: float) -> bool:
        """Whether one more would be beyond the limit."""
        if source is None or source not in self._whole_at:
            return False
        return self._whole_at[source] + self._interval - now > self._tolerance

    def _forget(self, now: float) -> None:
        while self._whole_at:
            oldest = next(iter(self._whole_at))
            if len(self._whole_at) < self._remembered and self._whole_at[oldest] > now:
                return
            del self._whole_at[oldest]
