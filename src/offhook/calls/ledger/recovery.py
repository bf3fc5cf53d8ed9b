"""What a crash has left: calls that no process holds any more. Each is ended and reported once."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from offhook.calls.directory.documented import Documented, StoredNotValid, resource
from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.calls.privacy import kept_by, kept_without_assistant
from offhook.calls.record import messages
from offhook.calls.record.call_facts import Document
from offhook.calls.record.call_record import CallRecord
from offhook.calls.routing.assistants import AssistantDirectory
from offhook.calls.routing.decision import who_answers
from offhook.calls.routing.outcome import AnsweringAssistant, FoundAssistant
from offhook.json_document import ResourceDocument
from offhook.media.recorded import stereo_path
from offhook.schema.answered import NotValid
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import AssistantOverrides, merge
from offhook.schema.calls.kept_call import KeptCall
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO
from offhook.schema.server import read_server
from offhook.schema.stored import assistant_of, number_of, org_of, squad_of
from offhook.schema.webhooks.server_message import wanted
from offhook.store import Database, Record, StoreError, Transaction
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import choose_server, find_credential, receiver_of

WORKER_DIED: Final = "call.in-progress.error-vapifault-worker-died"
LOST: Final = "the process that held the call ended without warning"

_OPENAI_ROLES: Final = {"bot": "assistant", "user": "user", "system": "system"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptMessages:
    """The conversation as it was last stored, in the API's form."""

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
    """Ends every call of `node` that has not ended and returns how many there were. Runs before that node
    accepts calls. A call that cannot be ended stays as it is, with a log line. Raises StoreError."""
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
            if stereo_path(recordings, record.id).exists():
                record.recording_urls = recording_urls(record.id)
            async with database.transaction() as tx:
                moved = await _end(tx, outbox, record, now())
        except StoreError:
            raise
        except Exception:
            _log.exception("call=%s lost its process and could not be ended", row.id)
            continue
        if moved:
            ended += 1
            _log.warning("call=%s ended and reported: its process had died", row.id)
    return ended


async def _restore(tx: Transaction, row: Record) -> CallRecord:
    kept = KeptCall.of(row.document)
    org = await tx.orgs.get(row.org_id)
    record = CallRecord(
        id=row.id,
        org_id=row.org_id,
        number=await _number(tx, row.org_id, kept.phone_number_id),
        sip_call_id=kept.sip_call_id,
        customer=kept.customer,
        created_at=row.created_at.timestamp(),
        offset=0.0,
        org=UpdateOrgDTO() if org is None else org_of(org.document),
    )
    record.overrides = _overrides(kept.overrides)
    record.transient_assistant = kept.assistant
    record.assistant_id = kept.assistant_id
    assistant = kept.assistant
    if assistant is None and record.assistant_id:
        stored = await tx.assistants.get(row.org_id, record.assistant_id)
        assistant = None if stored is None else resource(stored)
    record.kept = kept_without_assistant(None, record.org)
    if assistant is not None:
        _answered_by(record, merge(assistant, kept.overrides))
    record.squad = None if kept.squad is None else Documented(kept.squad, squad_of)
    record.squad_id = kept.squad_id
    record.destination = kept.destination
    record.started_at = _epoch(kept.started_at)
    record.transcript = KeptMessages(kept.messages)
    record.status = "ended"
    record.ended_reason = WORKER_DIED
    record.ended_message = record.ended_message_unquoted = LOST
    record.ended_at = row.updated_at.timestamp()
    return record


async def _number(tx: Transaction, org_id: str, identity: str | None) -> Documented[StoredPhoneNumber]:
    """The number; or what the row says of it, if the number is gone or cannot be read."""
    row = await tx.phone_numbers.get(org_id, identity) if identity else None
    if row is not None:
        number = Documented(resource(row), number_of)
        with contextlib.suppress(StoredNotValid):
            number.settings  # noqa: B018 - read now, while there is another way
            return number
    return Documented(StoredPhoneNumber(id=identity, org_id=org_id).model_dump(by_alias=True), number_of)


def _answered_by(record: CallRecord, document: ResourceDocument) -> None:
    """The assistant that answered. One that cannot be read must not keep the node from starting: then the
    defaults hold, and its server still gets the report."""
    try:
        settings = assistant_of(document)
        record.kept = kept_by(settings, record.org)
    except NotValid:
        settings = AssistantOverrides.model_construct({"server"}, server=read_server(document))
        record.kept = kept_without_assistant(document, record.org)
    record.assistant = FoundAssistant(settings, record.assistant_id, document, unchanged=True)


def _overrides(document: ResourceDocument) -> AssistantOverrides:
    try:
        return assistant_of(document)
    except NotValid:
        return AssistantOverrides()


async def _find_who_would_have_answered(record: CallRecord, directory: AssistantDirectory) -> None:
    """Finds the assistant for a call that was cut off while it rang. The row names none yet, but the number
    may, and its server is owed the report."""
    variables = record.overrides.variable_values or {}
    caller = record.customer.get("number")
    outcome = await who_answers(record.number.settings, caller, variables, directory, None)
    action, meant = outcome.action, outcome.failure and outcome.failure.meant
    if isinstance(action, AnsweringAssistant):
        record.assistant, record.assistant_id = action.found, action.found.assistant_id
        record.squad, record.squad_id = action.squad, action.squad_id
        record.kept = kept_by(action.found.settings, record.org)
    elif meant is not None:
        record.kept = kept_without_assistant(meant, record.org)


async def _end(tx: Transaction, outbox: Outbox, record: CallRecord, now: float) -> bool:
    """False if another node has ended it."""
    moved = await tx.calls.save(
        record.org_id, record.id, record.document(), status="ended", ended_reason=record.ended_reason
    )
    if not moved:
        return False
    server = choose_server(assistant=record.speaking, number=record.number.settings, org=record.org)
    if server is None:
        return True
    receiver = receiver_of(server, await find_credential(tx, record.org_id, server))
    chosen = effective.server_messages(record.speaking)
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


def _epoch(iso: str | None) -> float | None:
    return None if iso is None else datetime.fromisoformat(iso).timestamp()
