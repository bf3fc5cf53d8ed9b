"""What is kept of a call: recording, transcript, logs, structured outputs (vapi-wire §5)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.assistants.plain_model import AnyPlainModel
from offhook.schema.base import Model, Number
from offhook.schema.tools.json_schema import JsonSchema


class TranscriptPlan(Model):
    """The names are what the lines of the transcript begin with."""

    enabled: bool | None = None
    assistant_name: str | None = None
    user_name: str | None = None


class ComplianceOverride(Model):
    force_store_on_hipaa_enabled: bool | None = None


class MinMessagesCondition(Model):
    type: Literal["minMessages"]
    count: Number = Field(ge=0)


class MinCallDurationCondition(Model):
    type: Literal["minCallDuration"]
    seconds: Number = Field(ge=0)


class EndedReasonCondition(Model):
    type: Literal["endedReason"]
    operator: Literal["oneOf", "notOneOf"]
    values: list[str]


StructuredOutputCondition = Annotated[
    MinMessagesCondition | MinCallDurationCondition | EndedReasonCondition, Field(discriminator="type")
]


class CreateStructuredOutputDTO(Model):
    """Data to be drawn from the conversation, by a model or by a regular expression."""

    name: str = Field(min_length=1, max_length=40)
    schema_: JsonSchema = Field(alias="schema")
    type: Literal["ai", "regex"] | None = None
    regex: str | None = Field(default=None, min_length=1, max_length=1000)
    model: AnyPlainModel | None = None
    description: str | None = None
    conditions: list[StructuredOutputCondition] | None = None
    compliance_plan: ComplianceOverride | None = None
    assistant_ids: list[str] | None = None
    workflow_ids: list[str] | None = None


class _ScorecardCondition(Model):
    """`points` are given when the structured output compares so with `value`."""

    type: Literal["comparator"]
    points: Number = Field(ge=0, le=100)


class NumberComparatorScorecardMetricCondition(_ScorecardCondition):
    comparator: Literal["=", "!=", ">", "<", ">=", "<="]
    value: Number


class BooleanComparatorScorecardMetricCondition(_ScorecardCondition):
    comparator: Literal["="]
    value: bool


class ScorecardMetric(Model):
    structured_output_id: str
    conditions: list[NumberComparatorScorecardMetricCondition | BooleanComparatorScorecardMetricCondition]


class CreateScorecardDTO(Model):
    metrics: list[ScorecardMetric]
    name: str | None = Field(default=None, max_length=80)
    description: str | None = Field(default=None, max_length=500)
    assistant_ids: list[str] | None = None


class ArtifactPlan(Model):
    recording_enabled: bool | None = None
    recording_format: Literal["wav;l16", "mp3"] | None = None
    recording_use_custom_storage_enabled: bool | None = None
    recording_path: str | None = None
    video_recording_enabled: bool | None = None
    full_message_history_enabled: bool | None = None
    pcap_enabled: bool | None = None
    pcap_s3_path_prefix: str | None = None
    pcap_use_custom_storage_enabled: bool | None = None
    logging_enabled: bool | None = None
    logging_use_custom_storage_enabled: bool | None = None
    logging_path: str | None = None
    transcript_plan: TranscriptPlan | None = None
    structured_output_ids: list[str] | None = None
    structured_outputs: list[CreateStructuredOutputDTO] | None = None
    scorecard_ids: list[str] | None = None
    scorecards: list[CreateScorecardDTO] | None = None
