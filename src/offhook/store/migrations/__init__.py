"""Alembic's scripts. `store.migrate.upgrade` runs them on a connection that it brings."""
