"""When the assistant starts to speak and when it stops (vapi-wire §5). Times in seconds.

What holds for a property that is not given stands in `effective.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from offhook.schema.base import Model, Number
from offhook.schema.pattern import Regex, runs_together
from offhook.schema.server import Server

Phrase = Annotated[str, Field(max_length=240)]


class RegexOption(Model):
    type: Literal["ignore-case", "whole-word", "multi-line"]
    enabled: bool


def enabled(options: Sequence[RegexOption] | None) -> frozenset[str]:
    return frozenset(option.type for option in options or () if option.enabled)


class VapiSmartEndpointingPlan(Model):
    provider: Literal["vapi"]


class LivekitSmartEndpointingPlan(Model):
    """`waitFunction` maps the probability that the caller is done to milliseconds of waiting."""

    provider: Literal["livekit"]
    wait_function: str | None = None


class CustomEndpointingModelSmartEndpointingPlan(Model):
    provider: Literal["custom-endpointing-model"]
    server: Server | None = None


SmartEndpointingPlan = Annotated[
    VapiSmartEndpointingPlan | LivekitSmartEndpointingPlan | CustomEndpointingModelSmartEndpointingPlan,
    Field(discriminator="provider"),
]


class _EndpointingRule(Model):
    timeout_seconds: Number = Field(ge=0, le=15)


class AssistantCustomEndpointingRule(_EndpointingRule):
    """`regex` on what the assistant said last."""

    type: Literal["assistant"]
    regex: Regex
    regex_options: list[RegexOption] | None = None


class CustomerCustomEndpointingRule(_EndpointingRule):
    """`regex` on what the caller says."""

    type: Literal["customer"]
    regex: Regex
    regex_options: list[RegexOption] | None = None


class BothCustomEndpointingRule(_EndpointingRule):
    type: Literal["both"]
    assistant_regex: Regex
    assistant_regex_options: list[RegexOption] | None = None
    customer_regex: Regex
    customer_regex_options: list[RegexOption] | None = None


CustomEndpointingRule = Annotated[
    AssistantCustomEndpointingRule | CustomerCustomEndpointingRule | BothCustomEndpointingRule,
    Field(discriminator="type"),
]


def patterns_of(rule: CustomEndpointingRule) -> list[tuple[str, frozenset[str]]]:
    """Each with the names of its options."""
    if isinstance(rule, BothCustomEndpointingRule):
        return [
            (rule.assistant_regex, enabled(rule.assistant_regex_options)),
            (rule.customer_regex, enabled(rule.customer_regex_options)),
        ]
    return [(rule.regex, enabled(rule.regex_options))]


def _run_together(rules: list[CustomEndpointingRule], info: ValidationInfo) -> list[CustomEndpointingRule]:
    runs_together((pattern for rule in rules for pattern in patterns_of(rule)), info)
    return rules


class TranscriptionEndpointingPlan(Model):
    """How long to wait after a transcript that ends with punctuation, without, or with a number."""

    on_punctuation_seconds: Number | None = Field(default=None, ge=0, le=3)
    on_no_punctuation_seconds: Number | None = Field(default=None, ge=0, le=3)
    on_number_seconds: Number | None = Field(default=None, ge=0, le=3)


class StartSpeakingPlan(Model):
    """`smartEndpointingEnabled` is the older spelling of `smartEndpointingPlan`."""

    wait_seconds: Number | None = Field(default=None, ge=0, le=5)
    smart_endpointing_enabled: bool | Literal["livekit"] | None = None
    smart_endpointing_plan: SmartEndpointingPlan | None = None
    custom_endpointing_rules: Annotated[list[CustomEndpointingRule], AfterValidator(_run_together)] | None = (
        None
    )
    transcription_endpointing_plan: TranscriptionEndpointingPlan | None = None


class StopSpeakingPlan(Model):
    """`numWords` 0: the caller's voice alone stops the assistant, after `voiceSeconds` of it."""

    num_words: Number | None = Field(default=None, ge=0, le=10)
    voice_seconds: Number | None = Field(default=None, ge=0, le=0.5)
    backoff_seconds: Number | None = Field(default=None, ge=0, le=10)
    acknowledgement_phrases: list[Phrase] | None = None
    interruption_phrases: list[Phrase] | None = None
