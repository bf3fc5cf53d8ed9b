"""Transcribers, one class per provider (vapi-wire §5.1).

`provider` is a closed list. Names of models and languages are open strings: vendors change them
weekly, and whether one exists is for the vendor to say. Ranges are those of the API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from offhook.schema.base import Model, Number
from offhook.schema.server import Server


class FallbackTranscriberPlan(Model):
    """Who takes over when the transcriber fails, in this order. The API has no vapi here."""

    transcribers: list[AnyTranscriber] | None = None

    @field_validator("transcribers")
    @classmethod
    def _one_level(cls, value: list[AnyTranscriber] | None) -> list[AnyTranscriber] | None:
        if any("fallback_plan" in transcriber.model_fields_set for transcriber in value or ()):
            raise ValueError("must not have a fallbackPlan of their own")
        return value


class _Transcriber(Model):
    fallback_plan: FallbackTranscriberPlan | None = None


class VapiTranscriber(Model):
    """The platform's own engine: here the local one."""

    provider: Literal["vapi"]
    version: Literal["latest", "1"] | None = None
    language: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    turn_taking: Literal["intelligent", "manual"] | None = None


class CustomTranscriber(_Transcriber):
    provider: Literal["custom-transcriber"]
    server: Server


class DeepgramTranscriber(_Transcriber):
    provider: Literal["deepgram"]
    model: str | None = None
    language: str | None = None
    smart_format: bool | None = None
    mip_opt_out: bool | None = None
    numerals: bool | None = None
    profanity_filter: bool | None = None
    redaction: list[Literal["pci", "pii", "phi", "numbers"]] | None = None
    confidence_threshold: Number | None = Field(default=None, ge=0, le=1)
    eot_threshold: Number | None = Field(default=None, ge=0.5, le=0.9)
    eot_timeout_ms: Number | None = Field(default=None, ge=500, le=10000)
    languages: list[str] | None = None
    keywords: list[Annotated[str, Field(pattern=r"^\p{L}[\p{L}\d]*(?::[+-]?\d+)?$")]] | None = None
    keyterm: list[str] | None = None
    endpointing: Number | None = Field(default=None, ge=10, le=500)


class AssemblyAITranscriber(_Transcriber):
    provider: Literal["assembly-ai"]
    language: str | None = None
    confidence_threshold: Number | None = Field(default=None, ge=0, le=1)
    format_turns: bool | None = None
    agent_context_auto_update_enabled: bool | None = None
    end_of_turn_confidence_threshold: Number | None = Field(default=None, ge=0, le=1)
    min_end_of_turn_silence_when_confident: Number | None = Field(default=None, ge=0)
    word_finalization_max_wait_time: Number | None = Field(default=None, ge=0)
    max_turn_silence: Number | None = Field(default=None, ge=0)
    vad_assisted_endpointing_enabled: bool | None = None
    mode: Literal["max_accuracy", "min_latency", "balanced"] | None = None
    prompt: str | None = Field(default=None, max_length=1750)
    agent_context: str | None = Field(default=None, max_length=1750)
    language_codes: list[str] | None = None
    speech_model: str | None = None
    realtime_url: str | None = None
    word_boost: list[Annotated[str, Field(max_length=2500)]] | None = None
    keyterms_prompt: list[Annotated[str, Field(max_length=50)]] | None = None
    end_utterance_silence_threshold: Number | None = None
    disable_partial_transcripts: bool | None = None


class AzureSpeechTranscriber(_Transcriber):
    provider: Literal["azure"]
    language: str | None = None
    segmentation_strategy: Literal["Default", "Time", "Semantic"] | None = None
    segmentation_silence_timeout_ms: Number | None = Field(default=None, ge=100, le=5000)
    segmentation_maximum_time_ms: Number | None = Field(default=None, ge=20000, le=70000)


class CartesiaTranscriber(_Transcriber):
    provider: Literal["cartesia"]
    model: str | None = None
    language: str | None = None


