"""The settings of an assistant as a conversation uses them: plans with their defaults
(`schema/assistants/effective.py`), regular expressions compiled, the prompt as messages."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from offhook.conversation.own_words import NOBODY_THERE, ONE_MOMENT, STILL_THERE, in_language
from offhook.conversation.text.chunks import SENTENCE_BOUNDARIES, ChunkingPlan
from offhook.conversation.text.numbers import DIGITS_CUTOFF
from offhook.conversation.text.patterns import Pattern, compile_patterns
from offhook.conversation.text.rule_table import Format
from offhook.conversation.text.speakable import FormattingPlan, Replacement, steps_of
from offhook.conversation.turns.endpointing import EndpointingPlan, EndpointingRule
from offhook.conversation.turns.interruption import InterruptionPlan, words_of
from offhook.conversation.turns.wait_function import compile_wait, default_wait
from offhook.language.language_model import Message, message_of
from offhook.schema.assistants import chunk, effective
from offhook.schema.assistants.assistant import Assistant, AssistantOverrides, FirstMessageMode
from offhook.schema.assistants.hook import CallHookCustomerSpeechTimeout, CallHookModelResponseTimeout, Hook
from offhook.schema.assistants.speaking import (
    AssistantCustomEndpointingRule,
    BothCustomEndpointingRule,
    CustomEndpointingRule,
    enabled,
    patterns_of,
)
from offhook.schema.tools.tool import AnyTool

log = logging.getLogger(__name__)

_AUDIO_ADDRESS = re.compile(r"https?://\S+")
STILL_THERE_SECONDS = 8.0
_PROMPT_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Profile:
    """Times in seconds. `language`: the one that is spoken (BCP 47). `own_language`: the one of what is said
    where the owner has written nothing; None: English. `silence_message`: said before a silent call is
    ended."""

    name: str | None
    language: str
    own_language: str | None
    first_message: str
    first_message_mode: FirstMessageMode
    first_message_interruptible: bool
    system: tuple[Message, ...]
    tools: tuple[AnyTool, ...]
    end_call_message: str | None
    end_call_phrases: tuple[str, ...]
    silence_seconds: float
    silence_message: str
    most_seconds: float
    start: EndpointingPlan
    stop: InterruptionPlan
    chunks: ChunkingPlan
    form: FormattingPlan
    keypad: effective.KeypadInput
    idle: effective.IdleMessages
    hooks: tuple[Hook, ...]

    @property
    def word_to_wait(self) -> str:
        """While the model takes long; "" where a hook of the owner's says what is done then."""
        handled = any(isinstance(hook, CallHookModelResponseTimeout) for hook in self.hooks)
        return "" if handled else self.own(ONE_MOMENT)

    def own(self, words: str) -> str:
        """Some of `own_words.py` as this assistant says them; "" if it does not."""
        return words if self.own_language is None else in_language(words, self.own_language)


def profile_of(assistant: Assistant) -> Profile:
    model, legacy = assistant.model, assistant.message_plan
    prompt = (model.messages if model else None) or ()
    chunks = assistant.voice.chunk_plan if assistant.voice else None
    first_message, mode = _first_message(assistant)
    silence_message = legacy.silence_timeout_message if legacy is not None else None
    own_language = _own_language(assistant)
    nobody_there = NOBODY_THERE if own_language is None else in_language(NOBODY_THERE, own_language)
    return Profile(
        name=assistant.name,
        language=getattr(assistant.transcriber, "language", None) or "en",
        own_language=own_language,
        first_message=first_message,
        first_message_mode=mode,
        first_message_interruptible=effective.first_message_interruptions_enabled(assistant),
        system=tuple(message_of(m) for m in prompt if m.role in _PROMPT_ROLES),
        tools=tuple(_tools(assistant)),
        end_call_message=assistant.end_call_message,
        end_call_phrases=tuple(phrase.lower() for phrase in effective.end_call_phrases(assistant)),
        silence_seconds=effective.silence_timeout_seconds(assistant),
        silence_message=nobody_there if silence_message is None else silence_message,
        most_seconds=effective.max_duration_seconds(assistant),
        start=_start_plan(assistant),
        stop=_stop_plan(assistant),
        chunks=_chunk_plan(chunks),
        form=_format_plan(chunks, own_language is None, _writes_day_first(assistant)),
        keypad=effective.keypad_input(assistant),
        idle=_idle_messages(assistant, own_language),
        hooks=tuple(assistant.hooks or ()),
    )


def _idle_messages(assistant: Assistant, language: str | None) -> effective.IdleMessages:
    """Unless the owner has said what to do about a silent caller."""
    idle, plan = effective.idle_messages(assistant), assistant.message_plan
    asked = plan is not None and plan.idle_messages is not None
    hooks = any(isinstance(hook, CallHookCustomerSpeechTimeout) for hook in assistant.hooks or ())
    seconds = (
        STILL_THERE_SECONDS if plan is None or plan.idle_timeout_seconds is None else idle.timeout_seconds
    )
    words = STILL_THERE if language is None else in_language(STILL_THERE, language)
    if asked or hooks or not words or effective.silence_timeout_seconds(assistant) < 2 * seconds:
        return idle
    return replace(idle, messages=(words,), timeout_seconds=seconds, max_spoken_count=1, counts=False)


def _tools(assistant: Assistant) -> Sequence[AnyTool]:
    """The model's tools; without a model, those that overrides append."""
    if assistant.model is not None:
        return assistant.model.tools or ()
    return (assistant.tools_append or ()) if isinstance(assistant, AssistantOverrides) else ()


