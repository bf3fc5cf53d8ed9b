"""The database, and what can be done in one transaction of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import URL, Executable, Row
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from . import tables
from .calls import Calls
from .connecting import explain, is_sqlite, parse_url, probe, reading_engine, writing_engine
from .ids import NewId
from .keys import Keys
from .migrate import check_revision
from .outbox import OutboxRows
from .records import Duplicate
from .repositories import Orgs, PhoneNumbers, Repository, duplicate_field

log = logging.getLogger(__name__)


class Transaction:
    """All or nothing. What is read in it belongs together. Await nothing but the transaction itself inside
    of it: with SQLite every other writer waits meanwhile."""

    __slots__ = ("_after_commit", "_connection", "_now", "new_id", "reconfigured")

    def __init__(self, connection: AsyncConnection, now: Callable[[], float], new_id: NewId) -> None:
        self._connection = connection
        self._now = now
        self._after_commit: list[Callable[[], None]] = []
        self.new_id = new_id
        self.reconfigured = False
        """Whether something was written that decides how calls are answered."""

    @property
    def orgs(self) -> Orgs:
        return Orgs(self)

    @property
    def keys(self) -> Keys:
        return Keys(self)

    @property
    def phone_numbers(self) -> PhoneNumbers:
        return PhoneNumbers(self, tables.phone_numbers)

    @property
    def assistants(self) -> Repository:
        return Repository(self, tables.assistants)

    @property
    def squads(self) -> Repository:
        return Repository(self, tables.squads)

    @property
    def tools(self) -> Repository:
        return Repository(self, tables.tools)

    @property
    def credentials(self) -> Repository:
        return Repository(self, tables.credentials)

    @property
    def calls(self) -> Calls:
        return Calls(self, tables.calls)

    @property
    def outbox(self) -> OutboxRows:
        return OutboxRows(self)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call it once what was written is durable; not at all if it is rolled back. It must not raise."""
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return round(self._now() * 1000)

    async def execute(
        self, statement: Executable, *, unique: Mapping[str, str] | None = None
    ) -> Sequence[Row[Any]]:
        """The rows, if it gives any. `unique` maps columns to the API's properties: a value of theirs that is
        taken raises Duplicate, after which the transaction can only be left."""
        try:
            result = await self._connection.execute(statement)
        except IntegrityError as error:
            field = duplicate_field(error, unique or {})
            if field is None:
                raise
            raise Duplicate(field) from None
        except StatementError as error:
            # A document that is not JSON: the caller's mistake, not the database's.
            if isinstance(error.orig, ValueError):
                raise error.orig from None
            raise
        return result.all() if result.returns_rows else ()

    async def changed(self, statement: Executable, values: Mapping[str, Any]) -> int:
        """Run a statement that was made beforehand, which is cheaper than to make it for each row; `values`
        are its parameters and the columns to be set. How many rows it wrote."""
        result = await self._connection.execute(statement, values)
        return result.rowcount

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row."""
        return await self._connection.scalar(statement)

    def committed(self) -> None:
        for callback in self._after_commit:
            callback()


class Database:
    """`now` gives seconds since the epoch, `new_id` the ids of new rows."""

    def __init__(self, url: URL, now: Callable[[], float], new_id: NewId) -> None:
        self._url = url
        self._now = now
        self.new_id = new_id
        self._writing: AsyncEngine = writing_engine(url)
        self._reading: AsyncEngine = reading_engine(url) if is_sqlite(url) else self._writing
        self.generation = 0
        """Grows with every write that decides how calls are answered (numbers, assistants, orgs ...)."""
        self.shared = not is_sqlite(url)
        """Whether other nodes may write too."""
        # SQLite has one writer. Who waits, waits here in turn, instead of failing on a locked file.
        self._turn = asyncio.Lock() if is_sqlite(url) else contextlib.nullcontext()

    @classmethod
    async def open(cls, url: str, *, now: Callable[[], float], new_id: NewId) -> Database:
        """Connect, and see that the tables are there. Raises StoreError with one line that says what to do:
        no such folder, not writable, disk full, nothing answers, not upgraded, newer than this code."""
        parsed = parse_url(url)
        await probe(parsed)
        database = cls(parsed, now, new_id)
        try:
            async with database._writing.begin() as connection:
                await connection.run_sync(check_revision)
        except (SQLAlchemyError, OSError) as error:
            await database.close()
            raise explain(error, database._url) from error
        except BaseException:
            await database.close()
            raise
        return database

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Read and write. Committed and durable when the block has ended, rolled back if it raised. Raises
        StoreError when the database fails, Duplicate when a value is taken."""
        tx: Transaction | None = None
        try:
            async with self._turn, self._writing.begin() as connection:
                tx = Transaction(connection, self._now, self.new_id)
                yield tx
        except (DBAPIError, PoolTimeout, OSError) as error:
            if tx is not None and isinstance(error, OSError):
                raise  # not the database's, but of what was done in the block
            raise explain(error, self._url) from error
        if tx.reconfigured:
            self.generation += 1
        tx.committed()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """Only read: with SQLite it does not wait for writers. It sees what was committed before."""
        tx: Transaction | None = None
        try:
            async with self._reading.connect() as connection:
                tx = Transaction(connection, self._now, self.new_id)
                yield tx
        except (DBAPIError, PoolTimeout, OSError) as error:
            if tx is not None and isinstance(error, OSError):
                raise
            raise explain(error, self._url) from error

    async def close(self) -> None:
        await self._writing.dispose()
        if self._reading is not self._writing:
            await self._reading.dispose()
