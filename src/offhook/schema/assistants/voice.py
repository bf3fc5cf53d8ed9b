"""Voices, one class per provider (vapi-wire §5.1).

`provider` is a closed list. Names of voices, models and languages are open strings: vendors change
them weekly, and whether one exists is for the vendor to say. Ranges are those of the API."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from offhook.schema.assistants.chunk import ChunkPlan
from offhook.schema.base import JsonObject, Model, Number
from offhook.schema.server import Server

PLATFORM_VOICE: Final = "Elliot"
"""Of the API's names for its own voices; the local one speaks for all of them."""


class FallbackPlan(Model):
    """Who takes over when the voice fails, in this order. The API has no minimax here, and its SDK
    would read nothing."""

    voices: list[AnyVoice]

    @field_validator("voices", mode="before")
    @classmethod
    def _platform(cls, value: Any) -> Any:
        """The platform's own needs no name here: `{"provider": "vapi"}` is enough to be spoken by."""
        if not isinstance(value, list):
            return value
        return [
            {"voiceId": PLATFORM_VOICE, **one}
            if isinstance(one, dict) and one.get("provider") == "vapi"
            else one
            for one in value
        ]

    @field_validator("voices")
    @classmethod
    def _one_level(cls, value: list[AnyVoice]) -> list[AnyVoice]:
        if any("fallback_plan" in voice.model_fields_set for voice in value):
            raise ValueError("must not have a fallbackPlan of their own")
        if any(voice.provider == "minimax" for voice in value):
            raise ValueError("must not be of provider minimax")
        return value


class _Spoken(Model):
    caching_enabled: bool | None = None
    chunk_plan: ChunkPlan | None = None


class _Voice(_Spoken):
    fallback_plan: FallbackPlan | None = None


class VapiPronunciationDictionaryLocator(Model):
    pronunciation_dict_id: str
    version_id: str | None = None
    provider: Literal["cartesia", "11labs"] | None = None


class VapiVoice(_Spoken):
    """The platform's own engine: here the local one."""

    provider: Literal["vapi"]
    voice_id: str
    version: Literal["1", "2", "latest", 1, 2] | None = None
    speed: Number | None = Field(default=None, ge=0.25, le=2)
    language: str | None = None
    pronunciation_dictionary: list[VapiPronunciationDictionaryLocator] | None = None


class CustomVoice(_Voice):
    provider: Literal["custom-voice"]
    voice_id: str | None = None
    server: Server


class OpenAIVoice(_Voice):
    provider: Literal["openai"]
    voice_id: str
    model: str | None = None
    instructions: str | None = Field(default=None, max_length=10000)
    speed: Number | None = Field(default=None, ge=0.25, le=4)


class AzureVoice(_Voice):
    provider: Literal["azure"]
    voice_id: str
    speed: Number | None = Field(default=None, ge=0.5, le=2)


class CartesiaExperimentalControls(Model):
    speed: (
        Literal["slowest", "slow", "normal", "fast", "fastest"] | Annotated[Number, Field(ge=-1, le=1)] | None
    ) = None
    emotion: (
        Literal[
            "anger:lowest",
            "anger:low",
            "anger:high",
            "anger:highest",
            "positivity:lowest",
            "positivity:low",
            "positivity:high",
            "positivity:highest",
            "surprise:lowest",
            "surprise:low",
            "surprise:high",
            "surprise:highest",
            "sadness:lowest",
            "sadness:low",
            "sadness:high",
            "sadness:highest",
            "curiosity:lowest",
            "curiosity:low",
            "curiosity:high",
            "curiosity:highest",
        ]
        | None
    ) = None


class CartesiaGenerationConfigExperimental(Model):
    accent_localization: int | None = Field(default=None, ge=0, le=1)


class CartesiaGenerationConfig(Model):
    speed: Number | None = Field(default=None, ge=0.6, le=1.5)
    volume: Number | None = Field(default=None, ge=0.5, le=2)
    experimental: CartesiaGenerationConfigExperimental | None = None


class CartesiaVoice(_Voice):
    provider: Literal["cartesia"]
    voice_id: str
    model: str | None = None
    language: str | None = None
    experimental_controls: CartesiaExperimentalControls | None = None
    generation_config: CartesiaGenerationConfig | None = None
    pronunciation_dict_id: str | None = None


class DeepgramVoice(_Voice):
    provider: Literal["deepgram"]
    voice_id: str
    model: str | None = None
    mip_opt_out: bool | None = None
    speed: Number | None = None
    expressivity: Number | None = None


class ElevenLabsPronunciationDictionaryLocator(Model):
    pronunciation_dictionary_id: str
    version_id: str | None = None


class ElevenLabsVoice(_Voice):
    provider: Literal["11labs"]
    voice_id: str
    stability: Number | None = Field(default=None, ge=0, le=1)
    similarity_boost: Number | None = Field(default=None, ge=0, le=1)
    style: Number | None = Field(default=None, ge=0, le=1)
    use_speaker_boost: bool | None = None
    speed: Number | None = Field(default=None, ge=0.7, le=1.2)
    optimize_streaming_latency: Number | None = Field(default=None, ge=0, le=4)
    enable_ssml_parsing: bool | None = None
    auto_mode: bool | None = None
    model: str | None = None
    language: str | None = None
    pronunciation_dictionary_locators: list[ElevenLabsPronunciationDictionaryLocator] | None = None


class HumeVoice(_Voice):
    provider: Literal["hume"]
    model: str | None = None
    voice_id: str
    is_custom_hume_voice: bool | None = None
    description: str | None = None


