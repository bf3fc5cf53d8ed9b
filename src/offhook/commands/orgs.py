"""`offhook orgs`: tenants, each with its own keys, numbers, assistants and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offhook.commands.configured_database import in_transaction, reading
from offhook.commands.failure import fail
from offhook.commands.show import Json, show

if TYPE_CHECKING:
    from offhook.store import Record, Transaction

HELP = """Tenants, each with keys, numbers and calls of its own.

\b
Examples:
  offhook orgs create "Harbor Dental"
  offhook orgs list --json
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

MAX_NAME = 40


@app.command()
def create(name: Annotated[str, typer.Argument(help="Its name, for you.")], json: Json = False) -> None:
    """Make another org. It needs a key before it can do anything: offhook keys create --org ID."""
    if not 1 <= len(name) <= MAX_NAME:
        fail(f"a name has 1 to {MAX_NAME} characters")

    async def work(tx: Transaction) -> Record:
        return await tx.orgs.create({"name": name})

    show([_org(in_transaction(work))], json, one=True)


@app.command("list")
def list_all(json: Json = False) -> None:
    """All orgs, the oldest first."""

    async def work(tx: Transaction) -> list[Record]:
        return await tx.orgs.list()

    show([_org(record) for record in reading(work)], json)


def _org(record: Record) -> dict[str, str]:
    return {
        "id": record.id,
        "name": record.document.get("name") or "",
        "createdAt": record.created_at.isoformat(timespec="seconds"),
    }
