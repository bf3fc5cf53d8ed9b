"""Provider `openai` as a voice, and any server of its speech API: asked over HTTP for each text (vapi-wire
§5.1). It speaks at 24 kHz only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.schema.assistants.voice import OpenAIVoice as OpenAISettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import Voice
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.http_voice import HttpVoice, PlainSound, SoundReader, VoiceRequest, json_body

if TYPE_CHECKING:
    from offhook.speech.resample import LiveDownsampler

URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-4o-mini-tts"
_DEAF: Final = "tts-1"
"""Models of this name take no instructions."""
_REFUSALS: Final[dict[int, EngineFailure]] = {
    400: "400-bad-request-validation-failed",
    401: "401-unauthorized",
    403: "403-model-access-denied",
    429: "429-rate-limit-reached",
    500: "500-server-error",
    502: "500-server-error",
    503: "503-server-overloaded-error",
    504: "503-server-overloaded-error",
}


class OpenAISpeech(HttpVoice):
    provider = "openai"
    rate = 3

    def __init__(self, request: EngineRequest[OpenAISettings], url: str, key: str, by_operator: bool) -> None:
        outside = request.node.outside
        super().__init__(outside.for_operator if by_operator else outside, {"Authorization": f"Bearer {key}"})
        self._url = f"{url.rstrip('/')}/audio/speech"
        self._settings = request.settings

    def asked(self, text: str) -> VoiceRequest:
        settings = self._settings
        model = settings.model or DEFAULT_MODEL
        body = json_body(
            model=model,
            input=text,
            voice=settings.voice_id,
            response_format="pcm",
            speed=settings.speed,
            instructions=None if model.startswith(_DEAF) else settings.instructions,
        )
        return VoiceRequest(self._url, body)

    def failure(self, status: int) -> EngineFailure | None:
        return _REFUSALS.get(status)

    def reader(self) -> SoundReader:
        return PlainSound(_downsampler().feed)


def _downsampler() -> LiveDownsampler:
    from offhook.speech.resample import LiveDownsampler

    return LiveDownsampler()


async def voice(request: EngineRequest[OpenAISettings]) -> Voice:
    account = await request.account()
    return OpenAISpeech(request, account.url or URL, account.key, account.by_operator)
