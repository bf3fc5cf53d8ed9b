"""What a crash left behind: calls that no process holds any more. Each is ended and reported once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from offhook.calls import messages
from offhook.calls.record import CallRecord, Document
from offhook.calls.recording import stereo_path
from offhook.schema import effective
from offhook.schema.assistant import AssistantOverrides
from offhook.store import Database, Record, Transaction
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import choose_receiver

WORKER_DIED: Final = "call.in-progress.error-vapifault-worker-died"

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
    """End every call of `node` that is not ended; returns how many. To be run before the node takes calls."""
    async with database.transaction() as tx:
        orphans = await tx.calls.unfinished(node)
    for row in orphans:
        async with database.transaction() as tx:
            record = await _restore(tx, row, now)
            if stereo_path(recordings, record.id).exists():
                record.recording_urls = recording_urls(record.id)
            await _end(tx, outbox, record, now)
        _log.warning("call=%s had been cut off by the end of the process: ended and reported", row.id)
    if orphans:
        outbox.nudge()
    return len(orphans)


async def _restore(tx: Transaction, row: Record, now: Callable[[], float]) -> CallRecord:
    document = row.document
    number = await _document(tx.phone_numbers, row.org_id, document.get("phoneNumberId"))
    assistant = document.get("assistant") or await _document(
        tx.assistants, row.org_id, document.get("assistantId")
    )
    record = CallRecord(
        id=row.id,
        org_id=row.org_id,
        number=number or {"id": document.get("phoneNumberId"), "orgId": row.org_id},
        sip_call_id=(document.get("transport") or {}).get("sbcCallSid", ""),
        customer=document.get("customer") or {},
        created_at=row.created_at.timestamp(),
        offset=0.0,
    )
    record.assistant = assistant
    record.assistant_id = document.get("assistantId")
    record.transient_assistant = bool(document.get("assistant"))
    record.overrides = document.get("assistantOverrides") or {}
    record.squad, record.squad_id = document.get("squad"), document.get("squadId")
    record.destination = document.get("destination")
    record.started_at = _epoch(document.get("startedAt"))
    record.transcript = KeptMessages(document.get("messages") or ())
    record.status = "ended"
    record.ended_reason = WORKER_DIED
    record.ended_message = "the process that held the call ended without warning"
    record.ended_at = row.updated_at.timestamp()
    return record


async def _end(tx: Transaction, outbox: Outbox, record: CallRecord, now: Callable[[], float]) -> None:
    moved = await tx.calls.save(
        record.org_id, record.id, record.document(), status="ended", ended_reason=record.ended_reason
    )
    org = await tx.orgs.get(record.org_id)
    receiver = choose_receiver(
        assistant=record.assistant, number=record.number, org=None if org is None else org.document
    )
    if receiver is None or not moved:
        return
    wanted = effective.server_messages(AssistantOverrides.model_validate(record.assistant or {}))
    for kind, body in (
        ("status-update", messages.status_update(record, now())),
        ("end-of-call-report", messages.end_of_call_report(record, now())),
    ):
        if kind in wanted:
            await outbox.put(tx, receiver, record.id, record.org_id, kind, body)


async def _document(repository: Any, org_id: str, resource_id: str | None) -> Mapping[str, Any] | None:
    if not resource_id:
        return None
    row: Record | None = await repository.get(org_id, resource_id)
    return None if row is None else {**row.document, "id": row.id, "orgId": row.org_id}


def _epoch(iso: str | None) -> float | None:
    return None if iso is None else datetime.fromisoformat(iso).timestamp()
