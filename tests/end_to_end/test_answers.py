"""Who answers: every good answer to an assistant-request, alone and against the others, on a real node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end.answers import receiving, says
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import Node, new_number
from tests.end_to_end.orgs import another_org
from tests.end_to_end.peers import LOOPBACK

SIP = {"type": "sip", "sipUri": f"sip:museum@{LOOPBACK}:5097", "message": "", "sipHeaders": {"X-Ticket": "7"}}
NUMBER = {"type": "number", "number": "+15557654321", "message": ""}


def greets(place: str, **more: Any) -> dict[str, Any]:
    return {"firstMessage": f"This is the {place} speaking.", **more}


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored on the node; each assistant speaks for another place."""

    museum: str
    airport: str
    squad: str
    other_org: str


@dataclass(frozen=True, slots=True)
class Seen:
    told: Told
    call: dict[str, Any]


def answers(saved: Saved) -> dict[str, dict[str, Any]]:
    museum, squad = {"assistantId": saved.museum}, {"squadId": saved.squad}
    kitchen = {"assistant": greets("kitchen", name="Only Once")}
    members: list[dict[str, Any]] = [{"assistant": greets("hospital")}, {"assistantId": saved.museum}]
    return {
        "saved": museum,
        "saved with overrides": {**museum, "assistantOverrides": greets("garden")},
        "variables": {
            **museum,
            "assistantOverrides": {
                "firstMessage": "This is the {{place}} for {{guest}} at {{hotel-name}}.",
                "variableValues": {"place": "window", "guest": "nobody"},
            },
        },
        "transient": kitchen,
        "transient with overrides": {**kitchen, "assistantOverrides": greets("garden")},
        "squad": squad,
        "squad with overrides": {**squad, "squadOverrides": greets("garden")},
        "squad with the assistant's overrides": {**squad, "assistantOverrides": greets("garden")},
        "transient squad": {"squad": {"members": members}},
        "transient squad with overrides": {
            "squad": {
                "members": [{**members[0], "assistantOverrides": greets("kitchen")}],
                "membersOverrides": greets("museum"),
            },
        },
        "sip destination": {"destination": SIP},
        "number destination": {"destination": NUMBER},
        "destination first": {**museum, **kitchen, **squad, "destination": SIP},
        "saved before transient": {**museum, **kitchen, **squad},
        "transient before squad": {**kitchen, **squad},
        "saved squad before transient squad": {**squad, "squad": {"members": members}},
        "null is nothing": {"error": None, "destination": None, "assistantId": None, **kitchen},
        "another org's": {"assistantId": saved.other_org},
    }


@pytest.fixture(scope="module")
def saved(service: Node) -> Saved:
    airport = service.post("/assistant", greets("airport"))["id"]
    members = [{"assistantId": airport}, {"assistant": greets("hospital")}]
    return Saved(
        museum=service.post("/assistant", greets("museum"))["id"],
        airport=airport,
        squad=service.post("/squad", {"members": members})["id"],
        other_org=another_org(service).post("/assistant", greets("harbor"))["id"],
    )


@pytest.fixture(scope="module")
def walked(service: Node, saved: Saved) -> dict[str, Seen]:
    return asyncio.run(_walk(service, answers(saved)))


async def _walk(node: Node, cases: Mapping[str, Mapping[str, Any]]) -> dict[str, Seen]:
    headers = [("X-Guest", "Mary"), ("x-Hotel-Name", "the harbor")]
    turn = asyncio.Semaphore(9)
    async with receiving() as receiver, exchange(LOOPBACK, node.sip_port) as line:

        async def one(name: str, answer: Mapping[str, Any]) -> Seen:
            path = name.replace(" ", "-")
            receiver.acts[path] = says(answer)
            server = {"url": receiver.url(path)}
            number = await asyncio.to_thread(new_number, node, answered_by=None, server=server)
            async with turn:
                told = await call(line, number.uri(), headers=headers, listens=True)
            return Seen(told, await asyncio.to_thread(number.call))

        seen = await asyncio.gather(*(one(name, answer) for name, answer in cases.items()))
    return dict(zip(cases, seen, strict=True))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("saved", "museum"),
        ("saved with overrides", "garden"),
        ("transient", "kitchen"),
        ("transient with overrides", "garden"),
        ("squad", "airport"),
        ("squad with overrides", "garden"),
        ("squad with the assistant's overrides", "garden"),
        ("transient squad", "hospital"),
        ("transient squad with overrides", "museum"),
        ("saved before transient", "museum"),
        ("transient before squad", "kitchen"),
        ("saved squad before transient squad", "airport"),
        ("null is nothing", "kitchen"),
    ],
)
def test_the_caller_is_answered_by(name: str, place: str, walked: dict[str, Seen]) -> None:
    seen = walked[name]

    assert place in seen.told.words
    assert seen.call["endedReason"] == "customer-ended-call"
    assert place in seen.call["artifact"]["transcript"]


def test_the_call_names_what_is_stored_and_holds_what_is_not(walked: dict[str, Seen], saved: Saved) -> None:
    def named(name: str) -> list[Any]:
        return [walked[name].call.get(key) for key in ("assistantId", "squadId")]

    assert named("saved with overrides") == [saved.museum, None]
    assert named("squad") == [saved.airport, saved.squad]
    assert named("transient") == [None, None]
    assert walked["transient"].call["assistant"]["name"] == "Only Once"
    assert walked["transient squad"].call["squad"]["members"][0]["assistant"] == greets("hospital")


def test_a_transient_assistant_is_not_stored(service: Node, walked: dict[str, Seen]) -> None:
    assert walked["transient"].call["assistant"]
    assert "Only Once" not in [one.get("name") for one in service.get("/assistant?limit=1000")]


def test_variables_come_from_the_headers_and_from_the_answer(walked: dict[str, Seen]) -> None:
    """The answer knows better than the caller."""
    seen = walked["variables"]

    assert "this is the window for nobody" in seen.told.words
    assert seen.call["assistantOverrides"]["variableValues"] == {
        "guest": "nobody",
        "hotel-name": "the harbor",
        "place": "window",
    }


@pytest.mark.parametrize("name", ["sip destination", "destination first"])
def test_a_destination_takes_the_caller_at_once(name: str, walked: dict[str, Seen]) -> None:
    seen = walked[name]

    assert seen.told.refer_to == f"<{SIP['sipUri']}>"
    assert seen.told.refers[0].headers.get("X-Ticket") == "7"
    assert seen.told.speech < 0.5
    assert seen.told.hung_up_on
    assert seen.call["endedReason"] == "assistant-request-returned-forwarding-phone-number"
    assert seen.call["destination"] == SIP
    assert seen.call.get("assistantId") is None


def test_a_number_is_dialled_at_the_peer_that_sent_the_call(walked: dict[str, Seen]) -> None:
    seen = walked["number destination"]

    assert seen.told.refer_to.startswith(f"<sip:+15557654321@{LOOPBACK}")
    assert seen.call["endedReason"] == "assistant-request-returned-forwarding-phone-number"


def test_another_orgs_assistant_does_not_exist(walked: dict[str, Seen]) -> None:
    seen = walked["another org's"]

    assert "cannot take your call" in seen.told.words
    assert seen.call["endedReason"] == "assistant-not-found"
