"""Provider `deepgram` as a voice: Aura, asked over HTTP for each text (vapi-wire §5.1). Its socket takes
twenty flushes a minute, which is less than a talk has sentences."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.voice import DeepgramVoice as AuraSettings
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import Voice
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.http_voice import HttpVoice, VoiceRequest, json_body

URL: Final = "https://api.deepgram.com"
DEFAULT_MODEL: Final = "aura-2"
_SPANISH: Final = frozenset(
    {
        "agustina",
        "alvaro",
        "antonia",
        "aquila",
        "carina",
        "celeste",
        "diana",
        "estrella",
        "gloria",
        "javier",
        "luciano",
        "nestor",
        "olivia",
        "selena",
        "silvia",
        "sirio",
        "valerio",
    }
)
"""Voices that speak it; all others of the API's speak English."""
_REFUSALS: Final[dict[int, EngineFailure]] = {
    401: "returning-401-invalid-credentials",
    403: "returning-403-model-access-denied",
    404: "returning-404-not-found",
    502: "returning-502-bad-gateway-ehostunreach",
    503: "returning-502-network-error",
    504: "returning-502-network-error",
}


class AuraVoice(HttpVoice):
    provider = "deepgram"

    def __init__(self, request: EngineRequest[AuraSettings], url: str, key: str, by_operator: bool) -> None:
        outside = request.node.outside
        super().__init__(outside.for_operator if by_operator else outside, {"Authorization": f"Token {key}"})
        settings = request.settings
        query: list[tuple[str, object]] = [
            ("model", _voice(settings)),
            ("encoding", "linear16"),
            ("sample_rate", SAMPLE_RATE),
            ("container", "none"),
        ]
        if settings.speed is not None:
            query.append(("speed", settings.speed))
        if settings.mip_opt_out:
            query.append(("mip_opt_out", "true"))
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/v1/speak?{urlencode(query)}"

    def asked(self, text: str) -> VoiceRequest:
        return VoiceRequest(self._url, json_body(text=text))

    def failure(self, status: int) -> EngineFailure | None:
        return _REFUSALS.get(status)


def _voice(settings: AuraSettings) -> str:
    name = settings.voice_id
    if name.startswith("aura-"):
        return name
    return f"{settings.model or DEFAULT_MODEL}-{name}-{'es' if name in _SPANISH else 'en'}"


async def voice(request: EngineRequest[AuraSettings]) -> Voice:
    account = await request.account()
    return AuraVoice(request, account.url or URL, account.key, account.by_operator)
