"""What routing has read is kept until it changes. Most calls go to few numbers, and reading the database
costs more than everything else that an INVITE needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from offhook.calls.directory.documented import Documented
from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.calls.trunks.stored_trunks import StoredTrunks
from offhook.json_document import ResourceDocument
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO
from offhook.store import Database

T = TypeVar("T")

TRUNKS_SECONDS: Final = 2.0
"""For which the trunks of a database that others write to are remembered."""

MOST_KNOWN: Final = 10_000
"""Number of resources. Above it the cache is emptied."""


class DirectoryCache:
    """A directory that reads each resource once after every change of numbers, assistants, squads, tools,
    orgs and credentials, whichever process of the node makes the change. If other nodes write to the same
    database it always reads. It does not remember that a resource does not exist."""

    def __init__(self, stored: StoredDirectory, database: Database) -> None:
        self._stored = stored
        self._database = database
        self._generation = database.generation
        self._known: dict[tuple[str, ...], Any] = {}
        self._trunks: StoredTrunks | None = None
        self._trunks_until = 0.0
        self._reading_trunks = asyncio.Lock()

    async def number(self, user: str) -> Documented[StoredPhoneNumber] | None:
        return await self._find(("number", user), lambda: self._stored.number(user))

    async def trunk_numbers(self, number: str) -> Sequence[Documented[StoredPhoneNumber]]:
        async def read() -> Sequence[Documented[StoredPhoneNumber]] | None:
            return await self._stored.trunk_numbers(number) or None

        return await self._find(("trunk numbers", number), read) or ()

    async def numbers_of(self, org_id: str, trunk_id: str) -> Sequence[Documented[StoredPhoneNumber]]:
        async def read() -> Sequence[Documented[StoredPhoneNumber]] | None:
            return await self._stored.numbers_of(org_id, trunk_id) or None

        return await self._find(("numbers of", org_id, trunk_id), read) or ()

    async def trunks(self) -> StoredTrunks:
        """Where other nodes write too, as they were a moment ago. They are read whole, and by one at a time:
        all calls need them."""
        async with self._reading_trunks:
            if not self._database.shared:
                return await self._find(("trunks",), self._stored.trunks) or StoredTrunks()
            now = asyncio.get_running_loop().time()
            if self._trunks is None or now >= self._trunks_until:
                self._trunks, self._trunks_until = await self._stored.trunks(), now + TRUNKS_SECONDS
            return self._trunks

    async def org(self, org_id: str) -> UpdateOrgDTO:
        async def read() -> UpdateOrgDTO | None:
            return await self._stored.org(org_id)

        return await self._find(("org", org_id), read) or UpdateOrgDTO()

    async def assistant(self, org_id: str, assistant_id: str) -> Documented[AssistantOverrides] | None:
        key = ("assistant", org_id, assistant_id)
        return await self._find(key, lambda: self._stored.assistant(org_id, assistant_id))

    async def squad(self, org_id: str, squad_id: str) -> Documented[Squad] | None:
        return await self._find(("squad", org_id, squad_id), lambda: self._stored.squad(org_id, squad_id))

    async def tool(self, org_id: str, tool_id: str) -> ResourceDocument | None:
        key = ("tool", org_id, tool_id)
        return await self._find(key, lambda: self._stored.tool(org_id, tool_id))

    async def credential(self, org_id: str, credential_id: str) -> ResourceDocument | None:
        key = ("credential", org_id, credential_id)
        return await self._find(key, lambda: self._stored.credential(org_id, credential_id))

    async def credentials_for(self, org_id: str, provider: str) -> Mapping[str, ResourceDocument]:
        """It does remember that there are none."""

        async def read() -> Mapping[str, ResourceDocument] | None:
            return await self._stored.credentials_for(org_id, provider)

        return await self._find(("credentials", org_id, provider), read) or {}

    async def _find(self, key: tuple[str, ...], read: Callable[[], Awaitable[T | None]]) -> T | None:
        if self._database.shared:
            return await read()
        await self._database.catch_up()
        generation = self._database.generation
        if generation != self._generation or len(self._known) >= MOST_KNOWN:
            self._known.clear()
            self._generation = generation
        found: T | None = self._known.get(key)
        if found is None:
            found = await read()
            # What was read while somebody wrote may be what was before.
            if found is not None and generation == self._database.generation:
                self._known[key] = found
        return found
