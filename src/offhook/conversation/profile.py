"""What of an assistant's settings a conversation goes by, with the defaults filled in (wire-facts §5).

An assistant comes as the API's document (camelCase) or as a pydantic object that dumps to one; it has been
validated, so here a value of the wrong type only counts as not set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from offhook.conversation.chunks import SENTENCE_BOUNDARIES, ChunkPlan
from offhook.conversation.endpointing import EndpointingRule, StartSpeakingPlan
from offhook.conversation.interruption import StopSpeakingPlan, words_of
from offhook.conversation.patterns import Pattern, compile_pattern
from offhook.conversation.speakable import FormatPlan, Replacement
from offhook.language.base import Message

Document = Mapping[str, Any]
FirstMessageMode = Literal[
    "assistant-speaks-first",
    "assistant-speaks-first-with-model-generated-message",
    "assistant-waits-for-user",
]
T = TypeVar("T")


class Dumps(Protocol):
    """A pydantic model."""

    def model_dump(self, *, mode: str, by_alias: bool, exclude_none: bool) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class KeypadPlan:
    """`seconds` 0: only a delimiter ends an entry; no delimiters and 0: every digit is an entry."""

    enabled: bool = False
    seconds: float = 2.0
    delimiters: str = ""


@dataclass(frozen=True, slots=True)
class IdlePlan:
    """What to say when nobody has spoken for `seconds` (the legacy messagePlan)."""

    messages: tuple[str, ...] = ()
    seconds: float = 10.0
    most: int = 3


@dataclass(frozen=True, slots=True)
class Profile:
    name: str | None
    first_message: str
    first_message_mode: FirstMessageMode
    first_message_interruptible: bool
    system: tuple[Message, ...]
    tools: tuple[Document, ...]
    end_call_message: str
    end_call_phrases: tuple[str, ...]
    silence_seconds: float
    most_seconds: float
    start: StartSpeakingPlan
    stop: StopSpeakingPlan
    chunks: ChunkPlan
    form: FormatPlan
    keypad: KeypadPlan
    idle: IdlePlan
    model_output_in_messages: bool


def document_of(assistant: Dumps | Document) -> Document:
    if isinstance(assistant, Mapping):
        return assistant
    return assistant.model_dump(mode="json", by_alias=True, exclude_none=True)


def profile_of(assistant: Dumps | Document) -> Profile:
    given = document_of(assistant)
    model, voice = _document(given, "model"), _document(given, "voice")
    chunks = _document(voice, "chunkPlan")
    return Profile(
        name=_value(given, "name", str, None),
        first_message=_value(given, "firstMessage", str, ""),
        first_message_mode=_value(given, "firstMessageMode", str, "assistant-speaks-first"),
        first_message_interruptible=_value(given, "firstMessageInterruptionsEnabled", bool, False),
        system=tuple(message for message in map(_message, _documents(model, "messages")) if message),
        tools=tuple(_documents(model, "tools")),
        end_call_message=_value(given, "endCallMessage", str, ""),
        end_call_phrases=tuple(
            phrase.lower() for phrase in _texts(given, "endCallPhrases") if phrase.strip()
        ),
        silence_seconds=_number(given, "silenceTimeoutSeconds", 30.0),
        most_seconds=_number(given, "maxDurationSeconds", 600.0),
        start=_start_plan(given),
        stop=_stop_plan(given),
        chunks=_chunk_plan(chunks),
        form=_format_plan(chunks),
        keypad=_keypad_plan(_document(given, "keypadInputPlan")),
        idle=_idle_plan(_document(given, "messagePlan")),
        model_output_in_messages=_value(given, "modelOutputInMessagesEnabled", bool, False),
    )


def _start_plan(given: Document) -> StartSpeakingPlan:
    plan = _document(given, "startSpeakingPlan")
    words = _document(plan, "transcriptionEndpointingPlan")
    return StartSpeakingPlan(
        wait_seconds=_number(plan, "waitSeconds", _number(given, "responseDelaySeconds", 0.4)),
        on_punctuation=_number(words, "onPunctuationSeconds", 0.1),
        on_no_punctuation=_number(words, "onNoPunctuationSeconds", 1.5),
        on_number=_number(words, "onNumberSeconds", 0.5),
        rules=tuple(rule for rule in map(_rule, _documents(plan, "customEndpointingRules")) if rule),
        smart=bool(_document(plan, "smartEndpointingPlan") or plan.get("smartEndpointingEnabled")),
    )


def _rule(given: Document) -> EndpointingRule | None:
    """None for a rule whose pattern is refused: it never matches."""
    seconds = _number(given, "timeoutSeconds", 0.0)
    kind = given.get("type")
    if kind == "both":
        assistant = _pattern(given, "assistantRegex", "assistantRegexOptions")
        customer = _pattern(given, "customerRegex", "customerRegexOptions")
        return EndpointingRule(seconds, assistant, customer) if assistant and customer else None
    pattern = _pattern(given, "regex", "regexOptions")
    if pattern is None:
        return None
    return (
        EndpointingRule(seconds, pattern) if kind == "assistant" else EndpointingRule(seconds, None, pattern)
    )


def _stop_plan(given: Document) -> StopSpeakingPlan:
    plan = _document(given, "stopSpeakingPlan")
    default = StopSpeakingPlan()
    return StopSpeakingPlan(
        num_words=int(_number(plan, "numWords", _number(given, "numWordsToInterruptAssistant", 0))),
        voice_seconds=_number(plan, "voiceSeconds", default.voice_seconds),
        backoff_seconds=_number(plan, "backoffSeconds", default.backoff_seconds),
        acknowledgements=_phrases(plan, "acknowledgementPhrases", default.acknowledgements),
        interruptions=_phrases(plan, "interruptionPhrases", default.interruptions),
    )


def _phrases(plan: Document, key: str, default: frozenset[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    if plan.get(key) is None:
        return default
    return frozenset(words for phrase in _texts(plan, key) if (words := tuple(words_of(phrase))))


def _chunk_plan(plan: Document) -> ChunkPlan:
    boundaries = frozenset("".join(_texts(plan, "punctuationBoundaries")))
    return ChunkPlan(
        enabled=_value(plan, "enabled", bool, True),
        min_characters=int(_number(plan, "minCharacters", 30)),
        boundaries=boundaries or SENTENCE_BOUNDARIES,
    )


def _format_plan(chunks: Document) -> FormatPlan:
    plan = _document(chunks, "formatPlan")
    replacements = []
    for given in _documents(plan, "replacements"):
        value = _value(given, "value", str, "")
        if given.get("type") == "exact":
            replacements.append(Replacement(value, text=_value(given, "key", str, "")))
        elif (pattern := _pattern(given, "regex", "options")) is not None:
            replacements.append(Replacement(value, pattern=pattern))
    return FormatPlan(
        enabled=_value(plan, "enabled", bool, True) and _value(chunks, "enabled", bool, True),
        digits_cutoff=_number(plan, "numberToDigitsCutoff", 2025),
        replacements=tuple(replacements),
    )


def _keypad_plan(plan: Document) -> KeypadPlan:
    delimiters = plan.get("delimiters")
    return KeypadPlan(
        enabled=_value(plan, "enabled", bool, False),
        seconds=_number(plan, "timeoutSeconds", 2.0),
        delimiters="".join(_texts(plan, "delimiters"))
        if isinstance(delimiters, list)
        else str(delimiters or ""),
    )


def _idle_plan(plan: Document) -> IdlePlan:
    return IdlePlan(
        messages=tuple(message for message in _texts(plan, "idleMessages") if message.strip()),
        seconds=_number(plan, "idleTimeoutSeconds", 10.0),
        most=int(_number(plan, "idleMessageMaxSpokenCount", 3)),
    )


def _message(given: Document) -> Message | None:
    """A message of the assistant's own prompt; None for one without text."""
    content, role = given.get("content"), given.get("role")
    return {"role": role, "content": content} if isinstance(content, str) and role in _PROMPT_ROLES else None


_PROMPT_ROLES = ("system", "user", "assistant")


def _pattern(given: Document, key: str, options: str) -> Pattern | None:
    source = given.get(key)
    return compile_pattern(source, _documents(given, options)) if isinstance(source, str) and source else None


def _value(given: Document, key: str, kind: type[T], default: Any) -> Any:
    value = given.get(key)
    return value if isinstance(value, kind) else default


def _number(given: Document, key: str, default: float) -> float:
    value = given.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def _document(given: Document, key: str) -> Document:
    value = given.get(key)
    return value if isinstance(value, Mapping) else {}


def _documents(given: Document, key: str) -> list[Document]:
    value = given.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [each for each in value if isinstance(each, Mapping)]


def _texts(given: Document, key: str) -> list[str]:
    value = given.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [each for each in value if isinstance(each, str)]
