"""How the model's words become pieces of text for the voice (vapi-wire §5.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from offhook.schema.assistants.speaking import RegexOption, enabled
from offhook.schema.base import Model, Number
from offhook.schema.pattern import Regex, runs_together

Boundary = Literal["。", "，", ".", "!", "?", ";", ")", "،", "۔", "।", "॥", "|", "||", ",", ":"]
Formatter = Literal[
    "markdown",
    "asterisk",
    "quote",
    "dash",
    "newline",
    "colon",
    "acronym",
    "dollarAmount",
    "email",
    "date",
    "time",
    "distance",
    "unit",
    "percentage",
    "phoneNumber",
    "number",
    "stripAsterisk",
]


class ExactReplacement(Model):
    type: Literal["exact"]
    key: str
    value: str = Field(max_length=1000)
    replace_all_enabled: bool | None = None


class RegexReplacement(Model):
    type: Literal["regex"]
    regex: Regex
    options: list[RegexOption] | None = None
    value: str = Field(max_length=1000)


Replacement = Annotated[ExactReplacement | RegexReplacement, Field(discriminator="type")]


def _run_together(replacements: list[Replacement], info: ValidationInfo) -> list[Replacement]:
    regular = (each for each in replacements if isinstance(each, RegexReplacement))
    runs_together(((each.regex, enabled(each.options)) for each in regular), info)
    return replacements


class FormatPlan(Model):
    """How text is written out before it is spoken."""

    enabled: bool | None = None
    number_to_digits_cutoff: Number | None = Field(default=None, ge=0)
    replacements: Annotated[list[Replacement], AfterValidator(_run_together)] | None = None
    formatters_enabled: list[Formatter] | None = None


class ChunkPlan(Model):
    """How the model's words are cut into pieces for the voice."""

    enabled: bool | None = None
    min_characters: Number | None = Field(default=None, ge=1, le=80)
    punctuation_boundaries: list[Boundary] | None = None
    format_plan: FormatPlan | None = None
