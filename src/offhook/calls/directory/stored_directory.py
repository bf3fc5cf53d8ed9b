"""What calls read from the database: numbers, and by org assistants, squads, tools and credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from offhook.schema.base import format_timestamp
from offhook.store import Database, Record

MOST_CREDENTIALS: Final = 1000
"""Of an org that are looked through for those of one provider."""


class StoredDirectory:
    """Numbers, assistants, squads and orgs, as routing reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def number(self, user: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            return resource(await tx.phone_numbers.by_sip_user(user))

    async def org(self, org_id: str) -> Mapping[str, Any]:
        async with self._database.reading() as tx:
            record = await tx.orgs.get(org_id)
        return {} if record is None else record.document

    async def assistant(self, org_id: str, assistant_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.assistants.get(org_id, assistant_id)
        return resource(record)

    async def squad(self, org_id: str, squad_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.squads.get(org_id, squad_id)
        return None if record is None else record.document

    async def tool(self, org_id: str, tool_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.tools.get(org_id, tool_id)
        return None if record is None else record.document

    async def credential(self, org_id: str, credential_id: str) -> Mapping[str, Any] | None:
        async with self._database.reading() as tx:
            record = await tx.credentials.get(org_id, credential_id)
        return None if record is None else record.document

    async def credentials_for(self, org_id: str, provider: str) -> Mapping[str, Mapping[str, Any]]:
        """By their ids, the newest first."""
        async with self._database.reading() as tx:
            records = await tx.credentials.list(org_id, limit=MOST_CREDENTIALS)
        return {one.id: one.document for one in records if one.document.get("provider") == provider}


def resource(record: Record | None) -> Mapping[str, Any] | None:
    """A row as its owner knows it."""
    if record is None:
        return None
    return {
        **record.document,
        "id": record.id,
        "orgId": record.org_id,
        "createdAt": format_timestamp(record.created_at),
        "updatedAt": format_timestamp(record.updated_at),
    }
