"""What a variableExtractionPlan takes from a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from offhook.language.extraction import (
    LONGEST_VALUE,
    MOST_VARIABLES,
    RESERVED,
    by_schema,
    extracted,
    parsed,
)
from offhook.language.template import render
from offhook.schema.tools.json_schema import VariableExtractionAlias, VariableExtractionPlan

JANE = {"name": {"first": "Jane", "last": "Doe"}, "age": 30, "zips": ["94123", "94124"], "secret": "x"}
KNOWN = {"customer": {"number": "+1555"}, "company": "Acme"}


def fill(text: str, more: Mapping[str, Any]) -> str:
    return render(text, {**KNOWN, **more}, 0.0)


def aliases(body: object, headers: Mapping[str, str] | None = None, /, **templates: str) -> dict[str, Any]:
    listed = [VariableExtractionAlias(key=key, value=value) for key, value in templates.items()]
    return extracted(VariableExtractionPlan(aliases=listed), body, headers or {}, fill)


def leaf(kind: str = "string") -> dict[str, Any]:
    return {"type": kind}


@pytest.mark.parametrize(
    ("schema", "value", "variables"),
    [
        ({"type": "object", "properties": {"age": leaf("number")}}, JANE, {"age": 30}),
        (
            {
                "type": "object",
                "properties": {"name": {"type": "object", "properties": {"first": leaf()}}},
            },
            JANE,
            {"name": {"first": "Jane"}},
        ),
        (
            {"type": "object", "properties": {"zips": {"type": "array", "items": leaf()}}},
            JANE,
            {"zips": ["94123", "94124"]},
        ),
        ({"type": "array", "title": "zips", "items": leaf()}, ["1", "2"], {"zips": ["1", "2"]}),
        (
            {
                "type": "array",
                "title": "people",
                "items": {"type": "object", "properties": {"age": leaf("number")}},
            },
            [JANE, "nobody", {"age": 4}],
            {"people": [{"age": 30}, {"age": 4}]},
        ),
        ({"type": "object"}, {"a": 1}, {"a": 1}),
        ({"type": "string", "title": "code"}, "42", {"code": "42"}),
        ({"type": "object", "properties": {"age": leaf("number")}}, {"age": "30"}, {"age": "30"}),
        # what is not as described is not there
        ({"type": "array", "items": leaf()}, ["no title"], {}),
        ({"type": "array", "title": "zips"}, JANE, {}),
        ({"type": "object", "properties": {"age": leaf("number")}}, ["a list"], {}),
        (
            {"type": "object", "properties": {"name": leaf(), "age": leaf("object"), "gone": leaf()}},
            JANE,
            {},
        ),
        ({"type": "object", "properties": {"age": leaf()}}, {"age": None}, {}),
        (None, JANE, {}),
    ],
)
def test_a_schema_takes_what_it_describes(schema: object, value: object, variables: dict[str, Any]) -> None:
    assert by_schema(schema, value) == variables


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ $.name.first }}", "Jane"),
        ("{{name.last | upcase}}", "DOE"),
        ("{{ tool.response.body.zips[1] }}", "94124"),
        ("{{tool.response.headers.x-request-id}}", "r1"),
        ("{{ name.first }} of {{company}}, called {{ customer.number }}", "Jane of Acme, called +1555"),
        ("{% if $.age > 18 %}grown up{% endif %}", "grown up"),
        ('costs $5 {{ "$" | append: $.age }}', "costs $5 $30"),
        ("{{ $.gone.away }}", ""),
    ],
)
def test_an_alias_is_a_template_over_the_result(template: str, value: str) -> None:
    assert aliases(JANE, {"x-request-id": "r1"}, it=template) == {"it": value}


def test_a_list_is_reached_by_the_dollar_sign() -> None:
    assert aliases([JANE], it="{{$[0].name.first}}") == {"it": "Jane"}


def test_aliases_know_what_the_schema_took_and_the_aliases_before() -> None:
    plan = {
        "schema": {"type": "array", "title": "people"},
        "aliases": [{"key": "one", "value": "{{people[0].age}}"}, {"key": "two", "value": "{{one}}!"}],
    }

    known = VariableExtractionPlan.model_validate(plan)
    assert extracted(known, [JANE], {}, fill) == {"people": [JANE], "one": "30", "two": "30!"}


def test_in_an_alias_the_result_comes_before_the_call_but_takes_nothing_of_the_call_s_place() -> None:
    body = {"customer": {"name": "Jane", "number": "+1666"}}

    assert aliases(body, who="{{customer.name}}", customer="{{customer.number}}") == {"who": "Jane"}
    schema = {"type": "object", "properties": {name: {"type": "object"} for name in RESERVED}}
    assert by_schema(schema, {name: {} for name in RESERVED}) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ("[1]", [1]),
        ('"text"', None),
        ("5", None),
        ("", None),
        ("<html>", None),
        ("[" * 100_000, None),
    ],
)
def test_only_objects_and_lists_are_results_to_take_from(text: str, value: object) -> None:
    assert parsed(text) == value


@pytest.mark.parametrize(
    "value", ["x" * (LONGEST_VALUE + 1), float("inf"), float("nan"), ["\ud800"]], ids=lambda v: str(v)[:5]
)
def test_what_no_message_can_carry_is_left_out(value: object) -> None:
    assert by_schema({"type": "object"}, {"bad": value, "good": 1}) == {"good": 1}


def test_variables_are_bounded_in_number_and_have_plain_names() -> None:
    many = {f"v{number}": number for number in range(MOST_VARIABLES + 50)}
    assert len(by_schema({"type": "object"}, many)) == MOST_VARIABLES
    assert by_schema({"type": "object"}, {"with space": 1, "": 2, " now": 3, "x-y": 4}) == {"x-y": 4}


def test_a_schema_that_never_ends_is_followed_only_so_far() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    schema["properties"]["deeper"] = schema
    value = json.loads('{"deeper":' * 40 + "{}" + "}" * 40)

    taken, depth = by_schema(schema, value), 0
    while taken:
        taken, depth = taken.get("deeper", {}), depth + 1
    assert 0 < depth < 40


@pytest.mark.timeout(60)
@pytest.mark.parametrize("odd", ["{{", "{%", "{{ $ ", "{% $", "{{}", "{%%"])
def test_placeholders_that_are_not_closed_are_looked_through_once(odd: str) -> None:
    asked: list[str] = []

    def noting(template: str, _: object) -> str:
        asked.append(template)
        return ""

    alias = VariableExtractionAlias.model_construct(key="a", value=odd * 100_000)
    extracted(VariableExtractionPlan(aliases=[alias]), {}, {}, noting)
    assert len(asked) == 1
