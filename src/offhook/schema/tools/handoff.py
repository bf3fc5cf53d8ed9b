"""Where a conversation may be handed to: an assistant, a squad, or whom the server names (vapi-wire §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from offhook.schema.base import Model
from offhook.schema.server import Server
from offhook.schema.tools.destination import (
    CallDestination,
    ContextEngineeringPlanAll,
    ContextEngineeringPlanLastNMessages,
    ContextEngineeringPlanNone,
    TransferDestinationAssistant,
)
from offhook.schema.tools.json_schema import VariableExtractionPlan

if TYPE_CHECKING:
    # Assistants and squads have tools, and a tool hands off to them: squad.py closes the circle.
    from offhook.schema.assistants.assistant import Assistant, AssistantOverrides
    from offhook.schema.assistants.squad import Squad


class ContextEngineeringPlanUserAndAssistantMessages(Model):
    type: Literal["userAndAssistantMessages"]


class ContextEngineeringPlanPreviousAssistantMessages(Model):
    type: Literal["previousAssistantMessages"]


HandoffContextPlan = Annotated[
    ContextEngineeringPlanLastNMessages
    | ContextEngineeringPlanNone
    | ContextEngineeringPlanAll
    | ContextEngineeringPlanUserAndAssistantMessages
    | ContextEngineeringPlanPreviousAssistantMessages,
    Field(discriminator="type"),
]


class HandoffDestinationAssistant(Model):
    """One of assistantId, assistantName (a member of the squad) and assistant (not stored)."""

    type: Literal["assistant"]
    assistant_id: str | None = None
    assistant_name: str | None = None
    assistant: Assistant | None = None
    assistant_overrides: AssistantOverrides | None = None
    context_engineering_plan: HandoffContextPlan | None = None
    variable_extraction_plan: VariableExtractionPlan | None = None
    description: str | None = None


class HandoffDestinationDynamic(Model):
    """The server is asked (handoff-destination-request)."""

    type: Literal["dynamic"]
    server: Server | None = None
    description: str | None = None


class HandoffDestinationSquad(Model):
    type: Literal["squad"]
    squad_id: str | None = None
    squad: Squad | None = None
    squad_overrides: AssistantOverrides | None = None
    entry_assistant_name: str | None = None
    context_engineering_plan: HandoffContextPlan | None = None
    variable_extraction_plan: VariableExtractionPlan | None = None
    description: str | None = None


Successors = TransferDestinationAssistant | HandoffDestinationAssistant | HandoffDestinationSquad
"""Destinations within Offhook."""

AnyDestination = Successors | HandoffDestinationDynamic | CallDestination
"""What a tool may list, or a server answer."""

HandoffDestination = Annotated[
    HandoffDestinationAssistant | HandoffDestinationDynamic | HandoffDestinationSquad,
    Field(discriminator="type"),
]
