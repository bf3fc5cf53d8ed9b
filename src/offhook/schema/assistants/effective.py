"""What holds for a call: the assistant's settings with the API's defaults filled in (vapi-wire §5).

Stored documents keep only what was given; this is the one place that knows the rest. Older
spellings of a setting count where the newer one is not given. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.schema.assistants.assistant import Assistant, FirstMessageMode
from offhook.schema.assistants.hook import CallHookCustomerSpeechTimeout
from offhook.schema.assistants.speaking import CustomEndpointingRule
from offhook.schema.base import Model
from offhook.schema.server import Server
from offhook.schema.webhooks.message_type import DEFAULT_SERVER_MESSAGES

ACKNOWLEDGEMENT_PHRASES = (
    "i understand",
    "i see",
    "i got it",
    "i hear you",
    "im listening",
    "im with you",
    "right",
    "okay",
    "ok",
    "sure",
    "alright",
    "got it",
    "understood",
    "yeah",
    "yes",
    "uh-huh",
    "mm-hmm",
    "gotcha",
    "mhmm",
    "ah",
    "yeah okay",
    "yeah sure",
)
"""Said by the caller while the assistant speaks: I am listening, go on."""

INTERRUPTION_PHRASES = (
    "stop",
    "shut",
    "up",
    "enough",
    "quiet",
    "silence",
    "but",
    "dont",
    "not",
    "no",
    "hold",
    "wait",
    "cut",
    "pause",
    "nope",
    "nah",
    "nevermind",
    "never",
    "bad",
    "actually",
)
"""Said by the caller while the assistant speaks: stop at once, whatever `numWords` says."""


@dataclass(frozen=True, slots=True)
class StartSpeaking:
    """`smart` names who judges whether the caller is done, None if nobody does."""

    wait_seconds: float
    smart: Literal["vapi", "livekit", "custom-endpointing-model"] | None
    wait_function: str | None
    endpointing_server: Server | None
    rules: tuple[CustomEndpointingRule, ...]


@dataclass(frozen=True, slots=True)
class StopSpeaking:
    """`num_words` 0: voice alone interrupts, after `voice_seconds` of it. After an interruption
    the assistant stays silent for at least `backoff_seconds`. Phrases are lower case, without
    apostrophes."""

    num_words: int
    voice_seconds: float
    backoff_seconds: float
    acknowledgement_phrases: tuple[str, ...]
    interruption_phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArtifactChoice:
    """What is kept of the call; the two names begin the lines of the transcript."""

    recording: bool
    transcript: bool
    assistant_name: str
    user_name: str


@dataclass(frozen=True, slots=True)
class KeypadInput:
    """Digits are gathered until the delimiter, or until none came for `timeout_seconds`
    (0: only the delimiter ends them)."""

    enabled: bool
    timeout_seconds: float
    delimiters: str


@dataclass(frozen=True, slots=True)
class IdleMessages:
    """What to say to a silent caller (`messagePlan`, vapi-wire §0). `counts`: the caller's silence counts
    anew from it."""

    messages: tuple[str, ...]
    timeout_seconds: float
    max_spoken_count: int
    reset_on_user_speech: bool
    counts: bool = True


@dataclass(frozen=True, slots=True)
class SpeechTimeout:
    """When a hook on the caller's silence is due, and how often."""

    timeout_seconds: float
    trigger_max_count: int
    reset_on_user_speech: bool


def first_message_mode(assistant: Assistant) -> FirstMessageMode:
    return assistant.first_message_mode or "assistant-speaks-first"


def first_message_interruptions_enabled(assistant: Assistant) -> bool:
    return bool(assistant.first_message_interruptions_enabled)


def max_duration_seconds(assistant: Assistant) -> float:
    return _given(assistant.max_duration_seconds, default=600)


def silence_timeout_seconds(assistant: Assistant) -> float:
    """Unless it is given, a hook on the caller's silence is due before the call ends for it."""
    hooks = (hook for hook in assistant.hooks or () if isinstance(hook, CallHookCustomerSpeechTimeout))
    longest = max((speech_timeout(hook).timeout_seconds for hook in hooks), default=0)
    return _given(assistant.silence_timeout_seconds, default=max(30, longest + 30 if longest >= 30 else 0))


def start_speaking(assistant: Assistant) -> StartSpeaking:
    """`responseDelaySeconds` and `llmRequestDelaySeconds` were waits before answering (vapi-wire §0);
    the longer one stands in for `waitSeconds`."""
    plan = assistant.start_speaking_plan
    legacy = [
        delay
        for delay in (assistant.response_delay_seconds, assistant.llm_request_delay_seconds)
        if delay is not None
    ]
    wait = _given(plan and plan.wait_seconds, default=max(legacy, default=0.4))
    if plan is None:
        return StartSpeaking(wait, None, None, None, ())
    smart = plan.smart_endpointing_plan
    provider: Literal["vapi", "livekit", "custom-endpointing-model"] | None = None
    if smart is not None:
        provider = smart.provider
    elif plan.smart_endpointing_enabled:
        provider = "livekit" if plan.smart_endpointing_enabled == "livekit" else "vapi"
    return StartSpeaking(
        wait_seconds=wait,
        smart=provider,
        wait_function=getattr(smart, "wait_function", None),
        endpointing_server=getattr(smart, "server", None),
        rules=tuple(plan.custom_endpointing_rules or ()),
    )


