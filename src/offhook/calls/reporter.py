"""One call's voice to its owner's server: which messages go out, and that they are written down together with
the state they report (architecture: transactional outbox)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from offhook.calls import messages
from offhook.calls.record import CallRecord, Document
from offhook.conversation.events import (
    ConversationChanged,
    Event,
    ModelOutput,
    SpeechStarted,
    SpeechStopped,
    TranscriptHeard,
    UserInterrupted,
    VoiceInput,
)
from offhook.webhooks.receiver import Receiver

FINAL_TRANSCRIPT: Final = 'transcript[transcriptType="final"]'


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A server message on its way into the outbox."""

    type: str
    body: Document
    receiver: Receiver


class Ledger(Protocol):
    """Where calls are written down. Writes of one call keep their order."""

    def begin(self, record: CallRecord) -> asyncio.Future[None]:
        """Insert the call's row."""
        ...

    def save(self, record: CallRecord, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        """Write the record as it is now and the messages, in one transaction."""
        ...


class Reporter:
    """Turns what happens in a call into server messages.

    `receiver` is the one server that gets them (None: nobody listens, only the record is kept);
    `wanted` are the types that the assistant's `serverMessages` asks for."""

    def __init__(self, record: CallRecord, ledger: Ledger, now: Callable[[], float]) -> None:
        self._record = record
        self._ledger = ledger
        self._now = now
        self._last: asyncio.Future[None] | None = None
        self.receiver: Receiver | None = None
        self.wanted: Collection[str] = ()

    def listen(self, receiver: Receiver | None, wanted: Collection[str]) -> None:
        self.receiver = receiver
        self.wanted = frozenset(wanted)

    def status(self) -> asyncio.Future[None]:
        """The status changed: keep it, and tell it."""
        record = self._record
        bodies = [("status-update", messages.status_update(record, self._now()))]
        if record.status == "ended":
            bodies.append(("end-of-call-report", messages.end_of_call_report(record, self._now())))
        return self._save(
            [one for kind, body in bodies if kind in self.wanted for one in self._outgoing(kind, body)]
        )

    def transferring(self, destination: Document) -> None:
        if "transfer-update" in self.wanted:
            body = messages.transfer_update(self._record, self._now(), destination)
            self._save(self._outgoing("transfer-update", body))

    def told(self, event: Event) -> None:
        """Something happened in the conversation."""
        kind, body = self._message(event)
        outgoing = self._outgoing(kind, body()) if body is not None and self._wants(kind, event) else []
        if outgoing or isinstance(event, ConversationChanged):
            self._save(outgoing)

    async def settled(self) -> None:
        """All writes so far are done (or have failed, which the ledger has logged)."""
        if self._last is not None:
            await asyncio.wait([self._last])

    def _message(self, event: Event) -> tuple[str, Callable[[], Document] | None]:
        record, now = self._record, self._now()
        match event:
            case SpeechStarted() | SpeechStopped():
                return "speech-update", lambda: messages.speech_update(record, now, event)
            case TranscriptHeard():
                return "transcript", lambda: messages.transcript(record, now, event)
            case ConversationChanged():
                return "conversation-update", lambda: messages.conversation_update(record, now)
            case UserInterrupted():
                return "user-interrupted", lambda: messages.user_interrupted(record, now, event)
            case ModelOutput(output, turn):
                return "model-output", lambda: messages.envelope(
                    "model-output", record, now, output=output, turnId=str(turn)
                )
            case VoiceInput(text):
                return "voice-input", lambda: messages.envelope("voice-input", record, now, input=text)
            case _:
                return "", None

    def _wants(self, kind: str, event: Event) -> bool:
        if isinstance(event, TranscriptHeard) and event.final and FINAL_TRANSCRIPT in self.wanted:
            return True
        return kind in self.wanted

    def _outgoing(self, kind: str, body: Document) -> list[Outgoing]:
        return [] if self.receiver is None else [Outgoing(kind, body, self.receiver)]

    def _save(self, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        self._last = self._ledger.save(self._record, outgoing)
        return self._last
