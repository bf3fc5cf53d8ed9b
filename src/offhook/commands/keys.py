"""`offhook keys`: what opens the API. Only a hash of a key is stored, so it is printed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offhook.commands.database import in_transaction
from offhook.commands.failure import fail
from offhook.commands.show import Json, show

if TYPE_CHECKING:
    from offhook.store import Key, Transaction

app = typer.Typer(help="API keys of an org. A key is shown once, when it is made.", no_args_is_help=True)

Org = Annotated[str, typer.Option("--org", metavar="ID", help="The org (see: offhook orgs list).")]
MAX_NAME = 40


@app.command()
def create(
    org: Org,
    public: Annotated[bool, typer.Option("--public", help="A key that may be shown in a browser.")] = False,
    name: Annotated[str, typer.Option("--name", help="What it is for, for you.")] = "",
    json: Json = False,
) -> None:
    """Make a key and print it, this once."""
    from offhook.bootstrap import new_key

    if len(name) > MAX_NAME:
        fail(f"a name has at most {MAX_NAME} characters")
    value = new_key()

    async def work(tx: Transaction) -> Key:
        await _require_org(tx, org)
        return await tx.keys.create(org, value, tag="public" if public else "private", name=name)

    made = in_transaction(work)
    show(
        [{"id": made.id, "orgId": made.org_id, "tag": made.tag, "name": made.name, "key": value}],
        json,
        one=True,
    )


@app.command("list")
def list_all(org: Org, json: Json = False) -> None:
    """The org's keys, by their last four characters."""

    async def work(tx: Transaction) -> list[Key]:
        await _require_org(tx, org)
        return await tx.keys.list(org)

    show([_key(key) for key in in_transaction(work)], json)


@app.command()
def revoke(org: Org, key_id: Annotated[str, typer.Argument(help="The id of the key, not the key.")]) -> None:
    """From now on, the key opens nothing."""

    async def work(tx: Transaction) -> Key | None:
        return await tx.keys.revoke(org, key_id)

    if in_transaction(work) is None:
        fail(f"org {org} has no key {key_id} in use (see: offhook keys list --org {org})")
    typer.echo(f"revoked {key_id}")


async def _require_org(tx: Transaction, org: str) -> None:
    if await tx.orgs.get(org) is None:
        fail(f"there is no org {org} (see: offhook orgs list)")


def _key(key: Key) -> dict[str, str]:
    return {
        "id": key.id,
        "tag": key.tag,
        "name": key.name,
        "ends": f"...{key.last}",
        "createdAt": key.created_at.isoformat(timespec="seconds"),
        "revokedAt": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else "",
    }
