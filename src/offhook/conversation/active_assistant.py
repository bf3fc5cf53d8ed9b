"""An assistant in a call: its settings, with the three engines that serve them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from offhook.conversation.audio.caller_speech import TranscriberListener
from offhook.conversation.profile import Profile, profile_of
from offhook.conversation.text.dictated import as_dictated
from offhook.conversation.tools.toolbox import Toolbox
from offhook.language.language_model import LanguageModel, ModelError
from offhook.schema.assistants.assistant import Assistant
from offhook.schema.calls.ended_reason import pipeline_error
from offhook.schema.identity_cache import IdentityCache
from offhook.speech.engine_protocols import EngineError, Transcriber, Voice
from offhook.speech.providers import local

log = logging.getLogger(__name__)

START_PATIENCE = 15.0
"""Seconds for all engines to be ready."""
CLOSE_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Engines:
    transcriber: Transcriber
    model: LanguageModel
    voice: Voice


EngineFactory = Callable[[Assistant], Awaitable[Engines]]
"""Raises EngineError for settings that are not served."""


_profile = IdentityCache(profile_of)


def ended_reason(error: EngineError) -> str:
    """The call's endedReason (vapi-wire Appendix A)."""
    return pipeline_error(error.provider, error.suffix)


@dataclass(frozen=True, slots=True)
class ActiveAssistant:
    settings: Assistant
    profile: Profile
    toolbox: Toolbox
    engines: Engines
    listener: TranscriberListener

    @staticmethod
    async def start(
        assistant: Assistant,
        engines: EngineFactory,
        listener: TranscriberListener,
    ) -> ActiveAssistant:
        """With all engines ready. Raises EngineError, with nothing left open."""
        profile = _profile(assistant)
        built = await engines(assistant)
        active = ActiveAssistant(assistant, profile, Toolbox(profile.tools), built, listener)
        starting = [
            asyncio.ensure_future(start)
            for start in (
                built.transcriber.start(listener.on_transcript, listener.on_failure),
                built.model.start(),
                built.voice.start(),
            )
        ]
        try:
            async with asyncio.timeout(START_PATIENCE):
                await asyncio.gather(*starting)
        except TimeoutError:
            error = _slowest(built, starting)
            await _end_all(starting)
            await active.close()
            raise error from None
        except BaseException:
            await _end_all(starting)
            await active.close()
            raise
        return active

    def written(self, words: str, asked: str) -> str:
        """What the caller dictates, as one would write it. `asked`: what the assistant has said before."""
        if not self.profile.start.english:
            return words
        return as_dictated(words, asked, self.engines.transcriber.provider == local.PROVIDER)

    async def close(self) -> None:
        """Never raises; an engine that will not close is left behind with a line in the log."""
        engines = self.engines
        await asyncio.gather(_close(engines.transcriber), _close(engines.model), _close(engines.voice))


async def _close(engine: Transcriber | LanguageModel | Voice) -> None:
    try:
        async with asyncio.timeout(CLOSE_PATIENCE):
            await engine.close()
    except Exception:
        log.exception("the %s engine of %s did not close", type(engine).__name__, engine.provider)


def _slowest(engines: Engines, starting: Sequence[asyncio.Future[None]]) -> EngineError:
    """Who was not ready in time: the first that has no result."""
    detail = f"not ready within {START_PATIENCE:g} s"
    errors: tuple[EngineError, ...] = (
        EngineError("transcriber", engines.transcriber.provider, detail),
        ModelError(engines.model.provider, detail),
        EngineError("voice", engines.voice.provider, detail),
    )
    late = [
        error for error, start in zip(errors, starting, strict=True) if start.cancelled() or not start.done()
    ]
    return late[0] if late else errors[0]


async def _end_all(starting: Sequence[asyncio.Future[None]]) -> None:
    for start in starting:
        start.cancel()
    await asyncio.gather(*starting, return_exceptions=True)
