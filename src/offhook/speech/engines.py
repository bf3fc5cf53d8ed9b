"""Which engine an assistant's `transcriber` and `voice` mean."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from offhook.network.outside import Outside
from offhook.speech.activity import MODEL
from offhook.speech.base import EngineError, Stage, Transcriber, Voice
from offhook.speech.fallback import FallbackTranscriber, FallbackVoice
from offhook.speech.jobs import WorkerFailed
from offhook.speech.providers.custom_transcriber import CustomTranscriber
from offhook.speech.providers.custom_voice import CustomVoice
from offhook.speech.providers.local import LocalTranscriber, LocalVoice, SpeechCache
from offhook.speech.remote import CallContext, Remote, Settings, json_of, no_context
from offhook.speech.workers import Workers

log = logging.getLogger(__name__)

SERVED: Mapping[Stage, tuple[str, ...]] = {
    "transcriber": ("vapi", "custom-transcriber"),
    "voice": ("vapi", "custom-voice"),
}

_MODEL_FILES = {
    "moonshine_voice": ("assets/tiny-en/encoder_model.ort", "assets/tiny-en/decoder_model_merged.ort"),
    "hibari": ("assets/hibari.onnx",),
}
_PACKAGES = {"moonshine_voice": "moonshine-voice==0.1.0", "hibari": "hibari-tts==0.2.1"}


class ProviderNotServed(EngineError):
    """The assistant wants an engine that Offhook does not have."""

    def __init__(self, stage: Stage, provider: str) -> None:
        served = ", ".join(SERVED[stage])
        super().__init__(stage, provider, f"this provider is not served here; served are: {served}")


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """What an assistant without `transcriber` or `voice` gets, as JSON of the API, and how much audio of said
    sentences is kept (bytes, for the whole node)."""

    transcriber: Mapping[str, object] | None = None
    voice: Mapping[str, object] | None = None
    cache_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps the engines from working: what it is and what to do, in one line."""

    text: str


class SpeechEngines:
    """The engines of a node. `workers` are started and closed by their owner.
    `now`: seconds since the epoch."""

    def __init__(
        self,
        workers: Workers,
        outside: Outside,
        settings: SpeechSettings | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.workers = workers
        self._outside = outside
        self._settings = settings or SpeechSettings()
        self._cache = SpeechCache(self._settings.cache_bytes)
        self._now = now

    def transcriber(self, settings: Settings) -> Transcriber:
        """A transcriber for one call, not started. Raises ProviderNotServed if neither the one in `settings`
        nor one of its fallbackPlan is served, EngineError if it lacks its server."""
        chosen = _choices(settings, self._settings.transcriber, "transcribers")
        made = [self._transcriber(choice) for choice in _served("transcriber", chosen)]
        return made[0] if len(made) == 1 else FallbackTranscriber(made)

    def voice(self, settings: Settings, context: CallContext = no_context) -> Voice:
        """A voice for one call, not started. Raises as `transcriber`."""
        chosen = _choices(settings, self._settings.voice, "voices")
        made = [self._voice(choice, context) for choice in _served("voice", chosen)]
        return made[0] if len(made) == 1 else FallbackVoice(made)

    def _transcriber(self, choice: Mapping[str, object]) -> Transcriber:
        if _provider(choice) == "vapi":
            language = str(choice.get("language") or "en")
            if not language.startswith("en"):
                log.warning("the local transcriber hears English only, not %.20r", language)
            return LocalTranscriber(self.workers)
        return CustomTranscriber(Remote.of(choice, "transcriber"), self._outside)

    def _voice(self, choice: Mapping[str, object], context: CallContext) -> Voice:
        if _provider(choice) == "vapi":
            speed = choice.get("speed")
            return LocalVoice(
                self.workers,
                str(choice.get("voiceId") or ""),
                float(speed) if isinstance(speed, int | float) else 1.0,
                self._cache if choice.get("cachingEnabled", True) else None,
            )
        return CustomVoice(Remote.of(choice, "voice"), self._outside, context, self._now)

    @staticmethod
    async def check() -> list[Problem]:
        """What keeps the local engines from working on this machine; empty if nothing does. Starts one worker
        and stops it again."""
        problems = missing()
        if problems:
            return problems
        workers = Workers(1)
        try:
            await workers.start()
        except WorkerFailed as error:
            return [
                Problem(f"the local speech engines do not start ({error}): reinstall with `make install`")
            ]
        await workers.close()
        return []


def missing() -> list[Problem]:
    """Packages and model files that are not there."""
    problems = []
    if not MODEL.is_file():
        problems.append(
            Problem(f"{MODEL} is missing: reinstall offhook (pip install --force-reinstall offhook)")
        )
    for module, files in _MODEL_FILES.items():
        install = f"pip install --force-reinstall {_PACKAGES[module]}"
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            problems.append(Problem(f"the package {_PACKAGES[module]} is missing: {install}"))
            continue
        folder = Path(spec.origin).parent
        problems += [
            Problem(f"{folder / name} is missing or empty: {install}")
            for name in files
            if not (folder / name).is_file() or not (folder / name).stat().st_size
        ]
    return problems


def _choices(settings: Settings, default: Settings, plural: str) -> list[Mapping[str, object]]:
    """The engine and those of its fallbackPlan, in order."""
    first = json_of(settings) or json_of(default) or {"provider": "vapi"}
    plan = first.get("fallbackPlan")
    others = plan.get(plural) if isinstance(plan, Mapping) else None
    return [first, *(other for other in others or [] if isinstance(other, Mapping))]


def _served(stage: Stage, choices: list[Mapping[str, object]]) -> list[Mapping[str, object]]:
    served = [choice for choice in choices if _provider(choice) in SERVED[stage]]
    if not served:
        raise ProviderNotServed(stage, _provider(choices[0]))
    return served


def _provider(choice: Mapping[str, object]) -> str:
    return str(choice.get("provider") or "vapi")
