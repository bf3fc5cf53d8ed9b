"""The JSON schemas of the wire types as they are published: under the API's names (`type_names.py`), with a
description of each property (`schema/reference.toml`), and in a form that client generators can read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from offhook.api.openapi.type_names import BY_TAG, is_stored, published
from offhook.schema import authentication_plan, bucket, credential, sip_trunk
from offhook.schema.error_path import whole
from offhook.schema.reference import described, told
from offhook.schema.secrets import is_secret
from offhook.schema.tools.json_schema import Keywords

Json = dict[str, Any]

_PREFIX: Final = "#/components/schemas/"
_ANYTHING: Final = "JsonValue"
_UNIONS: Final = ("oneOf", "anyOf")
_WITH_SECRETS: Final = {one.__name__ for one in (authentication_plan, bucket, credential, sip_trunk)}
"""The modules whose types are parts of credentials."""


class PublishedSchemas(GenerateJsonSchema):
    """Pydantic's generator, without titles that repeat a name, and without `null` as the default of optional
    properties: a client that fills in defaults would clear with every PATCH what it does not name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if "default" in made and made["default"] is None:
            del made["default"]
        return made

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """A pattern is published only if every tool can read it: some read `\\p{L}`, others stop at it."""
        made = super().str_schema(schema)
        if "pattern" in made and not _is_read_everywhere(made["pattern"]):
            del made["pattern"]
        return made

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        """Values of several types become a choice between the types: generators make a class for each."""
        kinds: dict[type, list[Any]] = {}
        for value in schema["expected"]:
            kinds.setdefault(type(value), []).append(value)
        if len(kinds) == 1:
            return super().literal_schema(schema)
        made = [
            super(PublishedSchemas, self).literal_schema({**schema, "expected": of}) for of in kinds.values()
        ]
        return {"anyOf": made}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)
        model = schema["cls"]
        properties = made.get("properties", {})
        for attribute, info in whole(model).model_fields.items():
            name = info.alias or attribute
            if name in properties and (text := described(model, attribute)):
                properties[name]["description"] = text
        if (text := told(model)) is not None:
            made["description"] = text
        if issubclass(model, Keywords):
            _leave_keywords_open(made)
        if any(base.__module__ in _WITH_SECRETS for base in model.__mro__):
            _keep_secrets(made, stored=is_stored(model))
        return made


def _is_read_everywhere(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return "(?" not in pattern


def _leave_keywords_open(made: Json) -> None:
    """Names the JSON Schema keywords that the API names; a schema may have others as well."""
    for info in Keywords.model_fields.values():
        made["properties"].pop(info.alias, None)
    made["additionalProperties"] = True


def _keep_secrets(made: Json, *, stored: bool) -> None:
    """Secrets are written and never shown. A credential inside an assistant may be shown without them, so
    they are not required."""
    for name in [name for name in made.get("properties", {}) if is_secret(name)]:
        if stored:
            del made["properties"][name]
        else:
            made["properties"][name]["writeOnly"] = True
    if "required" in made:
        made["required"] = [name for name in made["required"] if not is_secret(name)]


def published_types(schemas: list[Json], types: Mapping[str, Json]) -> tuple[list[Json], dict[str, Json]]:
    """Schemas and types under the published names. A class that stands for several types is published as each
    of them."""
    named: dict[str, Json] = {}
    for name, schema in types.items():
        if name == _ANYTHING:
            continue
        renamed = _renamed(schema)
        key, names = _tags(name)
        several = {published(name, tag): _only(renamed, key, tag) for tag in names}
        for title, own in (several or {published(name): renamed}).items():
            if named.setdefault(title, own) is not own:
                raise ValueError(f"two types would be called {title}")
    return [_renamed(schema) for schema in schemas], named


def _tags(name: str) -> tuple[str, list[str]]:
    """The property that tells a class's types apart, and its values. None if the class is one type."""
    key, names = BY_TAG.get(name.removeprefix("Stored"), ("", {}))
    return key, list(names)


def _only(schema: Json, key: str, tag: str) -> Json:
    told = {word: value for word, value in schema["properties"][key].items() if word != "enum"}
    return {**schema, "properties": {**schema["properties"], key: {**told, "const": tag}}}


def _renamed(part: Any) -> Any:
    if isinstance(part, list):
        return [_renamed(value) for value in part]
    if not isinstance(part, Mapping):
        return part
    reference = part.get("$ref")
    if isinstance(reference, str):
        beside = {key: value for key, value in part.items() if key != "$ref"}
        return {**_reference(reference.removeprefix(_PREFIX)), **beside}
    made = {key: _renamed(value) for key, value in part.items()}
    for union in _UNIONS:
        if isinstance(part.get(union), list):
            made[union] = _members(part[union])
    discriminator = part.get("discriminator")
    if isinstance(discriminator, Mapping) and isinstance(discriminator.get("mapping"), Mapping):
        made["discriminator"] = {
            **discriminator,
            "mapping": {value: _mapped(value, at) for value, at in discriminator["mapping"].items()},
        }
    return made


def _reference(name: str) -> Json:
    """A reference to a type, or to each of the types that a class stands for."""
    if name == _ANYTHING:
        return {}
    key, tags = _tags(name)
    if not tags:
        return {"$ref": f"{_PREFIX}{published(name)}"}
    mapping = {tag: f"{_PREFIX}{published(name, tag)}" for tag in tags}
    return {
        "oneOf": [{"$ref": at} for at in mapping.values()],
        "discriminator": {"propertyName": key, "mapping": mapping},
    }


def _members(union: list[Json]) -> list[Json]:
    """The members of a union, each once. A class that stands for several types gives each of them."""
    members: list[Json] = []
    for member in union:
        made = _renamed(member)
        several = "$ref" in member and "oneOf" in made
        members += [one for one in (made["oneOf"] if several else [made]) if one not in members]
    return members


def _mapped(value: str, reference: str) -> str:
    name = reference.removeprefix(_PREFIX)
    return f"{_PREFIX}{published(name, value if _tags(name)[1] else None)}"


def changes(schema: Any, types: dict[str, Json]) -> Any:
    """The schema of a PATCH, made from that of the POST. Each type gets the name of its changes, is added to
    `types`, and requires nothing."""
    if isinstance(schema, list):
        return [changes(value, types) for value in schema]
    if isinstance(schema, Mapping):
        return {key: changes(value, types) for key, value in schema.items()}
    if not (isinstance(schema, str) and schema.startswith(_PREFIX)):
        return schema
    created = schema.removeprefix(_PREFIX)
    changed = created.replace("Create", "Update", 1)
    types[changed] = {key: value for key, value in types[created].items() if key != "required"}
    return f"{_PREFIX}{changed}"
