"""Whether another process of the node has written to the SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import URL

QUIET_SECONDS: Final = 1.0
"""Seconds without a report from the other process, after which its file is checked."""


class News:
    """Nothing is checked before the first `heard`: a process that is alone hears from nobody."""

    def __init__(self, url: URL) -> None:
        self._file = Path(str(url.database)).absolute()
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._until: float | None = None
        self._missed = False
        self._looking = asyncio.Lock()

    def heard(self) -> None:
        """The other process has just reported all of its writes so far. After a silence this is not believed:
        this process may have stood still, and may have missed reports that did not fit into the socket."""
        now = asyncio.get_running_loop().time()
        self._missed = self._missed or (self._until is not None and now > self._until)
        self._until = now + QUIET_SECONDS

    async def are_there(self) -> bool:
        """Whether there may be writes that were not reported. A file that cannot be read at the moment has
        none: calls continue from memory."""
        if self._until is None or self._is_fresh():
            return False
        async with self._looking:
            if self._is_fresh():  # somebody else has looked meanwhile
                return False
            before, self._missed = self._version, False
            with contextlib.suppress(sqlite3.Error):
                self._version = await asyncio.to_thread(self._look)
            self._until = asyncio.get_running_loop().time() + QUIET_SECONDS
        return self._version != before

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_fresh(self) -> bool:
        if self._until is None or self._missed:
            return False
        return asyncio.get_running_loop().time() < self._until

    def _look(self) -> int:
        """A number that changes with each commit of another connection (SQLite, PRAGMA data_version)."""
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"{self._file.as_uri()}?mode=ro", timeout=0, uri=True, check_same_thread=False
            )
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)
