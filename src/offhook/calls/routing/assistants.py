"""The assistants that a call may be answered by: stored ones, and the members of squads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.calls.directory.documented import Documented, StoredNotValid
from offhook.calls.equipment import ToolDirectory, with_destinations
from offhook.calls.routing.outcome import AnsweringAssistant, FoundAssistant, RoutingFailure
from offhook.json_document import ResourceDocument
from offhook.schema.answered import is_empty
from offhook.schema.assistants.assistant import AssistantOverrides, merged
from offhook.schema.assistants.squad import Squad, SquadMemberDTO
from offhook.schema.base import document
from offhook.schema.calls.privacy_wishes import first_member_named

NOT_FOUND = "assistant-not-found"


class AssistantDirectory(ToolDirectory, Protocol):
    """What is stored, by org. Each method returns None if there is nothing."""

    async def assistant(self, org_id: str, assistant_id: str) -> Documented[AssistantOverrides] | None: ...

    async def squad(self, org_id: str, squad_id: str) -> Documented[Squad] | None: ...


async def saved_assistant(
    org_id: str, assistant_id: str, overrides: AssistantOverrides, directory: AssistantDirectory
) -> AnsweringAssistant | RoutingFailure:
    stored = await directory.assistant(org_id, assistant_id)
    if stored is None:
        return RoutingFailure(NOT_FOUND, f"there is no assistant {assistant_id}", meant=document(overrides))
    try:
        return AnsweringAssistant(overridden(stored, assistant_id, overrides), overrides)
    except StoredNotValid as problem:
        return not_valid(problem, [problem.document, document(overrides)])


def overridden(
    stored: Documented[AssistantOverrides], assistant_id: str, *layers: AssistantOverrides | None
) -> FoundAssistant:
    """A stored assistant with overrides over it. Raises StoredNotValid."""
    settings = stored.settings
    given = [layer for layer in layers if layer is not None and layer.model_fields_set]
    if not given and settings.tools_append is None:
        return FoundAssistant(settings, assistant_id, stored.document, unchanged=True)
    return FoundAssistant(merged(settings, *(given or [AssistantOverrides()])), assistant_id, stored.document)


async def saved_squad(
    org_id: str, squad_id: str, overrides: AssistantOverrides, directory: AssistantDirectory
) -> AnsweringAssistant | RoutingFailure:
    squad = await directory.squad(org_id, squad_id)
    if squad is None:
        return RoutingFailure(NOT_FOUND, f"there is no squad {squad_id}", meant=document(overrides))
    return await first_member(org_id, squad, squad_id, overrides, directory)


async def first_member(
    org_id: str,
    squad: Documented[Squad],
    squad_id: str | None,
    overrides: AssistantOverrides,
    directory: AssistantDirectory,
) -> AnsweringAssistant | RoutingFailure:
    try:
        members = squad.settings.members
        if not members:
            return RoutingFailure(NOT_FOUND, "the squad has no members", meant=document(overrides))
        if not members[0].model_fields_set:
            raise StoredNotValid("its first member is not valid", squad.document)
        found = await member(org_id, squad.settings, members[0], overrides, directory)
    except StoredNotValid as problem:
        meant = [await first_meant(org_id, squad.document, directory), document(overrides)]
        return not_valid(problem, meant)
    if found is None:
        gone = f"the squad's member {members[0].assistant_id} is gone"
        return RoutingFailure(NOT_FOUND, gone, meant=[squad.document, document(overrides)])
    return AnsweringAssistant(found, overrides, squad, squad_id, transient=found.assistant_id is None)


async def member(
    org_id: str,
    squad: Squad,
    listed: SquadMemberDTO,
    overrides: AssistantOverrides,
    directory: AssistantDirectory,
) -> FoundAssistant | None:
    """One member's assistant: with the member's own overrides, then the squad's `membersOverrides`, then the
    call's. None if it does not exist. Raises StoredNotValid."""
    layers = (listed.assistant_overrides, squad.members_overrides, overrides)
    assistant_id = None if is_empty(listed.assistant_id) else listed.assistant_id
    inline = listed.assistant
    if inline is not None and not (assistant_id and is_empty(document(inline))):
        found = FoundAssistant(merged(inline, *layers))
    else:
        stored = await directory.assistant(org_id, str(assistant_id))
        if stored is None:
            return None
        found = overridden(stored, str(assistant_id), *layers)
    if not listed.assistant_destinations:
        return found
    settings = with_destinations(found.settings, listed.assistant_destinations)
    return FoundAssistant(settings, found.assistant_id, found.stored)


async def first_meant(
    org_id: str, squad: ResourceDocument, directory: AssistantDirectory
) -> Sequence[ResourceDocument]:
    """A squad's document, be it valid or not, and that of the stored assistant that should answer first."""
    named = first_member_named(squad)
    own = None if named is None else await directory.assistant(org_id, named)
    return [squad] if own is None else [squad, own.document]


def not_valid(problem: StoredNotValid, meant: object) -> RoutingFailure:
    return RoutingFailure("assistant-not-valid", f"the assistant is not valid: {problem}", meant=meant)
