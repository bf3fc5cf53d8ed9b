"""What routing has read before, kept until it changes: most calls go to few numbers, and reading the database
costs more than all else that an INVITE asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.store import Database

MOST_KNOWN: Final = 10_000
"""Documents; beyond it all are forgotten and read anew."""

Document = Mapping[str, Any]


class DirectoryCache:
    """A directory that reads each document once after every change of numbers, assistants, squads, tools,
    orgs and credentials, whichever process of the node makes it. Where other nodes write too it reads
    always. What does not exist is not remembered."""

    def __init__(self, stored: StoredDirectory, database: Database) -> None:
        self._stored = stored
        self._database = database
        self._generation = database.generation
        self._known: dict[tuple[str, ...], Document] = {}

    async def number(self, user: str) -> Document | None:
        return await self._find(("number", user), lambda: self._stored.number(user))

    async def org(self, org_id: str) -> Document:
        return await self._find(("org", org_id), lambda: self._stored.org(org_id)) or {}

    async def assistant(self, org_id: str, assistant_id: str) -> Document | None:
        key = ("assistant", org_id, assistant_id)
        return await self._find(key, lambda: self._stored.assistant(org_id, assistant_id))

    async def squad(self, org_id: str, squad_id: str) -> Document | None:
        return await self._find(("squad", org_id, squad_id), lambda: self._stored.squad(org_id, squad_id))

    async def tool(self, org_id: str, tool_id: str) -> Document | None:
        key = ("tool", org_id, tool_id)
        return await self._find(key, lambda: self._stored.tool(org_id, tool_id))

    async def credential(self, org_id: str, credential_id: str) -> Document | None:
        key = ("credential", org_id, credential_id)
        return await self._find(key, lambda: self._stored.credential(org_id, credential_id))

    async def credentials_for(self, org_id: str, provider: str) -> Mapping[str, Document]:
        """That there are none is remembered, too."""

        async def read() -> Document:
            return {"found": await self._stored.credentials_for(org_id, provider)}

        known = await self._find(("credentials", org_id, provider), read)
        return known["found"] if known is not None else {}

    async def _find(
        self, key: tuple[str, ...], read: Callable[[], Awaitable[Document | None]]
    ) -> Document | None:
        if self._database.shared:
            return await read()
        await self._database.catch_up()
        generation = self._database.generation
        if generation != self._generation or len(self._known) >= MOST_KNOWN:
            self._known.clear()
            self._generation = generation
        found = self._known.get(key)
        if found is None:
            found = await read()
            # What was read while somebody wrote may be what was before.
            if found and generation == self._database.generation:
                self._known[key] = found
        return found
