"""`/phone-number` and `/v2/phone-number` (vapi-wire §1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Discriminator, Field, Tag
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work, private
from offhook.api.openapi.operation import ApiRoute, gives, type_of
from offhook.api.resources.paging import PaginationMeta, described_page, page_metadata, parse_page
from offhook.api.resources.references import check_named
from offhook.api.resources.resource import Document, Kind, crud, resource
from offhook.api.wire_type import Wire
from offhook.json_document import ResourceDocument
from offhook.schema.base import Model, document, unchecked
from offhook.schema.number import (
    E164,
    TRUNK_PROVIDER,
    ByoPhoneNumber,
    CreateByoPhoneNumberDTO,
    CreateVapiPhoneNumberDTO,
    UpdateByoPhoneNumberDTO,
    UpdateVapiPhoneNumberDTO,
    VapiPhoneNumber,
    number_problem,
    unserved,
)
from offhook.schema.server import normalise_server, show_server
from offhook.schema.sip_trunk import SIP_TRUNK
from offhook.setting_types import is_ip
from offhook.settings import Settings
from offhook.store import Record

# No vowels, so that a made-up name never reads as a word.
_LETTERS: Final = "bcdfghjkmnpqrstvwxz23456789"
DEFAULT_PORT: Final = 5060
_HOST_OF_URI: Final = re.compile(r"sip:[^@]+@(\[[^\]]+\]|[^:]+)", re.IGNORECASE)


_Number = CreateVapiPhoneNumberDTO | UpdateVapiPhoneNumberDTO
_OfTrunk = CreateByoPhoneNumberDTO | UpdateByoPhoneNumberDTO

VAPI: Final = "vapi"


class SipAuthenticationIdentity(Model):
    """The password of a number goes in and never comes out."""

    realm: str | None = None
    username: str


class ShownVapiPhoneNumber(VapiPhoneNumber):
    """A number as its org sees it."""

    authentication: SipAuthenticationIdentity | None = Field(default=None)  # type: ignore[assignment]


_Shown = Annotated[ByoPhoneNumber | ShownVapiPhoneNumber, Field(discriminator="provider")]


class PhoneNumberPaginatedResponse(Model):
    """One page of numbers."""

    results: list[_Shown]
    metadata: PaginationMeta


_CREATE: Final = Wire(
    Annotated[CreateByoPhoneNumberDTO | CreateVapiPhoneNumberDTO, Field(discriminator="provider")]
)
_UPDATE: Final = Wire(
    Annotated[
        Annotated[UpdateByoPhoneNumberDTO, Tag(TRUNK_PROVIDER)]
        | Annotated[UpdateVapiPhoneNumberDTO, Tag(VAPI)],
        Discriminator(lambda given: given.get("provider") or VAPI),
    ]
)
_UPDATES: Final = {TRUNK_PROVIDER: Wire(UpdateByoPhoneNumberDTO), VAPI: Wire(UpdateVapiPhoneNumberDTO)}


def show(stored: ResourceDocument) -> Document:
    """The stored number without the password of a SIP number, with both spellings of its server."""
    shown = show_server(stored)
    authentication = shown.get("authentication")
    if authentication:
        shown["authentication"] = {key: authentication[key] for key in authentication if key != "password"}
    return shown


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    refusal = unserved(given)
    if refusal:
        raise BadRequest(refusal)
    provider = VAPI if stored is None else stored.document.get("provider", VAPI)
    if stored is not None and (given.get("provider") or provider) != provider:
        raise BadRequest("the provider of a phone number cannot change: create another one")
    number = (_UPDATES[provider] if stored else _CREATE).parse(given)
    before = stored.document if stored else {"status": "active"}
    if isinstance(number, _Number):
        number = _at_a_uri(work, number, stored)
    assert isinstance(number, _Number | _OfTrunk)
    provider = number.provider or provider
    changed = {**before, **normalise_server(document(number), before), "provider": provider}
    await check_named(work, number, given)
    if isinstance(number, _OfTrunk):
        await _check_trunk(work, unchecked(UpdateByoPhoneNumberDTO, changed))
        await _check_name(work, number.number)
    return changed


async def _check_trunk(work: Work, checked: UpdateByoPhoneNumberDTO) -> None:
    """Whether it is one that the trunk can bring. Raises BadRequest."""
    if checked.number is not None:
        problem = number_problem(checked.number, check=checked.number_e164_check_enabled is not False)
        if problem:
            raise BadRequest([problem])
    if checked.credential_id is None:
        raise BadRequest(["credentialId must be a string"])
    credential = await work.tx.credentials.get(work.org_id, checked.credential_id)
    if credential is None or credential.document.get("provider") != SIP_TRUNK:
        raise BadRequest(f"credentialId: {checked.credential_id[:100]} is no credential of {SIP_TRUNK}")


async def _check_name(work: Work, number: str | None) -> None:
    """What a gateway brings is its trunk's: nobody may so take the calls of another org's SIP number. One in
    E.164 belongs to who has it on a trunk. Raises BadRequest."""
    if number is not None and E164.fullmatch(number) is None:
        other = await work.tx.phone_numbers.by_sip_user(number)
        if other is not None and other.org_id != work.org_id:
            raise BadRequest("number is taken already")


def _at_a_uri(work: Work, number: _Number, stored: Record | None) -> _Number:
    """The number with a URI that it can be called at, unless the stored one stays. Raises BadRequest."""
    settings = work.services.settings
    kept = None
    if number.sip_uri is not None:
        uri = _with_port(number.sip_uri, settings)
    elif stored is None:
        uri = made_up_uri(work)
    else:
        kept = None if "sip_uri" in number.model_fields_set else stored.document.get("sipUri")
        if kept is None:
            raise BadRequest("sipUri cannot be cleared: without it nobody could call the number")
        uri = kept
    _check_host(uri, settings.domain or ())
    return number.model_copy(update={} if kept else {"sip_uri": uri})


def made_up_uri(work: Work) -> str:
    """A SIP URI nobody else has: ten random letters at this service's host."""
    user = "".join(work.services.rng.choices(_LETTERS, k=10))
    return f"sip:{user}@{work.services.settings.sip_host}"


