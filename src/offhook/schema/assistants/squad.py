"""Squads: assistants that hand a conversation to each other (vapi-wire §7)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.json_document import ResourceDocument
from offhook.schema.assistants.assistant import Assistant, AssistantOverrides
from offhook.schema.base import Model, Resource
from offhook.schema.tools import handoff
from offhook.schema.tools.destination import TransferDestinationAssistant
from offhook.schema.tools.handoff import HandoffDestinationAssistant


class SquadMemberDTO(Model):
    """A stored assistant or one written out, with what changes it in this squad."""

    assistant_id: str | None = None
    assistant: Assistant | None = None
    assistant_overrides: AssistantOverrides | None = None
    assistant_destinations: list[TransferDestinationAssistant | HandoffDestinationAssistant] | None = None
    assistant_version: str | None = None


class Squad(Model):
    """The first member answers. `membersOverrides` come over each member's own."""

    members: list[SquadMemberDTO]
    name: str | None = None
    members_overrides: AssistantOverrides | None = None


class StoredSquad(Squad, Resource):
    """A squad as shown."""


def with_members(squad: ResourceDocument, fits: Callable[[object], bool]) -> ResourceDocument:
    """A squad's document with an empty place for each member that does not fit."""
    members = squad.get("members")
    listed = members if isinstance(members, list) else []
    return {**squad, "members": [each if fits(each) else {} for each in listed]}


# handoff.py names these three in its annotations, which are read when they are first needed.
vars(handoff).update(Assistant=Assistant, AssistantOverrides=AssistantOverrides, Squad=Squad)
