"""Messages to a server: envelope, body, and which go out."""

from __future__ import annotations

import pytest

from offhook.schema import server_message, wanted
from offhook.schema.webhooks.message_type import (
    ALWAYS_SENT,
    DEFAULT_SERVER_MESSAGES,
    SERVER_MESSAGE_TYPES,
)
from offhook.schema.webhooks.server_message import (
    BODIES,
    ServerMessageAssistantRequest,
    ServerMessageConversationUpdate,
    ServerMessageEndOfCallReport,
    ServerMessageSpeechUpdate,
    ServerMessageStatusUpdate,
    ServerMessageTranscript,
)

CALL = {"id": "c", "startedAt": None}


def test_the_envelope_holds_what_is_known_and_the_body_its_own() -> None:
    message = server_message(
        ServerMessageSpeechUpdate("started", "user", turn=0),
        timestamp=1748289798737,
        call=CALL,
        customer={"number": "+15550100"},
    )

    assert message == {
        "message": {
            "timestamp": 1748289798737,
            "call": {"id": "c", "startedAt": None},
            "customer": {"number": "+15550100"},
            "type": "speech-update",
            "status": "started",
            "role": "user",
            "turn": 0,
        }
    }


def test_names_are_camel_case_and_openai_is_spelled_its_own_way() -> None:
    body = ServerMessageConversationUpdate(messages_open_ai_formatted=[{"role": "user", "content": "hi"}])

    assert body.properties() == {
        "type": "conversation-update",
        "messagesOpenAIFormatted": [{"role": "user", "content": "hi"}],
    }
    report = ServerMessageEndOfCallReport("customer-ended-call", artifact={}, analysis={}, duration_ms=5.0)
    assert report.properties()["durationMs"] == 5.0


def test_the_report_keeps_its_own_artifact() -> None:
    report = ServerMessageEndOfCallReport("customer-ended-call", artifact={"transcript": "all"}, analysis={})

    message = server_message(report, timestamp=1, artifact={"transcript": "so far"})["message"]

    assert message["artifact"] == {"transcript": "all"}


def test_only_chosen_kinds_go_out_but_questions_always() -> None:
    assert wanted(ServerMessageStatusUpdate("ended"), {"status-update"})
    assert not wanted(ServerMessageStatusUpdate("ended"), set())
    assert wanted(ServerMessageAssistantRequest(), set())


@pytest.mark.parametrize(
    ("chosen", "partial", "final"),
    [
        ("transcript", True, True),
        ('transcript[transcriptType="final"]', False, True),
        ("status-update", False, False),
    ],
)
def test_final_transcripts_can_be_chosen_alone(chosen: str, partial: bool, final: bool) -> None:
    assert wanted(ServerMessageTranscript("user", "partial", "hel"), {chosen}) is partial
    assert wanted(ServerMessageTranscript("user", "final", "hello"), {chosen}) is final


def test_the_lists_are_the_published_ones() -> None:
    assert len(SERVER_MESSAGE_TYPES) == 28
    assert set(DEFAULT_SERVER_MESSAGES) < set(SERVER_MESSAGE_TYPES)
    assert not set(ALWAYS_SENT) & set(SERVER_MESSAGE_TYPES)


def test_every_body_has_a_type_of_its_own_that_can_be_chosen_or_is_always_sent() -> None:
    types = [body.type for body in BODIES]

    assert len(set(types)) == len(types)
    assert set(types) <= set(SERVER_MESSAGE_TYPES) | set(ALWAYS_SENT)
