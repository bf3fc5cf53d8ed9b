"""The work of one request: the key is known, the body is read, and everything happens in one transaction.

The key is checked first, so that no stranger's body is read. The body is read before the transaction opens,
so that a slow client never holds the database. The answer is sent after the transaction has closed, so that
what a client is told is stored. Whatever can be refused is refused before the transaction begins: there is
one writer, and calls wait for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from offhook.api.http import body
from offhook.api.http.api_errors import NotFound, Unauthorized
from offhook.api.services import Services
from offhook.store import Transaction, key_hash


@dataclass(frozen=True, slots=True)
class Work:
    """What a route works with. Everything that it reads and writes belongs to `org_id`."""

    services: Services
    tx: Transaction
    org_id: str
    raw: bytes
    content_type: str

    def object(self) -> dict[str, Any]:
        """The body as a JSON object, not yet checked against a wire type. Raises BadRequest."""
        return body.parse_object(self.raw, self.content_type)


Rehearsal = Callable[[Work], Awaitable[object]]
"""Checks whatever can be refused, without writing anything."""


@asynccontextmanager
async def private(
    request: Request, rehearsal: Rehearsal | None = None, *, writes: bool = True
) -> AsyncIterator[Work]:
    """The work of a request that needs an org's private key. Raises Unauthorized for every other key."""
    async with keyed(request, ("private",), rehearsal, writes=writes) as work:
        yield work


@asynccontextmanager
async def keyed(
    request: Request, tags: Collection[str], rehearsal: Rehearsal | None = None, *, writes: bool = True
) -> AsyncIterator[Work]:
    """The work of a request that needs an org's key with one of `tags`. Raises Unauthorized for other keys.
    Raises what `rehearsal` raises, before anything waits for its turn to write."""
    services: Services = request.app.state.services
    key = bearer(request)
    if "\0" in request.url.path:  # PostgreSQL takes no U+0000, so no id has one
        raise NotFound("There is no such resource.")
    database = services.database
    async with database.reading() as tx:
        org_id = await org_of_key(tx, key, tags)
        if request.method in ("GET", "HEAD"):  # a body would mean nothing (RFC 9110 §9.3.1)
            yield Work(services, tx, org_id, b"", "")
            return
    raw, content_type = await body.read(request), request.headers.get("content-type", "")
    if rehearsal is not None or not writes:
        async with database.reading() as tx:
            work = Work(services, tx, org_id, raw, content_type)
            if not writes:
                yield work
                return
            if rehearsal is not None:
                await rehearsal(work)
    async with database.transaction() as tx:
        yield Work(services, tx, org_id, raw, content_type)


async def org_of_key(tx: Transaction, key: str, tags: Collection[str]) -> str:
    """Raises Unauthorized for a key that nobody has, or that has none of `tags`."""
    found = await tx.keys.find_by_hash(key_hash(key))
    if found is None or found.tag not in tags:
        raise Unauthorized
    return found.org_id


def bearer(request: Request) -> str:
    """The key of `Authorization: Bearer KEY`; the scheme is case-insensitive (RFC 9110 §11.1)."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized
    return key.strip()
