"""`offhook webhooks`: messages to the orgs' servers, as they wait, arrive or are given up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from offhook.commands.configured_database import Org, in_transaction, org_meant, reading
from offhook.commands.failure import fail
from offhook.commands.show import Json, show

if TYPE_CHECKING:
    from offhook.store import OutboxRow, OutboxState, Transaction

HELP = """Messages to an org's servers: see them, send them again.

\b
Examples:
  offhook webhooks list --state abandoned
  offhook webhooks list --call ID --json
  offhook webhooks show ID
  offhook webhooks replay ID
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

MOST = 1000

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The message's webhook-id.")]


class MessageState(StrEnum):
    pending = "pending"
    delivered = "delivered"
    abandoned = "abandoned"


@app.command("list")
def list_all(
    org: Org = None,
    call: Annotated[str | None, typer.Option("--call", metavar="ID", help="Only those of this call.")] = None,
    state: Annotated[MessageState | None, typer.Option("--state", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="So many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """The newest messages. Delivered ones are kept for OFFHOOK_RETENTION_WEBHOOKS_DAYS."""

    async def work(tx: Transaction) -> list[OutboxRow]:
        wanted: OutboxState | None = None if state is None else state.value
        return await tx.outbox.list(await org_meant(tx, org), state=wanted, call_id=call, limit=limit)

    documents = [_document(row) for row in reading(work)]
    if as_json:
        typer.echo(json.dumps(documents, indent=2))
    else:
        show([_line(document) for document in documents], False)


@app.command("show")
def show_one(webhook_id: WebhookId, org: Org = None, as_json: Json = False) -> None:
    """One message with its body, and how its attempts went."""

    async def work(tx: Transaction) -> OutboxRow | None:
        return await tx.outbox.find(await org_meant(tx, org), webhook_id)

    row = reading(work)
    if row is None:
        _unknown(webhook_id)
    _print(row, as_json)


@app.command()
def replay(webhook_id: WebhookId, org: Org = None, as_json: Json = False) -> None:
    """Send a message again that was delivered or given up, under its id. A running service does it."""

    async def work(tx: Transaction) -> tuple[OutboxRow | None, OutboxRow | None]:
        org_id = await org_meant(tx, org)
        known = await tx.outbox.find(org_id, webhook_id)
        return known, await tx.outbox.replay(org_id, webhook_id)

    known, row = in_transaction(work)
    if known is None:
        _unknown(webhook_id)
    if not known.body:
        fail(f"what the message {webhook_id} said is kept no more, so it cannot be sent again")
    if row is None:
        fail(f"the message {webhook_id} is still on its way")
    _print(row, as_json)


def _unknown(webhook_id: str) -> NoReturn:
    fail(f"there is no message {webhook_id} (see: offhook webhooks list)")


def _document(row: OutboxRow, *, whole: bool = False) -> dict[str, Any]:
    from offhook.webhooks.shown import shown

    return shown(row, whole=whole)


def _line(document: Mapping[str, Any]) -> dict[str, str]:
    columns = ("id", "createdAt", "type", "state", "attempts", "lastStatus", "callId", "url", "lastError")
    return {name: "" if document[name] is None else str(document[name]) for name in columns}


def _print(row: OutboxRow, as_json: bool) -> None:
    document = _document(row, whole=True)
    if as_json:
        typer.echo(json.dumps(document, indent=2))
        return
    message = document.pop("message")
    show([{name: str(value) for name, value in document.items() if value is not None}], False, one=True)
    typer.echo(json.dumps(message, indent=2, ensure_ascii=False))
