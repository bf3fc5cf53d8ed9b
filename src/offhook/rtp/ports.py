"""The pool of UDP port pairs for media: an even port for RTP, the odd one above it for RTCP."""

from __future__ import annotations

import asyncio
import random
from collections import deque

from offhook.network import Address, DatagramOpener, Datagrams, Receive

REST = 3.0
"""Seconds for which a freed port is not given to the next call: media of the last one may still come."""

_ATTEMPTS = 32
"""Ports tried, when others on the machine hold them, before the pool counts as exhausted."""

_ANY_IPV4 = "0.0.0.0"  # noqa: S104 - bound only where the node was told to listen everywhere
_ANY_IPV6 = "::"


class PortsExhausted(Exception):
    """No port pair can be had now. The text says why."""


class MediaPort:
    """A bound pair of sockets. Nothing is received until `listen`; `close` gives the pair back."""

    __slots__ = ("_closed", "_pool", "_receive_rtcp", "_receive_rtp", "rtcp", "rtp")

    rtp: Datagrams
    rtcp: Datagrams

    def __init__(self, pool: PortPool) -> None:
        self._pool = pool
        self._closed = False
        self._receive_rtp: Receive = _ignore
        self._receive_rtcp: Receive = _ignore

    @property
    def local(self) -> Address:
        """Where RTP is received; RTCP is one port above."""
        return self.rtp.local

    def listen(self, rtp: Receive, rtcp: Receive) -> None:
        """From now on hand what comes to these two. What came before is gone."""
        self._receive_rtp = rtp
        self._receive_rtcp = rtcp

    def close(self) -> None:
        """Free both ports; nothing is received afterwards. May be called again."""
        if self._closed:
            return
        self._closed = True
        self.listen(_ignore, _ignore)
        self.rtp.close()
        self.rtcp.close()
        self._pool.freed(self)

    def rtp_received(self, data: bytes, source: Address) -> None:
        self._receive_rtp(data, source)

    def rtcp_received(self, data: bytes, source: Address) -> None:
        self._receive_rtcp(data, source)


def _ignore(data: bytes, source: Address) -> None:
    """Nobody listens yet, or no more."""


class PortPool:
    """Gives out pairs from `low` to `high` (both included) on `host`, in an order nobody can foresee.

    A pair that someone else on the machine holds is skipped and rests before it is tried again. `part`: which
    (from 1) of how many pools with the same range this is. Each gives out pairs of its own first, so that
    those which another has just freed have their rest, and those of others when it has none."""

    def __init__(
        self,
        host: str,
        low: int,
        high: int,
        opener: DatagramOpener,
        rng: random.Random,
        rest: float = REST,
        *,
        part: tuple[int, int] = (1, 1),
    ) -> None:
        """Raises ValueError unless at least one even port with its odd one lies within the range."""
        first = low + low % 2
        pairs = range(first, high, 2)
        if not (0 < low <= high < 65536 and pairs):
            raise ValueError(f"no pair of an even and an odd port lies in {low}-{high}")
        number, of = part
        self._own = pairs[number - 1 :: of]
        self._free = list(self._own)
        self._of_others = [one for one in pairs if one not in self._own]
        self._host = host
        self._opener = opener
        self._rng = rng
        self._rest = rest
        self._resting: deque[tuple[float, int]] = deque()
        self.size = len(pairs)
        self._in_use = 0

    @property
    def in_use(self) -> int:
        """Pairs that are given out now."""
        return self._in_use

    async def open(self, peer: str | None = None) -> MediaPort:
        """A bound pair. Raises PortsExhausted if none is free or none can be bound.

        `peer` is the IP address of who will be talked to: a pool of "::" serves both families, each with
        sockets of its own."""
        host = _ANY_IPV4 if self._host == _ANY_IPV6 and peer is not None and ":" not in peer else self._host
        self._wake()
        refused: OSError | None = None
        for _ in range(_ATTEMPTS):
            if not (self._free or self._of_others):
                break
            number = self._draw()
            self._in_use += 1
            try:
                return await self._bind(host, number)
            except OSError as error:
                self._release(number)
                refused = error
            except BaseException:
                self._release(number)
                raise
        if refused is not None:
            raise PortsExhausted(f"no media port can be bound on {self._host}: {refused}") from refused
        raise PortsExhausted(f"all {self.size} pairs of media ports are in use or at rest")

    def freed(self, port: MediaPort) -> None:
        """A port that was given out was closed. Called by the port itself, once."""
        self._release(port.local.port)

    async def _bind(self, host: str, number: int) -> MediaPort:
        port = MediaPort(self)
        port.rtp = await self._opener(host, number, port.rtp_received)
        try:
            port.rtcp = await self._opener(host, number + 1, port.rtcp_received)
        except BaseException:
            port.rtp.close()
            raise
        return port

    def _draw(self) -> int:
        """Any free number, taken out of the list."""
        free = self._free or self._of_others
        at = self._rng.randrange(len(free))
        free[at], free[-1] = free[-1], free[at]
        return free.pop()

    def _release(self, number: int) -> None:
        self._in_use -= 1
        self._resting.append((asyncio.get_running_loop().time() + self._rest, number))

    def _wake(self) -> None:
        """Put what has rested back among the free."""
        now = asyncio.get_running_loop().time()
        while self._resting and self._resting[0][0] <= now:
            _, number = self._resting.popleft()
            (self._free if number in self._own else self._of_others).append(number)
