from __future__ import annotations

from typing import Any

import pytest

from offhook.conversation.tools.toolbox import definition_of
from offhook.language.extraction import by_schema
from offhook.schema import Assistant, document
from tests.schema.parsing import Invalid, parse

ZOD: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "title": "Booking",
    "description": "What to book.",
    "properties": {
        "when": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "default": None},
        "who": {"$ref": "#/$defs/Person"},
        "many": {"type": ["integer", "null"], "exclusiveMinimum": 0},
    },
    "required": ["who"],
    "additionalProperties": False,
    "$defs": {"Person": {"type": "object", "properties": {"name": {"type": "string", "const": "Ann"}}}},
}


def with_tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {"model": {"provider": "openai", "model": "gpt-4o", "tools": [tool]}}


@pytest.mark.parametrize(
    "parameters",
    [
        ZOD,
        {},
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}, "strict": True},
        {"$ref": "#/definitions/A", "definitions": {"A": {"type": "object"}}},
        {"type": ["object", "null"], "properties": {}, "nullable": True, "patternProperties": {"^x": {}}},
        {
            "type": "object",
            "oneOf": [{"required": ["a"]}],
            "allOf": [True],
            "not": {},
            "if": {},
            "then": False,
        },
        {"type": "object", "properties": {}, "examples": [{}], "deprecated": True, "minProperties": 1},
    ],
)
def test_the_parameters_of_a_function_may_be_any_json_schema(parameters: dict[str, Any]) -> None:
    tool = {"type": "function", "function": {"name": "book", "parameters": parameters}}

    assistant = parse(Assistant, with_tool(tool))

    assert document(assistant)["model"]["tools"][0] == tool
    assert assistant.model is not None
    assert assistant.model.tools
    told = definition_of(assistant.model.tools[0]).parameters
    assert told["type"] == parameters.get("type", "object")
    assert {name: told[name] for name in parameters} == parameters


@pytest.mark.parametrize("place", ["body", "headers"])
def test_so_may_the_body_of_a_request(place: str) -> None:
    tool = {"type": "apiRequest", "method": "POST", "url": "https://a.test", place: ZOD}
    assert document(parse(Assistant, with_tool(tool)))["model"]["tools"] == [tool]


def test_a_word_that_is_no_keyword_is_still_refused() -> None:
    function = {"name": "book", "parameters": {"type": "object", "properties": {}, "require": ["a"]}}
    with pytest.raises(Invalid) as refused:
        parse(Assistant, with_tool({"type": "function", "function": function}))
    assert refused.value.sentences == ["model.tools.0.function.parameters.property require should not exist"]


def test_a_value_that_may_be_null_is_extracted() -> None:
    schema = {"type": ["object", "null"], "properties": {"n": {"type": ["integer", "null"]}}}
    assert by_schema(schema, {"n": 5, "other": 1}) == {"n": 5}
