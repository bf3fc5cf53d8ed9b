"""The call processes of one node: which of them has a call, and what they have between them.

A call belongs to the process that a hash of its Call-ID falls to. Nobody keeps or looks up anything for it,
so it is the same for every request and response of the call, whichever process they come to, and after a
process has been started anew."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from offhook.network.sources import ALONE, Common
from offhook.planes.counts import Counts, part_bytes

KEY_BYTES: Final = 16

INBOX_BYTES: Final = 4 * 1024 * 1024
"""Asked of the kernel for what waits for a process that is busy (it grants at most net.core.wmem_max)."""


class Siblings:
    """Process `number` (from 1) of `count`. `key` is the node's own while it runs, so that no stranger can
    aim at a process. `inbox` is where messages of the others come to, `ways` lead to each by its number."""

    def __init__(
        self,
        number: int = 1,
        count: int = 1,
        key: bytes = b"",
        *,
        inbox: socket.socket | None = None,
        ways: Sequence[socket.socket] = (),
        common: Common = ALONE,
    ) -> None:
        self.number = number
        self.count = count
        self.inbox = inbox
        self.ways = dict(enumerate(ways, 1))
        self.common = common
        self._key = key

    def owner(self, call_id: bytes) -> int:
        """The number of the process that has the call."""
        if self.count == 1:
            return 1
        digest = blake2b(call_id, digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") % self.count + 1

    def is_ours(self, call_id: str) -> bool:
        return self.owner(call_id.encode()) == self.number


ONLY: Final = Siblings()
"""Of a call process that has none."""


@dataclass(frozen=True, slots=True)
class Between:
    """The sockets and the memory between the processes, by their numbers as files: held by the supervisor for
    as long as the node runs, so that a process which is started anew finds what came meanwhile."""

    inboxes: Sequence[tuple[int, int]]
    """Of each process: where it reads, and where all others write."""
    counts: int

    @classmethod
    def made(cls, processes: int, calls: int) -> Between:
        """For so many processes, which may have so many calls at once. Raises OSError."""
        inboxes = []
        for _ in range(processes):
            read, write = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            write.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, INBOX_BYTES)
            inboxes.append((read.detach(), write.detach()))
        with tempfile.TemporaryFile() as file:
            file.truncate(part_bytes(calls) * processes)
            counts = os.dup(file.fileno())
        return cls(inboxes, counts)

    def of_process(self, number: int) -> list[int]:
        """What process `number` is handed, `files_between` of them; `siblings_of` takes it."""
        if len(self.inboxes) == 1:
            return []
        return [self.inboxes[number - 1][0], *(write for _, write in self.inboxes), self.counts]


def files_between(processes: int) -> int:
    return 0 if processes == 1 else processes + 2


def siblings_of(number: int, count: int, key: bytes, calls: int, files: Sequence[int]) -> Siblings:
    """Of process `number`, with the files that `Between.of_process` gave."""
    if not files:
        return ONLY
    inbox, *ways = (socket.socket(fileno=one) for one in files[:-1])
    for one in (inbox, *ways):
        one.setblocking(False)
    return Siblings(
        number, count, key, inbox=inbox, ways=ways, common=Counts(files[-1], number, count, calls)
    )
