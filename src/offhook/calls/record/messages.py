"""The server messages that a phone call causes (vapi-wire §4.3, §4.4), built from its record."""

from __future__ import annotations

from offhook.calls.record.call_facts import Document
from offhook.calls.record.call_record import CallRecord, iso
from offhook.schema.webhooks.server_message import (
    Body,
    ServerMessageConversationUpdate,
    ServerMessageEndOfCallReport,
    ServerMessageStatusUpdate,
    server_message,
)


def message(body: Body, record: CallRecord, now: float) -> Document:
    """The whole `{"message": {...}}` around a body; the outbox sends it as it is. `now`: seconds since the
    epoch."""
    return server_message(
        body,
        timestamp=round(now * 1000),
        call=record.resource(now),
        phone_number=record.number_resource(),
        customer=record.customer,
        assistant=record.assistant_resource(),
        artifact=record.artifact() if record.decided else None,
    )


def status_update(record: CallRecord) -> ServerMessageStatusUpdate:
    debugging = record.debugging or None
    if record.status == "forwarding":
        return ServerMessageStatusUpdate(
            record.status,
            destination=record.destination,
            transcript=record.text(),
            summary=record.summary,
            messages=record.messages(),
            messages_open_ai_formatted=record.messages_openai(),
            inbound_phone_call_debugging_artifacts=debugging,
        )
    ended = record.ended_reason if record.status == "ended" else None
    return ServerMessageStatusUpdate(
        record.status, ended_reason=ended, inbound_phone_call_debugging_artifacts=debugging
    )


def end_of_call_report(record: CallRecord) -> ServerMessageEndOfCallReport:
    """The report, with the fields of 2024 at message level beside `artifact` (vapi-wire §4.4)."""
    artifact, costs, urls = record.artifact(), record.costs(), record.recording_urls or {}
    seconds = record.duration
    return ServerMessageEndOfCallReport(
        ended_reason=record.ended_reason or "",
        artifact=artifact,
        analysis={},
        started_at=iso(record.started_at),
        ended_at=iso(record.ended_at),
        cost=costs.cost,
        costs=costs.costs,
        cost_breakdown=costs.cost_breakdown.document(),
        destination=record.destination,
        transcript=artifact["transcript"],
        messages=artifact["messages"],
        summary="",
        recording_url=urls.get("mono"),
        stereo_recording_url=urls.get("stereo"),
        duration_seconds=round(seconds, 3),
        duration_ms=round(seconds * 1000),
        duration_minutes=round(seconds / 60, 4),
    )


def conversation_update(record: CallRecord) -> ServerMessageConversationUpdate:
    openai = record.messages_openai()
    return ServerMessageConversationUpdate(openai, messages=record.messages(), conversation=openai)
