"""Makes engines of a database's URL, and of a driver's error one line that says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy.event
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from offhook.store.json_text import dump_json, load_json
from offhook.store.records import StoreError

T = TypeVar("T")

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
"""The schemes that a database URL may have, and what SQLAlchemy calls each."""

LOCKED_SECONDS = 10
"""Seconds that a write waits for another process, such as `offhook keys`, that holds the file."""

_BUSY_TIMEOUT = f"PRAGMA busy_timeout={LOCKED_SECONDS * 1000}"

TURN_SECONDS = 0.001
"""Seconds between two attempts of a thread to become the writer. SQLite's own pauses grow to a tenth of a
second, and a thread that pauses loses its turn to one that comes just then. That takes too long where several
processes write what callers wait for."""

WAL_RETRY_SECONDS = 0.05

CONNECT_SECONDS = 10.0
POSTGRES_CONNECTIONS = 16
SQLITE_READERS = 2


def parse_url(text: str) -> URL:
    """A URL with its asynchronous driver. Raises StoreError."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(
            "the database URL cannot be read: write postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    if url.port is not None and not 0 < url.port < 65536:
        raise StoreError(f"the database URL names port {url.port}: write one from 1 to 65535")
    driver = DRIVERS.get(url.drivername)
    if driver is None:
        raise StoreError(f"databases of the kind {url.drivername} are not served: use postgresql or sqlite")
    if driver.endswith("asyncpg") and importlib.util.find_spec("asyncpg") is None:
        raise StoreError("PostgreSQL needs its driver: pip install 'offhook[postgresql]'")
    if driver.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise StoreError("the database URL names no file: write sqlite:////FOLDER/offhook.db")
    return url.set(drivername=driver)


def is_sqlite(url: URL) -> bool:
    return url.drivername.startswith("sqlite")


def writing_engine(url: URL) -> AsyncEngine:
    """For SQLite a single connection, since SQLite has one writer; for PostgreSQL a pool."""
    if not is_sqlite(url):
        return create_async_engine(
            url,
            json_serializer=dump_json,
            json_deserializer=load_json,
            pool_size=POSTGRES_CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"timeout": CONNECT_SECONDS},
        )
    engine = create_async_engine(
        url, json_serializer=dump_json, json_deserializer=load_json, pool_size=1, max_overflow=0
    )
    _set_up_sqlite(engine.sync_engine, "BEGIN IMMEDIATE")
    return engine


def reading_engine(url: URL) -> AsyncEngine:
    """For SQLite connections that cannot write and do not wait for the writer."""
    engine = create_async_engine(
        url, json_serializer=dump_json, json_deserializer=load_json, pool_size=SQLITE_READERS, max_overflow=0
    )
    _set_up_sqlite(engine.sync_engine, "BEGIN", "PRAGMA query_only=ON")
    return engine


