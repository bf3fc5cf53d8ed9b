"""The database, and what one transaction can do in it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from offhook.store import tables
from offhook.store.api_keys import ApiKeys
from offhook.store.call_rows import CallChange, CallRows, NewCall, write_calls
from offhook.store.connecting import (
    LOCKED_SECONDS,
    SqliteThread,
    explain,
    is_sqlite,
    parse_url,
    probe,
    reading_engine,
    writing_engine,
)
from offhook.store.ids import IdMaker
from offhook.store.migrate import check_revision
from offhook.store.news import News
from offhook.store.nodes import Nodes
from offhook.store.outbox_rows import OutboxRows, note_delivered
from offhook.store.records import StoreError
from offhook.store.repositories import CredentialRows, Orgs, PhoneNumbers, Repository
from offhook.store.statements import Statements

T = TypeVar("T")


class Transaction(Statements):
    """All resources, within one transaction. Inside of it await only the transaction itself: with SQLite
    every other writer waits meanwhile."""

    __slots__ = ()

    @property
    def orgs(self) -> Orgs:
        return Orgs(self)

    @property
    def keys(self) -> ApiKeys:
        return ApiKeys(self)

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
    def credentials(self) -> CredentialRows:
        return CredentialRows(self, tables.credentials)

    @property
    def calls(self) -> CallRows:
        return CallRows(self, tables.calls)

    @property
    def outbox(self) -> OutboxRows:
        return OutboxRows(self)

    @property
    def nodes(self) -> Nodes:
        return Nodes(self)


class _Turn:
    """A lock that is taken in turn, with a limit to the wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def __aenter__(self) -> None:
        if not self._waiting and not self._lock.locked():
            await self._lock.acquire()  # which takes it at once
            return
        self._waiting += 1
        try:
            async with asyncio.timeout(LOCKED_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            raise StoreError(f"others have been writing to the database for {LOCKED_SECONDS} s") from None
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class Database:
    """`now` gives seconds since the epoch, `new_id` the ids of new rows."""

    def __init__(self, url: URL, now: Callable[[], float], new_id: IdMaker) -> None:
        self._url = url
        self._now = now
        self.new_id = new_id
        self._writing: AsyncEngine = writing_engine(url)
        self._reading: AsyncEngine = reading_engine(url) if is_sqlite(url) else self._writing
        self.generation = 0
        """Grows with every write that decides how calls are answered (numbers, assistants, orgs ...)."""
        self.news = News(url) if is_sqlite(url) else None
        """Knows of writes to the same file by other processes of the node. Unused where there are none."""
        self.announce: Callable[[], Awaitable[None]] | None = None
        """Tells other processes of the node that `generation` has grown."""
        self._erased = False
        """Whether erased words may still be in the files."""
        self.shared = not is_sqlite(url)
        """Whether other nodes may write to the database as well."""
        self._thread = SqliteThread(url) if is_sqlite(url) else None
        # SQLite has one writer. Who waits, waits here in turn, instead of failing on a locked file.
        self._turn = _Turn() if is_sqlite(url) else contextlib.nullcontext()

    @classmethod
    async def open(
        cls, url: str, *, now: Callable[[], float], new_id: IdMaker, writes: bool = True
    ) -> Database:
        """Connects, and checks that the tables exist. Raises StoreError with one line that says what to do:
        no such folder, not writable, disk full, no answer, not upgraded, newer than this code. Without
        `writes` the database need not be writable, and the connection does not wait for those that write."""
        parsed = parse_url(url)
        await probe(parsed, writes=writes)
        database = cls(parsed, now, new_id)
        try:
            async with database._reading.connect() as connection:
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
        """Reads and writes. The transaction is committed and durable when the block has ended, and rolled
        back if the block raised. Raises StoreError when the database fails, Duplicate when a value is
        taken."""
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
        self._erased = self._erased or tx.erased
        tx.committed()
        if tx.reconfigured and self.announce is not None:
            await self.announce()

    async def at_once(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a transaction of its own and commits it in one go: many statements that depend on
        each other then cost little more than one of `transaction`. With SQLite it runs on a thread, so it
        must touch nothing that the loop may change. Raises StoreError, and ValueError for a document that is
        not JSON; then nothing is written."""
        try:
            async with self._turn:
                if self._thread is not None:
                    return await self._thread.run(work)
                async with self._writing.begin() as connection:
                    return await connection.run_sync(work)
        except (DBAPIError, sqlite3.Error, PoolTimeout, OSError) as error:
            raise explain(error, self._url) from error
        except StatementError as error:
            if isinstance(error.orig, ValueError):
                raise error.orig from None
            raise

    async def write_calls(self, writes: Sequence[NewCall | CallChange]) -> Sequence[bool]:
        """Writes calls and their messages in this order: all of them or, if it raises, none. Runs like
        `at_once`. Gives False for each change that came too late; then its messages are not written
        either."""
        now = round(self._now() * 1000)
        written = await self.at_once(lambda connection: write_calls(connection, writes, now))
        wordless = (one for one in writes if isinstance(one, CallChange) and not one.words)
        if any(one.status == "ended" for one in wordless):
            self._erased = True
        return written

    async def note_delivered(self, answered: Mapping[int, Sequence[str]]) -> None:
        """Stores that the messages with these ids were answered with an HTTP status. Runs like `at_once`."""
        now = round(self._now() * 1000)
        if await self.at_once(lambda connection: note_delivered(connection, answered, now)):
            self._erased = True

    def changed_elsewhere(self) -> None:
        """Another process of the node has written something that decides how calls are answered."""
        self.generation += 1

    def erased_elsewhere(self) -> None:
        """Another process of the node has erased words."""
        self._erased = True

    async def catch_up(self) -> None:
        """To be called before something is taken from memory. If no process has reported for a while, it
        checks whether one has written."""
        if self.news is not None and await self.news.are_there():
            self.generation += 1

    async def write_over(self) -> None:
        """Removes from the files what was erased. SQLite overwrites it first in its log, and in its file once
        the log is full. If somebody is reading, this has to be called again. What PostgreSQL leaves is for
        its VACUUM. Raises StoreError."""
        if not self._erased or self._thread is None:
            return
        try:
            async with self._turn:
                self._erased = False
                self._erased = not await self._thread.write_over()
        except (sqlite3.Error, DBAPIError, OSError) as error:
            self._erased = True
            raise explain(error, self._url) from error

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """Only reads. With SQLite it does not wait for writers. It sees what was committed before."""
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
        if self._thread is not None:
            self._thread.close()
        if self.news is not None:
            self.news.close()
        await self._writing.dispose()
        if self._reading is not self._writing:
            await self._reading.dispose()
