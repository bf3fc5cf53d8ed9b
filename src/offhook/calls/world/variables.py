"""The variables that templates of one call may use (vapi-wire §5.2), besides the clock's own."""

from __future__ import annotations

from collections.abc import Mapping

from offhook.calls.record.call_facts import CALL_TYPE, Document
from offhook.calls.record.call_record import CallRecord
from offhook.json_document import Variables
from offhook.language.extraction import RESERVED, Render
from offhook.language.language_model import ToolCall, ToolDefinition
from offhook.schema.base import timestamp
from offhook.schema.calls.call_document import CallVariable, CallVariables, NumberVariable, TransportVariable


def built_in_variables(record: CallRecord) -> Document:
    """`customer`, `phoneNumber`, `call`, `transport`, `assistant` (the one that speaks); the `variableValues`
    of the assistant and the call; and what tools and hand-overs have added. A hyphenated name also exists
    with underscores (vapi-wire §2.2). What is known of the call cannot be overwritten, neither by a caller's
    X- header nor by a tool's answer."""
    given: Document = {
        **(record.overrides.variable_values or {}),
        # After a hand-over with what its destination has added.
        **(record.speaking.variable_values or {}),
        **record.learned,
    }
    underscored = {name.replace("-", "_"): value for name, value in given.items() if "-" in name}
    return underscored | given | _known(record)


def _known(record: CallRecord) -> Document:
    number = record.number.settings
    started_at = None if record.started_at is None else timestamp(record.started_at)
    return CallVariables(
        customer=dict(record.customer),
        phone_number=NumberVariable(
            id=number.id,
            number=number.number,
            name=number.name,
            provider=number.provider,
            sip_uri=number.sip_uri,
        ),
        call=CallVariable(
            id=record.id,
            type=CALL_TYPE,
            status=record.status,
            started_at=started_at,
            assistant_id=record.assistant_id,
        ),
        assistant={"id": record.speaking_id, "name": record.speaking.name},
        transport=TransportVariable(call_sid=record.id, sbc_call_sid=record.sip_call_id),
    ).document()


def refresh(record: CallRecord) -> None:
    """Updates the variables in place, since conversations read them while they go on."""
    fresh = built_in_variables(record)
    record.variables.clear()
    record.variables.update(fresh)


def learn(record: CallRecord, learned: Variables, instead_of: Variables | None = None) -> None:
    """Adds what a tool or a hand-over has brought. Names in `instead_of`, which the next assistant brings
    itself, are forgotten first. An ended call adds nothing more."""
    if record.status == "ended":
        return
    kept = {name: value for name, value in record.learned.items() if name not in (instead_of or {})}
    record.learned = {**kept, **learned}
    refresh(record)


def learn_anew(record: CallRecord, learned: Mapping[str, str]) -> None:
    """Adds what the caller has told, but not over a variable that the owner gave."""
    given = record.variables.keys() - record.learned
    learn(record, {name: value for name, value in learned.items() if name not in given})


def knowing_what_was_said(record: CallRecord, render: Render) -> Render:
    """`render` with the conversation so far as `transcript` and `messages`. These are made only for templates
    that name them."""

    def fill(text: str, variables: Variables) -> str:
        said: Document = {}
        if "transcript" in text:
            said["transcript"] = record.spoken()
        if "messages" in text:
            said["messages"] = record.messages_openai()
        return render(text, {**said, **variables})

    return fill


def filling(offered: ToolDefinition, call: ToolCall, variables: Variables) -> Document:
    """The variables for a tool's templates: the call's, and the model's arguments. An argument that the tool
    declares takes precedence over a variable; one that the model made up does not, and none does over what is
    known of the call, since a caller can talk a model into anything."""
    properties = offered.parameters.get("properties") or {}
    chosen = {
        name: value for name, value in call.arguments.items() if name in properties and name not in RESERVED
    }
    return {**call.arguments, **variables, **chosen}
