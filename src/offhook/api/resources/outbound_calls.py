"""POST `/call` and its older names. A SIP number is called and does not call out (vapi-wire §1.3), so each
of them ends in a 400 that says why.

The sources name a message and an `endedReason` for this. The message reads like those that come with a 400
(vapi-wire §1.6), and only a call has an `endedReason`: so the answer is a 400 with the message, and the org
finds a call that has ended with both.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work, keyed, private
from offhook.api.openapi.operation import REFUSES, Operations, type_of
from offhook.api.resources.references import check_named
from offhook.api.resources.resource import Document
from offhook.api.wire_type import Wire
from offhook.schema.base import document, timestamp
from offhook.schema.calls.call import CreateCallDTO
from offhook.schema.calls.call_document import FailedCallDocument
from offhook.schema.calls.call_transport import VapiSipTransport

NO_NUMBER: Final = "Couldn't Get Phone Number. Need Either `phoneNumberId` Or `phoneNumber`."
INBOUND_ONLY: Final = "Vapi Numbers Can't Dial Outbound Yet."
ENDED_REASON: Final = "call.start.error-get-transport"

_CREATE: Final = Wire(CreateCallDTO)
_KEPT: Final = ("assistantId", "squadId", "phoneNumberId", "customerId", "name")
_KEPT_OF_CUSTOMER: Final = ("number", "sipUri", "extension", "name", "email", "externalId")


def add_to(calls: Operations) -> None:
    """Adds the three routes that would start a call."""

    async def create(request: Request) -> Response:
        async def asked_for(work: Work) -> Document:
            wanted = _CREATE.parse(work.object())
            assert isinstance(wanted, CreateCallDTO)
            given = document(wanted)
            _check(wanted)
            await check_named(work, wanted, given)
            return given

        async with private(request, asked_for) as work:
            await work.tx.calls.create(work.org_id, _failed(work, await asked_for(work)))
        raise BadRequest(INBOUND_ONLY)

    async def create_web(request: Request) -> Response:
        async with keyed(request, ("private", "public"), writes=False):
            raise BadRequest("web calls are not served by Offhook: call a SIP number")

    for path, action, refuse in (
        ("/call", "create", create),
        ("/call/phone", "createPhone", create),
        ("/call/web", "createWeb", create_web),
    ):
        calls.serve("POST", path, action, "Refuse to call out", REFUSES, takes=type_of(_CREATE))(refuse)


def _check(wanted: CreateCallDTO) -> None:
    """Refuses what is not served, besides outbound calls themselves. Raises BadRequest."""
    transport = wanted.transport
    if transport is not None and not isinstance(transport, VapiSipTransport):
        raise BadRequest(f"transport {transport.provider} is not served by Offhook: call a SIP number")
    if wanted.phone_number_id is None:
        if wanted.phone_number is None:
            raise BadRequest(NO_NUMBER)
        raise BadRequest("phoneNumber, a carrier's number, is not served by Offhook")


def _failed(work: Work, given: Document) -> Document:
    """The document of a call that ended before it began: who was to call whom, without anything that may hold
    secrets."""
    call = {name: given[name] for name in _KEPT if given.get(name) is not None}
    if given.get("customer"):
        call["customer"] = {
            key: given["customer"][key] for key in _KEPT_OF_CUSTOMER if key in given["customer"]
        }
    failed = FailedCallDocument(
        ended_at=timestamp(work.services.now()), ended_reason=ENDED_REASON, ended_message=INBOUND_ONLY
    )
    return {**call, **failed.document()}
