"""What all stored resources have in common over HTTP: create, list, read, change, delete.

A kind of resource says what is special about it: its wire types, what a body becomes before it is stored,
and how a stored one is shown.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, get_args

from pydantic import create_model
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.http.api_errors import BadRequest, NotFound
from offhook.api.http.work import Work, private
from offhook.api.openapi.operation import Operations, changes_of, gives, list_of, type_of
from offhook.api.resources.paging import ListQuery, described_list, parse_list
from offhook.api.resources.references import check_named
from offhook.api.wire_type import Wire
from offhook.json_document import ResourceDocument
from offhook.schema.base import Resource, document, format_timestamp
from offhook.schema.calls.call_document import IdentityDocument
from offhook.store import Duplicate, Position, Record, Repository, Transaction

log = logging.getLogger(__name__)

Document = dict[str, Any]

FIRST_SLICE: Final = 5
LARGEST_SLICE: Final = 100
SLICE_BYTES: Final = 500_000
"""Of a list that much is read from the database and written as JSON at a time, some milliseconds of work."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource.

    `tag`, `title` and `controller` are the API's words for it in its document; `noun` is ours in sentences.
    `compose` gets the parsed body and, for a PATCH, the record it changes; it returns the document to store
    or raises an ApiError. `show` gives the properties to show, without the four that every resource has.
    `changed` is the type of a PATCH where it takes something else than a POST.
    `ids` is the name of the filter by which several can be asked for by their ids, if there is one.
    `warn` says what of a document that is stored will not work here; the answer says it too.
    """

    path: str
    noun: str
    title: str
    controller: str
    created: Wire
    shown: Wire
    repository: Callable[[Transaction], Repository]
    compose: Callable[[Work, Document, Record | None], Awaitable[Document]]
    show: Callable[[ResourceDocument], Document] = dict
    changed: Wire | None = None
    ids: str | None = None
    warn: Callable[[Work, ResourceDocument], Awaitable[Sequence[str]]] | None = None


def with_resource(union: Any) -> Any:
    """The type of a stored resource that is a union: each of its members with what every resource has."""
    members, discriminator = get_args(union)
    shown = (create_model(f"Stored{kind.__name__}", __base__=(kind, Resource)) for kind in get_args(members))
    return Annotated[reduce(or_, shown), discriminator]


async def composed(work: Work, wire: Wire, given: Document, stored: Record | None) -> Document:
    """What is stored of a body that is laid over what was stored before, once all of it has been checked."""
    whole = wire.parse({**(stored.document if stored else {}), **given})
    await check_named(work, whole, given)
    return document(whole)


def resource(record: Record, properties: ResourceDocument) -> Document:
    """A resource as it goes over the wire."""
    identity = IdentityDocument(
        id=record.id,
        org_id=record.org_id,
        created_at=format_timestamp(record.created_at),
        updated_at=format_timestamp(record.updated_at),
    )
    return {**identity.document(), **properties}


async def found(
    work: Work, repository: Repository, noun: str, identity: str, *, to_change: bool = False
) -> Record:
    """The org's own record. Raises NotFound for one that is not there or is another org's."""
    record = await repository.get(work.org_id, identity, to_change=to_change)
    if record is None:
        raise missing(noun, identity)
    return record


def missing(noun: str, identity: str) -> NotFound:
    return NotFound(f"There is no {noun} with id {identity[:100]}.")


async def listed(
    work: Work, repository: Repository, query: ListQuery, show: Callable[[ResourceDocument], Document]
) -> bytes:
    """The list as JSON, newest first. A few at a time are read and written: a hundred calls with all that was
    said are megabytes, and those who are talking should not hear that somebody looks at them."""
    shown: list[bytes] = []
    after: Position | None = None
    size = FIRST_SLICE
    while (wanted := min(size, query.limit - len(shown))) > 0:
        records = await repository.list(
            work.org_id, limit=wanted, dates=query.dates, equal=query.equal, ids=query.ids, after=after
        )
        shown += [encode(resource(record, show(record.document))) for record in records]
        if len(records) < wanted:
            break
        after = records[-1].created_at, records[-1].id
        size = max(1, min(LARGEST_SLICE, SLICE_BYTES * len(records) // sum(map(len, shown[-wanted:]))))
    return b"[" + b",".join(shown) + b"]"


def _warning(text: str) -> str:
    """As a value of the header (RFC 7234 §5.5): miscellaneous, for whoever reads the answer."""
    quoted = "".join(c if " " <= c <= "~" else "?" for c in text)
    return '199 offhook "' + quoted.replace("\\", "\\\\").replace('"', '\\"') + '"'


def encode(value: Document) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def json_response(content: bytes) -> Response:
    return Response(content, media_type="application/json")


@asynccontextmanager
async def unique() -> AsyncIterator[None]:
    """What another resource has already is the client's mistake. Not a 409: the SDKs would try it again."""
    try:
        yield
    except Duplicate as problem:
        raise BadRequest(f"{problem.field} is taken already") from None


