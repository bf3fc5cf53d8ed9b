"""Tools that an assistant has without being written in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from offhook.calls.equipment import TO_MEMBER, equipped, with_destinations
from offhook.conversation.profile import profile_of
from offhook.conversation.tools.toolbox import Toolbox
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import document

STORED: dict[str, Mapping[str, Any]] = {
    "t1": {"type": "function", "function": {"name": "look_up"}},
    "t2": {"type": "endCall"},
    "old": {"type": "function", "function": {"name": "no spaces, please"}},
}
SALES = {"type": "assistant", "assistantName": "Sales", "description": "sells"}
HANDOFF = {"type": "assistant", "assistantId": "a2", "contextEngineeringPlan": {"type": "none"}}


class Tools:
    async def tool(self, org_id: str, tool_id: str) -> Mapping[str, Any] | None:
        return STORED.get(tool_id) if org_id == "org" else None


def names(document: Mapping[str, Any], org_id: str = "org") -> list[str]:
    """What the model may call."""
    settings = AssistantOverrides.model_validate(document)
    ready = asyncio.run(equipped(settings, org_id, Tools(), "c1"))
    return [one.name for one in Toolbox(profile_of(ready).tools).definitions]


def model(**more: Any) -> dict[str, Any]:
    return {"model": {"provider": "vapi", **more}}


def member(assistant: dict[str, Any], destinations: list[dict[str, Any]]) -> dict[str, Any]:
    """The member's document in a squad that gives it these destinations."""
    squad = Squad.model_validate(
        {"members": [{"assistant": assistant, "assistantDestinations": destinations}]}
    )
    (listed,) = squad.members
    settings = AssistantOverrides.model_validate(assistant)
    return document(with_destinations(settings, listed.assistant_destinations or ()))


def test_stored_tools_stand_behind_its_own_each_once() -> None:
    own = {"type": "dtmf"}
    references = [{"toolId": "t1", "version": "3"}, {"toolId": "t2", "version": "1"}]

    assert names(model(tools=[own], toolIds=["t1"], toolRefs=references)) == ["dtmf", "look_up", "endCall"]
    assert names(model(tools=[own])) == ["dtmf"]
    assert names({}) == []


def test_stored_tools_that_hooks_name_are_put_in() -> None:
    do = [
        {"type": "tool", "toolId": "t2"},
        {"type": "tool", "toolId": "gone"},
        {"type": "say", "exact": "Bye."},
    ]
    settings = AssistantOverrides.model_validate(
        {"hooks": [{"on": "customer.speech.timeout", "do": do}, {"on": "call.ending", "do": do[1:2]}]}
    )

    ready = asyncio.run(equipped(settings, "org", Tools(), "c1"))

    assert ready.hooks is not None
    first, second = ready.hooks
    assert [action.type for action in first.do] == ["tool", "say"]
    assert document(first.do[0])["tool"] == {"type": "endCall"}
    assert second.do == []


def test_what_does_not_exist_or_is_not_valid_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert names(model(toolIds=["gone", "old", "t2"])) == ["endCall"]

    assert "call=c1 the tool gone does not exist and is left out" in caplog.text
    assert "call=c1 the tool old is not valid and is left out: function.name" in caplog.text


def test_another_org_s_tools_do_not_exist() -> None:
    assert names(model(toolIds=["t1"]), org_id="other") == []


def test_a_member_s_destinations_are_its_tools() -> None:
    given = member(model(tools=[{"type": "endCall"}]), [SALES, HANDOFF])

    assert names(given) == ["endCall", "handoff_to_a2", "transferCall"]
    assert names(member({}, [SALES])) == ["transferCall"]
    assert member({"name": "Desk"}, []) == {"name": "Desk"}


def test_destinations_join_those_of_a_transfer_tool() -> None:
    number = {"type": "number", "number": "+15550123"}
    given = model(tools=[{"type": "transferCall", "destinations": [number]}])

    made = member(given, [SALES])

    assert made["model"]["tools"] == [{"type": "transferCall", "destinations": [number, SALES]}]
    assert given["model"]["tools"][0]["destinations"] == [number]


def test_a_transfer_tool_that_asks_the_server_goes_on_doing_so() -> None:
    made = member(model(tools=[{"type": "transferCall"}]), [SALES])

    assert names(made) == ["transferCall", TO_MEMBER]