def stop_speaking(assistant: Assistant) -> StopSpeaking:
    plan = assistant.stop_speaking_plan
    legacy_words = _given(assistant.num_words_to_interrupt_assistant, default=0)
    return StopSpeaking(
        num_words=int(_given(plan and plan.num_words, default=legacy_words)),
        voice_seconds=_given(plan and plan.voice_seconds, default=0.2),
        backoff_seconds=_given(plan and plan.backoff_seconds, default=1),
        acknowledgement_phrases=_phrases(plan and plan.acknowledgement_phrases, ACKNOWLEDGEMENT_PHRASES),
        interruption_phrases=_phrases(plan and plan.interruption_phrases, INTERRUPTION_PHRASES),
    )


def end_call_phrases(assistant: Assistant) -> tuple[str, ...]:
    return tuple(assistant.end_call_phrases or ())


def server_messages(assistant: Assistant) -> frozenset[str]:
    """The kinds of messages the server gets; [] is none of them."""
    given = assistant.server_messages
    return frozenset(DEFAULT_SERVER_MESSAGES if given is None else given)


def artifact_plan(assistant: Assistant, *, hipaa: bool = False) -> ArtifactChoice:
    """A recording is kept unless told otherwise; under `hipaaEnabled`, or `hipaa` (the org's), only if it
    is asked for by name."""
    plan = assistant.artifact_plan
    transcript = plan.transcript_plan if plan else None
    kept = not (hipaa or hipaa_enabled(assistant))
    recording = _flag(assistant.recording_enabled, default=kept)
    return ArtifactChoice(
        recording=_flag(plan and plan.recording_enabled, default=recording),
        transcript=_flag(transcript and transcript.enabled, default=True),
        assistant_name=(transcript and transcript.assistant_name) or "AI",
        user_name=(transcript and transcript.user_name) or "User",
    )


def hipaa_enabled(assistant: Assistant) -> bool:
    plan = assistant.compliance_plan
    return _flag(plan and plan.hipaa_enabled, default=bool(assistant.hipaa_enabled))


def pci_enabled(assistant: Assistant) -> bool:
    plan = assistant.compliance_plan
    return _flag(plan and plan.pci_enabled, default=False)


def keypad_input(assistant: Assistant) -> KeypadInput:
    plan = assistant.keypad_input_plan
    return KeypadInput(
        enabled=_flag(plan and plan.enabled, default=False),
        timeout_seconds=_given(plan and plan.timeout_seconds, default=2),
        delimiters="".join((plan and plan.delimiters) or ()),
    )


def idle_messages(assistant: Assistant) -> IdleMessages:
    plan = assistant.message_plan
    return IdleMessages(
        messages=tuple((plan and plan.idle_messages) or ()),
        timeout_seconds=_given(plan and plan.idle_timeout_seconds, default=10),
        max_spoken_count=int(_given(plan and plan.idle_message_max_spoken_count, default=3)),
        reset_on_user_speech=_flag(
            plan and plan.idle_message_reset_count_on_user_speech_enabled, default=False
        ),
    )


def speech_timeout(hook: CallHookCustomerSpeechTimeout) -> SpeechTimeout:
    """Options count as they stand in `options`, else in the brackets of `on` (`[timeoutSeconds=5]`), where
    what is not understood is left out."""
    written = _bracketed(hook.on)
    options = hook.options
    mode = (options and options.trigger_reset_mode) or written.get("triggerResetMode")
    return SpeechTimeout(
        timeout_seconds=_given(
            options and options.timeout_seconds,
            default=_within(written.get("timeoutSeconds"), 1, 1000, default=7.5),
        ),
        trigger_max_count=int(
            _given(
                options and options.trigger_max_count,
                default=_within(written.get("triggerMaxCount"), 1, 10, default=3),
            )
        ),
        reset_on_user_speech=mode == "onUserSpeech",
    )


def _bracketed(event: str) -> dict[str, str]:
    pairs = event.partition("[")[2].rstrip("]").split(",")
    return {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs)}


def _within(text: str | None, least: float, most: float, default: float) -> float:
    try:
        number = float(text or "")
    except ValueError:
        return default
    return number if least <= number <= most else default


def _given(value: float | Model | None, default: float) -> float:
    return value if isinstance(value, int | float) else default


def _flag(value: bool | Model | None, default: bool) -> bool:
    return value if isinstance(value, bool) else default


def _phrases(value: list[str] | Model | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """None means the default, [] none at all."""
    if not isinstance(value, list):
        return default
    return tuple(phrase.lower().replace("'", "").replace("’", "") for phrase in value)
