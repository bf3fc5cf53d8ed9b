"""How long the outbox keeps what was sent, and what was given up."""

from __future__ import annotations

import asyncio

from offhook.store import Database, Transaction

KEEP_SECONDS = 3 * 86400.0
"""How long delivered messages can be read and replayed, unless a setting says otherwise."""

KEEP_ABANDONED_SECONDS = 30 * 86400.0
"""How long messages that were given up can."""

PURGE_SECONDS = (60.0, 3600.0)
"""Seconds between two looks for messages that were kept long enough, at least and at most."""


WRITE_OVER_SECONDS = 5.0
"""Seconds between two rounds that overwrite what was erased."""


class Retention:
    """`keep_seconds`: of delivered messages."""

    def __init__(self, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._next_purge = 0.0
        self._next_write_over = 0.0

    async def purge(self, tx: Transaction, now: int) -> None:
        """Deletes what was kept long enough, unless that has been looked for lately. `now` in milliseconds
        since the epoch."""
        loop_time = asyncio.get_running_loop().time()
        if loop_time < self._next_purge:
            return
        least, most = PURGE_SECONDS
        self._next_purge = loop_time + min(max(self._keep_seconds / 24, least), most)
        await tx.outbox.purge(
            now - round(self._keep_seconds * 1000), now - round(KEEP_ABANDONED_SECONDS * 1000)
        )

    async def write_over(self, database: Database) -> None:
        """Overwrites what was erased, unless that was done just now."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_write_over:
            self._next_write_over = now + WRITE_OVER_SECONDS
            await database.write_over()
