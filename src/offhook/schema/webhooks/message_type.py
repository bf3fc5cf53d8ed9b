"""The kinds of messages an assistant may send to its server or its client (vapi-wire §4.4)."""

from __future__ import annotations

from typing import Literal, get_args

ServerMessageType = Literal[
    "assistant.started",
    "assistant.speechStarted",
    "conversation-update",
    "end-of-call-report",
    "function-call",
    "hang",
    "language-changed",
    "language-change-detected",
    "model-output",
    "phone-call-control",
    "speech-update",
    "status-update",
    "transcript",
    'transcript[transcriptType="final"]',
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "transfer-update",
    "user-interrupted",
    "voice-input",
    "chat.created",
    "chat.deleted",
    "session.created",
    "session.updated",
    "session.deleted",
    "call.deleted",
    "call.delete.failed",
    "call.artifact.upload",
]

SERVER_MESSAGE_TYPES: tuple[str, ...] = get_args(ServerMessageType)

DEFAULT_SERVER_MESSAGES: tuple[ServerMessageType, ...] = (
    "conversation-update",
    "end-of-call-report",
    "function-call",
    "hang",
    "speech-update",
    "status-update",
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "user-interrupted",
    "assistant.started",
)

ALWAYS_SENT: tuple[str, ...] = (
    "assistant-request",
    "voice-request",
    "knowledge-base-request",
    "call.endpointing.request",
)
"""Messages that are not chosen by `serverMessages`: each asks a question."""

ClientMessageType = Literal[
    "conversation-update",
    "assistant.speechStarted",
    "function-call",
    "function-call-result",
    "hang",
    "language-changed",
    "metadata",
    "model-output",
    "speech-update",
    "status-update",
    "transcript",
    "tool-calls",
    "tool-calls-result",
    "tool.completed",
    "transfer-update",
    "user-interrupted",
    "voice-input",
    "workflow.node.started",
    "assistant.started",
]