def _with_port(uri: str, settings: Settings) -> str:
    """A URI at this machine as it can be dialled: phones take 5060 where there is no port. With a domain the
    DNS says where SIP is, and a name that is not ours may lead to 5060 by whoever gave it."""
    match = _HOST_OF_URI.fullmatch(uri)
    if settings.domain or settings.sip.port in (0, DEFAULT_PORT) or match is None:
        return uri
    host = match[1].lower()
    is_ours = host in ("localhost", settings.sip_realm) or is_ip(host.strip("[]"))
    return f"{uri}:{settings.sip.port}" if is_ours else uri


def _check_host(uri: str, domains: Sequence[str]) -> None:
    match = _HOST_OF_URI.match(uri)
    if domains and (match is None or match[1].lower().rstrip(".") not in domains):
        raise BadRequest(f"sipUri must be at {' or '.join(domains)}, such as sip:somebody@{domains[0]}")


_PAGE: Final = Wire(PhoneNumberPaginatedResponse)
_KIND: Final = Kind(
    path="/phone-number",
    noun="phone number",
    title="Phone Number",
    controller="PhoneNumberController",
    created=_CREATE,
    changed=_UPDATE,
    shown=Wire(_Shown),
    repository=lambda tx: tx.phone_numbers,
    compose=compose,
    show=show,
)


def routes() -> list[ApiRoute]:
    numbers = crud(_KIND)

    @numbers.serve(
        "GET",
        "/v2/phone-number",
        "findAllPaginated",
        "List Phone Numbers by Page",
        gives(type_of(_PAGE)),
        parameters=described_page(),
    )
    async def find_all_paginated(request: Request) -> Response:
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
                after=query.cursor,
            )
        results = [resource(record, show(record.document)) for record in records]
        return JSONResponse({"results": results, "metadata": page_metadata(query, total, records)})

    return numbers.routes
