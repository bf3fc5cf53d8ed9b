"""`variableExtractionPlan`: variables taken from what a tool gave back (the API's VariableExtractionPlan).

`schema` says which parts of a result become variables of their own, `aliases` are templates over the result.
Results come from outside and variables live as long as the call, so both are bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from offhook.json_document import ParametersSchema
from offhook.json_document import Variables as Known
from offhook.network.json_size import holds_more, whole_number
from offhook.schema.base import document
from offhook.schema.tools.json_schema import VariableExtractionPlan

Variables = dict[str, Any]
Render = Callable[[str, Known], str]
"""A template with these variables, and the call's own, filled in."""

MOST_VALUES: Final = 50_000
"""Names and values of a result from which any are taken."""
LONGEST_VALUE: Final = 16_000
"""Bytes of one variable as JSON; a longer one is left out."""
MOST_VARIABLES: Final = 100
"""Of one result."""
DEEPEST: Final = 16
"""Levels of a schema that are followed."""

RESERVED: Final = frozenset({"assistant", "call", "customer", "phoneNumber", "tool", "transport"})
"""What is known of the call without asking anybody: no result can change it."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
# One that is not closed runs to the end of the text, so that many of them cost one pass.
_PLACEHOLDER: Final = re.compile(r"\{\{(?:[^}]|\}(?!\}))*+(?:\}\}|\Z)|\{%(?:[^%]|%(?!\}))*+(?:%\}|\Z)")
_DOLLAR: Final = re.compile(r"""("[^"]*"|'[^']*')|\$""")
_BODY: Final = "response_body"
_ABSENT: Final = object()


def parsed(text: str) -> object:
    """The JSON object or list in a text; None for all else: nothing can be taken from it."""
    try:
        if holds_more(text.encode("utf-8", "replace"), MOST_VALUES):
            return None
        value = json.loads(text, parse_int=whole_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def extracted(
    plan: VariableExtractionPlan, body: object, headers: Mapping[str, str], render: Render
) -> Variables:
    """The variables that a plan takes from a result: `body` is its JSON, `headers` are the answer's, with
    names in lower case. In the templates of `aliases` the body is `$` and `tool.response.body`, an object's
    properties are variables, and so is what the schema has taken."""
    variables = {} if plan.schema_ is None else by_schema(document(plan.schema_), body)
    seen = {
        **(body if isinstance(body, Mapping) else {}),
        **variables,
        _BODY: body,
        "tool": {"response": {"headers": dict(headers), "body": body}},
    }
    for alias in plan.aliases or ():
        variables[alias.key] = seen[alias.key] = render(_named(alias.value), seen)
    return bounded(variables)


def by_schema(schema: object, value: object) -> Variables:
    """What a schema takes from a value: an object's properties as variables of their own, all else under the
    schema's `title`."""
    if not isinstance(schema, Mapping):
        return {}
    taken = _taken(schema, value, DEEPEST)
    if taken is _ABSENT:
        return {}
    if isinstance(taken, dict) and kind_of(schema) == "object":
        return bounded(taken)
    title = schema.get("title")
    return bounded({title: taken}) if isinstance(title, str) else {}


def bounded(variables: Known) -> Variables:
    """Those that may become variables of a call: with a plain name that is not RESERVED, and not too long."""
    kept = {
        name: value
        for name, value in variables.items()
        if _NAME.fullmatch(name) and name not in RESERVED and _fits(value)
    }
    return dict(list(kept.items())[:MOST_VARIABLES])


def _taken(schema: ParametersSchema, value: Any, depth: int) -> Any:
    """The part of a value that a schema describes; `_ABSENT` where it is of another type."""
    if not _is(kind_of(schema), value) or depth == 0:
        return _ABSENT
    properties, items = schema.get("properties"), schema.get("items")
    if isinstance(value, dict) and isinstance(properties, Mapping) and properties:
        parts = {
            name: _taken(inner, value[name], depth - 1) if isinstance(inner, Mapping) else value[name]
            for name, inner in properties.items()
            if name in value
        }
        return {name: part for name, part in parts.items() if part is not _ABSENT}
    if isinstance(value, list) and isinstance(items, Mapping):
        each = [_taken(items, inner, depth - 1) for inner in value]
        return [part for part in each if part is not _ABSENT]
    return value


def kind_of(schema: ParametersSchema) -> object:
    """Its type; of a list with "null" the other one, None where it may be several or says nothing."""
    kind = schema.get("type")
    if not isinstance(kind, list):
        return kind
    kinds = [each for each in kind if each != "null"]
    return kinds[0] if len(kinds) == 1 else None


def _is(kind: object, value: object) -> bool:
    """Of the form that a schema's `type` says. A text for a number is not worth losing it."""
    if kind == "object":
        return isinstance(value, dict)
    if kind == "array":
        return isinstance(value, list)
    return kind is None or not (value is None or isinstance(value, dict | list))


def _fits(value: object) -> bool:
    """Whether every message of the call can carry it: no NaN, no half of a surrogate pair, no book."""
    try:
        return len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) <= LONGEST_VALUE
    except (ValueError, TypeError, RecursionError):
        return False


def _named(template: str) -> str:
    """`$` inside of placeholders, which no template engine here knows, by the name of a variable."""
    return _PLACEHOLDER.sub(
        lambda placeholder: _DOLLAR.sub(lambda found: found[1] or _BODY, placeholder[0]), template
    )