def crud(kind: Kind) -> Operations:
    """The five routes of one kind."""
    operations = Operations(f"{kind.title}s", kind.controller)
    one = type_of(kind.shown)
    changes = type_of(kind.changed) if kind.changed else changes_of(kind.created)
    at_id = f"{kind.path}/{{id}}"

    def answer(record: Record, status: int = 200, warnings: Sequence[str] = ()) -> Response:
        for warning in warnings:
            log.warning("%s %s: %s", kind.noun, record.id, warning)
        headers = {"Warning": ", ".join(map(_warning, warnings))} if warnings else None
        return JSONResponse(resource(record, kind.show(record.document)), status, headers)

    async def warnings_of(work: Work, record: Record) -> Sequence[str]:
        return await kind.warn(work, record.document) if kind.warn is not None else ()

    @operations.serve(
        "POST", kind.path, "create", f"Create {kind.title}", gives(one, 201), takes=type_of(kind.created)
    )
    async def create(request: Request) -> Response:
        async def composed(work: Work) -> Document:
            return await kind.compose(work, work.object(), None)

        async with private(request, composed) as work:
            document = await composed(work)
            async with unique():
                record = await kind.repository(work.tx).create(work.org_id, document)
            warnings = await warnings_of(work, record)
        return answer(record, 201, warnings)

    @operations.serve(
        "GET",
        kind.path,
        "findAll",
        f"List {kind.title}s",
        gives(list_of(kind.shown)),
        parameters=described_list(ids=kind.ids),
    )
    async def find_all(request: Request) -> Response:
        query = parse_list(request.query_params, ids=kind.ids)
        async with private(request) as work:
            content = await listed(work, kind.repository(work.tx), query, kind.show)
        return json_response(content)

    @operations.serve("GET", at_id, "findOne", f"Get {kind.title}", gives(one))
    async def find_one(request: Request) -> Response:
        async with private(request) as work:
            record = await found(work, kind.repository(work.tx), kind.noun, request.path_params["id"])
        return answer(record)

    @operations.serve("PATCH", at_id, "update", f"Update {kind.title}", gives(one), takes=changes)
    async def update(request: Request) -> Response:
        identity = request.path_params["id"]

        async def composed(work: Work, to_change: bool = False) -> Document:
            repository = kind.repository(work.tx)
            stored = await found(work, repository, kind.noun, identity, to_change=to_change)
            return await kind.compose(work, work.object(), stored)

        async with private(request, composed) as work:
            document = await composed(work, True)
            async with unique():
                record = await kind.repository(work.tx).replace(work.org_id, identity, document)
            if record is None:
                raise missing(kind.noun, identity)
            warnings = await warnings_of(work, record)
        return answer(record, 200, warnings)

    @operations.serve("DELETE", at_id, "remove", f"Delete {kind.title}", gives(one))
    async def remove(request: Request) -> Response:
        identity = request.path_params["id"]

        async def there(work: Work) -> bool:
            if await kind.repository(work.tx).existing(work.org_id, [identity]):
                return True
            raise missing(kind.noun, identity)

        async with private(request, there) as work:
            record = await kind.repository(work.tx).delete(work.org_id, identity)
            if record is None:
                raise missing(kind.noun, identity)
        return answer(record)

    return operations
