"""How many deliveries run at the same time, so that a slow receiver delays no other."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import astuple, dataclass
from typing import Any

MAX_REMEMBERED = 4096
"""Hosts for which it is remembered whether the last message was delivered or failed."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """A host and an org have a limit each, and get at most half of what is free at the time: even when orgs
    with slow receivers have taken all that they may, the next org finds room. A host that has not accepted a
    message yet, or failed at the last one, gets `per_unproven_host` until it accepts one.

    Within an org a host gets at most half of what the others leave, and unproven hosts leave a quarter to
    proven ones: so a host that accepts messages has a lane, however many others hang."""

    total: int = 256
    per_host: int = 32
    per_unproven_host: int = 4
    per_org: int = 64

    def part(self, parts: int) -> LaneLimits:
        """One of so many equal parts, where as many processes deliver."""
        return LaneLimits(*(max(1, one // parts) for one in astuple(self)))


Pair = tuple[str, str]
"""A host, and an org with messages for it."""


class Lanes:
    """Counts the attempts under way. An attempt enters before it begins, and leaves when it has ended."""

    def __init__(self, limits: LaneLimits) -> None:
        self._limits = limits
        self._hosts: Counter[str] = Counter()
        self._orgs: Counter[str] = Counter()
        self._pairs: Counter[Pair] = Counter()
        self._unproven: Counter[str] = Counter()
        self._took: OrderedDict[str, bool] = OrderedDict()
        self.free = limits.total

    def enter(self, host: str, org_id: str) -> bool:
        """False if there is no free lane."""
        if not self.admits(host, org_id):
            return False
        self._hosts[host] += 1
        self._orgs[org_id] += 1
        self._pairs[host, org_id] += 1
        self._unproven[org_id] += not self._took.get(host)
        self.free -= 1
        return True

    def admits(self, host: str, org_id: str) -> bool:
        return (
            self.free > 0
            and not self._host_is_busy(host)
            and not self._org_is_busy(org_id)
            and not self._has_its_share(host, org_id)
        )

    def leave(self, host: str, org_id: str, failed: bool | None = None) -> None:
        """`failed` says how the attempt ended; None if no attempt was made."""
        self.free += 1
        if not self._took.get(host):
            _less(self._unproven, org_id)
        _less(self._hosts, host)
        _less(self._orgs, org_id)
        _less(self._pairs, (host, org_id))
        if failed is not None:
            self._remember(host, not failed)

    def busy_hosts(self) -> list[str]:
        return [host for host in self._hosts if self._host_is_busy(host)]

    def busy_orgs(self) -> list[str]:
        return [org for org in self._orgs if self._org_is_busy(org)]

    def _remember(self, host: str, took: bool) -> None:
        before = bool(self._took.get(host))
        self._took[host] = took
        self._took.move_to_end(host)
        self._count_anew(host, before, took)
        if len(self._took) > MAX_REMEMBERED:
            oldest, took = self._took.popitem(last=False)
            self._count_anew(oldest, took, False)

    def _count_anew(self, host: str, before: bool, now: bool) -> None:
        if before != now and self._hosts[host]:
            for (one, org_id), running in self._pairs.items():
                if one == host:
                    self._unproven[org_id] += running if before else -running

    def _has_its_share(self, host: str, org_id: str) -> bool:
        limits, running = self._limits, self._pairs[host, org_id]
        others = self._orgs[org_id] - running
        if 0 < running >= (limits.per_org - others) // 2:
            return True
        if self._took.get(host):
            return False
        # The first lane of a host, by which it can prove itself, comes before the next ones of others.
        part = 0.25 if running else 0.75
        return (
            self._unproven[org_id] >= limits.per_org * part or self._unproven.total() >= limits.total * part
        )

    def _host_is_busy(self, host: str) -> bool:
        proven = self._took.get(host)
        return self._is_busy(
            self._hosts[host], self._limits.per_host if proven else self._limits.per_unproven_host
        )

    def _org_is_busy(self, org_id: str) -> bool:
        return self._is_busy(self._orgs[org_id], self._limits.per_org)

    def _is_busy(self, running: int, limit: int) -> bool:
        return running > 0 and running >= min(limit, self.free // 2)


def _less(counter: Counter[Any], key: Hashable) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
