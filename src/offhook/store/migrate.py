"""The schema of the database: which revision it has, and how it is upgraded to the newest.

Only the upgrade loads Alembic. A process that merely uses the database works without it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sqlalchemy import URL, Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from offhook.store.connecting import (
    cannot_make,
    explain,
    is_sqlite,
    make_private,
    parse_url,
    probe,
    writing_engine,
)
from offhook.store.records import StoreError
from offhook.store.tables import metadata

_RESTORE = "put a backup in its place"


_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = text("SELECT version_num FROM alembic_version")


@lru_cache(maxsize=1)
def revisions() -> tuple[str, ...]:
    """The revisions that this code knows, the newest last. A revision's number is the one in its file's
    name."""
    return tuple(sorted(file.name[1:5] for file in (_MIGRATIONS / "versions").glob("r[0-9]*.py")))


def check_revision(connection: Connection) -> None:
    """Raises StoreError unless the database has the newest revision."""
    found = _known_revision(connection)
    if found is None:
        raise StoreError("the database is empty: run `offhook db upgrade`")
    if found != revisions()[-1]:
        raise StoreError("the database was made by an older Offhook: run `offhook db upgrade`")
    _check_tables(connection)


def _check_tables(connection: Connection) -> None:
    """Raises StoreError unless all tables exist with all their columns."""
    found = inspect(connection)
    there = set(found.get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in there:
            raise StoreError(f"the database is damaged, it lacks the table {table.name}: {_RESTORE}")
        columns = {column["name"] for column in found.get_columns(table.name)}
        missing = ", ".join(column.name for column in table.columns if column.name not in columns)
        if missing:
            raise StoreError(f"the database is damaged, {table.name} lacks {missing}: {_RESTORE}")


def _known_revision(connection: Connection) -> str | None:
    """None for an empty database. Raises StoreError for an unknown revision."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(_VERSION).scalar()
    if found is not None and found not in revisions():
        raise StoreError(f"the database was made by a newer Offhook (revision {found}): install that one")
    return found


async def upgrade(url: str) -> None:
    """Upgrades the database from whatever revision it has to the newest; creates a SQLite file. Several
    processes may call this at once. Raises StoreError, also for a damaged database."""
    parsed = parse_url(url)
    try:
        make_private(parsed)
    except OSError as error:
        raise cannot_make(parsed, error) from error
    await probe(parsed)
    engine = writing_engine(parsed)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda sync: _upgrade(sync, parsed))
    except (SQLAlchemyError, OSError) as error:
        raise explain(error, parsed) from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, url: URL) -> None:
    from alembic import command
    from alembic.config import Config

    if not is_sqlite(url):
        # One node at a time; the others find everything done. SQLite's BEGIN IMMEDIATE does the same.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7367)")
    _known_revision(connection)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    _check_tables(connection)
