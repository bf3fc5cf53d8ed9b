"""What strangers send with a call that nobody takes leaves little behind."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from pathlib import Path
from typing import Any, cast

from offhook.calls.admission.caller import MAX_KEPT_CHARACTERS
from offhook.calls.ledger.stored_ledger import StoredLedger
from offhook.calls.record.reporter import Reporter
from offhook.store import Database, IdMaker
from offhook.webhooks.client import Client
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import Receiver
from tests.calls.house import House, open_house, virtual
from tests.calls.test_ends import slow_start
from tests.calls.test_record import NOW, a_record
from tests.calls.test_whole_call import ended
from tests.store.databases import make_newest

HEADERS = [(f"X-Junk-{n}", f"junk{n}." * 60) for n in range(60)]
"""About 30 kB."""
CANCELLED = "call.ringing.sip-inbound-caller-hungup-before-call-connect"


async def cancelled(house: House) -> None:
    house.build = cast("Any", slow_start)
    phone = await house.phone()
    call = phone.dial()
    await call.place(HEADERS)
    await call.until(lambda: house.ledger.rows, 5)
    call.cancel()
    await call.ended()
    await ended(house)


@virtual
async def test_a_cancelled_call_keeps_its_headers_at_most_once_and_cut(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await cancelled(house)

    assert house.row["endedReason"] == CANCELLED
    junk = house.row["assistantOverrides"]["variableValues"]
    assert 0 < sum(map(len, junk.values())) <= MAX_KEPT_CHARACTERS
    for document in (house.row, *(one.body for one in house.sent)):
        text = json.dumps(document)
        assert text.count(HEADERS[0][1]) == 1
        assert len(text) < MAX_KEPT_CHARACTERS + 6000


async def test_all_tables_together_hold_them_twice_at_most(tmp_path: Path) -> None:
    """In the call's row, and once for all of its messages."""
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
    outbox = Outbox(database, cast("Client", None), node="n", now=lambda: NOW, rng=random.Random(1))
    ledger = StoredLedger(database, outbox, "n")
    ledger.start()
    junk = {name.lower()[2:]: value for name, value in HEADERS[:16]}
    record = a_record(org_id=org.id, overrides={"variableValues": junk})
    reporter = Reporter(record, ledger, lambda: NOW)
    reporter.listen(Receiver("http://owner.test"), ("status-update", "end-of-call-report"))
    await reporter.begin()
    record.status = "ended"
    record.ends(CANCELLED, NOW)
    reporter.status()
    await ledger.close()
    await database.close()

    with contextlib.closing(sqlite3.connect(tmp_path / "calls.db")) as file:
        dump = "\n".join(file.iterdump())
    assert dump.count("end-of-call-report") == 2
    assert 1 <= dump.count(HEADERS[0][1]) <= 2
