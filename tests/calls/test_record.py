"""What a call leaves in documents: caller, variables, secrets, times, quantities, reports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offhook.calls.admission.caller import (
    MAX_KEPT_CHARACTERS,
    MAX_URI,
    MAX_VARIABLES,
    customer,
    header_variables,
    kept,
)
from offhook.calls.record import messages
from offhook.calls.record.call_artifact import performance
from offhook.calls.record.call_record import CallRecord
from offhook.calls.world.variables import built_in_variables, learn
from offhook.conversation.events import TurnMeasured
from offhook.conversation.transcript import ConversationTranscript
from offhook.schema.calls.call import Call
from offhook.schema.shown_documents import without_secrets
from offhook.schema.stored import assistant_of
from offhook.sip.messages.message import Request
from offhook.sip.messages.parser import parse_message
from tests.calls.documents import a_squad, an_assistant, answered, record_of

NOW = 1_790_000_100.0


def invite(from_: str) -> Request:
    lines = [
        "INVITE sip:desk@10.0.0.2 SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
        f"From: {from_};tag=1", "To: <sip:desk@10.0.0.2>",
        "Call-ID: 1", "CSeq: 1 INVITE", "Contact: <sip:a@10.0.0.1>", "", "",
    ]  # fmt: skip
    message = parse_message("\r\n".join(lines).encode())
    assert isinstance(message, Request)
    return message


def a_record(**more: Any) -> CallRecord:
    number = {"id": "n1", "orgId": "o1", "provider": "vapi", "sipUri": "sip:desk@10.0.0.2"}
    known: dict[str, Any] = {
        "call_id": "c1", "org_id": "o1", "number": number, "sip_call_id": "sip-1",
        "customer": {"number": "+15550100"}, "created_at": NOW - 10, "offset": NOW - 60,
    }  # fmt: skip
    return record_of(**{**known, **more})


@pytest.mark.parametrize(
    ("from_", "expected"),
    [
        (
            '"Ada L." <sip:+15550100@pbx.test>',
            {"number": "+15550100", "name": "Ada L.", "sipUri": "sip:+15550100@pbx.test"},
        ),
        ("<sip:pbx.test:5070>", {"sipUri": "sip:pbx.test:5070"}),
        (
            f'"{"n" * 60}" <sip:{"u" * 60}@h.test>',
            {"name": "n" * 40, "sipUri": f"sip:{'u' * 60}@h.test"},
        ),
    ],
)
def test_the_caller_is_who_the_from_header_says(from_: str, expected: dict[str, str]) -> None:
    assert customer(invite(from_)) == expected


def test_a_uri_without_an_end_is_cut() -> None:
    assert len(customer(invite(f"<sip:{'u' * 500}@h.test>"))["sipUri"]) == MAX_URI


def test_headers_that_begin_with_x_become_variables() -> None:
    headers = [
        ("X-First-Name", " Ada "),
        ("x-first-name", "Bob"),
        ("X-", "none"),
        ("Xylo", "no"),
        ("x-b", "1"),
    ]

    assert header_variables(headers) == {"first-name": "Ada", "b": "1"}


def test_variables_are_bounded() -> None:
    many = header_variables((f"X-{n}", "v" * 5000) for n in range(500))

    assert len(many) == MAX_VARIABLES
    assert {len(value) for value in many.values()} == {2000}


def test_what_is_kept_of_them_is_bounded_all_together() -> None:
    many = header_variables((f"X-{n}", "v" * 5000) for n in range(500))
    few = {"case": "7", "who": "Ada"}
    cut = kept(many)

    assert kept(few) == few
    assert sum(len(name) + len(value) for name, value in cut.items()) == MAX_KEPT_CHARACTERS
    assert list(cut) == list(many)[: len(cut)]
    assert kept({"n" * 10_000: "v"}) == {}


def test_what_templates_may_use() -> None:
    record = a_record(overrides={"variableValues": {"first-name": "Ada", "kept_as": "is"}})
    answered(record, {"name": "Desk", "variableValues": {"plan": "gold"}}, assistant_id="a1")
    record.overrides = assistant_of({"variableValues": {"first-name": "Ada", "plan": "silver"}})
    record.learned = {"order": {"id": 7}}
    variables = built_in_variables(record)

    assert variables["first-name"] == variables["first_name"] == "Ada"
    assert variables["plan"] == "gold"
    assert variables["order"] == {"id": 7}
    assert variables["customer"]["number"] == "+15550100"
    assert variables["phoneNumber"]["sipUri"] == "sip:desk@10.0.0.2"
    assert variables["assistant"] == {"id": "a1", "name": "Desk"}
    assert variables["call"]["id"] == "c1"
    assert variables["transport"]["conversationType"] == "voice"


def test_an_ended_call_learns_nothing_more() -> None:
    record = a_record()
    answered(record, {"name": "Desk"})
    learn(record, {"order": 7})
    assert record.variables["order"] == 7
    record.status = "ended"
    learn(record, {"order": 8})
    assert record.variables["order"] == record.learned["order"] == 7


def test_an_underscore_form_does_not_hide_a_variable_of_that_name() -> None:
    record = a_record(overrides={"variableValues": {"a_b": "own", "a-b": "hyphen"}})

    assert built_in_variables(record)["a_b"] == "own"


SECRETS = {
    "serverUrlSecret": "hush",
    "server": {"url": "u", "secret": "hush", "headers": {"Authorization": "hush"}, "timeoutSeconds": 5},
    "model": {
        "provider": "custom-llm",
        "headers": {"Authorization": "hush"},
        "tools": [
            {
                "type": "function",
                "server": {"url": "t", "secret": "hush"},
                "function": {"name": "f", "parameters": {"properties": {"secret": {"type": "string"}}}},
            }
        ],
    },
    "voice": {"provider": "custom-voice", "server": {"url": "v", "secret": "hush"}},
    "credentials": [{"provider": "openai", "apiKey": "hush"}],
    "metadata": {"secret": "mine"},
    "variableValues": {"authentication": "mine"},
}


def test_secrets_are_left_out_however_deep_and_the_owner_s_own_names_are_kept() -> None:
    shown = without_secrets(SECRETS)

    assert "hush" not in json.dumps(shown)
    assert shown["server"] == {"url": "u", "timeoutSeconds": 5}
    tool = shown["model"]["tools"][0]
    assert tool["server"] == {"url": "t"}
    assert tool["function"]["parameters"]["properties"]["secret"] == {"type": "string"}
    assert (shown["metadata"], shown["variableValues"]) == ({"secret": "mine"}, {"authentication": "mine"})
    assert SECRETS["server"] == {
        "url": "u", "secret": "hush", "headers": {"Authorization": "hush"}, "timeoutSeconds": 5,
    }  # fmt: skip


def test_no_message_carries_a_secret() -> None:
    login = {"username": "u" * 20, "password": "hush" * 5}
    number = {"id": "n1", "orgId": "o1", "serverUrlSecret": "hush", "authentication": login}
    record = a_record(number=number, overrides={"server": {"url": "x", "secret": "hush"}})
    squad = {"members": [{"assistant": SECRETS}]}
    record.assistant, record.squad = an_assistant(SECRETS), a_squad(squad)
    record.transient_assistant = SECRETS
    record.status, record.ended_reason, record.ended_at = "ended", "customer-ended-call", NOW

    for body in (messages.status_update(record), messages.end_of_call_report(record)):
        message = messages.message(body, record, NOW)
        assert "hush" not in json.dumps(message)
        assert message["message"]["call"]["squad"]["members"][0]["assistant"]["server"]["url"] == "u"
    # The store keeps them: whoever restores the call has to know where its report goes.
    assert record.document()["assistant"]["server"]["secret"] == "hush"


def test_secrets_are_looked_for_once_per_document() -> None:
    record = a_record()
    record.assistant = an_assistant(SECRETS)

    assert record.assistant_resource() is record.assistant_resource()
    record.assistant = an_assistant({"name": "Another"})
    assert record.assistant_resource() == {"name": "Another"}


@pytest.mark.parametrize(
    ("provider", "shown"),
    [("vapi", "vapi"), ("byo-phone-number", "vapi"), (None, "vapi"), ("twilio", "twilio")],
)
def test_who_carries_the_call(provider: str | None, shown: str) -> None:
    assert a_record(number={"id": "n", "provider": provider}).document()["phoneCallProvider"] == shown


def test_an_assistant_for_this_call_alone_is_kept_without_what_is_the_call_s() -> None:
    document = {"name": "T", "variableValues": {"a": "1"}, "tools:append": []}
    record = answered(a_record(), document, transient=True, overrides={"variableValues": {"a": "1"}})
    record.status, record.ended_reason, record.ended_at = "ended", "customer-ended-call", NOW

    kept = record.document()
    assert kept["assistant"] == {"name": "T"}
    assert kept["assistantOverrides"] == {"variableValues": {"a": "1"}}
    Call.model_validate({**record.resource(NOW), **kept})


def test_the_extension_of_a_small_house_is_a_caller_too() -> None:
    record = a_record(customer=customer(invite("<sip:7@pbx.test>")))

    shown = Call.model_validate({**record.resource(NOW), **record.document()})
    assert shown.customer is not None
    assert shown.customer.number == "7"


def test_a_saved_assistant_is_named_by_its_id_alone() -> None:
    kept = answered(a_record(), {"name": "Saved"}, assistant_id="a1").document()

    assert (kept["assistant"], kept["assistantId"]) == (None, "a1")


def spoken() -> ConversationTranscript:
    transcript = ConversationTranscript()
    # The call was answered at 55 s of the loop's time.
    transcript.add_bot(56.5).extend("Hello.", 57.5)
    transcript.add_user("Hi there.", 58.0, 59.0)
    return transcript


def test_seconds_from_start_count_from_the_answer() -> None:
    record = a_record(started_at=NOW - 5, transcript=spoken())
    first, second = record.messages()

    assert (first["secondsFromStart"], second["secondsFromStart"]) == (1.5, 3.0)
    assert (first["time"], first["endTime"]) == ((NOW - 3.5) * 1000, (NOW - 2.5) * 1000)


def test_names_in_the_transcript_and_none_at_all() -> None:
    def text(document: dict[str, Any]) -> str:
        return answered(a_record(transcript=spoken()), document).text()

    plan = {"transcriptPlan": {"assistantName": "Desk", "userName": "Caller"}}
    assert text({"artifactPlan": plan}) == "Desk: Hello.\nCaller: Hi there.\n"
    assert text({"artifactPlan": {"transcriptPlan": {"enabled": False}}}) == ""


def test_an_ended_call_s_artifact_is_made_once() -> None:
    record = a_record(transcript=spoken(), ended_at=NOW)
    before = record.artifact()
    assert record.artifact() is not before
    record.status = "ended"
    assert record.artifact() is record.artifact()


def test_the_report_has_the_fields_of_the_seed_s_age() -> None:
    record = a_record(started_at=NOW - 90, ended_at=NOW, transcript=spoken(), status="ended")
    record.ended_reason, record.prompt_tokens, record.voice_characters = "customer-ended-call", 12, 34
    record.recording_urls = {"mono": "m", "stereo": "s"}
    report = messages.message(messages.end_of_call_report(record), record, NOW)["message"]

    assert report["type"] == "end-of-call-report"
    assert (report["durationSeconds"], report["durationMs"], report["durationMinutes"]) == (90, 90000, 1.5)
    assert (report["recordingUrl"], report["stereoRecordingUrl"]) == ("m", "s")
    assert (report["cost"], report["summary"], report["analysis"]) == (0, "", {})
    assert report["transcript"] == "AI: Hello.\nUser: Hi there.\n"
    assert report["messages"] == report["artifact"]["messages"] == report["call"]["messages"]
    assert report["costBreakdown"]["llmPromptTokens"] == 12
    assert report["costBreakdown"]["ttsCharacters"] == 34
    assert [cost["type"] for cost in report["costs"]] == [
        "transport",
        "transcriber",
        "model",
        "voice",
        "vapi",
    ]


def test_a_call_that_was_never_answered_lasted_no_time() -> None:
    assert a_record(ended_at=NOW).duration == 0.0
    assert a_record(started_at=NOW, ended_at=NOW - 5).duration == 0.0


def test_a_forwarded_call_tells_where_to_and_what_was_said() -> None:
    record = a_record(
        status="forwarding", destination={"type": "sip", "sipUri": "sip:a@b"}, transcript=spoken()
    )
    update = messages.message(messages.status_update(record), record, NOW)["message"]

    assert (update["status"], update["destination"]) == ("forwarding", record.destination)
    assert update["transcript"] == "AI: Hello.\nUser: Hi there.\n"
    assert update["messagesOpenAIFormatted"][0] == {"role": "assistant", "content": "Hello."}


def test_latencies_per_turn_and_on_average() -> None:
    turns = [
        TurnMeasured(0, 300, 70, 200, 90, 15.04, 675.04),
        TurnMeasured(1, 100, 30, 100, 10, 5, 245),
    ]
    metrics = performance(turns, 2, 3)

    assert (metrics["numUserInterrupted"], metrics["numAssistantInterrupted"]) == (2, 3)
    assert metrics["turnLatencies"][0]["platformLatency"] == 15.0
    assert metrics["modelLatencyAverage"] == 150
    assert metrics["turnLatencyAverage"] == 460
    assert performance([]) == {
        "turnLatencies": [],
        "numUserInterrupted": 0,
        "numAssistantInterrupted": 0,
    }


def test_stored_documents_are_made_fit_to_be_shown_once_for_all_calls() -> None:
    server = {"url": "https://a.test", "secret": "s"}
    number = {"id": "n1", "orgId": "o1", "provider": "vapi", "server": server}
    assistant = {"id": "a1", "orgId": "o1", "name": "Ada", "model": {"provider": "vapi"}}
    one, other = (a_record(number=number, assistant=an_assistant(assistant)) for _ in range(2))

    assert one.number_resource() is other.number_resource()
    assert one.number_resource()["server"] == {"url": "https://a.test"}
    assert one.assistant_resource() is other.assistant_resource()
    changed = a_record(number={**number, "name": "new"}, assistant=an_assistant({**assistant, "name": "Eve"}))
    assert changed.number_resource()["name"] == "new"
    assert (changed.assistant_resource() or {})["name"] == "Eve"
