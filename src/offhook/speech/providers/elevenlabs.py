"""Provider `11labs`: its voices over one WebSocket for the whole call, which says when each character is
spoken (vapi-wire §5.1). Models without a WebSocket are refused by the vendor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.voice import ElevenLabsVoice as ElevenLabsSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import Voice
from offhook.speech.engine_request import Account, EngineRequest
from offhook.speech.streaming.aligned_sound import AlignedSound, TimedCharacter, VoicePiece
from offhook.speech.streaming.context_voice import LARGEST, MESSAGES, ContextVoice, VoiceFailed
from offhook.speech.streaming.engine_socket import SocketFailed, SocketPlace
from offhook.speech.streaming.wire_message import (
    NotUnderstood,
    Text,
    WireMessage,
    base64_sound,
    checked,
    object_in,
)

URL: Final = "https://api.elevenlabs.io"
PROVIDER: Final = "11labs"
DEFAULT_MODEL: Final = "eleven_turbo_v2"
MULTILINGUAL_MODEL: Final = "eleven_turbo_v2_5"
"""Without a model, for other languages than English."""
OUTPUT_FORMAT: Final = f"pcm_{SAMPLE_RATE}"
INACTIVITY_SECONDS: Final = 180
"""The longest that the vendor lets a connection be silent."""
_MOST_CHARACTERS: Final = 20_000

_NAMED: Final[Mapping[str, EngineFailure]] = {
    "invalid_api_key": "invalid-api-key",
    "missing_api_key": "invalid-api-key",
    "needs_authorization": "unauthorized-access",
    "missing_permissions": "unauthorized-access",
    "auth_error": "unauthorized-access",
    "quota_exceeded": "quota-exceeded",
    "voice_not_found": "voice-not-found",
    "voice_id_does_not_exist": "voice-not-found",
    "max_character_limit_exceeded": "max-character-limit-exceeded",
    "too_many_concurrent_requests": "blocked-concurrent-requests-and-requested-upgrade",
    "concurrent_limit_exceeded": "blocked-concurrent-requests-and-requested-upgrade",
    "system_busy": "system-busy-and-requested-upgrade",
    "only_for_creator+": "professional-voices-only-for-creator-plus",
    "free_users_not_allowed": "voice-not-allowed-for-free-users",
    "detected_unusual_activity": "blocked-free-plan-and-requested-upgrade",
    "can_not_use_instant_voice_cloning": "blocked-using-instant-voice-clone-and-requested-upgrade",
    "model_access_denied": "unauthorized-to-access-model",
    "voice_not_fine_tuned": "voice-not-fine-tuned",
    "voice_disabled": "voice-disabled-by-owner",
    "invalid_voice_samples": "invalid-voice-samples",
    "missing_samples": "missing-samples-for-voice-clone",
    "content_against_policy": "blocked-content-against-their-policy",
}
"""What the vendor calls a failure, and what the API does."""
_STATUSES: Final[Mapping[int, EngineFailure]] = {
    401: "invalid-api-key",
    402: "quota-exceeded",
    403: "unauthorized-access",
    404: "voice-not-found",
    429: "system-busy-and-requested-upgrade",
    500: "500-server-error",
    502: "500-server-error",
    503: "503-server-error",
    504: "503-server-error",
}


class _Camel(WireMessage):
    model_config = ConfigDict(alias_generator=to_camel)


class _Alignment(_Camel):
    chars: Annotated[list[str], Field(max_length=_MOST_CHARACTERS)]
    char_start_times_ms: Annotated[list[float], Field(max_length=_MOST_CHARACTERS)]
    char_durations_ms: Annotated[list[float], Field(max_length=_MOST_CHARACTERS)]


class _Sound(_Camel):
    audio: str | None = None
    is_final: bool | None = None
    context_id: Annotated[str, Field(max_length=100)] | None = None
    alignment: _Alignment | None = None


class _Refusal(_Camel):
    error: Text | None = None
    message: Text | None = None
    context_id: Annotated[str, Field(max_length=100)] | None = None

    def failed(self) -> VoiceFailed:
        told = ": ".join(one[:300] for one in (self.error, self.message) if one) or "an error without words"
        return VoiceFailed(told, named_failure(told.encode(), 0), self.context_id or "")


class ElevenLabsSocketVoice(ContextVoice):
    provider = PROVIDER

    def __init__(self, place: SocketPlace, opening: str) -> None:
        """`opening`: what begins each context, a JSON object with all but its name."""
        super().__init__(place)
        self._begins = opening.removesuffix("}")

    def shape(self) -> AlignedSound:
        return AlignedSound()

    def saying(self, context: str, text: str, first: bool) -> list[str]:
        """Each text is whole, so that nothing of it has to be waited for."""
        said = json.dumps({"text": f"{text} ", "context_id": context, "flush": True})
        begun = f'{self._begins}, "context_id": {json.dumps(context)}}}'
        return [begun, said] if first else [said]

    def ending(self, context: str) -> list[str]:
        return [json.dumps({"context_id": context, "close_context": True})]

    def cancelling(self, context: str) -> list[str]:
        return self.ending(context)

    def farewell(self) -> str:
        return '{"close_socket":true}'

    def read(self, message: str | bytes) -> Iterator[tuple[str, VoicePiece]]:
        given = object_in(message)
        if "error" in given or ("message" in given and "audio" not in given):
            raise checked(_Refusal, given).failed()
        sound = checked(_Sound, given)
        if sound.context_id is None:
            raise NotUnderstood("a message for no context")
        audio = base64_sound(sound.audio)
        yield sound.context_id, VoicePiece(audio, _characters_of(sound.alignment), ended=bool(sound.is_final))

    def failure(self, failed: SocketFailed) -> EngineFailure | None:
        if failed.status:
            return named_failure(failed.body, failed.status)
        return named_failure(str(failed).encode(), 0)


def named_failure(body: bytes, status: int) -> EngineFailure | None:
    """By what the vendor calls it, else by the status."""
    for name, failure in _NAMED.items():
        if name.encode() in body:
            return failure
    return _STATUSES.get(status)


def _characters_of(alignment: _Alignment | None) -> Sequence[TimedCharacter]:
    """Raises NotUnderstood."""
    if alignment is None:
        return ()
    starts, lengths = alignment.char_start_times_ms, alignment.char_durations_ms
    if not len(alignment.chars) == len(starts) == len(lengths):
        raise NotUnderstood("characters without their times")
    return [
        TimedCharacter(one, start / 1000, (start + length) / 1000)
        for one, start, length in zip(alignment.chars, starts, lengths, strict=True)
    ]


async def voice(request: EngineRequest[ElevenLabsSettings]) -> Voice:
    settings, account = request.settings, await request.account()
    place = SocketPlace(
        request.way_to(account),
        f"{_base(account)}/v1/text-to-speech/{quote(settings.voice_id, safe='')}/multi-stream-input"
        f"?{urlencode(_query(settings))}",
        headers={"xi-api-key": account.key},
        largest=LARGEST,
        messages=MESSAGES,
    )
    return ElevenLabsSocketVoice(place, json.dumps({"text": " ", **_opening(settings)}))


def _base(account: Account) -> str:
    return (account.url or URL).rstrip("/").removesuffix("/v1")


def _model(settings: ElevenLabsSettings) -> str:
    if settings.model:
        return settings.model
    return DEFAULT_MODEL if (settings.language or "en").startswith("en") else MULTILINGUAL_MODEL


def _query(settings: ElevenLabsSettings) -> list[tuple[str, Any]]:
    model = _model(settings)
    query: list[tuple[str, Any]] = [
        ("model_id", model),
        ("output_format", OUTPUT_FORMAT),
        ("inactivity_timeout", INACTIVITY_SECONDS),
        ("sync_alignment", "true"),
        ("auto_mode", "false" if settings.auto_mode is False else "true"),
    ]
    if settings.enable_ssml_parsing:
        query.append(("enable_ssml_parsing", "true"))
    # Other models refuse it, or do not heed it.
    if settings.language and model.endswith("_v2_5"):
        query.append(("language_code", settings.language))
    return query


def _opening(settings: ElevenLabsSettings) -> dict[str, Any]:
    wished = {
        "stability": settings.stability,
        "similarity_boost": settings.similarity_boost,
        "style": settings.style,
        "use_speaker_boost": settings.use_speaker_boost,
        "speed": settings.speed,
    }
    chosen = {name: value for name, value in wished.items() if value is not None}
    opening: dict[str, Any] = {"voice_settings": chosen} if chosen else {}
    if settings.pronunciation_dictionary_locators:
        opening["pronunciation_dictionary_locators"] = [
            one.model_dump(exclude_none=True) for one in settings.pronunciation_dictionary_locators
        ]
    return opening
