"""Squads in real calls: one assistant hands the caller to another, and everybody is told.

Each member has a model of its own, a server that says what the test has written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.end_to_end.model import Models, Use
from tests.end_to_end.node import Node, Number, assistant, new_number
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.visits import visit

GENERATED = "assistant-speaks-first-with-model-generated-message"
TOLD = ["status-update", "end-of-call-report", "transfer-update", "assistant.started", "transcript"]
HANDOFF: dict[str, Any] = {
    "type": "handoff",
    "destinations": [{"type": "assistant", "assistantName": "Garage"}],
}
TO_GARAGE = Use("handoff_to_Garage", {})


@pytest.fixture
def models() -> Iterator[Models]:
    served = Models()
    yield served
    served.close()


class Squad:
    """Two members, Desk and Garage, with the models of these names."""

    def __init__(self, service: Node, models: Models, sink: WebhookSink) -> None:
        self.service = service
        self.models = models
        self.sink = sink
        self.garage_says: list[Any] = [["Good morning. Wheels and brakes, what can I do?"]]

    def member(self, name: str, **changes: Any) -> dict[str, Any]:
        return assistant(
            **{
                "name": name,
                "endCallMessage": "",
                "server": {"url": self.sink.url},
                "serverMessages": TOLD,
                **changes,
            }
        )

    def desk(self, *tools: Mapping[str, Any], uses: Use = TO_GARAGE) -> dict[str, Any]:
        prompt = [{"role": "system", "content": "You are at the desk."}]
        script: list[Any] = [["Welcome to the desk.", uses], ["Nobody is there."]]
        model = self.models.script("desk", script, tools=list(tools), messages=prompt)
        return self.member("Desk", firstMessage="", firstMessageMode=GENERATED, model=model)

    def garage(self, **changes: Any) -> dict[str, Any]:
        prompt = [{"role": "system", "content": "You are in the garage."}]
        model = self.models.script("garage", self.garage_says, messages=prompt)
        fields = {"firstMessage": "", "firstMessageMode": GENERATED, "model": model, **changes}
        return self.member("Garage", **fields)

    def number(self, desk: Mapping[str, Any], garage: Mapping[str, Any], **more: Any) -> Number:
        members = [{"assistant": desk, **more.pop("desk_member", {})}, {"assistant": garage}]
        squad = self.service.post("/squad", {"members": members, **more})
        return new_number(self.service, answered_by=None, squadId=squad["id"])


@pytest.fixture
def squad(service: Node, models: Models, sink: WebhookSink) -> Squad:
    return Squad(service, models, sink)


def test_the_caller_is_handed_over_and_everybody_is_told(
    squad: Squad, models: Models, sink: WebhookSink
) -> None:
    number = squad.number(squad.desk(HANDOFF), squad.garage(voice={"provider": "vapi", "voiceId": "Neha"}))

    heard = visit(number)

    assert "welcome to the desk" in heard.words
    assert "wheels and brakes" in heard.words
    assert heard.end == "the other side hung up"
    started = [one.message["newAssistant"]["name"] for one in sink.taken("assistant.started")]
    assert started == ["Desk", "Garage"]
    update = sink.wait_for("transfer-update")
    assert update["fromAssistant"]["name"] == "Desk"
    assert update["toAssistant"]["name"] == "Garage"
    assert update["destination"] == HANDOFF["destinations"][0]
    report = sink.wait_for("end-of-call-report")
    assert report["assistant"]["name"] == "Garage"
    assert "Welcome to the desk." in report["transcript"]
    assert "Wheels and brakes, what can I do?" in report["transcript"]
    assert len(sink.taken("end-of-call-report")) == 1
    assert number.call()["squadId"] == number.document["squadId"]


HISTORY = {
    "all": ["You are in the garage.", "Welcome to the desk.", "Handed over."],
    "none": ["You are in the garage."],
    "userAndAssistantMessages": ["You are in the garage.", "Welcome to the desk."],
    # Nobody spoke before the desk.
    "previousAssistantMessages": ["You are in the garage."],
}


@pytest.mark.parametrize("plan", HISTORY)
def test_how_much_the_next_one_knows(squad: Squad, models: Models, plan: str) -> None:
    destination = {**HANDOFF["destinations"][0], "contextEngineeringPlan": {"type": plan}}
    desk = squad.desk({"type": "handoff", "destinations": [destination]})

    visit(squad.number(desk, squad.garage()))

    assert [text for _, text in models.said("garage", 0)] == HISTORY[plan]


MODES = {
    "rolling-history": ["You are at the desk.", "Welcome to the desk.", "You are in the garage."],
    "swap-system-message-in-history": ["You are in the garage.", "Welcome to the desk."],
    "delete-history": ["You are in the garage."],
}


@pytest.mark.parametrize("mode", MODES)
def test_assistant_destinations_are_tools_of_their_member(squad: Squad, models: Models, mode: str) -> None:
    place = {"type": "assistant", "assistantName": "Garage", "message": "", "transferMode": mode}
    desk = squad.desk(uses=Use("transferCall", {"destination": "Garage"}))
    number = squad.number(desk, squad.garage(), desk_member={"assistantDestinations": [place]})

    heard = visit(number)

    assert "wheels and brakes" in heard.words
    shown = [text for role, text in models.said("garage", 0) if role != "tool"]
    assert shown == MODES[mode]


def test_overrides_of_members_squad_and_destination_come_in_this_order(
    squad: Squad, sink: WebhookSink
) -> None:
    destination = {
        **HANDOFF["destinations"][0],
        "assistantOverrides": {"metadata": {"destination": "1"}},
    }
    number = squad.number(
        squad.desk({"type": "handoff", "destinations": [destination]}),
        squad.garage(metadata={"own": "1"}),
        membersOverrides={"metadata": {"squad": "1"}, "endCallMessage": "The squad says goodbye."},
    )

    heard = visit(number)

    assert "squad says goodbye" in heard.words
    report = sink.wait_for("end-of-call-report")
    assert report["assistant"]["metadata"] == {"own": "1", "squad": "1", "destination": "1"}


def test_the_server_is_asked_whom_a_dynamic_destination_means(squad: Squad, sink: WebhookSink) -> None:
    own = WebhookSink()
    garage = squad.service.post("/assistant", squad.garage())
    own.answer = lambda message: (
        200,
        {"destination": {"type": "assistant", "assistantId": garage["id"]}, "result": "The garage is free."},
    )
    tool = {
        "type": "handoff",
        "function": {
            "name": "who_can_help",
            "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}},
        },
        "destinations": [{"type": "dynamic", "server": {"url": own.url, "secret": "of the handoff"}}],
    }
    desk = squad.desk(tool, uses=Use("who_can_help", {"topic": "brakes"}))

    heard = visit(squad.number(desk, squad.member("Nobody")))
    own.down()

    (delivery,) = own.taken()
    assert delivery.type == "handoff-destination-request"
    assert delivery.message["parameters"] == {"topic": "brakes"}
    assert delivery.headers["x-vapi-secret"] == "of the handoff"
    assert sink.taken("handoff-destination-request") == []
    assert "wheels and brakes" in heard.words
    assert sink.wait_for("end-of-call-report")["assistant"]["name"] == "Garage"


def test_what_a_hand_over_brings_is_known_to_the_next_one(
    squad: Squad, models: Models, sink: WebhookSink
) -> None:
    plan = {
        "schema": {"type": "object", "properties": {"vehicle": {"type": "string"}}},
        "aliases": [{"key": "both", "value": "{{vehicle}} for {{intent}}"}],
    }
    asked = {"destination": {"type": "string"}, "intent": {"type": "string"}}
    tool = {
        "type": "handoff",
        "function": {"name": "repair", "parameters": {"type": "object", "properties": asked}},
        "destinations": [{"type": "assistant", "assistantName": "Garage", "variableExtractionPlan": plan}],
    }
    script: list[Any] = [
        ["Welcome.", Use("repair", {"intent": "repair"})],
        [Use("note_facts", {"vehicle": "bicycle"})],
    ]
    model = models.script("desk", script, tools=[tool])
    desk = squad.member("Desk", firstMessage="", firstMessageMode=GENERATED, model=model)
    garage = squad.garage(firstMessage="Good morning, I see your {{both}}.", firstMessageMode=None)

    visit(squad.number(desk, garage))

    report = sink.wait_for("end-of-call-report")
    assert "Good morning, I see your bicycle for repair." in report["transcript"]
    assert report["artifact"]["variableValues"]["vehicle"] == "bicycle"
    asked_for = models.requests["desk"][1]["tools"]
    assert [one["function"]["name"] for one in asked_for] == ["note_facts"]


def test_a_server_that_refuses_a_handoff_says_why(squad: Squad, models: Models, sink: WebhookSink) -> None:
    sink.answer = lambda message: (200, {"error": "The garage is closed."})
    tool = {"type": "handoff", "function": {"name": "who"}, "destinations": [{"type": "dynamic"}]}

    heard = visit(squad.number(squad.desk(tool, uses=Use("who", {})), squad.garage()))

    assert models.results("desk")[0] == "The garage is closed."
    assert "nobody is there" in heard.words
    assert sink.taken("transfer-update") == []


def test_a_whole_squad_can_take_over(squad: Squad, sink: WebhookSink) -> None:
    night = squad.service.post(
        "/squad",
        {"members": [{"assistant": squad.member("Guard")}, {"assistant": squad.garage()}], "name": "Night"},
    )
    destination = {"type": "squad", "squadId": night["id"], "entryAssistantName": "Garage"}
    tool = {"type": "handoff", "function": {"name": "night"}, "destinations": [destination]}

    heard = visit(squad.number(squad.desk(tool, uses=Use("night", {})), squad.member("Nobody")))

    assert "wheels and brakes" in heard.words
    assert sink.wait_for("transfer-update")["toAssistant"]["name"] == "Garage"


def test_messages_go_where_the_assistant_that_speaks_says(squad: Squad, sink: WebhookSink) -> None:
    theirs = WebhookSink()
    number = squad.number(squad.desk(HANDOFF), squad.garage(server={"url": theirs.url}))

    visit(number)

    report = theirs.wait_for("end-of-call-report")
    theirs.down()
    assert report["call"]["id"] == sink.wait_for("transfer-update")["call"]["id"]
    assert sink.taken("end-of-call-report") == []
    assert [one.message["newAssistant"]["name"] for one in sink.taken("assistant.started")] == ["Desk"]
    assert [one.message["newAssistant"]["name"] for one in theirs.taken("assistant.started")] == ["Garage"]


def test_an_assistant_without_a_server_is_reported_to_the_one_before(squad: Squad, sink: WebhookSink) -> None:
    visit(squad.number(squad.desk(HANDOFF), squad.garage(server=None)))

    assert sink.wait_for("end-of-call-report")["assistant"]["name"] == "Garage"
