"""`offhook db`: the database's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from offhook.commands.configured_database import reading, settings
from offhook.commands.failure import fail

if TYPE_CHECKING:
    from offhook.store import Transaction

app = typer.Typer(help="Bring the database up to date, or see whether it is.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Make the tables, or change them to what this version needs. Safe to run again."""
    import asyncio

    from offhook.folder import check as check_folder
    from offhook.process import StartError
    from offhook.store import StoreError
    from offhook.store import upgrade as upgrade_tables

    chosen = settings()
    try:
        if chosen.database_url is None:
            check_folder(chosen.data)
        asyncio.run(upgrade_tables(chosen.database))
    except (StartError, StoreError) as problem:
        fail(str(problem))
    typer.echo("the database is up to date")


@app.command()
def check() -> None:
    """Say whether the database can be used as it is; exits 1 if not."""

    async def work(tx: Transaction) -> int:
        return len(await tx.orgs.list())

    orgs = reading(work)
    typer.echo(f"the database is up to date and has {orgs} org{'' if orgs == 1 else 's'}")
