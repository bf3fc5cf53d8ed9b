"""API keys, of which only a hash is stored."""

# ruff: noqa: A001, A002 - an id is an id

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from offhook.store.records import Key, KeyTag, moment
from offhook.store.statements import Statements
from offhook.store.tables import keys


def key_hash(value: str) -> str:
    """SHA-256 in hex. Keys are long and random, so a slow hash would protect nothing."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


class ApiKeys:
    def __init__(self, tx: Statements) -> None:
        self._tx = tx

    async def create(self, org_id: str, value: str, *, tag: KeyTag, name: str) -> Key:
        """Makes `value` a key of the org. Raises Duplicate("key") if it is a key already, of whatever org."""
        now = self._tx.now_ms()
        id = self._tx.new_id.random()
        values = {
            "id": id,
            "org_id": org_id,
            "hash": key_hash(value),
            "tag": tag,
            "name": name,
            "last": value[-4:],
            "created_at": now,
        }
        await self._tx.execute(insert(keys).values(values), unique={"hash": "key"})
        return Key(id, org_id, tag, name, value[-4:], moment(now), None)

    async def find_by_hash(self, digest: str) -> Key | None:
        """The key with this `key_hash`, unless it is revoked."""
        wanted = select(keys).where(keys.c.hash == digest, keys.c.revoked_at.is_(None))
        return _first(await self._tx.execute(wanted))

    async def org_of(self, value: str) -> str | None:
        """The id of the org that the key opens, unless the key is revoked."""
        key = await self.find_by_hash(key_hash(value))
        return None if key is None else key.org_id

    async def list(self, org_id: str) -> list[Key]:
        """All of the org's keys, the oldest first, including revoked ones."""
        wanted = select(keys).where(keys.c.org_id == org_id).order_by(keys.c.created_at, keys.c.id)
        return [_key(row) for row in await self._tx.execute(wanted)]

    async def revoke(self, org_id: str, id: str) -> Key | None:
        """Revokes the key, which opens nothing from now on. None if the org has no such key in use."""
        changed = (
            update(keys)
            .where(keys.c.org_id == org_id, keys.c.id == id, keys.c.revoked_at.is_(None))
            .values(revoked_at=self._tx.now_ms())
            .returning(keys)
        )
        return _first(await self._tx.execute(changed))


def _first(rows: Sequence[Row[Any]]) -> Key | None:
    return _key(rows[0]) if rows else None


def _key(row: Row[Any]) -> Key:
    revoked = None if row.revoked_at is None else moment(row.revoked_at)
    return Key(row.id, row.org_id, row.tag, row.name, row.last, moment(row.created_at), revoked)
