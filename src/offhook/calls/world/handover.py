"""The assistant that takes a conversation over: what a destination means, and what an owner's server answers
when it is asked for one (vapi-wire §4.5, §7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter

from offhook.calls.directory.documented import Documented, StoredNotValid
from offhook.calls.routing.assistants import AssistantDirectory, member, overridden
from offhook.calls.routing.outcome import FoundAssistant
from offhook.conversation.events import Named
from offhook.conversation.tools.tool_messages import content_of
from offhook.json_document import Variables
from offhook.schema.answered import NotValid, is_empty, read_answered
from offhook.schema.assistants.assistant import AssistantOverrides, merged
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import document
from offhook.schema.tools.destination import TransferDestination
from offhook.schema.tools.handoff import (
    HandoffDestination,
    HandoffDestinationAssistant,
    HandoffDestinationDynamic,
    HandoffDestinationSquad,
    Successors,
)
from offhook.schema.webhooks.answers import DestinationAnswer

MAX_WORDS: Final = 1000
"""Characters of a server's `error`, `message` or `result`."""

_ADAPTERS: Final[dict[Any, TypeAdapter[Any]]] = {
    kind: TypeAdapter(kind, config=ConfigDict(defer_build=True))
    for kind in (TransferDestination, HandoffDestination)
}
"""Built at their first use, as models are: they take 6 MB."""


@dataclass(frozen=True, slots=True)
class Successor:
    """`squad` is the squad that the assistant belongs to."""

    found: FoundAssistant
    squad: Squad | None


async def successor(
    org_id: str,
    squad: Squad | None,
    destination: Successors,
    overrides: AssistantOverrides,
    directory: AssistantDirectory,
) -> Successor | None:
    """The member of the call's squad, the assistant, or the squad's first (or named) member that a
    destination names. `overrides` are the call's; the destination's `assistantOverrides` come over them."""
    try:
        if isinstance(destination, HandoffDestinationSquad):
            squad = _overridden(await _squad(org_id, destination, directory), destination.squad_overrides)
            wanted = _Wanted(name=destination.entry_assistant_name)
            found = await _member(org_id, squad, wanted, overrides, directory)
        else:
            handoff = destination if isinstance(destination, HandoffDestinationAssistant) else None
            wanted = _Wanted(None if handoff is None else handoff.assistant_id, destination.assistant_name)
            found = await _member(org_id, squad, wanted, overrides, directory) if wanted else None
            if found is None and handoff is not None:
                found = await _assistant(org_id, handoff, overrides, directory)
            if found is not None and handoff is not None and handoff.assistant_overrides is not None:
                settings = merged(found.settings, handoff.assistant_overrides)
                found = FoundAssistant(settings, found.assistant_id, found.stored)
    except StoredNotValid:
        return None
    return None if found is None else Successor(found, squad)


async def _squad(
    org_id: str, destination: HandoffDestinationSquad, directory: AssistantDirectory
) -> Squad | None:
    if destination.squad is not None and not is_empty(document(destination.squad)):
        return destination.squad
    stored = await directory.squad(org_id, str(destination.squad_id))
    return None if stored is None else stored.settings


def _overridden(squad: Squad | None, overrides: AssistantOverrides | None) -> Squad | None:
    """The squad with `squadOverrides` over its `membersOverrides`, while the call is with it."""
    if squad is None or overrides is None or not overrides.model_fields_set:
        return squad
    own = squad.members_overrides
    together = overrides if own is None else merged(own, overrides)
    return squad.model_copy(update={"members_overrides": together})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A member by its id or its name; the first member if neither is given."""

    id: str | None = None
    name: str | None = None

    def __bool__(self) -> bool:
        return bool(self.id or self.name)

    def fits(self, found: FoundAssistant) -> bool:
        if not self:
            return True
        return bool(
            (self.id and found.assistant_id == self.id) or (self.name and found.settings.name == self.name)
        )


async def _member(
    org_id: str,
    squad: Squad | None,
    wanted: _Wanted,
    overrides: AssistantOverrides,
    directory: AssistantDirectory,
) -> FoundAssistant | None:
    for each in () if squad is None else squad.members:
        assert squad is not None
        try:
            found = await member(org_id, squad, each, overrides, directory)
        except StoredNotValid:
            continue
        if found is not None and wanted.fits(found):
            return found
    return None


async def _assistant(
    org_id: str,
    destination: HandoffDestinationAssistant,
    overrides: AssistantOverrides,
    directory: AssistantDirectory,
) -> FoundAssistant | None:
    transient = destination.assistant
    if transient is not None and not is_empty(document(transient)):
        return FoundAssistant(merged(transient, overrides))
    wanted = destination.assistant_id
    saved: Documented[AssistantOverrides] | None = None
    if wanted:
        saved = await directory.assistant(org_id, wanted)
    return None if saved is None or not wanted else overridden(saved, wanted, overrides)


def variables_of(destination: Successors) -> Variables | None:
    """The variable values that a destination's own overrides bring."""
    if isinstance(destination, HandoffDestinationSquad):
        overrides = destination.squad_overrides
    elif isinstance(destination, HandoffDestinationAssistant):
        overrides = destination.assistant_overrides
    else:
        overrides = None
    return None if overrides is None else overrides.variable_values


def transfer_answer(says: DestinationAnswer) -> Named:
    """What an answer to transfer-destination-request means: the destination, and what to say before."""
    named = _named(says, TransferDestination)
    message = content_of(says.message)
    return named if message is None else replace(named, message=message[:MAX_WORDS])


def handoff_answer(says: DestinationAnswer) -> Named:
    """What an answer to handoff-destination-request means: the destination, and what the model is told."""
    named = _named(says, HandoffDestination)
    return named if says.result is None else replace(named, result=says.result[:MAX_WORDS])


def _named(says: DestinationAnswer, kind: Any) -> Named:
    if says.error is not None:
        return Named(error=str(says.error)[:MAX_WORDS])
    if says.destination is None:
        return Named(error="The server named no destination.")
    try:
        chosen = read_answered(kind, says.destination, _ADAPTERS[kind], "a server's destination")
    except NotValid as problem:
        return Named(error=f"The server's destination is not valid: {problem}"[:MAX_WORDS])
    if isinstance(chosen, HandoffDestinationDynamic):
        return Named(error="The server named another dynamic destination.")
    return Named(chosen)
