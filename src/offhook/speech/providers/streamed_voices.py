"""Vendors that answer each text with its sound over HTTP: one table of where they are, how they are asked and
in what the sound comes (vapi-wire §5.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from pydantic.alias_generators import to_camel

from offhook.frames import SAMPLE_RATE
from offhook.schema.assistants.voice import (
    HumeVoice,
    InworldVoice,
    LMNTVoice,
    MinimaxVoice,
    NeuphonicVoice,
    RimeAIVoice,
    SmallestAIVoice,
    XaiVoice,
)
from offhook.speech.engine_protocols import Voice
from offhook.speech.engine_request import EngineRequest
from offhook.speech.streaming.http_voice import HttpVoice, NotSpoken, SoundReader, VoiceRequest, json_body
from offhook.speech.streaming.object_sound import ObjectSound
from offhook.speech.streaming.wire_message import NotUnderstood, base64_sound

if TYPE_CHECKING:
    from offhook.speech.resample import LiveDownsampler

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StreamedVoice:
    """`url`: the vendor's own address for an assistant's settings; `path` below it. `written`: ends that
    people give an address, which the path has already. `key`: the headers that carry one. `sound`: what an
    object of the answer brings, None where the answer is the sound itself; `rate`: bytes of an answer for
    each of sound at 8 kHz. `divide`: how many times 8 kHz the vendor speaks at."""

    url: Callable[[Any], str]
    path: Callable[[Any], str]
    key: Callable[[str], dict[str, str]]
    body: Callable[[Any, str], Body]
    written: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    sound: Callable[[Mapping[str, Any]], bytes] | None = None
    rate: int = 1
    divide: int = 1


def _at(address: str) -> Callable[[Any], str]:
    return lambda settings: address


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _text_at(given: Mapping[str, Any], *names: str) -> str:
    """ "" where there is none. Raises NotUnderstood."""
    found: object = given
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if found is not None and not isinstance(found, str):
        raise NotUnderstood(f"{'.'.join(names)} is no text")
    return found or ""


# Rime

_THREE_LETTERS: Final = {
    "ar": "ara", "de": "ger", "en": "eng", "es": "spa", "fr": "fra", "he": "heb", "hi": "hin", "ja": "jpn",
    "pt": "por", "si": "sin", "ta": "tam",
}  # fmt: skip


def _camel(**given: object) -> Body:
    """By the names that the vendor has for them."""
    return {to_camel(name): value for name, value in given.items()}


def _rime(settings: RimeAIVoice, text: str) -> Body:
    model, speed = settings.model or "arcana", settings.speed
    body = _camel(
        text=text,
        speaker=settings.voice_id,
        model_id=model,
        lang=_THREE_LETTERS.get(settings.language or "en", settings.language),
        sampling_rate=SAMPLE_RATE,
    )
    if not model.startswith("mist"):
        return body | _camel(speed_alpha=speed)
    return body | _camel(
        speed_alpha=None if speed is None else round(1 / speed, 3),  # to these less is faster
        pause_between_brackets=settings.pause_between_brackets,
        phonemize_between_brackets=settings.phonemize_between_brackets,
        inline_speed_alpha=settings.inline_speed_alpha,
        reduce_latency=settings.reduce_latency,
    )


# MiniMax

_MINIMAX_STATUSES: Final = {1002: 429, 1004: 401, 1008: 402, 1039: 429, 2013: 400}
_MINIMAX_LAST: Final = 2


def _minimax(settings: MinimaxVoice, text: str) -> Body:
    voice = {
        "voice_id": settings.voice_id,
        "speed": settings.speed,
        "vol": settings.volume,
        "pitch": None if settings.pitch is None else round(settings.pitch),
        "emotion": settings.emotion,
    }
    return {
        "model": settings.model or "speech-02-turbo",
        "text": text,
        "stream": True,
        # Without it all of the sound comes once more at the end.
        "stream_options": {"exclude_aggregated_audio": True},
        "voice_setting": {name: value for name, value in voice.items() if value is not None},
        "audio_setting": {"sample_rate": SAMPLE_RATE, "format": "pcm", "channel": 1},
        "language_boost": settings.language_boost,
        "text_normalization": settings.text_normalization_enabled,
    }


def _minimax_sound(given: Mapping[str, Any]) -> bytes:
    """Sound is written in hex; a refusal comes with status 200."""
    said = given.get("base_resp")
    code = said.get("status_code") if isinstance(said, dict) else 0
    if isinstance(code, int) and code:
        unquoted = f"it answers with its code {code}"
        words = _text_at(given, "base_resp", "status_msg")[:300]
        raise NotSpoken(f"{unquoted}: {words}", unquoted, _MINIMAX_STATUSES.get(code, 500))
    data = given.get("data")
    if isinstance(data, dict) and data.get("status") == _MINIMAX_LAST:
        return b""
    try:
        return bytes.fromhex(_text_at(given, "data", "audio"))
    except ValueError:
        raise NotUnderstood("sound that is no hex") from None


# Inworld


def _inworld(settings: InworldVoice, text: str) -> Body:
    rate = {} if settings.speaking_rate is None else {"speaking_rate": settings.speaking_rate}
    return _camel(
        text=text,
        voice_id=settings.voice_id,
        model_id=settings.model or "inworld-tts-1",
        audio_config=_camel(audio_encoding="PCM", sample_rate_hertz=SAMPLE_RATE, **rate),
        temperature=settings.temperature,
        language=settings.language_code,
    )


# xAI

XAI_SPEED: Final = 1.1
"""The API's default."""


