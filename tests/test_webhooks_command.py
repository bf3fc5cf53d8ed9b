"""`offhook webhooks` as a person runs it."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from offhook.store import Database, IdMaker
from tests.test_cli import Run, prepared_here, run_here

__all__ = ["prepared_here", "run_here"]


class Messages:
    """Two orgs' messages, written the way a service writes them."""

    def __init__(self, database: Path, orgs: list[str]) -> None:
        self._url = f"sqlite:///{database}"
        self.orgs = orgs

    def put(self, org: str, call: str, *, given_up: bool) -> str:
        return asyncio.run(self._put(org, call, given_up))

    async def _put(self, org: str, call: str, given_up: bool) -> str:
        rng = random.SystemRandom()
        database = await Database.open(
            self._url, now=lambda: 1_790_000_000.0, new_id=IdMaker(lambda: 1_790_000_000.0, rng)
        )
        async with database.transaction() as tx:
            identity = await tx.outbox.put(
                org_id=org,
                call_id=call,
                type="end-of-call-report",
                host="hooks.example.org:443",
                receiver={"url": "https://hooks.example.org/in?key=hush", "secret": "hush"},
                body=json.dumps(
                    {"message": {"type": "end-of-call-report", "endedReason": "customer-ended-call"}}
                ),
            )
            if given_up:
                row = await tx.outbox.find(org, identity)
                assert row is not None
                await tx.outbox.abandoned(row.id, attempts=13, status=None, error="connection refused")
        await database.close()
        return identity


@pytest.fixture
def messages(prepared_here: Run, tmp_path: Path) -> Messages:
    org = _json(prepared_here("orgs", "create", "First", "--json"))["id"]
    return Messages(tmp_path / "data" / "offhook.db", [org])


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_only_org_need_not_be_named(prepared_here: Run, messages: Messages) -> None:
    waiting = messages.put(messages.orgs[0], "call-1", given_up=False)
    given_up = messages.put(messages.orgs[0], "call-2", given_up=True)

    table = prepared_here("webhooks", "list").stdout
    assert "connection refused" in table
    assert "https://hooks.example.org/in\n" in table.replace("  connection refused", "\n")
    assert "hush" not in table
    assert [one["id"] for one in _json(prepared_here("webhooks", "list", "--json"))] == [given_up, waiting]
    assert [
        one["id"] for one in _json(prepared_here("webhooks", "list", "--state", "abandoned", "--json"))
    ] == [given_up]
    assert [one["id"] for one in _json(prepared_here("webhooks", "list", "--call", "call-1", "--json"))] == [
        waiting
    ]


def test_one_is_shown_and_sent_again(prepared_here: Run, messages: Messages) -> None:
    identity = messages.put(messages.orgs[0], "call-1", given_up=True)

    shown = prepared_here("webhooks", "show", identity)
    assert "state: abandoned" in shown.stdout
    assert '"endedReason": "customer-ended-call"' in shown.stdout
    assert "hush" not in shown.stdout

    again = _json(prepared_here("webhooks", "replay", identity, "--json"))
    assert (again["id"], again["state"], again["attempts"]) == (identity, "pending", 0)
    assert again["message"]["endedReason"] == "customer-ended-call"

    twice = prepared_here("webhooks", "replay", identity)
    assert twice.returncode == 1
    assert twice.stderr == f"offhook: the message {identity} is still on its way\n"


def test_of_several_orgs_one_is_named_and_sees_its_own(prepared_here: Run, messages: Messages) -> None:
    other = _json(prepared_here("orgs", "create", "Second", "--json"))["id"]
    identity = messages.put(other, "call-1", given_up=True)

    unnamed = prepared_here("webhooks", "list")
    foreign = prepared_here("webhooks", "show", identity, "--org", messages.orgs[0])
    unknown = prepared_here("webhooks", "list", "--org", "nobody")

    assert _json(prepared_here("webhooks", "list", "--org", other, "--json"))[0]["id"] == identity
    assert unnamed.stderr.startswith("offhook: there are several orgs: say which with --org ID")
    assert foreign.stderr.startswith(f"offhook: there is no message {identity}")
    assert unknown.stderr.startswith("offhook: there is no org nobody")
    assert {unnamed.returncode, foreign.returncode, unknown.returncode} == {1}
