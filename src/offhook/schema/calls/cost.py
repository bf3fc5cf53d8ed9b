"""What a call cost, in US dollars (vapi-wire §8.2). A self-hosted call costs its operator no fee, so
0 is an honest figure; the quantities beside it are real."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.base import JsonObject, Model, Number


class _Cost(Model):
    cost: Number


class TransportCost(_Cost):
    type: Literal["transport"]
    provider: Literal["daily", "vapi.websocket", "twilio", "vonage", "telnyx", "vapi.sip"] | None = None
    minutes: Number


class TranscriberCost(_Cost):
    type: Literal["transcriber"]
    transcriber: JsonObject
    minutes: Number


class ModelCost(_Cost):
    type: Literal["model"]
    model: JsonObject
    prompt_tokens: Number
    completion_tokens: Number
    cached_prompt_tokens: Number | None = None
    reasoning_tokens: Number | None = None


class VoiceCost(_Cost):
    type: Literal["voice"]
    voice: JsonObject
    characters: Number


class VapiCost(_Cost):
    type: Literal["vapi"]
    sub_type: Literal["normal", "overage"]
    minutes: Number


class VoicemailDetectionCost(_Cost):
    type: Literal["voicemail-detection"]
    model: JsonObject
    provider: Literal["twilio", "google", "openai", "vapi"]
    prompt_text_tokens: Number
    prompt_audio_tokens: Number
    completion_text_tokens: Number
    completion_audio_tokens: Number


class AnalysisCost(_Cost):
    type: Literal["analysis"]
    analysis_type: Literal["summary", "structuredData", "successEvaluation", "structuredOutput"]
    model: JsonObject
    prompt_tokens: Number
    completion_tokens: Number
    cached_prompt_tokens: Number | None = None
    structured_output_breakdown: list[JsonObject] | None = None


class KnowledgeBaseCost(_Cost):
    type: Literal["knowledge-base"]
    model: JsonObject
    prompt_tokens: Number
    completion_tokens: Number


Cost = Annotated[
    TransportCost
    | TranscriberCost
    | ModelCost
    | VoiceCost
    | VapiCost
    | VoicemailDetectionCost
    | AnalysisCost
    | KnowledgeBaseCost,
    Field(discriminator="type"),
]


class AnalysisCostBreakdown(Model):
    summary: Number | None = None
    summary_prompt_tokens: Number | None = None
    summary_completion_tokens: Number | None = None
    summary_cached_prompt_tokens: Number | None = None
    structured_data: Number | None = None
    structured_data_prompt_tokens: Number | None = None
    structured_data_completion_tokens: Number | None = None
    structured_data_cached_prompt_tokens: Number | None = None
    success_evaluation: Number | None = None
    success_evaluation_prompt_tokens: Number | None = None
    success_evaluation_completion_tokens: Number | None = None
    success_evaluation_cached_prompt_tokens: Number | None = None
    structured_output: Number | None = None
    structured_output_prompt_tokens: Number | None = None
    structured_output_completion_tokens: Number | None = None
    structured_output_cached_prompt_tokens: Number | None = None


class CostBreakdown(Model):
    transport: Number | None = None
    stt: Number | None = None
    llm: Number | None = None
    tts: Number | None = None
    vapi: Number | None = None
    chat: Number | None = None
    total: Number | None = None
    llm_prompt_tokens: Number | None = None
    llm_completion_tokens: Number | None = None
    llm_cached_prompt_tokens: Number | None = None
    tts_characters: Number | None = None
    analysis_cost_breakdown: AnalysisCostBreakdown | None = None