def _xai(settings: XaiVoice, text: str) -> Body:
    return {
        "text": text,
        "voice_id": settings.voice_id,
        "language": settings.language or "en",
        "speed": XAI_SPEED if settings.speed is None else settings.speed,
        "output_format": {"codec": "pcm", "sample_rate": SAMPLE_RATE},
    }


# LMNT, Neuphonic, Smallest, Hume


def _lmnt(settings: LMNTVoice, text: str) -> Body:
    return {
        "text": text,
        "voice": settings.voice_id,
        "format": "pcm_s16le",
        "sample_rate": SAMPLE_RATE,
        "language": settings.language,
    }


def _neuphonic(settings: NeuphonicVoice, text: str) -> Body:
    return {
        "text": text,
        "voice_id": settings.voice_id,
        "lang_code": _neuphonic_language(settings),
        "speed": settings.speed,
        "encoding": "pcm_linear",
        "sampling_rate": SAMPLE_RATE,
    }


def _neuphonic_language(settings: NeuphonicVoice) -> str:
    """The API's document calls it an object, and writes a text."""
    language = settings.language
    return language if isinstance(language, str) and language else "en"


def _smallest(settings: SmallestAIVoice, text: str) -> Body:
    model = settings.model
    return {
        "text": text,
        "voice_id": settings.voice_id,
        # The name that the API knows is of a model that is gone.
        "model": "lightning_v3.1" if model in (None, "lightning") else model,
        "sample_rate": SAMPLE_RATE,
        "speed": settings.speed,
        "output_format": "pcm",
    }


def _hume(settings: HumeVoice, text: str) -> Body:
    whose = "CUSTOM_VOICE" if settings.is_custom_hume_voice else "HUME_AI"
    utterance = {
        "text": text,
        "voice": {"id": settings.voice_id, "provider": whose},
        "description": settings.description,
    }
    return {
        "utterances": [{name: value for name, value in utterance.items() if value is not None}],
        "version": "1" if settings.model == "octave" else "2",
        "format": {"type": "pcm"},
        "instant_mode": True,
        "strip_headers": True,
    }


