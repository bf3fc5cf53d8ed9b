"""What a crash left behind: calls that no process holds any more. Each is ended and reported once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from offhook.calls.directory.stored_directory import StoredDirectory, resource
from offhook.calls.privacy import Kept, kept_by, kept_without_assistant
from offhook.calls.record import messages
from offhook.calls.record.call_record import CallRecord, Document
from offhook.calls.routing.decision import Assistant, Directory, understood, who_answers
from offhook.media.recorded import stereo_path
from offhook.schema import effective
from offhook.schema.answered import NotValid
from offhook.schema.assistant import AssistantOverrides, merge
from offhook.schema.server_message import wanted
from offhook.store import Database, Record, Repository, StoreError, Transaction
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import choose_server, find_credentials, receiver_of

WORKER_DIED: Final = "call.in-progress.error-vapifault-worker-died"
LOST: Final = "the process that held the call ended without warning"

_OPENAI_ROLES: Final = {"bot": "assistant", "user": "user", "system": "system"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptMessages:
    """The conversation as it was last written down, in the API's form."""

    kept: Sequence[Document]

    def to_messages(self, offset_epoch: float, started_at: float) -> list[Document]:
        return list(self.kept)

    def to_openai(self) -> list[Document]:
        return [
            {"role": _OPENAI_ROLES[one["role"]], "content": one.get("message", "")}
            for one in self.kept
            if one.get("role") in _OPENAI_ROLES
        ]

    def to_text(self, user_name: str = "User", assistant_name: str = "AI") -> str:
        names = {"user": user_name, "bot": assistant_name}
        return "".join(
            f"{names[one['role']]}: {one.get('message', '')}\n"
            for one in self.kept
            if one.get("role") in names
        )


async def end_orphans(
    database: Database,
    outbox: Outbox,
    node: str,
    now: Callable[[], float],
    recordings: Path,
    recording_urls: Callable[[str], Mapping[str, str]],
) -> int:
    """End every call of `node` that is not ended; returns how many. To be run before that node takes calls.
    A call that cannot be ended is left as it is, with a line. Raises StoreError."""
    async with database.reading() as tx:
        orphans = await tx.calls.unfinished(node)
    directory = StoredDirectory(database)
    ended = 0
    for row in orphans:
        try:
            async with database.reading() as tx:
                record = await _restore(tx, row)
            if record.assistant is None and record.started_at is None:
                await _find_who_would_have_answered(record, directory)
            record.kept = _kept(record)
            if stereo_path(recordings, record.id).exists():
                record.recording_urls = recording_urls(record.id)
            async with database.transaction() as tx:
                moved = await _end(tx, outbox, record, now())
        except StoreError:
            raise
        except Exception:
            _log.exception("call=%s was cut off, and could not be ended", row.id)
            continue
        if moved:
            ended += 1
            _log.warning("call=%s had been cut off by the end of its process: ended and reported", row.id)
    return ended


async def _restore(tx: Transaction, row: Record) -> CallRecord:
    kept = row.document
    org = await tx.orgs.get(row.org_id)
    number = await _resource(tx.phone_numbers, row.org_id, kept.get("phoneNumberId"))
    record = CallRecord(
        id=row.id,
        org_id=row.org_id,
        number=number or {"id": kept.get("phoneNumberId"), "orgId": row.org_id},
        sip_call_id=(kept.get("transport") or {}).get("sbcCallSid", ""),
        customer=kept.get("customer") or {},
        created_at=row.created_at.timestamp(),
        offset=0.0,
        org={} if org is None else org.document,
    )
    record.overrides = kept.get("assistantOverrides") or {}
    record.transient_assistant = kept.get("assistant")
    record.assistant_id = kept.get("assistantId")
    assistant = kept.get("assistant")
    if assistant is None and record.assistant_id:
        assistant = resource(await tx.assistants.get(row.org_id, record.assistant_id))
    record.assistant = None if assistant is None else merge(assistant, record.overrides)
    record.squad, record.squad_id = kept.get("squad"), kept.get("squadId")
    record.destination = kept.get("destination")
    record.started_at = _epoch(kept.get("startedAt"))
    record.transcript = KeptMessages(kept.get("messages") or ())
    record.status = "ended"
    record.ended_reason = WORKER_DIED
    record.ended_message = record.ended_message_unquoted = LOST
    record.ended_at = row.updated_at.timestamp()
    return record


async def _find_who_would_have_answered(record: CallRecord, directory: Directory) -> None:
    """For a call that was cut off while it rang. Its row names no assistant yet, but its number may: that
    one's server is owed the report."""
    variables = record.overrides.get("variableValues") or {}
    caller = record.customer.get("number")
    outcome = await who_answers(record.number, caller, variables, directory, None)
    if isinstance(outcome.action, Assistant):
        record.assistant = outcome.action.document
        record.assistant_id = outcome.action.assistant_id
        record.squad, record.squad_id = outcome.action.squad, outcome.action.squad_id


async def _end(tx: Transaction, outbox: Outbox, record: CallRecord, now: float) -> bool:
    """False if somebody else has ended it."""
    moved = await tx.calls.save(
        record.org_id, record.id, record.document(), status="ended", ended_reason=record.ended_reason
    )
    if not moved:
        return False
    server = choose_server(assistant=record.assistant, number=record.number, org=record.org)
    if server is None:
        return True
    receiver = receiver_of(server, await find_credentials(tx, record.org_id, server))
    chosen = effective.server_messages(_settings(record.assistant))
    for body in (messages.status_update(record), messages.end_of_call_report(record)):
        if wanted(body, chosen):
            await outbox.put(
                tx,
                receiver,
                record.id,
                record.org_id,
                body.type,
                messages.message(body, record, now),
                passing=not record.kept.words,
            )
    return True


def _kept(record: CallRecord) -> Kept:
    try:
        return kept_by(understood(record.assistant or {}), record.org)
    except NotValid:
        return kept_without_assistant(record.assistant, record.org)


def _settings(assistant: Mapping[str, Any] | None) -> AssistantOverrides:
    """What the assistant says. One that cannot be read any more must not keep the node from starting: then
    the usual holds."""
    try:
        return understood(assistant or {})
    except NotValid:
        return AssistantOverrides()


async def _resource(repository: Repository, org_id: str, identity: str | None) -> Mapping[str, Any] | None:
    return resource(await repository.get(org_id, identity)) if identity else None


def _epoch(iso: str | None) -> float | None:
    return None if iso is None else datetime.fromisoformat(iso).timestamp()
