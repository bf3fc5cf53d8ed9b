"""What one call reports to its owner's server: which messages go out. Each is written in one transaction with
the state that it reports (docs/architecture.md, Decisions)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from offhook.calls.record import messages
from offhook.calls.record.call_facts import Document
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.watchers import Watchers
from offhook.conversation import events
from offhook.conversation.events import Event
from offhook.json_document import ResourceDocument
from offhook.schema.calls.call_watcher import CallEvent
from offhook.schema.tools.handoff import HandoffDestinationSquad, Successors
from offhook.schema.webhooks.server_message import (
    Body,
    ServerMessageAssistantSpeech,
    ServerMessageAssistantStarted,
    ServerMessageConversationUpdate,
    ServerMessageHang,
    ServerMessageModelOutput,
    ServerMessageSpeechUpdate,
    ServerMessageStatusUpdate,
    ServerMessageTranscript,
    ServerMessageTransferUpdate,
    ServerMessageUserInterrupted,
    ServerMessageVoiceInput,
    to_assistant,
    wanted,
)
from offhook.webhooks.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A server message on its way into the outbox."""

    type: str
    body: Document
    receiver: Receiver


class Ledger(Protocol):
    """Where calls are stored. Writes of one call keep their order, and so do their futures. A future is done
    at the first attempt: a store that refuses must not hold up a call."""

    def begin(self, record: CallRecord) -> asyncio.Future[None]:
        """Insert the call's row."""
        ...

    def save(self, record: CallRecord, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        """Write the record as it is now and the messages, in one transaction."""
        ...


class Reporter:
    """Turns what happens in a call into server messages.

    `receiver` is the one server that gets them; None: only the record is written. `chosen` are the types in
    the assistant's `serverMessages`. After the report nothing more goes out. `watchers` are told of
    everything but what repeats the conversation."""

    def __init__(self, record: CallRecord, ledger: Ledger, now: Callable[[], float]) -> None:
        self._record = record
        self._ledger = ledger
        self._now = now
        self._last: asyncio.Future[None] | None = None
        self._over = False
        self.watchers = Watchers()
        self.receiver: Receiver | None = None
        self.chosen: Collection[str] = ()

    def listen(self, receiver: Receiver | None, chosen: Collection[str]) -> None:
        self.receiver = receiver
        self.chosen = frozenset(chosen)

    def begin(self) -> asyncio.Future[None]:
        """Stores the call's row."""
        self._last = self._ledger.begin(self._record)
        return self._last

    def status(self) -> None:
        """Stores and reports a new status; the last one together with the report."""
        record, bodies = self._record, list[Body]()
        ended = record.status == "ended"
        if self.watchers:
            self._show(ServerMessageStatusUpdate(record.status, record.ended_reason if ended else None))
        if self.receiver is not None:
            bodies.append(messages.status_update(record))
            if ended:
                bodies.append(messages.end_of_call_report(record))
        self._save([body for body in bodies if wanted(body, self.chosen)])
        self._over = ended
        if ended:
            self.watchers.over()

    def transferring(self, destination: ResourceDocument) -> None:
        update = ServerMessageTransferUpdate(destination=destination)
        self._show(update)
        self._save([update] if wanted(update, self.chosen) else [])

    def assistant_started(self) -> None:
        """The call's assistant begins to speak, if there is one."""
        assistant = self._record.assistant_resource()
        if assistant is not None:
            self._tell(ServerMessageAssistantStarted(assistant))

    def handed_over(self, destination: Successors, left: ResourceDocument | None) -> None:
        """The record's assistant has taken over from `left`. The API has one kind of destination for that, an
        assistant with its name, however the assistant was named."""
        record = self._record
        coming = record.assistant_resource() or {}
        named = None if isinstance(destination, HandoffDestinationSquad) else destination.assistant_name
        name = record.speaking.name or named or record.speaking_id or ""
        where = to_assistant(record.shown(record.dumped(destination)), name)
        self._tell(ServerMessageTransferUpdate(where, to_assistant=coming, from_assistant=left))

    def _tell(self, body: Body) -> None:
        self._show(body)
        if self.receiver is not None and not self._over and wanted(body, self.chosen):
            self._save([body])

    def told(self, event: Event) -> None:
        """An event of the conversation."""
        if self._over:
            return
        body = self._body(event) if self.receiver is not None or self.watchers else None
        if body is not None:
            self._show(body)
            if self.receiver is None:
                body = None
        going = [] if body is None or not wanted(body, self.chosen) else [body]
        if going or isinstance(event, events.ConversationChanged):
            self._save(going)

    async def settled(self) -> None:
        """Waits until all writes so far are done, or have failed once and are retried by the ledger."""
        if self._last is not None:
            await asyncio.wait([self._last])

    def _body(self, event: Event) -> Body | None:
        """The message for an event, if there is one."""
        match event:
            case events.SpeechStarted(role, turn):
                return ServerMessageSpeechUpdate("started", role, turn)
            case events.SpeechStopped(role, turn):
                return ServerMessageSpeechUpdate("stopped", role, turn)
            case events.TranscriptHeard(role, text, final):
                kind: Literal["partial", "final"] = "final" if final else "partial"
                return self._transcript(role, kind, text)
            case events.AssistantInterrupted(turn):
                return ServerMessageUserInterrupted(str(turn))
            case events.ModelWrote(output, turn):
                return ServerMessageModelOutput(output, str(turn))
            case events.VoiceText(text):
                return ServerMessageVoiceInput(text)
            case events.AssistantLate():
                return ServerMessageHang()
            case events.SpeechWritten(text, turn, source):
                return ServerMessageAssistantSpeech(text, turn, source)
            case events.ConversationChanged() if "conversation-update" in self.chosen:
                # The only one that costs something: built when it is sure to go out.
                return messages.conversation_update(self._record)
            case _:
                return None

    def _transcript(
        self, role: Literal["assistant", "user"], kind: Literal["partial", "final"], text: str
    ) -> ServerMessageTranscript:
        """A transcript message, with the assistant's name if it is the assistant who spoke."""
        if role == "user":
            return ServerMessageTranscript(role, kind, text)
        record = self._record
        return ServerMessageTranscript(role, kind, text, record.speaking_id, record.speaking.name)

    def _show(self, body: Body) -> None:
        if self.watchers and not self._over and not isinstance(body, ServerMessageConversationUpdate):
            shown = {**body.properties(), "timestamp": round(self._now() * 1000)}
            self.watchers.tell(CallEvent(body.type, json.dumps(shown)))

    def _save(self, bodies: Sequence[Body]) -> None:
        receiver, record, now = self.receiver, self._record, self._now()
        outgoing: list[Outgoing] = []
        if receiver is not None:
            outgoing = [Outgoing(body.type, messages.message(body, record, now), receiver) for body in bodies]
        self._last = self._ledger.save(record, outgoing)