VOICES: Final[Mapping[str, StreamedVoice]] = {
    "rime-ai": StreamedVoice(
        _at("https://users.rime.ai"),
        lambda settings: "/v1/rime-tts",
        _bearer,
        _rime,
        written=("/v1/rime-tts", "/v1"),
        headers={"Accept": "audio/pcm"},
    ),
    "minimax": StreamedVoice(
        lambda settings: f"https://api.{'minimaxi.com' if settings.region == 'china' else 'minimax.io'}",
        lambda settings: "/v1/t2a_v2",
        _bearer,
        _minimax,
        written=("/v1/t2a_v2", "/v1"),
        sound=_minimax_sound,
        rate=3,
    ),
    "inworld": StreamedVoice(
        _at("https://api.inworld.ai"),
        lambda settings: "/tts/v1/voice:stream",
        lambda key: {"Authorization": f"Basic {key}"},
        _inworld,
        written=("/tts/v1", "/v1"),
        sound=lambda given: base64_sound(_text_at(given, "result", "audioContent")),
        rate=3,
    ),
    "xai": StreamedVoice(
        _at("https://api.x.ai"), lambda settings: "/v1/tts", _bearer, _xai, written=("/v1/tts", "/v1")
    ),
    "lmnt": StreamedVoice(
        _at("https://api.lmnt.com"),
        lambda settings: "/v1/ai/speech/bytes",
        lambda key: {"X-API-Key": key},
        _lmnt,
        written=("/v1/ai/speech/bytes", "/v1"),
    ),
    "neuphonic": StreamedVoice(
        _at("https://api.neuphonic.com"),
        lambda settings: f"/sse/speak/{quote(_neuphonic_language(settings), safe='')}",
        lambda key: {"x-api-key": key},
        _neuphonic,
        sound=lambda given: base64_sound(_text_at(given, "data", "audio")),
        rate=3,
    ),
    "smallest-ai": StreamedVoice(
        _at("https://api.smallest.ai"),
        lambda settings: "/waves/v1/tts/live",
        _bearer,
        _smallest,
        written=("/waves/v1", "/v1"),
        sound=lambda given: base64_sound(_text_at(given, "audio")),
        rate=3,
    ),
    "hume": StreamedVoice(
        _at("https://api.hume.ai"),
        lambda settings: "/v0/tts/stream/json",
        lambda key: {"X-Hume-Api-Key": key},
        _hume,
        written=("/v0",),
        sound=lambda given: base64_sound(_text_at(given, "audio")),
        rate=18,
        divide=6,
    ),
}


class VendorVoice(HttpVoice):
    def __init__(
        self, request: EngineRequest[Any], row: StreamedVoice, url: str, key: str, by_operator: bool
    ) -> None:
        outside = request.node.outside
        super().__init__(outside.for_operator if by_operator else outside, row.key(key), row.headers)
        self.provider = request.provider
        self.rate = row.rate
        self.in_objects = row.sound is not None
        self._row, self._url, self._settings = row, url, request.settings

    def asked(self, text: str) -> VoiceRequest:
        return VoiceRequest(self._url, json_body(**self._row.body(self._settings, text)))

    def reader(self) -> SoundReader:
        convert = _downsampler(self._row.divide).feed if self._row.divide > 1 else None
        return super().reader() if self._row.sound is None else ObjectSound(self._row.sound, convert)


def _downsampler(divide: int) -> LiveDownsampler:
    from offhook.speech.resample import LiveDownsampler

    return LiveDownsampler(divide)


async def voice(request: EngineRequest[Any]) -> Voice:
    row, account = VOICES[request.provider], await request.account()
    base = (account.url or row.url(request.settings)).rstrip("/")
    base = base.replace("wss://", "https://", 1).replace("ws://", "http://", 1)
    for end in row.written:
        if base.endswith(end):
            base = base.removesuffix(end)
            break
    query = {}
    if group := getattr(await request.credential(), "group_id", None):
        query["GroupId"] = group
    url = f"{base}{row.path(request.settings)}{'?' if query else ''}{urlencode(query)}"
    return VendorVoice(request, row, url, account.key, account.by_operator)
