"""Who takes a conversation over, and what servers say when they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from offhook.calls.world.handover import Successor, handoff_answer, successor, transfer_answer
from offhook.conversation.events import Named
from offhook.schema.assistants.squad import Squad
from offhook.schema.stored import assistant_of, squad_of
from offhook.schema.webhooks.answers import DestinationAnswer
from tests.calls.test_routing import AGENT, DESK, FALLBACK, ORG, Stored
from tests.documents import handoff_to, transfer_to

NIGHTS = {"type": "squad", "squadId": "s"}
NIGHT = {
    "members": [{"assistant": {"name": "Guard", "firstMessage": "Guard here."}}, {"assistantId": "a1"}],
    "membersOverrides": {"endCallMessage": "Good night."},
}
SQUAD = {
    "members": [
        {"assistantId": "a1", "assistantDestinations": [{"type": "assistant", "assistantName": "Two"}]},
        {"assistantId": "gone"},
        {"assistantId": "a2", "assistantOverrides": {"firstMessage": "Two, member."}},
        {"assistant": {"name": "Inline", "firstMessage": "Inline."}},
        {"assistant": {"name": "Broken", "firstMessage": 5}},
    ]
}


def hand_over(
    destination: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
    squad: Mapping[str, Any] | Squad | None = SQUAD,
) -> Successor | None:
    stored = Stored(squads={"night": NIGHT})
    known = squad_of(squad) if isinstance(squad, Mapping) else squad
    to = handoff_to({"type": "assistant", **destination})
    return asyncio.run(successor(ORG, known, to, assistant_of(overrides or {}), stored))


@pytest.mark.parametrize(
    ("destination", "first"),
    [
        ({"assistantId": "a2"}, "Two, member."),
        ({"assistantName": "Two"}, "Two, member."),
        ({"assistantName": "Inline"}, "Inline."),
        ({"assistantName": "Two", "assistantOverrides": {"firstMessage": "Here."}}, "Here."),
        ({"assistant": {"firstMessage": "Brought along."}}, "Brought along."),
        ({"type": "squad", "squadId": "night"}, "Guard here."),
        ({"type": "squad", "squadId": "night", "entryAssistantName": "Desk"}, "Desk here."),
        ({"type": "squad", "squadId": "night", "squadOverrides": {"firstMessage": "All."}}, "All."),
        ({"type": "squad", "squad": {"members": [{"assistantId": "a1"}]}}, "Desk here."),
        ({"type": "squad", "squadId": "night", "entryAssistantName": "Nobody"}, None),
        ({"type": "squad", "squadId": "gone"}, None),
        ({"assistantName": "Nobody"}, None),
        ({"assistantId": "gone"}, None),
        ({"assistantName": "Broken"}, None),
        ({}, None),
    ],
)
def test_who_takes_over(destination: Mapping[str, Any], first: str | None) -> None:
    found = hand_over(destination)

    assert (None if found is None else found.found.settings.first_message) == first


def test_the_call_s_overrides_follow_the_caller() -> None:
    found = hand_over({"assistantId": "a1"}, {"firstMessage": "Overridden."})

    assert found is not None
    assert found.found.settings.first_message == "Overridden."


def test_without_a_squad_a_stored_assistant_can_still_come() -> None:
    found = hand_over({"assistantId": "a1"}, squad=None)

    assert found is not None
    assert (found.found.document, found.found.assistant_id, found.squad) == (DESK, "a1", None)


def test_a_squad_that_takes_over_is_the_one_to_go_on_with() -> None:
    found = hand_over({"type": "squad", "squadId": "night"})

    assert found is not None
    assert found.squad == squad_of(NIGHT)
    assert found.found.settings.end_call_message == "Good night."


def test_overrides_of_a_squad_stay_with_it() -> None:
    found = hand_over({"type": "squad", "squadId": "night", "squadOverrides": {"firstMessage": "All."}})

    assert found is not None
    assert found.found.settings.first_message == "All."
    next_one = hand_over({"assistantName": "Desk"}, squad=found.squad)
    assert next_one is not None
    assert (next_one.found.settings.first_message, next_one.found.settings.end_call_message) == (
        "All.",
        "Good night.",
    )


def test_overrides_of_member_squad_call_and_destination_come_in_this_order() -> None:
    def layer(*names: str) -> dict[str, Any]:
        return {"metadata": dict.fromkeys(names, names[0])}

    member = {"name": "M", **layer("own", "member", "squad", "call", "destination")}
    squad = {
        "members": [
            {"assistant": member, "assistantOverrides": layer("member", "squad", "call", "destination")}
        ],
        "membersOverrides": layer("squad", "call", "destination"),
    }
    to = {"assistantName": "M", "assistantOverrides": layer("destination")}

    found = hand_over(to, layer("call", "destination"), squad)

    assert found is not None
    assert found.found.settings.metadata == {
        name: name for name in ("own", "member", "squad", "call", "destination")
    }


def test_a_member_brings_the_tools_of_its_place_in_the_squad() -> None:
    found = hand_over({"assistantId": "a1"})

    assert found is not None
    assert found.found.settings.tools_append is not None
    assert [tool.type for tool in found.found.settings.tools_append] == ["transferCall"]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({"destination": AGENT}, Named(transfer_to(AGENT))),
        ({"destination": FALLBACK, "message": "Gladly."}, Named(transfer_to(FALLBACK), "Gladly.")),
        (
            {
                "destination": {"type": "assistant", "assistantName": "Two"},
                "message": {"type": "request-start", "content": "To Two."},
            },
            Named(transfer_to({"type": "assistant", "assistantName": "Two"}), "To Two."),
        ),
        ({"error": "All are busy.", "destination": AGENT}, Named(error="All are busy.")),
        ({}, Named(error="The server named no destination.")),
        ({"destination": {}}, Named(error="The server named no destination.")),
        # what is unknown, and what typed languages write for what nobody has set
        ({"error": "", "destination": {**AGENT, "new": 1}, "message": ""}, Named(transfer_to(AGENT))),
        ({"error": {}, "destination": {**AGENT, "transferPlan": {"mode": ""}}}, Named(transfer_to(AGENT))),
        ({"destination": {"type": "", "number": ""}}, Named(error="The server named no destination.")),
    ],
)
def test_where_a_server_sends_the_caller(answer: Mapping[str, Any], named: Named) -> None:
    assert transfer_answer(DestinationAnswer.of(answer)) == named


@pytest.mark.parametrize("destination", [{"type": "sip"}, "sip:x", {"type": "squad", "squadId": "s"}, 5])
def test_a_destination_that_is_none_is_explained(destination: object) -> None:
    named = transfer_answer(DestinationAnswer.of({"destination": destination}))

    assert named.destination is None
    assert named.error is not None
    assert named.error.startswith("The server's destination is not valid: ")


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (
            {"destination": {"type": "assistant", "assistantId": "a1"}, "result": "Two is free."},
            Named(handoff_to({"type": "assistant", "assistantId": "a1"}), result="Two is free."),
        ),
        (
            {"destination": {"type": "squad", "squadId": "s"}},
            Named(handoff_to({"type": "squad", "squadId": "s"})),
        ),
        (
            {"destination": {"type": "dynamic"}},
            Named(error="The server named another dynamic destination."),
        ),
        ({"error": "Nobody is free."}, Named(error="Nobody is free.")),
        (
            {"error": "", "destination": {"type": "assistant", "assistantId": "a1", "new": 1}, "result": ""},
            Named(handoff_to({"type": "assistant", "assistantId": "a1"})),
        ),
        ({"destination": None}, Named(error="The server named no destination.")),
    ],
)
def test_whom_a_server_hands_the_caller_to(answer: Mapping[str, Any], named: Named) -> None:
    assert handoff_answer(DestinationAnswer.of(answer)) == named
