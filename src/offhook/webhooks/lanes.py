"""How many deliveries run at the same time, so that a slow receiver keeps nobody else waiting."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

from offhook.store import OutboxRow

MAX_REMEMBERED = 4096
"""Failing hosts that are remembered as such."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`per_host` and `per_org` are far below `total`: it takes many slow receivers of many orgs to fill all
    lanes. A host whose last attempt failed gets `per_failing_host` until one succeeds."""

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

    def enter(self, row: OutboxRow) -> bool:
        """False if its host or its org has no free lane."""
        if self._host_is_busy(row.host) or self._orgs[row.org_id] >= self._limits.per_org or self.free <= 0:
            return False
        self._hosts[row.host] += 1
        self._orgs[row.org_id] += 1
        self.free -= 1
        return True

    def leave(self, row: OutboxRow, failed: bool | None = None) -> None:
        """`failed` says how the attempt ended; None if it was not made."""
        self.free += 1
        for counter, key in ((self._hosts, row.host), (self._orgs, row.org_id)):
            counter[key] -= 1
            if counter[key] <= 0:
                del counter[key]
        if failed:
            self._failing[row.host] = None
            if len(self._failing) > MAX_REMEMBERED:
                self._failing.popitem(last=False)
        elif failed is not None:
            self._failing.pop(row.host, None)

    def busy_hosts(self) -> list[str]:
        return [host for host in self._hosts if self._host_is_busy(host)]

    def busy_orgs(self) -> list[str]:
        return [org for org, running in self._orgs.items() if running >= self._limits.per_org]

    def _host_is_busy(self, host: str) -> bool:
        failing = host in self._failing
        return self._hosts[host] >= (self._limits.per_failing_host if failing else self._limits.per_host)
