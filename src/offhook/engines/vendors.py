"""The vendors that are served: for each provider of the API the files that make its engines.

A vendor is one file, or one in each of the two rooms, and its line in `VENDORS`; the file is loaded when the
first assistant wants it. It has a coroutine for each kind of engine that the line names:

    async def transcriber(request: EngineRequest[DeepgramTranscriber]) -> Transcriber
    async def model(request: EngineRequest[OpenAIModel]) -> LanguageModel
    async def voice(request: EngineRequest[ElevenLabsVoice]) -> Voice

each with the engine for one call, not started. It raises EngineError for settings that it cannot go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SPEECH: Final = "offhook.speech.providers."
_LANGUAGE: Final = "offhook.language.providers."


@dataclass(frozen=True, slots=True)
class Vendor:
    """`transcriber`, `model`, `voice`: the module that makes each kind, "" where the vendor has none or it is
    not served. `keyed`: reached with a key, so that the node has settings for it
    (OFFHOOK_<PROVIDER>_API_KEY, OFFHOOK_<PROVIDER>_BASE_URL). `languages`: all that its engines have (BCP 47,
    without a region); () where that is the vendor's to say."""

    transcriber: str = ""
    model: str = ""
    voice: str = ""
    keyed: bool = True
    languages: tuple[str, ...] = ()


VENDORS: Final[dict[str, Vendor]] = {
    "vapi": Vendor(
        _SPEECH + "local", _LANGUAGE + "extractive", _SPEECH + "local", keyed=False, languages=("en",)
    ),
    "custom-transcriber": Vendor(transcriber=_SPEECH + "custom_transcriber", keyed=False),
    "custom-llm": Vendor(model=_LANGUAGE + "custom_llm", keyed=False),
    "custom-voice": Vendor(voice=_SPEECH + "custom_voice", keyed=False),
    "deepgram": Vendor(_SPEECH + "deepgram", voice=_SPEECH + "aura"),
    "11labs": Vendor(_SPEECH + "scribe", voice=_SPEECH + "elevenlabs"),
    "cartesia": Vendor(_SPEECH + "ink", voice=_SPEECH + "cartesia"),
    "openai": Vendor(_SPEECH + "openai_transcription", _LANGUAGE + "openai", _SPEECH + "openai_speech"),
    "assembly-ai": Vendor(_SPEECH + "assembly_ai"),
    "soniox": Vendor(_SPEECH + "soniox"),
    "gladia": Vendor(_SPEECH + "gladia"),
    "speechmatics": Vendor(_SPEECH + "speechmatics"),
    "anthropic": Vendor(model=_LANGUAGE + "anthropic"),
    "google": Vendor(_LANGUAGE + "gemini_hearing", _LANGUAGE + "google"),
    "groq": Vendor(model=_LANGUAGE + "openai"),
    "cerebras": Vendor(model=_LANGUAGE + "openai"),
    "deepinfra": Vendor(model=_LANGUAGE + "openai"),
    "deep-seek": Vendor(model=_LANGUAGE + "openai"),
    "together-ai": Vendor(model=_LANGUAGE + "openai"),
    "openrouter": Vendor(model=_LANGUAGE + "openai"),
    "perplexity-ai": Vendor(model=_LANGUAGE + "openai"),
    "xai": Vendor(
        _SPEECH + "xai_transcription", model=_LANGUAGE + "openai", voice=_SPEECH + "streamed_voices"
    ),
    "minimax": Vendor(model=_LANGUAGE + "openai", voice=_SPEECH + "streamed_voices"),
    "azure": Vendor(_SPEECH + "azure_transcription", voice=_SPEECH + "azure"),
    "microsoft": Vendor(voice=_SPEECH + "azure"),
    "rime-ai": Vendor(voice=_SPEECH + "streamed_voices"),
    "inworld": Vendor(voice=_SPEECH + "streamed_voices"),
    "lmnt": Vendor(voice=_SPEECH + "streamed_voices"),
    "neuphonic": Vendor(voice=_SPEECH + "streamed_voices"),
    "smallest-ai": Vendor(voice=_SPEECH + "streamed_voices"),
    "hume": Vendor(voice=_SPEECH + "streamed_voices"),
}

CLOSED: Final[dict[str, str]] = {
    "playht": "PlayHT has ended its service",
    "anyscale": "Anyscale has ended its public endpoints; a server of your own is a custom-llm",
    "talkscriber": "Talkscriber has no API of its own that is known",
    "sesame": "this voice runs at the original alone",
    "tavus": "Tavus makes video, and no voice for a telephone",
    "wellsaid": "WellSaid's API is not known",
    "inflection-ai": "Inflection's API is not known",
}
"""Providers of the API that nothing can serve, and why."""

KEYED: Final = tuple(provider for provider, vendor in VENDORS.items() if vendor.keyed)
