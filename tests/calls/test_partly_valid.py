"""Stored numbers, orgs and squads that are valid only in part, as rows of earlier days may be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.calls.privacy import kept_by, kept_without_assistant
from offhook.calls.routing.decision import meant
from offhook.calls.routing.outcome import RoutingOutcome
from offhook.schema.answered import NotValid
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.org import UpdateOrgDTO
from offhook.schema.stored import number_of, org_of
from offhook.webhooks.receiver import choose_server, receiver_of
from tests.calls.test_routing import ORG, Stored, decide

HIPAA = {"compliancePlan": {"hipaaEnabled": True}}
UNRECORDED = {"artifactPlan": {"recordingEnabled": False}}
STALE = {"firstMessage": 5}


def words_and_audio(outcome: RoutingOutcome, number: dict[str, Any], stored: Stored) -> tuple[bool, bool]:
    given = asyncio.run(meant(number_of({"orgId": ORG, **number}), outcome.failure, stored))
    kept = kept_without_assistant(given, UpdateOrgDTO())
    return kept.words, kept.audio


@pytest.mark.parametrize(
    ("squad", "assistant"),
    [
        ({"members": [{"assistantId": "a", "assistantOverrides": STALE}]}, HIPAA),
        ({"members": [{"assistantId": "a", "assistantOverrides": {**STALE, **HIPAA}}]}, {}),
        ({"members": [{"assistantId": "a"}], "membersOverrides": HIPAA}, STALE),
        ({"members": [{"assistantId": "a"}], "membersOverrides": STALE}, HIPAA),
        ({"members": [{"assistantId": "a", "assistantDestinations": [7]}]}, HIPAA),
    ],
)
@pytest.mark.parametrize("named_by", ["number", "answer"])
def test_what_a_squad_that_is_not_valid_does_not_let_be_kept_is_not(
    squad: dict[str, Any], assistant: dict[str, Any], named_by: str
) -> None:
    stored = Stored({"a": assistant}, {"s": squad})
    number, answer = ({"squadId": "s"}, None) if named_by == "number" else ({}, {"squadId": "s"})

    outcome = decide(number, answer, stored=stored)

    assert outcome.failure is not None
    assert outcome.failure.ended_reason == "assistant-not-valid"
    assert words_and_audio(outcome, number, stored) == (False, False)


@pytest.mark.parametrize(
    "answer",
    [
        {"assistantId": "a", "assistantOverrides": UNRECORDED},
        {"assistantId": "gone", "assistantOverrides": UNRECORDED},
        {"squadId": "s", "squadOverrides": UNRECORDED},
        {"squadId": "gone", "squadOverrides": UNRECORDED},
        {"squad": {"members": [{"assistantId": "a"}], "membersOverrides": UNRECORDED}},
        {"squad": {"members": [{"assistantId": "gone"}], "membersOverrides": UNRECORDED}},
    ],
)
def test_overrides_of_an_answer_hold_though_nobody_can_answer(answer: dict[str, Any]) -> None:
    stored = Stored({"a": STALE}, {"s": {"members": [{"assistantId": "a"}]}})

    outcome = decide({}, answer, stored=stored)

    assert outcome.failure is not None
    assert words_and_audio(outcome, {}, stored) == (True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hooks": [{"on": "call.dreaming"}]},
        {"fallbackDestination": {"type": "pigeon"}},
        {"name": 5, "status": 7, "hooks": "none"},
    ],
)
def test_a_number_is_called_without_what_is_not_valid_in_it(wrong: dict[str, Any]) -> None:
    number = number_of({"orgId": ORG, "assistantId": "a", **wrong})

    assert number.assistant_id == "a"
    assert number.hooks is None
    assert number.fallback_destination is None


def test_a_server_that_is_not_valid_gets_what_can_be_sent() -> None:
    server = {"url": "https://owner.test/hook", "timeoutSeconds": 900}

    for holder in (number_of({"orgId": ORG, "server": server}), org_of({"server": server})):
        chosen = choose_server(number=holder)
        assert chosen is not None
        receiver = receiver_of(chosen)
        assert (receiver.url, receiver.timeout_seconds) == ("https://owner.test/hook", 300)


def test_a_number_whose_login_is_not_valid_takes_no_call() -> None:
    with pytest.raises(NotValid):
        number_of({"orgId": ORG, "authentication": {"username": "alice", "password": 5}})


def test_an_org_s_compliance_holds_whatever_else_is_not_valid() -> None:
    org = org_of({"name": "n" * 41, "concurrencyLimit": "many", "hipaaEnabled": True})

    assert not kept_by(AssistantOverrides(), org).words
    with pytest.raises(NotValid):
        org_of({"compliancePlan": {"hipaaEnabled": "yes"}})
