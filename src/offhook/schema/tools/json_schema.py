"""JSON Schema, and what a model may be told of a function.

Schemas are written by libraries more often than by hand, and each writes keywords of its own draft: all that
any of them has are taken, and passed on as they are to whoever reads the schema."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from offhook.schema.base import JsonObject, Model, Number

SimpleType = Literal["string", "number", "integer", "boolean", "array", "object", "null"]


class Keywords(Model):
    """Of the drafts 4 to 2020-12, and of OpenAPI's dialects of them."""

    schema_uri: str | None = Field(default=None, alias="$schema")
    id_: str | None = Field(default=None, alias="$id")
    old_id: str | None = Field(default=None, alias="id")
    anchor: str | None = Field(default=None, alias="$anchor")
    dynamic_anchor: str | None = Field(default=None, alias="$dynamicAnchor")
    vocabulary: JsonObject | None = Field(default=None, alias="$vocabulary")
    comment: str | None = Field(default=None, alias="$comment")
    ref: str | None = Field(default=None, alias="$ref")
    dynamic_ref: str | None = Field(default=None, alias="$dynamicRef")
    defs: JsonObject | None = Field(default=None, alias="$defs")
    definitions: JsonObject | None = None

    all_of: list[JsonValue] | None = None
    any_of: list[JsonValue] | None = None
    one_of: list[JsonValue] | None = None
    not_: JsonValue = Field(default=None, alias="not")
    if_: JsonValue = Field(default=None, alias="if")
    then: JsonValue = None
    else_: JsonValue = Field(default=None, alias="else")

    pattern_properties: JsonObject | None = None
    additional_properties: bool | JsonObject | None = None
    unevaluated_properties: bool | JsonObject | None = None
    property_names: JsonValue = None
    dependent_required: JsonObject | None = None
    dependent_schemas: JsonObject | None = None
    dependencies: JsonObject | None = None
    min_properties: Number | None = None
    max_properties: Number | None = None

    prefix_items: list[JsonValue] | None = None
    additional_items: bool | JsonObject | None = None
    unevaluated_items: bool | JsonObject | None = None
    contains: JsonValue = None
    min_contains: Number | None = None
    max_contains: Number | None = None
    min_items: Number | None = None
    max_items: Number | None = None
    unique_items: bool | None = None

    const: JsonValue = None
    minimum: Number | None = None
    maximum: Number | None = None
    exclusive_minimum: bool | Number | None = None
    exclusive_maximum: bool | Number | None = None
    multiple_of: Number | None = None
    min_length: Number | None = None
    max_length: Number | None = None
    content_encoding: str | None = None
    content_media_type: str | None = None
    content_schema: JsonValue = None

    default: JsonValue = None
    examples: JsonValue = None
    example: JsonValue = None
    deprecated: bool | None = None
    read_only: bool | None = None
    write_only: bool | None = None
    nullable: bool | None = None
    discriminator: JsonObject | None = None
    xml: JsonObject | None = None
    external_docs: JsonObject | None = None


class JsonSchema(Keywords):
    """`properties` is passed on as it is; a `value` or `default` there is the owner's, and may be a
    template."""

    type: SimpleType | list[SimpleType] | None = None
    items: JsonSchema | bool | list[JsonValue] | None = None
    properties: JsonObject | None = None
    description: str | None = None
    pattern: str | None = None
    format: str | None = None
    required: list[str] | bool | None = None
    enum: list[JsonValue] | None = None
    title: str | None = None


class OpenAIFunctionParameters(Keywords):
    """An object; what stands in `properties` is for whoever reads the schema."""

    type: Literal["object"] | list[SimpleType] | None = None
    properties: JsonObject | None = None
    required: list[str] | None = None
    description: str | None = None
    title: str | None = None
    enum: list[JsonValue] | None = None
    format: str | None = None
    pattern: str | None = None
    strict: bool | None = None


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