class ElevenLabsTranscriber(_Transcriber):
    provider: Literal["11labs"]
    model: str | None = None
    language: str | None = None
    silence_threshold_seconds: Number | None = Field(default=None, ge=0.3, le=3)
    confidence_threshold: Number | None = Field(default=None, ge=0.1, le=0.9)
    min_speech_duration_ms: Number | None = Field(default=None, ge=50, le=2000)
    min_silence_duration_ms: Number | None = Field(default=None, ge=50, le=2000)


class GladiaVocabularyItemDTO(Model):
    value: str
    pronunciations: list[str] | None = None
    intensity: Number | None = Field(default=None, ge=0, le=1)
    language: str | None = None


class GladiaCustomVocabularyConfigDTO(Model):
    vocabulary: list[str | GladiaVocabularyItemDTO]
    default_intensity: Number | None = Field(default=None, ge=0, le=1)


class GladiaTranscriber(_Transcriber):
    provider: Literal["gladia"]
    model: str | None = None
    language_behaviour: (
        Literal["manual", "automatic single language", "automatic multiple languages"] | None
    ) = None
    language: str | None = None
    languages: list[str] | None = None
    transcription_hint: str | None = Field(default=None, max_length=600)
    prosody: bool | None = None
    audio_enhancer: bool | None = None
    confidence_threshold: Number | None = Field(default=None, ge=0, le=1)
    endpointing: Number | None = Field(default=None, ge=0.01, le=10)
    speech_threshold: Number | None = Field(default=None, ge=0, le=1)
    custom_vocabulary_enabled: bool | None = None
    custom_vocabulary_config: GladiaCustomVocabularyConfigDTO | None = None
    region: Literal["us-west", "eu-west"] | None = None
    receive_partial_transcripts: bool | None = None


class GoogleTranscriber(_Transcriber):
    provider: Literal["google"]
    model: str | None = None
    language: str | None = None


class OpenAITranscriber(_Transcriber):
    provider: Literal["openai"]
    model: str
    language: str | None = None


class SonioxContextGeneralItem(Model):
    key: str = Field(min_length=1)
    value: str = Field(min_length=1)


class SonioxTranscriber(_Transcriber):
    provider: Literal["soniox"]
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    language_hints_strict: bool | None = None
    max_endpoint_delay_ms: Number | None = Field(default=None, ge=500, le=3000)
    endpoint_sensitivity: Number | None = None
    endpoint_latency_adjustment_level: Number | None = None
    confidence_threshold: Number | None = None
    custom_vocabulary: list[str] | None = None
    context_general: list[SonioxContextGeneralItem] | None = None


class SpeechmaticsCustomVocabularyItem(Model):
    content: str = Field(min_length=1)
    sounds_like: list[str] | None = None


class SpeechmaticsTranscriber(_Transcriber):
    provider: Literal["speechmatics"]
    model: str | None = None
    language: str | None = None
    operating_point: Literal["standard", "enhanced"] | None = None
    region: Literal["eu", "us"] | None = None
    enable_diarization: bool | None = None
    max_delay: Number | None = Field(default=None, ge=500, le=10000)
    custom_vocabulary: list[SpeechmaticsCustomVocabularyItem]
    numeral_style: Literal["written", "spoken"] | None = None
    end_of_turn_sensitivity: Number | None = Field(default=None, ge=0, le=1)
    remove_disfluencies: bool | None = None
    minimum_speech_duration: Number | None = Field(default=None, ge=0, le=5)


class TalkscriberTranscriber(_Transcriber):
    provider: Literal["talkscriber"]
    model: str | None = None
    language: str | None = None


class XaiTranscriber(_Transcriber):
    provider: Literal["xai"]
    model: str | None = None
    language: str | None = None


AnyTranscriber = Annotated[
    VapiTranscriber
    | CustomTranscriber
    | AssemblyAITranscriber
    | AzureSpeechTranscriber
    | CartesiaTranscriber
    | DeepgramTranscriber
    | ElevenLabsTranscriber
    | GladiaTranscriber
    | GoogleTranscriber
    | OpenAITranscriber
    | SonioxTranscriber
    | SpeechmaticsTranscriber
    | TalkscriberTranscriber
    | XaiTranscriber,
    Field(discriminator="provider"),
]
