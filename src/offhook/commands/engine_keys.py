"""`offhook doctor --engines`: is each key that is configured one that its vendor takes?"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from offhook.engines.probes import Probed
    from offhook.settings import Settings
    from offhook.speech.engine_request import Account

AT_ONCE: Final = 8
MOST_CREDENTIALS: Final = 1000
MOST_ASSISTANTS: Final = 1000


@dataclass(frozen=True, slots=True)
class ConfiguredKey:
    """`of`: whose it is, the node's or an org's."""

    provider: str
    of: str
    account: Account


def try_engines(settings: Settings, as_json: bool) -> None:
    """Prints a line for each key, the node's and those of all orgs. Exits with 1 if one is refused or its
    vendor is not reached."""
    keys = [*_of_node(settings), *_of_orgs(settings)]
    answers = asyncio.run(_probed(settings, keys))
    rows = [
        {"engine": key.provider, "key": key.of, "accepted": answer.accepted, "answer": answer.words}
        for key, answer in zip(keys, answers, strict=True)
    ]
    if as_json:
        typer.echo(json.dumps({"engines": rows}, indent=2))
    elif not rows:
        typer.echo("no key is configured: set OFFHOOK_<PROVIDER>_API_KEY, or store a credential")
    else:
        told = ((key.provider, key.of, answer.words) for key, answer in zip(keys, answers, strict=True))
        _table([("engine", "key", "answer"), *told])
    if any(answer.accepted is False for answer in answers):
        raise typer.Exit(1)


def _table(rows: list[tuple[str, str, str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for provider, of, words in rows:
        typer.echo(f"{provider:<{widths[0]}}  {of:<{widths[1]}}  {words}")


def _of_node(settings: Settings) -> list[ConfiguredKey]:
    from offhook.engines.vendors import KEYED
    from offhook.speech.engine_request import Account

    accounts = ((provider, *settings.account(provider)) for provider in KEYED)
    return [
        ConfiguredKey(provider, "the node's", Account(key, url, by_operator=url is not None))
        for provider, key, url in accounts
        if key
    ]


def _of_orgs(settings: Settings) -> list[ConfiguredKey]:
    """Those of vendors that are served."""
    import random
    import time

    from pydantic import TypeAdapter

    from offhook.engines.vendors import KEYED
    from offhook.schema.answered import NotValid, read
    from offhook.schema.credential import AnyCredential, AzureCredential, AzureOpenAICredential
    from offhook.speech.engine_protocols import EngineError
    from offhook.speech.engine_request import Account, account_of
    from offhook.speech.providers import azure
    from offhook.store import Database, IdMaker, StoreError

    if settings.database_url is None and not os.path.exists(settings.database.partition(":///")[2]):
        return []  # the first start makes it
    adapter: TypeAdapter[Any] = TypeAdapter(AnyCredential)

    def account(given: object) -> Account | None:
        """None for one that no engine is used with."""
        try:
            credential = read(AnyCredential, given, adapter, "a credential")
            if isinstance(credential, AzureOpenAICredential):
                return Account(credential.open_ai_key, credential.open_ai_endpoint)
            provider = str(getattr(credential, "provider", ""))
            storage = isinstance(credential, AzureCredential) and credential.service != "speech"
            if provider not in KEYED or storage:
                return None
            found = account_of("model", provider, Account(*settings.account(provider)), credential)
            address = azure.of_credential(credential, "tts")
        except (NotValid, EngineError, ValueError):
            return None
        return Account(found.key, address) if address else found

    def key_of(given: object, of: str) -> list[ConfiguredKey]:
        found = account(given)
        name = str(given.get("provider")) if isinstance(given, Mapping) else ""
        return [] if found is None else [ConfiguredKey(name, of, found)]

    async def all_of_them() -> list[ConfiguredKey]:
        new_id = IdMaker(time.time, random.SystemRandom())
        database = await Database.open(settings.database, now=time.time, new_id=new_id, writes=False)
        try:
            async with database.reading() as tx:
                found: list[ConfiguredKey] = []
                for org in await tx.orgs.list():
                    for one in await tx.credentials.list(org.id, limit=MOST_CREDENTIALS):
                        found += key_of(one.document, f"credential {one.id} of org {org.id}")
                    for one in await tx.assistants.list(org.id, limit=MOST_ASSISTANTS):
                        for own in one.document.get("credentials") or ():
                            found += key_of(own, f"assistant {one.id} of org {org.id}")
                return found
        finally:
            await database.close()

    try:
        return asyncio.run(all_of_them())
    except StoreError as problem:
        typer.echo(f"the credentials of orgs are not tried: {problem}", err=True)
        return []


async def _probed(settings: Settings, keys: list[ConfiguredKey]) -> list[Probed]:
    from offhook.engines.probes import probed
    from offhook.network.guard import AddressGuard
    from offhook.network.outside import Outside

    outside = Outside(AddressGuard(allow_private=settings.allow_private_urls))
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(key: ConfiguredKey) -> Probed:
        async with turns:
            way = outside.for_operator if key.account.by_operator else outside
            return await probed(key.provider, key.account, way)

    try:
        return list(await asyncio.gather(*map(one, keys)))
    finally:
        await outside.aclose()
