from tests.store.databases import (
    clock,
    cluster,
    database,
    database_kind,
    empty_url,
    newest_postgres_url,
    newest_sqlite_url,
    newest_url,
    postgres_url,
)

__all__ = [
    "clock",
    "cluster",
    "database",
    "database_kind",
    "empty_url",
    "newest_postgres_url",
    "newest_sqlite_url",
    "newest_url",
    "postgres_url",
]
