"""What is made of a call when it is over: summary, structured data, success (vapi-wire §5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.schema.base import JsonObject, Model, Number
from offhook.schema.tools.json_schema import JsonSchema


class _Step(Model):
    """One question to a model. `messages` are its prompt, `timeoutSeconds` the wait for it."""

    enabled: bool | None = None
    messages: list[JsonObject] | None = None
    timeout_seconds: Number | None = Field(default=None, ge=1, le=60)


class SummaryPlan(_Step):
    """`useAssistantLlm` is not in the schema, but known to be accepted (vapi-wire §2.4)."""

    use_assistant_llm: bool | None = None


class StructuredDataPlan(_Step):
    schema_: JsonSchema | None = Field(default=None, alias="schema")


class StructuredDataMultiPlan(Model):
    key: str
    plan: StructuredDataPlan


class SuccessEvaluationPlan(_Step):
    rubric: (
        Literal[
            "NumericScale",
            "DescriptiveScale",
            "Checklist",
            "Matrix",
            "PercentageScale",
            "LikertScale",
            "AutomaticRubric",
            "PassFail",
        ]
        | None
    ) = None


class AnalysisPlan(Model):
    min_messages_threshold: Number | None = Field(default=None, ge=0)
    summary_plan: SummaryPlan | None = None
    structured_data_plan: StructuredDataPlan | None = None
    structured_data_multi_plan: list[StructuredDataMultiPlan] | None = None
    success_evaluation_plan: SuccessEvaluationPlan | None = None
    outcome_ids: list[str] | None = None