def _first_message(assistant: Assistant) -> tuple[str, FirstMessageMode]:
    """An address of an audio file instead of a text is not served: the model makes the first message then."""
    text, mode = assistant.first_message or "", effective.first_message_mode(assistant)
    if _AUDIO_ADDRESS.fullmatch(text.strip()) and mode == "assistant-speaks-first":
        log.warning("a firstMessage that is an audio file is not served; the model makes one")
        return "", "assistant-speaks-first-with-model-generated-message"
    return text, mode


def _start_plan(assistant: Assistant) -> EndpointingPlan:
    plan, given = effective.start_speaking(assistant), assistant.start_speaking_plan
    words = given.transcription_endpointing_plan if given else None
    return EndpointingPlan(
        wait_seconds=plan.wait_seconds,
        on_punctuation=words.on_punctuation_seconds if words else None,
        on_no_punctuation=words.on_no_punctuation_seconds if words else None,
        on_number=words.on_number_seconds if words else None,
        rules=_rules(plan.rules),
        smart=_wait_function(plan),
        asks=plan.smart == "custom-endpointing-model",
        by_words=words is not None,
        server=plan.endpointing_server,
        english=_is_english(getattr(assistant.transcriber, "language", None)),
    )


def _wait_function(plan: effective.StartSpeaking) -> Callable[[float], float] | None:
    if plan.smart is None:
        return None
    return compile_wait(plan.wait_function) if plan.wait_function else default_wait


def _rules(given: Sequence[CustomEndpointingRule]) -> tuple[EndpointingRule, ...]:
    """Without those of which a pattern is refused: they never match."""
    wanted = [pattern for rule in given for pattern in patterns_of(rule)]
    patterns = iter(compile_patterns([(source, sorted(options)) for source, options in wanted]))
    rules = []
    for rule in given:
        found = [next(patterns) for _ in patterns_of(rule)]
        if None not in found:
            rules.append(_rule(rule, found))
    return tuple(rules)


def _rule(given: CustomEndpointingRule, patterns: Sequence[Pattern | None]) -> EndpointingRule:
    if isinstance(given, BothCustomEndpointingRule):
        return EndpointingRule(given.timeout_seconds, *patterns)
    if isinstance(given, AssistantCustomEndpointingRule):
        return EndpointingRule(given.timeout_seconds, assistant=patterns[0])
    return EndpointingRule(given.timeout_seconds, customer=patterns[0])


def _stop_plan(assistant: Assistant) -> InterruptionPlan:
    plan, given = effective.stop_speaking(assistant), assistant.stop_speaking_plan
    words = given.num_words if given is not None else None
    words = assistant.num_words_to_interrupt_assistant if words is None else words
    by_voice = words == 0 or (given is not None and given.voice_seconds is not None)
    return InterruptionPlan(
        num_words=plan.num_words,
        voice_seconds=plan.voice_seconds,
        backoff_seconds=plan.backoff_seconds,
        acknowledgements=_phrases(plan.acknowledgement_phrases),
        interruptions=_phrases(plan.interruption_phrases),
        by_voice=by_voice,
        english=_is_english(getattr(assistant.transcriber, "language", None)),
    )


@lru_cache(maxsize=64)
def _phrases(phrases: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Kept, since most assistants have the same ones."""
    return frozenset(words for phrase in phrases if (words := tuple(words_of(phrase))))


def _chunk_plan(plan: chunk.ChunkPlan | None) -> ChunkingPlan:
    if plan is None:
        return ChunkingPlan()
    return ChunkingPlan(
        enabled=plan.enabled is not False,
        min_characters=int(plan.min_characters or ChunkingPlan().min_characters),
        boundaries=frozenset("".join(plan.punctuation_boundaries or ())) or SENTENCE_BOUNDARIES,
    )


def _format_plan(chunks: chunk.ChunkPlan | None, english: bool, day_first: bool) -> FormattingPlan:
    plan = (chunks.format_plan if chunks else None) or chunk.FormatPlan()
    if plan.enabled is False or (chunks is not None and chunks.enabled is False):
        steps: tuple[Format, ...] = ()
        foreign = steps
    else:
        given = plan.number_to_digits_cutoff
        chosen, cutoff = plan.formatters_enabled, DIGITS_CUTOFF if given is None else given
        steps = steps_of(chosen, cutoff, english, day_first)
        foreign = steps_of(chosen, cutoff, english=False)
    return FormattingPlan(steps, _replacements(plan.replacements or ()), foreign)


def _set_language(assistant: Assistant) -> str | None:
    """What the voice, or else the transcriber, is set to."""
    given = (getattr(engine, "language", None) for engine in (assistant.voice, assistant.transcriber))
    return next((each for each in given if isinstance(each, str)), None)


def _own_language(assistant: Assistant) -> str | None:
    """None: English."""
    language = _set_language(assistant)
    return None if _is_english(language) else language


def _writes_day_first(assistant: Assistant) -> bool:
    """English of another country than those that write the month first."""
    language, _, country = (_set_language(assistant) or "").lower().replace("_", "-").partition("-")
    return language == "en" and country not in ("", "us", "ca", "ph")


def _is_english(language: object) -> bool:
    """One that is not given is; of several that are heard, English is one."""
    language = language.lower() if isinstance(language, str) else "en"
    return language.startswith("en") or language in ("multi", "auto")


def _replacements(given: Sequence[chunk.Replacement]) -> tuple[Replacement, ...]:
    wanted = [one for one in given if isinstance(one, chunk.RegexReplacement)]
    patterns = iter(compile_patterns([(one.regex, sorted(enabled(one.options))) for one in wanted], True))
    replacements = []
    for one in given:
        if isinstance(one, chunk.ExactReplacement):
            replacements.append(Replacement(one.value, one.key, bool(one.replace_all_enabled)))
        elif (pattern := next(patterns)) is not None:
            replacements.append(Replacement(one.value, pattern=pattern))
    return tuple(replacements)
