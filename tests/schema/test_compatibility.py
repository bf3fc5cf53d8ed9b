"""The table of what works is complete, names nothing that is not there, and is the page that people read."""

from __future__ import annotations

import runpy
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from offhook.api.app import ROOMS
from tests.schema.official import ENDPOINTS

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "compatibility.py"))


@pytest.fixture
def states(script: dict[str, Any]) -> dict[str, dict[str, str]]:
    return deepcopy(script["table"]())


def served() -> set[str]:
    return {f"{route.method} {route.path}" for room in ROOMS for route in room.routes()}


def test_the_table_has_a_state_for_every_property_and_no_other(
    script: dict[str, Any], states: dict[str, dict[str, str]]
) -> None:
    assert script["problems"](states) == [], "edit docs/compatibility.toml"


def test_the_page_is_the_generated_one(script: dict[str, Any]) -> None:
    assert (ROOT / "docs" / "compatibility.md").read_text("utf-8") == script["page"](), "run `make docs`"


def test_every_published_endpoint_has_a_line_and_every_served_one_says_so(
    states: dict[str, dict[str, str]],
) -> None:
    lines = states["endpoints"]
    answered = {line for line, state in lines.items() if state.partition(":")[0] in ("works", "refused")}

    assert set(ENDPOINTS) <= lines.keys()
    assert lines.keys() <= set(ENDPOINTS) | served()
    assert answered == served()


def test_a_missing_line_a_needless_line_and_a_strange_word_are_told(
    script: dict[str, Any], states: dict[str, dict[str, str]]
) -> None:
    del states["assistant"]["startSpeakingPlan.waitSeconds"]
    states["phone-number"]["colour"] = "works"
    states["voice"]["vapi"] = "perhaps"

    assert script["problems"](states) == [
        "phone-number: colour does not exist",
        "assistant: startSpeakingPlan.waitSeconds is missing",
        "voice: vapi is 'perhaps', which is no state",
    ]
