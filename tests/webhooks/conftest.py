from tests.store.databases import (
    clock,
    cluster,
    database,
    database_kind,
    newest_postgres_url,
    newest_sqlite_url,
    newest_url,
)

__all__ = [
    "clock",
    "cluster",
    "database",
    "database_kind",
    "newest_postgres_url",
    "newest_sqlite_url",
    "newest_url",
]
