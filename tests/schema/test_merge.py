"""Overrides: what they name replaces, maps of variables grow, tools are added."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.schema import merge

END_CALL = {"type": "endCall"}
DTMF = {"type": "dtmf"}


def test_what_is_named_is_replaced_as_a_whole() -> None:
    base = {"name": "a", "voice": {"provider": "azure", "voiceId": "emma", "speed": 2}}

    assert merge(base, {"voice": {"provider": "vapi", "voiceId": "x"}}) == {
        "name": "a",
        "voice": {"provider": "vapi", "voiceId": "x"},
    }


def test_null_takes_a_setting_away() -> None:
    assert merge({"firstMessage": "Hello"}, {"firstMessage": None}) == {"firstMessage": None}


def test_variables_and_metadata_grow() -> None:
    base = {"variableValues": {"a": 1, "b": {"x": 1}}, "metadata": {"m": 1}}

    assert merge(base, {"variableValues": {"b": 2, "c": 3}, "metadata": None}) == {
        "variableValues": {"a": 1, "b": 2, "c": 3},
        "metadata": {"m": 1},
    }


def test_tools_are_added_to_the_models_own() -> None:
    base = {"model": {"provider": "vapi", "tools": [END_CALL]}}

    assert merge(base, {"tools:append": [DTMF]}) == {"model": {"provider": "vapi", "tools": [END_CALL, DTMF]}}


def test_tools_are_added_to_the_model_of_the_overrides() -> None:
    base = {"model": {"provider": "vapi", "tools": [END_CALL]}}
    overrides = {"model": {"provider": "openai", "model": "x"}, "tools:append": [DTMF]}

    assert merge(base, overrides) == {"model": {"provider": "openai", "model": "x", "tools": [DTMF]}}


def test_tools_wait_for_a_model_and_are_then_added_once() -> None:
    waiting = merge({"tools:append": [END_CALL]}, {"tools:append": [DTMF]})
    assert waiting == {"tools:append": [END_CALL, DTMF]}

    assert merge(waiting, {"model": {"provider": "vapi"}}) == {
        "model": {"provider": "vapi", "tools": [END_CALL, DTMF]}
    }


values = st.none() | st.integers() | st.text(max_size=3)
maps = st.none() | st.dictionaries(st.sampled_from("abc"), values, max_size=3)
documents = st.fixed_dictionaries(
    {},
    optional={
        "name": values,
        "firstMessage": values,
        "server": maps,
        "variableValues": maps,
        "metadata": maps,
        "model": st.none() | st.fixed_dictionaries({"provider": st.just("vapi")}),
    },
)


@settings(max_examples=300, deadline=None)
@given(documents, documents)
def test_every_value_comes_from_one_of_the_two(base: dict[str, Any], overrides: dict[str, Any]) -> None:
    before = deepcopy((base, overrides))

    merged = merge(base, overrides)

    assert merged.keys() == base.keys() | overrides.keys()
    for name in merged:
        if name in ("variableValues", "metadata"):
            assert merged[name] == (
                None
                if base.get(name) is None and overrides.get(name) is None
                else (base.get(name) or {}) | (overrides.get(name) or {})
            )
        else:
            assert merged[name] == (overrides if name in overrides else base)[name]
    assert (base, overrides) == before


@settings(max_examples=100, deadline=None)
@given(documents)
def test_no_overrides_change_nothing(base: dict[str, Any]) -> None:
    assert merge(base, {}) == base
