"""`/phone-number` and `/v2/phone-number` (wire-facts §1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.errors import BadRequest
from offhook.api.openapi import described, page_of
from offhook.api.paging import described_page, page_metadata, parse_page
from offhook.api.resource import Document, Kind, check_reference, crud, resource
from offhook.api.wire import Wire
from offhook.api.work import Work, private
from offhook.schema.base import Model
from offhook.schema.number import CreateVapiPhoneNumber, UpdateVapiPhoneNumber, VapiPhoneNumber, unserved
from offhook.schema.server import normalise_server, show_server
from offhook.store import Record

# No vowels, so that a made-up name never reads as a word.
_LETTERS: Final = "bcdfghjkmnpqrstvwxz23456789"
_HOST_OF_URI: Final = re.compile(r"sip:[^@]+@(\[[^\]]+\]|[^:]+)", re.IGNORECASE)


class ShownAuthentication(Model):
    """The password of a number goes in and never comes out."""

    realm: str | None = None
    username: str


class ShownPhoneNumber(VapiPhoneNumber):
    """A number as its org sees it."""

    authentication: ShownAuthentication | None = Field(default=None)  # type: ignore[assignment]


_CREATE: Final = Wire("CreateVapiPhoneNumber", CreateVapiPhoneNumber)
_UPDATE: Final = Wire("UpdateVapiPhoneNumber", UpdateVapiPhoneNumber)


def show(document: Mapping[str, Any]) -> Document:
    """The stored number without its password, with both spellings of its server."""
    shown = show_server(document)
    authentication = shown.get("authentication")
    if authentication:
        shown["authentication"] = {key: authentication[key] for key in authentication if key != "password"}
    return shown


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    refusal = unserved(given)
    if refusal:
        raise BadRequest(refusal)
    if stored is None:
        document = normalise_server(_CREATE.document(given))
        document.setdefault("status", "active")
        if document.get("sipUri") is None:
            document["sipUri"] = made_up_uri(work)
    else:
        change = normalise_server(_UPDATE.document(given), stored.document)
        document = {**stored.document, **change, "provider": "vapi"}
        if document.get("sipUri") is None:
            raise BadRequest("sipUri cannot be cleared: without it nobody could call the number")
    _check_host(document["sipUri"], work.services.settings.domain)
    await check_reference(work, given, "assistantId", work.tx.assistants)
    await check_reference(work, given, "squadId", work.tx.squads)
    return document


def made_up_uri(work: Work) -> str:
    """A SIP URI nobody else has: ten random letters at this service's host."""
    user = "".join(work.services.rng.choices(_LETTERS, k=10))
    return f"sip:{user}@{work.services.settings.sip_host}"


def _check_host(uri: str, domain: str | None) -> None:
    match = _HOST_OF_URI.match(uri)
    if domain is not None and (match is None or match[1].lower().rstrip(".") != domain):
        raise BadRequest(f"sipUri must be at {domain}, such as sip:somebody@{domain}")


_KIND: Final = Kind(
    path="/phone-number",
    noun="phone number",
    created=_CREATE,
    changed=_UPDATE,
    shown=Wire("ShownPhoneNumber", ShownPhoneNumber),
    repository=lambda tx: tx.phone_numbers,
    compose=compose,
    show=show,
)


def router() -> APIRouter:
    routes = crud(_KIND)

    @routes.get(
        "/v2/phone-number",
        **described("List phone numbers by page", page_of(_KIND.shown), parameters=described_page()),
    )
    async def page(request: Request) -> Response:
        query = parse_page(request.query_params)
        async with private(request) as work:
            records, total = await work.tx.phone_numbers.page(
                work.org_id,
                page=query.page,
                limit=query.limit,
                sort_by=query.sort_by,
                sort_order=query.sort_order,
                search=query.search,
                dates=query.dates,
            )
        results = [resource(record, show(record.document)) for record in records]
        return JSONResponse({"results": results, "metadata": page_metadata(query, total)})

    return routes