class InworldVoice(_Voice):
    provider: Literal["inworld"]
    voice_id: str
    model: str | None = None
    language_code: str | None = None
    temperature: Number | None = Field(default=None, ge=0.1, le=2)
    speaking_rate: Number | None = Field(default=None, ge=0.5, le=1.5)


class LMNTVoice(_Voice):
    provider: Literal["lmnt"]
    voice_id: str
    speed: Number | None = Field(default=None, ge=0.25, le=2)
    language: str | None = None


class MicrosoftVoice(_Voice):
    provider: Literal["microsoft"]
    voice_id: str
    style: (
        Literal[
            "adventurous",
            "angry",
            "caring",
            "cheerful",
            "confused",
            "curious",
            "determined",
            "disappointed",
            "disgusted",
            "embarrassed",
            "empathy",
            "encouraging",
            "excited",
            "fearful",
            "friendly",
            "happy",
            "hopeful",
            "jealous",
            "joyful",
            "nostalgic",
            "reflective",
            "regretful",
            "relieved",
            "sad",
            "serious",
            "shouting",
            "softvoice",
            "surprised",
            "whispering",
        ]
        | None
    ) = None
    style_degree: Number | None = Field(default=None, ge=0.01, le=2)
    role: (
        Literal[
            "Girl",
            "Boy",
            "YoungAdultFemale",
            "YoungAdultMale",
            "OlderAdultFemale",
            "OlderAdultMale",
            "SeniorFemale",
            "SeniorMale",
        ]
        | None
    ) = None
    speed: Number | None = Field(default=None, ge=0.5, le=2)


class MinimaxVoice(_Voice):
    provider: Literal["minimax"]
    voice_id: str
    model: str | None = None
    emotion: str | None = None
    subtitle_type: Literal["word", "sentence"] | None = None
    pitch: Number | None = Field(default=None, ge=-12, le=12)
    speed: Number | None = Field(default=None, ge=0.5, le=2)
    volume: Number | None = Field(default=None, ge=0.5, le=2)
    region: Literal["worldwide", "china"] | None = None
    language_boost: str | None = None
    text_normalization_enabled: bool | None = None


class NeuphonicVoice(_Voice):
    provider: Literal["neuphonic"]
    voice_id: str
    model: str | None = None
    language: str | JsonObject
    speed: Number | None = Field(default=None, ge=0.25, le=2)


class PlayHTVoice(_Voice):
    provider: Literal["playht"]
    voice_id: str
    speed: Number | None = Field(default=None, ge=0.1, le=5)
    temperature: Number | None = Field(default=None, ge=0.1, le=2)
    emotion: (
        Literal[
            "female_happy",
            "female_sad",
            "female_angry",
            "female_fearful",
            "female_disgust",
            "female_surprised",
            "male_happy",
            "male_sad",
            "male_angry",
            "male_fearful",
            "male_disgust",
            "male_surprised",
        ]
        | None
    ) = None
    voice_guidance: Number | None = Field(default=None, ge=1, le=6)
    style_guidance: Number | None = Field(default=None, ge=1, le=30)
    text_guidance: Number | None = Field(default=None, ge=1, le=2)
    model: str | None = None
    language: str | None = None


class RimeAIVoice(_Voice):
    provider: Literal["rime-ai"]
    voice_id: str
    model: str | None = None
    speed: Number | None = Field(default=None, ge=0.1)
    pause_between_brackets: bool | None = None
    phonemize_between_brackets: bool | None = None
    reduce_latency: bool | None = None
    inline_speed_alpha: str | None = None
    language: str | None = None


class SesameVoice(_Voice):
    provider: Literal["sesame"]
    voice_id: str
    model: str


class SmallestAIVoice(_Voice):
    provider: Literal["smallest-ai"]
    voice_id: str
    model: str | None = None
    speed: Number | None = None


class TavusConversationProperties(Model):
    max_call_duration: Number | None = None
    participant_left_timeout: Number | None = None
    participant_absent_timeout: Number | None = None
    enable_recording: bool | None = None
    enable_transcription: bool | None = None
    apply_greenscreen: bool | None = None
    language: str | None = None
    recording_s3_bucket_name: str | None = None
    recording_s3_bucket_region: str | None = None
    aws_assume_role_arn: str | None = None


class TavusVoice(_Voice):
    provider: Literal["tavus"]
    voice_id: str
    persona_id: str | None = None
    callback_url: str | None = None
    conversation_name: str | None = None
    conversational_context: str | None = None
    custom_greeting: str | None = None
    properties: TavusConversationProperties | None = None


class WellSaidVoice(_Voice):
    provider: Literal["wellsaid"]
    voice_id: str
    model: str | None = None
    enable_ssml: bool | None = None
    library_ids: list[str] | None = None


class XaiVoice(_Voice):
    provider: Literal["xai"]
    voice_id: str
    language: str | None = None
    speed: Number | None = Field(default=None, ge=0.7, le=1.5)


AnyVoice = Annotated[
    VapiVoice
    | CustomVoice
    | OpenAIVoice
    | AzureVoice
    | CartesiaVoice
    | DeepgramVoice
    | ElevenLabsVoice
    | HumeVoice
    | InworldVoice
    | LMNTVoice
    | MicrosoftVoice
    | MinimaxVoice
    | NeuphonicVoice
    | PlayHTVoice
    | RimeAIVoice
    | SesameVoice
    | SmallestAIVoice
    | TavusVoice
    | WellSaidVoice
    | XaiVoice,
    Field(discriminator="provider"),
]
