"""`offhook keys`: what opens the API. Only a hash of a key is stored, so it is printed once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from offhook.commands.configured_database import Org, in_transaction, org_meant, reading
from offhook.commands.failure import fail
from offhook.commands.show import Json, show

if TYPE_CHECKING:
    from offhook.store import Key, Transaction

HELP = """API keys of an org. A key is shown once, when it is made.

\b
Examples:
  offhook keys create --name laptop
  offhook keys create --org ID --public --json
  offhook keys list
  offhook keys revoke ID
"""

app = typer.Typer(help=HELP, no_args_is_help=True)
MAX_NAME = 40


@app.command()
def create(
    org: Org = None,
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
        return await tx.keys.create(
            await org_meant(tx, org), value, tag="public" if public else "private", name=name
        )

    made = in_transaction(work)
    show(
        [{"id": made.id, "orgId": made.org_id, "tag": made.tag, "name": made.name, "key": value}],
        json,
        one=True,
    )


@app.command("list")
def list_all(org: Org = None, json: Json = False) -> None:
    """The org's keys, by their last four characters."""

    async def work(tx: Transaction) -> list[Key]:
        return await tx.keys.list(await org_meant(tx, org))

    show([_key(key) for key in reading(work)], json)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the key, not the key.")],
    org: Org = None,
) -> None:
    """From now on, the key opens nothing."""

    async def work(tx: Transaction) -> Key | None:
        return await tx.keys.revoke(await org_meant(tx, org), key_id)

    if in_transaction(work) is None:
        fail(f"the org has no key {key_id} in use (see: offhook keys list)")
    typer.echo(f"revoked {key_id}")


def _key(key: Key) -> dict[str, str]:
    return {
        "id": key.id,
        "tag": key.tag,
        "name": key.name,
        "ends": f"...{key.last}",
        "createdAt": key.created_at.isoformat(timespec="seconds"),
        "revokedAt": key.revoked_at.isoformat(timespec="seconds") if key.revoked_at else "",
    }
