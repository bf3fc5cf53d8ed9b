"""Names in `/openapi.json` mean what they mean in the API. `vapi_names.json` has what the API's own document
said of them in November 2026: ids and headings of operations, properties of types, those that are required
first. `vapi_names.toml` says where ours differ, and why."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from offhook.api.app import ROOMS
from offhook.api.openapi.openapi_document import build
from tests.api.conftest import KEY

HERE = Path(__file__).resolve().parent
FACTS: dict[str, Any] = json.loads((HERE / "vapi_names.json").read_text("utf-8"))
BECAUSE: list[dict[str, Any]] = tomllib.loads((HERE / "vapi_names.toml").read_text("utf-8"))["because"]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build([route for room in ROOMS for route in room.routes()], "/")


@pytest.fixture(scope="module")
def types(document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"]


Difference = tuple[str, str, str]
"""Type, kind and property."""


def differences(types: dict[str, Any]) -> Iterator[Difference]:
    for name, schema in types.items():
        if name not in FACTS["types"]:
            continue
        required, optional = map(set, FACTS["types"][name])
        ours = set(schema.get("required", ()))
        yield from ((name, "more", one) for one in schema.get("properties", {}).keys() - required - optional)
        yield from ((name, "required", one) for one in ours - required)
        yield from ((name, "free", one) for one in required - ours)


def argued(found: Difference, because: dict[str, Any]) -> bool:
    name, kind, property_name = found
    return property_name in because.get(kind, ()) and any(fnmatchcase(name, one) for one in because["types"])


def test_a_type_with_a_name_of_the_apis_has_its_properties(types: dict[str, Any]) -> None:
    found = [one for one in differences(types) if not any(argued(one, because) for because in BECAUSE)]

    assert found == []


def test_every_reason_is_needed(types: dict[str, Any]) -> None:
    found = list(differences(types))
    needless = [
        (because["reason"], kind, one)
        for because in BECAUSE
        for kind in ("more", "required", "free")
        for one in because.get(kind, ())
        if not any(argued(other, because) for other in found if other[1:] == (kind, one))
    ]
    unused = [
        pattern
        for because in BECAUSE
        for pattern in because["types"]
        if not any(argued(one, because) and fnmatchcase(one[0], pattern) for one in found)
    ]

    assert (needless, unused) == ([], [])


def test_nearly_all_names_are_the_apis(types: dict[str, Any]) -> None:
    assert sorted(types.keys() - FACTS["types"].keys()) == [
        "CallHookCallTimeElapsed",
        "CallTimeElapsedOptions",
        "Caller",
        "ClientInboundMessageHandoff",
        "ControlTaken",
        "EmptyPage",
        "ErrorEnvelope",
        "MessagePlan",
        "MinimaxCredential",
        "OpenAIFormattedMessage",
        "SipAuthenticationIdentity",
        "UpdateMinimaxCredentialDTO",
        "UpdateSmallestAICredentialDTO",
        "UpdateSpeechmaticsCredentialDTO",
        "UpdateSupabaseCredentialDTO",
        "UpdateTavusCredentialDTO",
        "Webhook",
    ]
    assert {"VapiPhoneNumber", "SquadMemberDTO", "PhoneNumberPaginatedResponse", "GroqModel"} <= types.keys()


def test_operations_have_the_ids_and_headings_of_the_api(document: dict[str, Any]) -> None:
    ours = {
        f"{method.upper()} {path}": [operation["operationId"], operation["tags"][0]]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }

    assert ours | FACTS["operations"] == ours


def test_what_a_path_names_is_described(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
            assert named == re.findall(r"\{(\w+)\}", path)


def test_patterns_are_readable_everywhere_and_nothing_is_null_by_default(document: dict[str, Any]) -> None:
    def walk(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            yield part
        for value in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from walk(value)

    schemas = list(walk(document["components"]))
    patterns = {one["pattern"] for one in schemas if isinstance(one.get("pattern"), str)}

    assert patterns
    assert [one for one in patterns if r"\p" in one or "(?" in one] == []
    assert [one for one in schemas if "default" in one and one["default"] is None] == []


def test_every_property_is_described(types: dict[str, Any]) -> None:
    silent = [
        (name, property_name)
        for name, schema in types.items()
        for property_name, value in schema.get("properties", {}).items()
        if not value.get("description")
    ]

    assert silent == [], "edit src/offhook/schema/reference.toml"


def test_no_class_of_several_types_is_left_whole(types: dict[str, Any]) -> None:
    tags = {
        (name, key): schema["properties"][key]
        for name, schema in types.items()
        for key in ("provider", "type", "on")
        if name.startswith("Create") and key in schema.get("properties", {})
    }
    several = [where for where, schema in tags.items() if "enum" in schema and where[1] == "provider"]

    assert several == []


async def test_operations_answer_what_the_document_says(client: Any, document: dict[str, Any]) -> None:
    """By the way of each mistake that anybody can make."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["security"] == []:
                continue
            place = re.sub(r"\{\w+\}", "none", path)
            stranger = await client.request(method, place, headers={"Authorization": "Bearer none"})
            tried = {
                stranger.status_code,
                (await client.request(method, place, content=b"[", headers=JSON)).status_code,
                (await client.request(method, place, content=b"{}")).status_code,
            }
            assert {str(status) for status in tried} <= operation["responses"].keys(), (method, path)
            assert stranger.status_code == 401, (method, path)


JSON = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
