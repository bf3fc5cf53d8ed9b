from tests.store.databases import clock, cluster, database, empty_url, postgres_url

__all__ = ["clock", "cluster", "database", "empty_url", "postgres_url"]
