"""Runs one piece of work against the configured database, for one of its orgs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from offhook.commands.failure import fail

if TYPE_CHECKING:
    from offhook.settings import Settings
    from offhook.store import Transaction

T = TypeVar("T")

Org = Annotated[
    str | None,
    typer.Option(
        "--org", metavar="ID", help="The org (see: offhook orgs list); needed if there are several."
    ),
]


def settings() -> Settings:
    """The settings of the environment. Wrong ones end the command."""
    from offhook.settings import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as problem:
        fail(str(problem))


def in_transaction(work: Callable[[Transaction], Awaitable[T]]) -> T:
    """The result of `work`, once it is stored. The database must exist and be up to date."""
    return _run(work, writes=True)


def reading(work: Callable[[Transaction], Awaitable[T]]) -> T:
    """The result of `work`, which only reads. It does not wait for writers."""
    return _run(work, writes=False)


def _run(work: Callable[[Transaction], Awaitable[T]], *, writes: bool) -> T:
    import asyncio

    from offhook.store import StoreError

    url = settings().database
    try:
        return asyncio.run(_with_database(url, work, writes))
    except StoreError as problem:
        fail(str(problem))


async def _with_database(url: str, work: Callable[[Transaction], Awaitable[T]], writes: bool) -> T:
    import random
    import time

    from offhook.store import Database, IdMaker

    new_id = IdMaker(time.time, random.SystemRandom())
    database = await Database.open(url, now=time.time, new_id=new_id, writes=writes)
    try:
        async with database.transaction() if writes else database.reading() as tx:
            return await work(tx)
    finally:
        await database.close()


async def org_meant(tx: Transaction, given: str | None) -> str:
    """The org that was named, or the only one."""
    ids = [record.id for record in await tx.orgs.list()]
    if given is None and len(ids) == 1:
        return ids[0]
    if not ids:
        fail("there is no org yet: offhook serve makes the first, or: offhook orgs create NAME")
    if given is None:
        fail("there are several orgs: say which with --org ID (see: offhook orgs list)")
    if given not in ids:
        fail(f"there is no org {given} (see: offhook orgs list)")
    return given
