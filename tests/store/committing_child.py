"""Commits calls with their messages as fast as it can, and prints the id of each message that is durable."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from offhook.store import Database, IdMaker


async def main(url: str) -> None:
    database = await Database.open(url, now=time.time, new_id=IdMaker(time.time, random.SystemRandom()))
    async with database.transaction() as tx:
        if await tx.orgs.get("org") is None:
            await tx.orgs.create({}, id="org")
    for _ in range(100_000):
        async with database.transaction() as tx:
            call = await tx.calls.begin("org", {"x": "y" * 500}, status="ringing", node="child")
            webhook_id = await tx.outbox.put(
                org_id="org", call_id=call.id, type="status-update", host="h", receiver={}, body=call.id
            )
        print(webhook_id, flush=True)


asyncio.run(main(sys.argv[1]))
