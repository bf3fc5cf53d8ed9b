"""What calls read from the database: numbers, and by org assistants, squads, tools and credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from offhook.calls.directory.documented import Documented, resource
from offhook.calls.trunks.stored_trunks import StoredTrunks, stored_trunk
from offhook.json_document import ResourceDocument
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO
from offhook.schema.sip_trunk import SIP_TRUNK
from offhook.schema.stored import assistant_of, number_of, org_of, squad_of
from offhook.store import Database

MOST_CREDENTIALS: Final = 1000
"""How many credentials of an org are searched for those of one provider."""


class StoredDirectory:
    """Numbers, assistants, squads and orgs, as routing reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def number(self, user: str) -> Documented[StoredPhoneNumber] | None:
        async with self._database.reading() as tx:
            record = await tx.phone_numbers.by_sip_user(user)
        return None if record is None else Documented(resource(record), number_of)

    async def trunk_numbers(self, number: str) -> Sequence[Documented[StoredPhoneNumber]]:
        """This telephone number on the trunks that have it, the oldest first."""
        async with self._database.reading() as tx:
            records = await tx.phone_numbers.of_trunks(number)
        return [Documented(resource(record), number_of) for record in records]

    async def numbers_of(self, org_id: str, trunk_id: str) -> Sequence[Documented[StoredPhoneNumber]]:
        """Those of one trunk, two of them at the most."""
        async with self._database.reading() as tx:
            records = await tx.phone_numbers.of_trunk(org_id, trunk_id, 2)
        return [Documented(resource(record), number_of) for record in records]

    async def trunks(self) -> StoredTrunks:
        """Those of all orgs, the oldest first."""
        async with self._database.reading() as tx:
            records = await tx.credentials.of_provider(SIP_TRUNK)
        found = map(stored_trunk, records)
        return StoredTrunks(one for one in found if one is not None)

    async def org(self, org_id: str) -> UpdateOrgDTO:
        async with self._database.reading() as tx:
            record = await tx.orgs.get(org_id)
        return UpdateOrgDTO() if record is None else org_of(record.document)

    async def assistant(self, org_id: str, assistant_id: str) -> Documented[AssistantOverrides] | None:
        async with self._database.reading() as tx:
            record = await tx.assistants.get(org_id, assistant_id)
        return None if record is None else Documented(resource(record), assistant_of)

    async def squad(self, org_id: str, squad_id: str) -> Documented[Squad] | None:
        async with self._database.reading() as tx:
            record = await tx.squads.get(org_id, squad_id)
        return None if record is None else Documented(record.document, squad_of)

    async def tool(self, org_id: str, tool_id: str) -> ResourceDocument | None:
        async with self._database.reading() as tx:
            record = await tx.tools.get(org_id, tool_id)
        return None if record is None else record.document

    async def credential(self, org_id: str, credential_id: str) -> ResourceDocument | None:
        async with self._database.reading() as tx:
            record = await tx.credentials.get(org_id, credential_id)
        return None if record is None else record.document

    async def credentials_for(self, org_id: str, provider: str) -> Mapping[str, ResourceDocument]:
        """Credentials by their ids, the newest first."""
        async with self._database.reading() as tx:
            records = await tx.credentials.list(org_id, limit=MOST_CREDENTIALS)
        return {one.id: one.document for one in records if one.document.get("provider") == provider}