class SqliteThread:
    """A writing connection on a thread of its own. An asynchronous driver changes threads for every step of
    every statement; this changes once for a whole transaction."""

    def __init__(self, url: URL) -> None:
        # Transactions are begun and ended below: through the engine that costs more than the statements.
        self._engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            json_serializer=dump_json,
            json_deserializer=load_json,
            isolation_level="AUTOCOMMIT",
            poolclass=NullPool,
            connect_args={"check_same_thread": False},
        )
        _set_up_sqlite(self._engine)
        self._executor = ThreadPoolExecutor(1, "database")
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a transaction, which is committed when this returns. Raises sqlite3.Error, and what
        the work raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work)

    async def write_over(self) -> bool:
        """Moves all that was written into the file itself and empties the write-ahead log. False if somebody
        is reading. Raises sqlite3.Error."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._write_over)

    def close(self) -> None:
        """To be called when nothing runs any more."""
        self._executor.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> tuple[Connection, sqlite3.Connection]:
        if self._connection is not None:
            return self._connection, cast("sqlite3.Connection", self._connection.connection.dbapi_connection)
        self._connection = self._engine.connect()
        driver = cast("sqlite3.Connection", self._connection.connection.dbapi_connection)
        driver.execute("PRAGMA busy_timeout=0")  # from now on waiting is done here
        return self._connection, driver

    def _write_over(self) -> bool:
        _, driver = self._connected()
        # Whoever reads has time; this comes again.
        (busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def _run(self, work: Callable[[Connection], T]) -> T:
        connection, driver = self._connected()
        _begin(driver)
        try:
            result = work(connection)
            driver.execute("COMMIT")
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise
        return result


def _begin(driver: sqlite3.Connection) -> None:
    """Begins to write as soon as nobody else does. Raises sqlite3.OperationalError after LOCKED_SECONDS."""
    until = time.monotonic() + LOCKED_SECONDS
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            # Its other kinds, such as that of a recovery, are told in the higher bits.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(TURN_SECONDS)
        else:
            return


def _set_up_sqlite(engine: Engine, begin: str | None = None, *pragmas: str) -> None:
    def connected(connection: Any, _record: object) -> None:
        # The driver must not begin transactions of its own: it would begin them too late, and deferred.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            _BUSY_TIMEOUT,
            "PRAGMA journal_mode=WAL",
            # FULL, not NORMAL: a message or a status that was promised survives the loss of power, not only
            # the loss of the process. Writers share commits, so one fsync serves many calls.
            "PRAGMA synchronous=FULL",
            "PRAGMA foreign_keys=ON",
            # What is erased is written over, as in the SQLite of most distributions, and not only forgotten.
            "PRAGMA secure_delete=ON",
            *pragmas,
        ):
            cursor.execute(pragma)
        cursor.close()

    sqlalchemy.event.listen(engine, "connect", connected)
    if begin is not None:
        sqlalchemy.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))


def make_private(url: URL) -> None:
    """Creates the SQLite file if there is none, and lets only its owner read it, whoever made the folder. A
    file that root creates gets the folder's owner, so that a command does not lock the service out. Raises
    OSError."""
    if not is_sqlite(url):
        return
    file = Path(str(url.database))
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        if os.geteuid() == 0:
            folder = file.parent.stat()
            os.chown(file, folder.st_uid, folder.st_gid)
    except FileExistsError:
        pass
    # SQLite gives the files beside it the mode of the first.
    for existing in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            existing.chmod(0o600)


async def probe(url: URL, *, writes: bool = True) -> None:
    """Raises StoreError for a SQLite file that is missing, or cannot be opened, or (if something `writes`)
    cannot be written. Creates none. A file that fails only in the asynchronous driver leaves a thread of that
    driver behind, which then prints a traceback."""
    if not is_sqlite(url):
        return
    try:
        await asyncio.to_thread(_probe_sqlite, str(url.database), writes)
    except sqlite3.Error as error:
        raise explain(error, url) from error


def _probe_sqlite(file: str, writes: bool) -> None:
    there = f"{Path(file).absolute().as_uri()}?mode=rw"
    with contextlib.closing(
        sqlite3.connect(there, LOCKED_SECONDS, isolation_level=None, uri=True)
    ) as connection:
        connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema")
        connection.execute("ROLLBACK")
        if writes:
            write_ahead(connection)


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switches the file to a write-ahead log, once. SQLite itself does not wait for another process that
    writes to the new file, or switches it at this moment. Raises sqlite3.OperationalError."""
    tries = round(LOCKED_SECONDS / WAL_RETRY_SECONDS)
    for left in reversed(range(tries)):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if left == 0 or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(WAL_RETRY_SECONDS)
        else:
            return


def explain(error: Exception, url: URL) -> StoreError:
    """One line that says what to do about a driver's error, without the password."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    detail = " ".join(str(cause).split()) or type(cause).__name__
    if is_sqlite(url):
        return StoreError(_explain_sqlite(detail, Path(str(url.database))))
    if isinstance(cause, (OSError, TimeoutError)):
        detail = f"nothing answers there ({detail})"
    place = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"
    return StoreError(f"the database at {place} cannot be used: {detail}; check OFFHOOK_DATABASE_URL")


def cannot_make(url: URL, error: OSError) -> StoreError:
    file = Path(str(url.database))
    if isinstance(error, PermissionError):
        return StoreError(f"cannot make {file}: make the folder {file.parent} writable for this user")
    return StoreError(_explain_sqlite(f"unable to open ({error.strerror})", file))


def _what_to_do(file: Path) -> str:
    """What to do about a file that cannot be opened."""
    try:
        file.stat()
    except PermissionError:
        return f"the folder {file.parent} is another user's; run this as that user"
    except OSError:
        if os.path.isdir(file.parent):
            return "there is no database yet; start the service, or run `offhook db upgrade`"
        return f"create the folder {file.parent}"
    return f"make the file and its folder {file.parent} writable for this user, or run this as its owner"


def _explain_sqlite(detail: str, file: Path) -> str:
    lower = detail.lower()
    if "full" in lower or "disk i/o" in lower:
        return f"cannot write to {file}: {detail}; make room on the disk of {file.parent}"
    if "readonly" in lower or "read-only" in lower or "permission" in lower:
        return f"cannot write to {file}: make the file and its folder {file.parent} writable for this user"
    if "unable to open" in lower:
        return f"cannot open {file}: {_what_to_do(file)}"
    if "locked" in lower or "busy" in lower:
        return f"{file} is held by another process: stop it, or wait until it is done"
    if "not a database" in lower or "malformed" in lower:
        return f"{file} is no database, or is damaged: put a backup in its place or move it away"
    return f"{file}: {detail}"
