"""How many deliveries run at the same time, so that a slow receiver keeps nobody else waiting."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

MAX_REMEMBERED = 4096
"""Failing hosts that are remembered as such."""


@dataclass(frozen=True, slots=True)
class Limits:
    """No host and no org gets beyond its own limit, nor beyond half of what is free at the time: where orgs
    with slow receivers have taken what they could get, there is still room for the next one. A host whose
    last attempt failed gets `per_failing_host` until one succeeds."""

    total: int = 256
    per_host: int = 32
    per_failing_host: int = 4
    per_org: int = 64


class Lanes:
    """Counts what is under way. An attempt enters before it begins, and leaves when it has ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hosts: Counter[str] = Counter()
        self._orgs: Counter[str] = Counter()
        self._failing: OrderedDict[str, None] = OrderedDict()
        self.free = limits.total

    def enter(self, host: str, org_id: str) -> bool:
        """False if its host or its org has no free lane."""
        if not self.admits(host, org_id):
            return False
        self._hosts[host] += 1
        self._orgs[org_id] += 1
        self.free -= 1
        return True

    def admits(self, host: str, org_id: str) -> bool:
        return self.free > 0 and not self._host_is_busy(host) and not self._org_is_busy(org_id)

    def leave(self, host: str, org_id: str, failed: bool | None = None) -> None:
        """`failed` says how the attempt ended; None if it was not made."""
        self.free += 1
        for counter, key in ((self._hosts, host), (self._orgs, org_id)):
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]
        if failed:
            self._failing[host] = None
            if len(self._failing) > MAX_REMEMBERED:
                self._failing.popitem(last=False)
        elif failed is not None:
            self._failing.pop(host, None)

    def busy_hosts(self) -> list[str]:
        return [host for host in self._hosts if self._host_is_busy(host)]

    def busy_orgs(self) -> list[str]:
        return [org for org in self._orgs if self._org_is_busy(org)]

    def _host_is_busy(self, host: str) -> bool:
        limit = self._limits.per_failing_host if host in self._failing else self._limits.per_host
        return self._is_busy(self._hosts[host], limit)

    def _org_is_busy(self, org_id: str) -> bool:
        return self._is_busy(self._orgs[org_id], self._limits.per_org)

    def _is_busy(self, running: int, limit: int) -> bool:
        return running > 0 and running >= min(limit, self.free // 2)
