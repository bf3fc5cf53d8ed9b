"""JSON Schema as far as the API takes it, and what a model may be told of a function."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.schema.base import JsonObject, Model


class JsonSchema(Model):
    """`properties` is passed on as it is: what stands in it is for whoever reads the schema."""

    type: Literal["string", "number", "integer", "boolean", "array", "object"]
    items: JsonSchema | None = None
    properties: JsonObject | None = None
    description: str | None = None
    pattern: str | None = None
    format: (
        Literal["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"] | None
    ) = None
    required: list[str] | None = None
    enum: list[str] | None = None
    title: str | None = None


class OpenAIFunctionParameters(Model):
    type: Literal["object"]
    properties: JsonObject
    required: list[str] | None = None


class OpenAIFunction(Model):
    name: str = Field(max_length=64, pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    parameters: OpenAIFunctionParameters | None = None
    strict: bool | None = None


class VariableExtractionAlias(Model):
    key: str = Field(min_length=1, max_length=40, pattern=r"^[a-zA-Z][a-zA-Z0-9_]*$")
    value: str = Field(max_length=10000)


class VariableExtractionPlan(Model):
    schema_: JsonSchema | None = Field(default=None, alias="schema")
    aliases: list[VariableExtractionAlias] | None = None
