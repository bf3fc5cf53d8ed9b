"""Squads: assistants that hand a conversation to each other (vapi-wire §7)."""

from __future__ import annotations

from offhook.schema import handoff
from offhook.schema.assistant import Assistant, AssistantOverrides
from offhook.schema.base import Model, Resource
from offhook.schema.destination import TransferDestinationAssistant
from offhook.schema.handoff import HandoffDestinationAssistant


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


# handoff.py names these three in its annotations, which are read when they are first needed.
vars(handoff).update(Assistant=Assistant, AssistantOverrides=AssistantOverrides, Squad=Squad)
