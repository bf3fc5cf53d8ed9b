"""The smaller plans of an assistant (vapi-wire §5). Times in seconds where no unit is named."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from offhook.schema.assistants.voice import AnyVoice
from offhook.schema.base import JsonObject, Model, Number


def _sound(value: str) -> str:
    if value not in ("off", "office") and not value.startswith(("http://", "https://")):
        raise ValueError("must be off, office or a URL")
    return value


BackgroundSound = Annotated[str, AfterValidator(_sound)]
"""What is heard behind the assistant: off, office, or the URL of a sound."""


class MonitorPlan(Model):
    listen_enabled: bool | None = None
    listen_authentication_enabled: bool | None = None
    control_enabled: bool | None = None
    control_authentication_enabled: bool | None = None
    monitor_ids: list[str] | None = None


Delimiter = Literal["#", "*", ""]


class KeypadInputPlan(Model):
    """Digits are gathered until the delimiter, or until none has come for so long (0: delimiter only)."""

    enabled: bool | None = None
    timeout_seconds: Number | None = Field(default=None, ge=0, le=10)
    delimiters: Delimiter | list[Delimiter] | None = None


class SmartDenoisingPlan(Model):
    enabled: bool | None = None


class FourierDenoisingPlan(Model):
    enabled: bool | None = None
    media_detection_enabled: bool | None = None
    static_threshold: Number | None = Field(default=None, ge=-80, le=0)
    baseline_offset_db: Number | None = Field(default=None, ge=-30, le=-5)
    window_size_ms: Number | None = Field(default=None, ge=1000, le=30000)
    baseline_percentile: Number | None = Field(default=None, ge=1, le=99)


class BackgroundSpeechDenoisingPlan(Model):
    smart_denoising_plan: SmartDenoisingPlan | None = None
    fourier_denoising_plan: FourierDenoisingPlan | None = None


class VoicemailDetectionBackoffPlan(Model):
    start_at_seconds: Number | None = Field(default=None, ge=0)
    frequency_seconds: Number | None = Field(default=None, ge=2.5)
    max_retries: Number | None = Field(default=None, ge=1, le=10)


class VoicemailDetectionPlan(Model):
    provider: Literal["vapi", "google", "openai"]
    type: Literal["audio", "transcript"] | None = None
    beep_max_await_seconds: Number | None = Field(default=None, ge=0, le=30)
    backoff_plan: VoicemailDetectionBackoffPlan | None = None


class TwilioVoicemailDetectionPlan(Model):
    """The carrier detects. The last three times are in milliseconds, as Twilio has them."""

    provider: Literal["twilio"]
    enabled: bool | None = None
    voicemail_detection_types: (
        list[
            Literal[
                "machine_start",
                "human",
                "fax",
                "unknown",
                "machine_end_beep",
                "machine_end_silence",
                "machine_end_other",
            ]
        ]
        | None
    ) = None
    machine_detection_timeout: Number | None = Field(default=None, ge=3, le=59)
    machine_detection_speech_threshold: Number | None = Field(default=None, ge=1000, le=6000)
    machine_detection_speech_end_threshold: Number | None = Field(default=None, ge=500, le=5000)
    machine_detection_silence_timeout: Number | None = Field(default=None, ge=2000, le=10000)


VoicemailDetection = (
    Literal["off"]
    | Annotated[VoicemailDetectionPlan | TwilioVoicemailDetectionPlan, Field(discriminator="provider")]
)


class SecurityFilterPlan(Model):
    """What in the caller's words is taken for an attack. The filters are open objects in the API."""

    enabled: bool | None = None
    filters: list[JsonObject] | None = None
    mode: Literal["sanitize", "reject", "replace"] | None = None
    replacement_text: str | None = None


class _RecordingConsentPlan(Model):
    message: str = Field(max_length=1000)
    voice: AnyVoice | None = None
    first_message_mode: Literal["assistant-speaks-first", "assistant-waits-for-user"] | None = None


class RecordingConsentPlanStayOnLine(_RecordingConsentPlan):
    """Whoever stays for so long agrees."""

    type: Literal["stay-on-line"]
    wait_seconds: Number | None = Field(default=None, ge=1, le=6)


class RecordingConsentPlanVerbal(_RecordingConsentPlan):
    type: Literal["verbal"]
    decline_tool: JsonObject | None = None
    decline_tool_id: str | None = None


class CompliancePlan(Model):
    hipaa_enabled: bool | None = None
    pci_enabled: bool | None = None
    security_filter_plan: SecurityFilterPlan | None = None
    recording_consent_plan: (
        Annotated[RecordingConsentPlanStayOnLine | RecordingConsentPlanVerbal, Field(discriminator="type")]
        | None
    ) = None


class LangfuseObservabilityPlan(Model):
    provider: Literal["langfuse"]
    tags: list[str]
    prompt_name: str | None = None
    prompt_version: Number | None = Field(default=None, ge=1)
    trace_name: str | None = None
    metadata: JsonObject | None = None


class TransportConfigurationTwilio(Model):
    provider: Literal["twilio"]
    timeout: Number | None = Field(default=None, ge=1, le=600)
    record: bool | None = None
    recording_channels: Literal["mono", "dual"] | None = None


class MessagePlan(Model):
    """The API's way of 2024 to speak up when the caller is silent (vapi-wire §0); today a hook does."""

    idle_messages: list[Annotated[str, Field(max_length=1000)]] | None = None
    idle_message_max_spoken_count: Number | None = Field(default=None, ge=1, le=10)
    idle_timeout_seconds: Number | None = Field(default=None, ge=1, le=60)
    idle_message_reset_count_on_user_speech_enabled: bool | None = None
    silence_timeout_message: str | None = None
