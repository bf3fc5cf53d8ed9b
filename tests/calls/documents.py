"""Documents as calls know them: read as the directory reads them."""

from __future__ import annotations

from typing import Any

from offhook.calls.directory.documented import Documented
from offhook.calls.record.call_record import CallRecord
from offhook.calls.routing.outcome import AnsweringAssistant, FoundAssistant
from offhook.schema.answered import NotValid
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.stored import assistant_of, number_of, squad_of

Document = dict[str, Any]


def a_number(document: Document) -> Documented[StoredPhoneNumber]:
    return Documented(document if "orgId" in document else {"orgId": "o1", **document}, number_of)


def a_squad(document: Document) -> Documented[Squad]:
    return Documented(document, squad_of)


def an_assistant(document: Document, assistant_id: str | None = None) -> FoundAssistant:
    """One that is not valid says nothing, but is shown."""
    try:
        settings = assistant_of(document)
    except NotValid:
        settings = AssistantOverrides()
    return FoundAssistant(settings, assistant_id, document, unchanged=True)


def record_of(
    call_id: str, org_id: str, number: Document, *more: Any, overrides: Document | None = None, **named: Any
) -> CallRecord:
    record = CallRecord(call_id, org_id, a_number(number), *more, **named)
    record.overrides = assistant_of(overrides or {})
    return record


def answered(
    record: CallRecord,
    document: Document,
    *,
    assistant_id: str | None = None,
    overrides: Document | None = None,
    transient: bool = False,
) -> CallRecord:
    found = FoundAssistant(assistant_of(document), assistant_id, document, unchanged=True)
    record.answered_by(AnsweringAssistant(found, assistant_of(overrides or {}), transient=transient))
    return record
