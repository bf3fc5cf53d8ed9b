"""The variables that templates of one call may use (wire-facts §5.2), besides the clock's own."""

from __future__ import annotations

from offhook.calls.record import CallRecord, Document


def built_in_variables(record: CallRecord) -> Document:
    """`customer`, `phoneNumber`, `call`, `assistant`, `transport`, and over them the call's own
    `variableValues`, each hyphenated name also with underscores (wire-facts §2.2)."""
    document = record.document()
    assistant = record.assistant or {}
    variables: Document = {
        "customer": dict(record.customer),
        "phoneNumber": {
            key: record.number.get(key) for key in ("id", "number", "name", "provider", "sipUri")
        },
        "call": {
            "id": record.id,
            "type": document["type"],
            "status": document["status"],
            "startedAt": document["startedAt"],
            "assistantId": record.assistant_id,
        },
        "assistant": {"id": record.assistant_id, "name": assistant.get("name")},
        "transport": {**document["transport"], "conversationType": "voice"},
    }
    for source in (assistant.get("variableValues"), record.overrides.get("variableValues")):
        for name, value in (source or {}).items():
            variables[name] = value
            if "-" in name:
                variables.setdefault(name.replace("-", "_"), value)
    return variables
