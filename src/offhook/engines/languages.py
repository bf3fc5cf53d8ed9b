"""Languages that an engine does not have, where a vendor's engines have but some."""

from __future__ import annotations

from typing import Any

from offhook.engines.vendors import VENDORS
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_protocols import EngineError, Stage

_LONGEST_NAME = 20
_HEARD = {
    "transcriber": "what is said in another language is heard as if it were that",
    "model": "callers and prompts in another language are not understood",
    "voice": "words of another language are spoken as if they were that",
}


class LanguageNotServed(EngineError):
    """The engine works, but not in the language that the assistant is set to."""

    def __init__(self, stage: Stage, provider: str, language: str, served: tuple[str, ...]) -> None:
        self.language = language
        detail = f"it has no {language!r} but {', '.join(served)} only: {_HEARD[stage]}"
        super().__init__(stage, provider, detail)


def language_lacking(assistant: Assistant, stage: Stage, settings: Any) -> LanguageNotServed | None:
    """Why an engine of these settings does not speak as the assistant is set to; None if it does. A voice
    without a language, and a model, are taken to be for the one that the caller is heard in."""
    vendor = VENDORS.get(settings.provider)
    if vendor is None or not vendor.languages:
        return None
    for language in _set_to(assistant, stage, settings):
        if _primary(language) not in vendor.languages:
            return LanguageNotServed(stage, settings.provider, language[:_LONGEST_NAME], vendor.languages)
    return None


def _set_to(assistant: Assistant, stage: Stage, settings: Any) -> list[str]:
    own = _of(settings) if stage != "model" else []
    return own or (_of(assistant.transcriber) if stage != "transcriber" else [])


def _of(settings: Any) -> list[str]:
    one, several = getattr(settings, "language", None), getattr(settings, "languages", None)
    named = [one] if isinstance(one, str) and one else list(several or ())
    return [language for language in named if isinstance(language, str)]


def _primary(language: str) -> str:
    """`en` of `en-US`, and of the name that some vendors have for it."""
    primary = language.replace("_", "-").partition("-")[0].lower()
    return "en" if primary == "english" else primary
