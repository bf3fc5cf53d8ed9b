"""What the call processes of a node count together, in memory that all of them see.

Each has a part of its own that it alone writes: how many places of which kind it holds, and for whom. Who
wants to know how many there are adds up its own and what it finds in the parts of the others. Nothing of it
is asked of anybody, so a process that stands still or is dead keeps nobody waiting."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import Final

from offhook.network.sources import Others

ENTRIES_BESIDE: Final = 8192
"""Of each process, besides two for each call: more than it may have connections of SIP."""

TRIES: Final = 20
"""To have the turn. Who has it needs it for some microseconds; one that has been stopped in the middle is not
waited for."""

_DIGEST: Final = 16
_ENTRY: Final = _DIGEST + 4
_USED: Final = struct.Struct("=I")
_FREE: Final = bytes(_ENTRY)


def part_bytes(calls: int) -> int:
    """Of the memory for each process, where so many calls may be up."""
    return _USED.size + _ENTRY * (2 * calls + ENTRIES_BESIDE)


class Counts:
    """`network.sources.Common` of process `number` (from 1) of `processes`, in a file of `part_bytes` for
    each. What a process that died held counts until its successor takes its number."""

    def __init__(self, file: int, number: int, processes: int, calls: int) -> None:
        self._file = file
        self._part = part_bytes(calls)
        self._memory = mmap.mmap(file, self._part * processes)
        self._mine = self._part * (number - 1)
        self._others = [self._part * one for one in range(processes) if one != number - 1]
        self._entries: dict[bytes, int] = {}
        self._free: list[int] = []  # of those below the highest that is used
        self._memory[self._mine : self._mine + self._part] = bytes(self._part)

    def places(self, kind: str) -> Others:
        return _Places(self, kind)

    @contextmanager
    def turn(self) -> Iterator[None]:
        has_it = any(map(self._try, range(TRIES)))
        try:
            yield
        finally:
            if has_it:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def held(self, digest: bytes) -> int:
        return sum(self._in_part(part, digest) for part in self._others)

    def hold(self, digest: bytes, places: int) -> None:
        at = self._entries.get(digest)
        if at is None:
            if not places or (at := self._room()) is None:
                return
            self._entries[digest] = at
        if places:
            self._memory[at : at + _ENTRY] = digest + _USED.pack(places)
        else:
            self._memory[at : at + _ENTRY] = _FREE
            del self._entries[digest]
            self._free.append(at)

    def _room(self) -> int | None:
        """None when there is none left: what is beyond it is counted by this process alone."""
        if self._free:
            return self._free.pop()
        (used,) = _USED.unpack_from(self._memory, self._mine)
        at = self._mine + _USED.size + used * _ENTRY
        if at + _ENTRY > self._mine + self._part:
            return None
        _USED.pack_into(self._memory, self._mine, used + 1)
        return int(at)

    def _in_part(self, part: int, digest: bytes) -> int:
        (used,) = _USED.unpack_from(self._memory, part)
        start = part + _USED.size
        end = min(start + used * _ENTRY, part + self._part)
        at = start
        while (at := self._memory.find(digest, at, end)) >= 0:
            if (at - start) % _ENTRY == 0:
                return int(_USED.unpack_from(self._memory, at + _DIGEST)[0])
            at += 1
        return 0

    def _try(self, attempt: int) -> bool:
        if attempt:
            os.sched_yield()
        with suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False


class _Places:
    """Those of one kind."""

    def __init__(self, counts: Counts, kind: str) -> None:
        self._counts = counts
        self._kind = kind.encode()[:_DIGEST]

    def held(self, who: str) -> int:
        return self._counts.held(self._digest(who))

    def hold(self, who: str, places: int) -> None:
        self._counts.hold(self._digest(who), places)

    def _digest(self, who: str) -> bytes:
        return blake2b(who.encode("utf-8", "surrogatepass"), digest_size=_DIGEST, person=self._kind).digest()
