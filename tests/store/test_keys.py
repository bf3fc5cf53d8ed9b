from __future__ import annotations

from pathlib import Path

import pytest

from offhook.store import Database, Duplicate, key_hash
from tests.store.databases import Clock

KEY = "a-private-key-that-nobody-may-read"


async def test_a_key_opens_its_org_until_it_is_revoked(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        org = (await tx.orgs.create({"name": "Ours"})).id
        other = (await tx.orgs.create({"name": "Theirs"})).id
        key = await tx.keys.create(org, KEY, tag="private", name="first")
        clock.seconds += 1
        await tx.keys.create(org, "another key", tag="public", name="web")
        found = await tx.keys.find_by_hash(key_hash(KEY))
        assert found == key
        assert (key.tag, key.name, key.last) == ("private", "first", "read")
        assert await tx.keys.org_of(KEY) == org
        assert await tx.keys.org_of(KEY + "x") is None

        assert await tx.keys.revoke(other, key.id) is None
        assert await tx.keys.org_of(KEY) == org
        revoked = await tx.keys.revoke(org, key.id)
        assert revoked is not None
        assert revoked.revoked_at is not None
        assert await tx.keys.org_of(KEY) is None
        assert await tx.keys.revoke(org, key.id) is None
        assert [listed.name for listed in await tx.keys.list(org)] == ["first", "web"]
        assert await tx.keys.list(other) == []


async def test_a_key_is_one_orgs_only(database: Database) -> None:
    async with database.transaction() as tx:
        ours = await tx.orgs.create({})
        theirs = await tx.orgs.create({})
        await tx.keys.create(ours.id, KEY, tag="private", name="")
    with pytest.raises(Duplicate, match="key"):
        async with database.transaction() as tx:
            await tx.keys.create(theirs.id, KEY, tag="private", name="")


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_key_itself_is_nowhere_in_the_file(database: Database, tmp_path: Path) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({})
        await tx.keys.create(org.id, KEY, tag="private", name="first")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"first" in stored
    assert KEY.encode() not in stored
