"""Workflows as the `vapi` model carries them: accepted and stored, not run (vapi-wire §1, §9)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.assistants.analysis import AnalysisPlan
from offhook.schema.assistants.artifact_plan import ArtifactPlan
from offhook.schema.assistants.hook import Hook
from offhook.schema.assistants.plain_model import AnyPlainModel
from offhook.schema.assistants.plan import (
    BackgroundSound,
    BackgroundSpeechDenoisingPlan,
    CompliancePlan,
    KeypadInputPlan,
    LangfuseObservabilityPlan,
    MonitorPlan,
    VoicemailDetection,
)
from offhook.schema.assistants.speaking import StartSpeakingPlan, StopSpeakingPlan
from offhook.schema.assistants.transcriber import AnyTranscriber
from offhook.schema.assistants.voice import AnyVoice
from offhook.schema.base import JsonObject, Model, Number
from offhook.schema.credential import AnyCredential
from offhook.schema.server import Server
from offhook.schema.tools.json_schema import VariableExtractionPlan
from offhook.schema.tools.tool import Tool

NodeName = Annotated[str, Field(max_length=80)]


class GlobalNodePlan(Model):
    enabled: bool | None = None
    enter_condition: str | None = Field(default=None, max_length=1000)


class _Node(Model):
    name: NodeName
    is_start: bool | None = None
    metadata: JsonObject | None = None


class ConversationNode(_Node):
    type: Literal["conversation"]
    prompt: str | None = Field(default=None, max_length=5000)
    model: AnyPlainModel | None = None
    transcriber: AnyTranscriber | None = None
    voice: AnyVoice | None = None
    tools: list[Tool] | None = None
    tool_ids: list[str] | None = None
    global_node_plan: GlobalNodePlan | None = None
    variable_extraction_plan: VariableExtractionPlan | None = None


class ToolNode(_Node):
    type: Literal["tool"]
    tool: Tool | None = None
    tool_id: str | None = None


class AIEdgeCondition(Model):
    type: Literal["ai"]
    prompt: str = Field(max_length=1000)


class Edge(Model):
    from_: NodeName = Field(alias="from")
    to: NodeName
    condition: AIEdgeCondition | None = None
    metadata: JsonObject | None = None


class CreateWorkflowDTO(Model):
    name: NodeName
    nodes: list[Annotated[ConversationNode | ToolNode, Field(discriminator="type")]]
    edges: list[Edge]
    global_prompt: str | None = Field(default=None, max_length=5000)
    model: AnyPlainModel | None = None
    transcriber: AnyTranscriber | None = None
    voice: AnyVoice | None = None
    hooks: list[Hook] | None = None
    server: Server | None = None
    credentials: list[AnyCredential] | None = None
    credential_ids: list[str] | None = None
    background_sound: BackgroundSound | None = None
    voicemail_detection: VoicemailDetection | None = None
    voicemail_message: str | None = Field(default=None, max_length=1000)
    max_duration_seconds: Number | None = Field(default=None, ge=10, le=43200)
    observability_plan: LangfuseObservabilityPlan | None = None
    compliance_plan: CompliancePlan | None = None
    analysis_plan: AnalysisPlan | None = None
    artifact_plan: ArtifactPlan | None = None
    start_speaking_plan: StartSpeakingPlan | None = None
    stop_speaking_plan: StopSpeakingPlan | None = None
    monitor_plan: MonitorPlan | None = None
    background_speech_denoising_plan: BackgroundSpeechDenoisingPlan | None = None
    keypad_input_plan: KeypadInputPlan | None = None
