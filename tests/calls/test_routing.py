"""Who answers (vapi-wire §3): the whole walk, with every failure, its reason, and what the caller gets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from offhook.calls.directory.documented import Documented
from offhook.calls.routing.decision import who_answers
from offhook.calls.routing.outcome import (
    SORRY,
    AnsweringAssistant,
    ForwardedCaller,
    LastWords,
    RequestFailed,
    RoutingOutcome,
)
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import document
from offhook.schema.stored import assistant_of, number_of, squad_of
from offhook.schema.tools.destination import TransferDestinationNumber, TransferDestinationSip
from offhook.schema.webhooks.answers import AssistantRequestAnswer

ORG = "org-1"
DESK = {"name": "Desk", "firstMessage": "Desk here."}
AGENT = {"type": "sip", "sipUri": "sip:agent@pbx.test"}
TO_AGENT = TransferDestinationSip(type="sip", sip_uri="sip:agent@pbx.test")
FALLBACK = {"type": "number", "number": "+15550123"}
TO_FALLBACK = TransferDestinationNumber(type="number", number="+15550123")


@dataclass
class Stored:
    assistants: dict[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"a1": DESK, "a2": {"name": "Two"}}
    )
    squads: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    async def assistant(self, org_id: str, assistant_id: str) -> Documented[AssistantOverrides] | None:
        found = self.assistants.get(assistant_id) if org_id == ORG else None
        return None if found is None else Documented(found, assistant_of)

    async def squad(self, org_id: str, squad_id: str) -> Documented[Squad] | None:
        found = self.squads.get(squad_id) if org_id == ORG else None
        return None if found is None else Documented(found, squad_of)

    async def tool(self, org_id: str, tool_id: str) -> Mapping[str, Any] | None:
        return None


def decide(
    number: Mapping[str, Any],
    answer: Mapping[str, Any] | RequestFailed | None = None,
    *,
    stored: Stored | None = None,
    caller: str = "+15550100",
    variables: Mapping[str, str] | None = None,
) -> RoutingOutcome:
    asked = 0

    async def request() -> AssistantRequestAnswer:
        nonlocal asked
        asked += 1
        if isinstance(answer, RequestFailed):
            raise answer
        assert answer is not None, "nobody should be asked"
        return AssistantRequestAnswer.of(answer)

    outcome = asyncio.run(
        who_answers(number_of({"orgId": ORG, **number}), caller, variables or {}, stored or Stored(), request)
    )
    assert asked <= 1
    return outcome


def answering(outcome: RoutingOutcome) -> AnsweringAssistant:
    assert isinstance(outcome.action, AnsweringAssistant), outcome
    assert outcome.failure is None
    return outcome.action


def test_a_static_assistant_answers_without_a_question() -> None:
    found = answering(decide({"assistantId": "a1"}, variables={"cid": "7"}))

    assert (found.found.assistant_id, found.found.settings.first_message, found.transient) == (
        "a1",
        "Desk here.",
        False,
    )
    assert document(found.overrides) == {"variableValues": {"cid": "7"}}


def test_the_first_member_of_a_squad_with_overrides_in_their_order() -> None:
    squad = {
        "members": [
            {
                "assistantId": "a1",
                "assistantOverrides": {"firstMessage": "member", "voicemailMessage": "member"},
            },
            {"assistantId": "a2"},
        ],
        "membersOverrides": {"firstMessage": "all"},
    }
    found = answering(decide({"squadId": "s1"}, stored=Stored(squads={"s1": squad})))

    assert (found.found.settings.first_message, found.found.settings.voicemail_message) == ("all", "member")
    assert found.squad is not None
    assert (found.squad_id, found.squad.document, found.found.assistant_id) == ("s1", squad, "a1")


def test_nobody_to_answer_and_nobody_to_ask() -> None:
    outcome = asyncio.run(who_answers(number_of({"orgId": ORG}), None, {}, Stored(), None))

    assert outcome.action == LastWords(SORRY, "call-start-error-neither-assistant-nor-server-set")


NOBODY = "00000000-0000-0000-0000-000000000000"
ANSWERS: list[tuple[Mapping[str, Any], str | None, str]] = [
    # answer, id of the assistant, first message
    ({"assistantId": "a1"}, "a1", "Desk here."),
    ({"assistantId": "a1", "assistantOverrides": {"firstMessage": "New."}}, "a1", "New."),
    ({"assistant": {"firstMessage": "Transient."}}, None, "Transient."),
    ({"assistant": {"firstMessage": "T"}, "assistantOverrides": {"firstMessage": "Over."}}, None, "Over."),
    ({"squadId": "s1"}, "a1", "Desk here."),
    ({"squadId": "s1", "squadOverrides": {"firstMessage": "Squad."}}, "a1", "Squad."),
    ({"squad": {"members": [{"assistant": {"firstMessage": "Mine."}}]}}, None, "Mine."),
    ({"assistantId": "a1", "squadId": "s1"}, "a1", "Desk here."),
    # unknown properties, and what typed languages write for those that nobody has set
    ({"error": "", "assistantId": "a1", "squadId": "", "transport": {"x": 1}}, "a1", "Desk here."),
    (
        {"error": {}, "destination": {}, "assistant": {}, "assistantId": "a1"},
        "a1",
        "Desk here.",
    ),
    (
        {"destination": {"type": "", "number": None}, "assistantId": "a1"},
        "a1",
        "Desk here.",
    ),
    ({"assistantId": NOBODY, "squadId": "s1", "squadOverrides": {"nope": 1}}, "a1", "Desk here."),
    ({"assistant": {}, "squad": {"members": [{"assistantId": "a1", "assistant": {}}]}}, "a1", "Desk here."),
    ({"assistantId": "a1", "squad": {"name": "", "members": []}}, "a1", "Desk here."),
    ({"assistant": {"firstMessage": "T", "first_message": "Hi", "voice": {"provider": ""}}}, None, "T"),
    (
        {"assistant": {"firstMessage": "T"}, "assistantOverrides": {"maxDurationSeconds": 0}},
        None,
        "T",
    ),
]


@pytest.mark.parametrize(("answer", "identity", "first"), ANSWERS)
def test_what_the_owner_may_answer(answer: Mapping[str, Any], identity: str | None, first: str) -> None:
    stored = Stored(squads={"s1": {"members": [{"assistantId": "a1"}]}})
    found = answering(decide({}, answer, stored=stored))

    assert (found.found.assistant_id, found.found.settings.first_message) == (identity, first)
    assert found.transient == (identity is None)


def test_an_error_beats_a_destination_beats_an_assistant() -> None:
    everything = {"error": "Closed.", "destination": AGENT, "assistantId": "a1"}
    assert decide({}, everything).action == LastWords("Closed.", "assistant-request-returned-error")
    del everything["error"]
    assert decide({}, everything).action == ForwardedCaller(
        TO_AGENT, "assistant-request-returned-forwarding-phone-number"
    )


def test_the_call_s_variables_meet_the_answer_s() -> None:
    answer = {"assistantId": "a1", "assistantOverrides": {"variableValues": {"b": "owner", "c": "owner"}}}
    found = answering(decide({}, answer, variables={"a": "caller", "b": "caller"}))

    assert found.overrides.variable_values == {"a": "caller", "b": "owner", "c": "owner"}


FAILURES: list[tuple[Mapping[str, Any] | RequestFailed, str]] = [
    *[
        (RequestFailed(kind, "x"), "assistant-request-failed")
        for kind in ("dns", "refused", "tls", "timeout", "protocol", "redirect", "not-json", "too-large")
    ],
    (RequestFailed("refused-by-policy", "private address"), "assistant-request-failed"),
    (RequestFailed("status", "HTTP 500", 500), "assistant-request-failed"),
    (RequestFailed("status", "HTTP 404", 404, {"why": "x"}), "assistant-request-failed"),
    (RequestFailed("status", "HTTP 400", 400), "assistant-request-returned-error"),
    (RequestFailed("empty", "no body", 200), "assistant-request-returned-no-assistant"),
    (RequestFailed("wrong-json", "a list", 200), "assistant-request-returned-invalid-assistant"),
    ({}, "assistant-request-returned-no-assistant"),
    ({"assistantId": None, "hello": 1}, "assistant-request-returned-no-assistant"),
    ({"error": "We are closed."}, "assistant-request-returned-error"),
    ({"error": {"code": 5}}, "assistant-request-returned-unspeakable-error"),
    ({"error": "  "}, "assistant-request-returned-unspeakable-error"),
    ({"assistant": {"firstMessage": 5}}, "assistant-request-returned-invalid-assistant"),
    ({"assistant": "a1"}, "assistant-request-returned-invalid-assistant"),
    ({"error": "", "assistantId": "", "assistant": None}, "assistant-request-returned-no-assistant"),
    ({"assistantId": NOBODY, "destination": {"type": ""}}, "assistant-request-returned-no-assistant"),
    ({"squad": {"members": "x"}}, "assistant-request-returned-invalid-assistant"),
    ({"squadId": "s1", "squadOverrides": ["x"]}, "assistant-request-returned-invalid-assistant"),
    ({"squadId": "s1", "squadOverrides": {"nope": 1}}, "assistant-not-found"),
    ({"workflowId": "w1"}, "assistant-request-returned-no-assistant"),
    ({"destination": {"type": "number"}}, "assistant-request-returned-invalid-assistant"),
    ({"assistantId": "nobody"}, "assistant-not-found"),
    ({"assistantId": "stale"}, "assistant-not-valid"),
    ({"squadId": "nobody"}, "assistant-not-found"),
    ({"squadId": "hollow"}, "assistant-not-found"),
    ({"squadId": "empty"}, "assistant-not-found"),
    ({"squadId": "old"}, "assistant-not-valid"),
]  # fmt: skip
STORED = Stored(
    assistants={"a1": DESK, "stale": {"firstMessage": 5}},
    squads={
        "hollow": {"members": [{"assistantId": "gone"}]},
        "empty": {"members": []},
        "old": {"members": [{"assistantId": "stale"}]},
    },
)


@pytest.mark.parametrize(("answer", "reason"), FAILURES)
def test_every_failure_has_its_reason_and_a_sentence(
    answer: Mapping[str, Any] | RequestFailed, reason: str
) -> None:
    outcome = decide({}, answer, stored=STORED)

    assert isinstance(outcome.action, LastWords)
    assert outcome.failure is not None
    assert outcome.action.ended_reason == outcome.failure.ended_reason == reason
    assert outcome.action.text == ("We are closed." if answer == {"error": "We are closed."} else SORRY)
    assert outcome.failure.error


@pytest.mark.parametrize(("answer", "reason"), FAILURES)
def test_after_every_failure_the_fallback_destination_takes_the_call(
    answer: Mapping[str, Any] | RequestFailed, reason: str
) -> None:
    outcome = decide({"fallbackDestination": FALLBACK}, answer, stored=STORED)

    assert outcome.action == ForwardedCaller(TO_FALLBACK, reason, ours=True)


@pytest.mark.parametrize(("answer", "reason"), FAILURES)
def test_a_hook_goes_before_the_fallback_for_failures_of_the_request(
    answer: Mapping[str, Any] | RequestFailed, reason: str
) -> None:
    hook = {"on": "call.ending", "do": {"type": "say", "exact": "Later."}}
    outcome = decide({"fallbackDestination": FALLBACK, "hooks": [hook]}, answer, stored=STORED)

    if reason.startswith("assistant-request-"):
        assert outcome.action == LastWords("Later.", "call.ending.hook-executed-say", ours=True)
    else:
        assert outcome.action == ForwardedCaller(TO_FALLBACK, reason, ours=True)


def test_a_hook_for_other_reasons_stays_out_of_it() -> None:
    hook = {
        "on": "call.ending",
        "filters": [{"type": "oneOf", "key": "call.endedReason", "oneOf": ["assistant-request-failed"]}],
        "do": {"type": "transfer", "destination": AGENT},
    }
    failed = decide({"hooks": [hook]}, RequestFailed("timeout", "x"))
    assert failed.action == ForwardedCaller(TO_AGENT, "call.ending.hook-executed-transfer", ours=True)
    other = decide({"hooks": [hook]}, {})
    assert other.action == LastWords(SORRY, "assistant-request-returned-no-assistant")


@pytest.mark.parametrize(
    ("caller", "first"),
    [("+4930123", "German."), ("+15550100", "Everybody."), ("anonymous", "Everybody.")],
)
def test_a_ringing_hook_runs_before_all_and_only_its_first_action(caller: str, first: str) -> None:
    hooks = [
        {"on": "call.ending", "do": {"type": "say", "exact": "never"}},
        {
            "on": "call.ringing",
            "filters": [{"type": "startsWith", "key": "number", "startsWith": ["+49", "+43"]}],
            "do": [{"type": "say", "exact": "German."}, {"type": "transfer", "destination": AGENT}],
        },
        {"on": "call.ringing", "do": [{"type": "say", "exact": "Everybody."}]},
    ]
    outcome = decide({"assistantId": "a1", "hooks": hooks}, caller=caller)

    assert outcome.action == LastWords(first, "call.ringing.hook-executed-say", ours=True)


def test_a_ringing_hook_may_transfer() -> None:
    hook = {"on": "call.ringing", "do": [{"type": "transfer", "destination": AGENT}]}

    assert decide({"hooks": [hook]}).action == ForwardedCaller(
        TO_AGENT, "call.ringing.hook-executed-transfer", ours=True
    )


def test_what_the_webhook_said_is_kept_for_its_owner() -> None:
    invalid = decide({}, {"assistant": {"firstMessage": 5}}).failure
    assert invalid is not None
    assert invalid.artifacts["assistantRequestError"].startswith("Invalid Assistant. Errors: [ ")
    assert invalid.artifacts["assistantRequestResponse"] == {"assistant": {"firstMessage": 5}}
    refused = decide({}, RequestFailed("status", "HTTP 500", 500, "<html>")).failure
    assert refused is not None
    assert refused.artifacts["assistantRequestResponse"] == "<html>"


def test_a_long_error_is_not_read_out_to_its_end() -> None:
    said = decide({}, {"error": "very " * 2000}).action

    assert isinstance(said, LastWords)
    assert len(said.text) == 1000
