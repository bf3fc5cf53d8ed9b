"""Commits messages of three calls and delivers them; prints each message once it is durable. With `drain` it
commits nothing, and ends when everything has been delivered."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from offhook.network import AddressGuard
from offhook.network.outside import Outside
from offhook.store import Database, IdMaker
from offhook.webhooks import Client, Outbox, Receiver, RetryPlan


async def pending(database: Database) -> int:
    async with database.reading() as tx:
        return len(await tx.outbox.list("org", state="pending"))


async def main(url: str, hook: str, run: str, what: str) -> None:
    new_id = IdMaker(time.time, random.SystemRandom())
    database = await Database.open(url, now=time.time, new_id=new_id)
    outside = Outside(AddressGuard(allow_private=True))
    client = Client(outside, now=time.time, new_id=new_id)
    outbox = Outbox(database, client, node="child", now=time.time, rng=random.Random(1))
    await outbox.start()
    receiver = Receiver(hook, backoff=RetryPlan("fixed", 10, 0.01))
    if what == "run":
        for number in range(100_000):
            call = f"{run}-{number % 3}"
            async with database.transaction() as tx:
                message = {"message": {"call": call, "number": number}}
                await outbox.put(tx, receiver, call, "org", "status-update", message)
            print(call, number, flush=True)
    while await pending(database):
        await outbox.drain(30)
        await asyncio.sleep(0.02)
    await outbox.close()
    await database.close()
    await outside.aclose()


asyncio.run(main(*sys.argv[1:]))
