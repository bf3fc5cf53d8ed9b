"""What is stored, scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from offhook.calls.directory.documented import Documented
from offhook.calls.trunks.stored_trunks import StoredTrunks, stored_trunk
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO
from offhook.schema.sip_trunk import SIP_TRUNK
from offhook.schema.stored import assistant_of, number_of, org_of, squad_of
from offhook.store import Record
from offhook.store.repositories import fold_number

Document = dict[str, Any]

ORG = "org-1"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class MemoryDirectory:
    numbers: dict[str, Document]
    assistants: dict[str, Document]
    squads: dict[str, Document] = field(default_factory=dict)
    orgs: dict[str, Document] = field(default_factory=dict)
    credentials: dict[str, Document] = field(default_factory=dict)
    tools: dict[str, Document] = field(default_factory=dict)
    failure: Exception | None = None

    async def number(self, user: str) -> Documented[StoredPhoneNumber] | None:
        await asyncio.sleep(0.001)
        if self.failure is not None:
            raise self.failure
        found = self.numbers.get(user.lower())
        return None if found is None else Documented(found, number_of)

    async def trunks(self) -> StoredTrunks:
        rows = [Record(name, ORG, LONG_AGO, LONG_AGO, one) for name, one in self.credentials.items()]
        found = map(stored_trunk, (one for one in rows if one.document["provider"] == SIP_TRUNK))
        return StoredTrunks(one for one in found if one is not None)

    async def trunk_numbers(self, number: str) -> list[Documented[StoredPhoneNumber]]:
        wanted = fold_number(number)
        of_trunks = [one for one in self.numbers.values() if one.get("credentialId")]
        return [Documented(one, number_of) for one in of_trunks if fold_number(one["number"]) == wanted]

    async def numbers_of(self, org_id: str, trunk_id: str) -> list[Documented[StoredPhoneNumber]]:
        found = [one for one in self.numbers.values() if one.get("credentialId") == trunk_id]
        return [Documented(one, number_of) for one in found if one["orgId"] == org_id]

    async def org(self, org_id: str) -> UpdateOrgDTO:
        return org_of(self.orgs.get(org_id, {}))

    async def assistant(self, org_id: str, assistant_id: str) -> Documented[AssistantOverrides] | None:
        found = self.assistants.get(assistant_id) if org_id == ORG else None
        return None if found is None else Documented(found, assistant_of)

    async def squad(self, org_id: str, squad_id: str) -> Documented[Squad] | None:
        found = self.squads.get(squad_id) if org_id == ORG else None
        return None if found is None else Documented(found, squad_of)

    async def tool(self, org_id: str, tool_id: str) -> Mapping[str, Any] | None:
        return self.tools.get(tool_id) if org_id == ORG else None

    async def credential(self, org_id: str, credential_id: str) -> Mapping[str, Any] | None:
        return self.credentials.get(credential_id) if org_id == ORG else None

    async def credentials_for(self, org_id: str, provider: str) -> Mapping[str, Mapping[str, Any]]:
        found = {name: one for name, one in self.credentials.items() if one["provider"] == provider}
        return found if org_id == ORG else {}
