"""The server messages that a phone call causes (wire-facts §4.3, §4.4), built from its record.

Each builder returns the whole body, `{"message": {...}}`; the outbox sends it as it is."""

from __future__ import annotations

from typing import Any

from offhook.calls.record import CallRecord, Document, without_server_secrets
from offhook.conversation.events import SpeechStarted, SpeechStopped, TranscriptHeard, UserInterrupted


def envelope(kind: str, record: CallRecord, now: float, **fields: Any) -> Document:
    """The common fields: type, timestamp in milliseconds, call, phoneNumber, customer, assistant."""
    message: Document = {
        "type": kind,
        "timestamp": round(now * 1000),
        "call": record.resource(now),
        "phoneNumber": record.number_resource(),
        "customer": record.customer,
    }
    if record.assistant is not None:
        message["assistant"] = without_server_secrets(record.assistant)
    message.update(fields)
    return {"message": message}


def assistant_request(record: CallRecord, now: float) -> Document:
    return envelope("assistant-request", record, now)


def status_update(record: CallRecord, now: float) -> Document:
    fields: Document = {"status": record.status}
    if record.status == "ended":
        fields["endedReason"] = record.ended_reason
        fields["artifact"] = record.artifact()
    if record.status == "forwarding":
        fields["destination"] = record.destination
        fields["transcript"] = record.text()
        fields["messages"] = record.messages()
        fields["messagesOpenAIFormatted"] = record.messages_openai()
    if record.debugging:
        fields["inboundPhoneCallDebuggingArtifacts"] = record.debugging
    return envelope("status-update", record, now, **fields)


def end_of_call_report(record: CallRecord, now: float) -> Document:
    """The report, with the fields of the seed's age at message level beside `artifact`."""
    artifact = record.artifact()
    document = record.document()
    seconds = record.duration
    return envelope(
        "end-of-call-report",
        record,
        now,
        endedReason=record.ended_reason,
        artifact=artifact,
        analysis={},
        startedAt=document["startedAt"],
        endedAt=document["endedAt"],
        destination=record.destination,
        transcript=artifact["transcript"],
        messages=artifact["messages"],
        summary="",
        recordingUrl=artifact.get("recordingUrl"),
        stereoRecordingUrl=artifact.get("stereoRecordingUrl"),
        durationSeconds=round(seconds, 3),
        durationMs=round(seconds * 1000),
        durationMinutes=round(seconds / 60, 4),
        **record.costs(),
    )


def speech_update(record: CallRecord, now: float, event: SpeechStarted | SpeechStopped) -> Document:
    status = "started" if isinstance(event, SpeechStarted) else "stopped"
    return envelope("speech-update", record, now, status=status, role=event.role, turn=event.turn)


def transcript(record: CallRecord, now: float, event: TranscriptHeard) -> Document:
    return envelope(
        "transcript",
        record,
        now,
        role=event.role,
        transcriptType="final" if event.final else "partial",
        transcript=event.text,
        assistantId=record.assistant_id,
    )


def conversation_update(record: CallRecord, now: float) -> Document:
    openai = record.messages_openai()
    return envelope(
        "conversation-update",
        record,
        now,
        messages=record.messages(),
        messagesOpenAIFormatted=openai,
        conversation=openai,
    )


def user_interrupted(record: CallRecord, now: float, event: UserInterrupted) -> Document:
    return envelope("user-interrupted", record, now, turnId=str(event.turn))


def transfer_update(record: CallRecord, now: float, destination: Document) -> Document:
    return envelope("transfer-update", record, now, destination=destination)
