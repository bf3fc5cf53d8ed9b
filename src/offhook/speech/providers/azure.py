"""Providers `azure` and `microsoft` as voices: SSML goes out for each text, raw sound comes back (vapi-wire
§5.1); and where Azure's speech is, which its transcriber needs too."""

from __future__ import annotations

import re
from typing import Any, Final, Literal
from xml.sax.saxutils import escape, quoteattr

from offhook.schema.assistants.voice import AzureVoice as AzureSettings
from offhook.schema.assistants.voice import MicrosoftVoice as MicrosoftSettings
from offhook.speech.engine_protocols import EngineError, EngineLacking, Voice
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.http_voice import HttpVoice, VoiceRequest
from offhook.speech.vendor_variables import variable

OUTPUT_FORMAT: Final = "raw-8khz-16bit-mono-pcm"
KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
_PATH: Final = "/cognitiveservices/v1"
_NAMED: Final = {name: f"en-US-{name.capitalize()}MultilingualNeural" for name in ("andrew", "brian", "emma")}
"""The API's names for voices, and Azure's."""
_REGION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_OF_REGION: Final = re.compile(
    r"(?:https|wss)://([A-Za-z0-9-]+)\.(?:api\.cognitive|tts\.speech|stt\.speech)\.microsoft\.com"
)
_OF_RESOURCE: Final = re.compile(r"(?:https|wss)://[A-Za-z0-9-]+\.cognitiveservices\.azure\.com")
_BREAK: Final = re.compile(r'(<break (?:time|strength)="[\w.-]{1,20}" ?/>)')


async def address(request: EngineRequest[Any], service: Literal["tts", "stt"]) -> str:
    """Of a service of Azure's: by the region of the org's key, else as the node's setting says it: one
    address of a region stands for both services. Raises EngineError."""
    account = await request.account()
    try:
        if found := of_credential(await request.credential(), service):
            return found
    except ValueError as odd:
        raise EngineError(request.stage, request.provider, str(odd)) from None
    if account.url is None:
        setting = f"OFFHOOK_{variable(request.provider, 'base_url').upper()}"
        detail = (
            f"there is no region for it: store one in the credential, or set {setting} to "
            "https://REGION.api.cognitive.microsoft.com"
        )
        raise EngineLacking(request.stage, request.provider, detail)
    return located(account.url, service)


def of_credential(credential: object, service: Literal["tts", "stt"]) -> str | None:
    """The address by an org's credential; None if it names no region, or has no key of its own: the node's
    goes to no address of an org's. Raises ValueError for a region that cannot be one."""
    region = getattr(credential, "region", None) if getattr(credential, "api_key", None) else None
    if not region:
        return None
    if not _REGION.fullmatch(region):
        raise ValueError("the credential's region is none of Azure's")
    return f"https://{region}.{service}.speech.microsoft.com"


def located(url: str, service: Literal["tts", "stt"]) -> str:
    """The address of a service, by a setting that may name the other one, or both."""
    url = url.rstrip("/").removesuffix(_PATH)
    if found := _OF_REGION.fullmatch(url):
        return f"https://{found[1]}.{service}.speech.microsoft.com"
    return f"{url}/{service}" if _OF_RESOURCE.fullmatch(url) else url


class AzureSpeech(HttpVoice):
    def __init__(
        self,
        request: EngineRequest[AzureSettings | MicrosoftSettings],
        url: str,
        key: str,
        by_operator: bool,
    ) -> None:
        outside = request.node.outside
        super().__init__(
            outside.for_operator if by_operator else outside,
            {KEY_HEADER: key},
            {
                "Content-Type": "application/ssml+xml",
                "X-Microsoft-OutputFormat": OUTPUT_FORMAT,
                "User-Agent": "offhook",
            },
        )
        self.provider = request.provider
        self._url = url + _PATH
        self._settings = request.settings

    def asked(self, text: str) -> VoiceRequest:
        return VoiceRequest(self._url, ssml(self._settings, text))


def ssml(settings: AzureSettings | MicrosoftSettings, text: str) -> str:
    """Of the text only pauses (`<break time="500ms"/>`) are SSML."""
    name = _NAMED.get(settings.voice_id, settings.voice_id)
    inner = "".join(one if _BREAK.fullmatch(one) else escape(one) for one in _BREAK.split(text))
    if settings.speed is not None:
        inner = f"<prosody rate={quoteattr(f'{settings.speed:g}')}>{inner}</prosody>"
    if isinstance(settings, MicrosoftSettings) and settings.style is not None:
        inner = f"<mstts:express-as{_style(settings)}>{inner}</mstts:express-as>"
    return (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" '
        f'xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang={quoteattr(_language(name))}>'
        f"<voice name={quoteattr(name)}>{inner}</voice></speak>"
    )


def _style(settings: MicrosoftSettings) -> str:
    given = {"style": settings.style, "styledegree": settings.style_degree, "role": settings.role}
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in given.items() if value is not None)


def _language(name: str) -> str:
    parts = name.split("-")
    return "-".join(parts[:2]) if len(parts) > 2 else "en-US"


async def voice(request: EngineRequest[AzureSettings | MicrosoftSettings]) -> Voice:
    account = await request.account()
    return AzureSpeech(request, await address(request, "tts"), account.key, account.by_operator)
