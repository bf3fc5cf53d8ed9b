"""Running one piece of work against the configured database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from offhook.commands.failure import fail

if TYPE_CHECKING:
    from offhook.settings import Settings
    from offhook.store import Transaction

T = TypeVar("T")


def settings() -> Settings:
    """From the environment; a wrong one ends the command."""
    from offhook.settings import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as problem:
        fail(str(problem))


def in_transaction(work: Callable[[Transaction], Awaitable[T]]) -> T:
    """What `work` returns, once it is stored. The database must be there and up to date."""
    import asyncio

    from offhook.store import StoreError

    url = settings().database
    try:
        return asyncio.run(_in_transaction(url, work))
    except StoreError as problem:
        fail(str(problem))


async def _in_transaction(url: str, work: Callable[[Transaction], Awaitable[T]]) -> T:
    import random
    import time

    from offhook.store import Database, IdMaker

    database = await Database.open(url, now=time.time, new_id=IdMaker(time.time, random.SystemRandom()))
    try:
        async with database.transaction() as tx:
            return await work(tx)
    finally:
        await database.close()
