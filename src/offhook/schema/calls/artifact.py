"""What is left of a call: recording, messages, transcript, measurements (vapi-wire §8.2)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.schema.base import JsonObject, Model, Number, Timestamp
from offhook.schema.calls.conversation_messages import Message, OpenAIFormattedMessage
from offhook.schema.tools.destination import CallDestination, TransferMode


class Mono(Model):
    combined_url: str | None = None
    assistant_url: str | None = None
    customer_url: str | None = None


class Recording(Model):
    stereo_url: str | None = None
    video_url: str | None = None
    video_recording_start_delay_seconds: Number | None = None
    mono: Mono | None = None


class TurnLatency(Model):
    """One reply, in milliseconds; `turnLatency` is the whole of it, `platformLatency` (Offhook's own)
    what of it no engine took."""

    model_latency: Number | None = None
    voice_latency: Number | None = None
    transcriber_latency: Number | None = None
    endpointing_latency: Number | None = None
    platform_latency: Number | None = None
    turn_latency: Number | None = None


class PerformanceMetrics(Model):
    """Averages over the turns, in milliseconds."""

    turn_latencies: list[TurnLatency] | None = None
    model_latency_average: Number | None = None
    voice_latency_average: Number | None = None
    transcriber_latency_average: Number | None = None
    endpointing_latency_average: Number | None = None
    platform_latency_average: Number | None = None
    turn_latency_average: Number | None = None
    from_transport_latency_average: Number | None = None
    to_transport_latency_average: Number | None = None
    num_user_interrupted: Number | None = None
    num_assistant_interrupted: Number | None = None


class TransferArtifact(Model):
    """`failureReason` (Offhook's own) says in words why the caller was not handed on."""

    destination: CallDestination
    mode: TransferMode | None = None
    transcript: str | None = None
    status: (
        Literal["connected", "no-answer", "busy", "voicemail", "failed", "completed", "cancelled"] | None
    ) = None
    failure_reason: str | None = None
    messages: list[Message] | None = None


class NodeArtifact(Model):
    messages: list[Message] | None = None
    node_name: str | None = None
    variable_values: JsonObject | None = None


class AssistantActivation(Model):
    """An assistant of a squad took over."""

    assistant_name: str
    assistant_id: str | None = None
    assistant_version: str | None = None


class Artifact(Model):
    """`recordingUrl`, `stereoRecordingUrl` and `videoRecordingUrl` repeat what `recording` says."""

    messages: list[Message] | None = None
    messages_open_ai_formatted: list[OpenAIFormattedMessage] | None = Field(
        default=None, alias="messagesOpenAIFormatted"
    )
    transcript: str | None = None
    recording: Recording | None = None
    recording_url: str | None = None
    stereo_recording_url: str | None = None
    video_recording_url: str | None = None
    video_recording_start_delay_seconds: Number | None = None
    pcap_url: str | None = None
    log_url: str | None = None
    transfers: list[TransferArtifact] | None = None
    nodes: list[NodeArtifact] | None = None
    assistant_activations: list[AssistantActivation] | None = None
    variable_values: JsonObject | None = None
    variables: JsonObject | None = None
    performance_metrics: PerformanceMetrics | None = None
    structured_outputs: JsonObject | None = None
    skipped_structured_outputs: JsonObject | None = None
    structured_outputs_last_updated_at: Timestamp | None = None
    scorecards: JsonObject | None = None
    presigned_mono_url: str | None = None
    presigned_stereo_url: str | None = None
    presigned_video_url: str | None = None
    presigned_assistant_url: str | None = None
    presigned_customer_url: str | None = None
    presigned_pcap_url: str | None = None
    presigned_log_url: str | None = None
    presigned_urls_expires_at: str | None = None


class Analysis(Model):
    """What a model said of the call afterwards."""

    summary: str | None = None
    structured_data: JsonObject | None = None
    structured_data_multi: list[JsonObject] | None = None
    success_evaluation: str | None = None
