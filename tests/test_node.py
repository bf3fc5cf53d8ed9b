"""A node in this process: that it tells the truth about itself, and stops when it has lost what it needs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from offhook import node as module
from offhook.calls.ledger import presence
from offhook.calls.ledger.stored_ledger import StoredLedger
from offhook.node import EnginesOf, Node, running_node
from offhook.settings import load_settings
from offhook.store import Database, StoreError
from offhook.vital import Vital
from offhook.webhooks import Outbox
from tests.machine import PATIENCE

ANYWHERE = "127.0.0.1:0"


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(presence, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.1)
    flags: dict[str, Any] = {"data": tmp_path, "http": ANYWHERE, "sip": ANYWHERE}
    settings = load_settings({**flags, "api_key": "a key that is long enough"})
    async with running_node(settings, cast("EnginesOf", lambda context: None)) as running:
        yield running


async def ready(node: Node) -> int:
    async with httpx2.AsyncClient() as http:
        response = await http.get(f"http://127.0.0.1:{node.http.port}/health/ready")
    return response.status_code


async def options(node: Node) -> int:
    """The status that SIP OPTIONS gets."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.setblocking(False)
        phone.bind(("127.0.0.1", 0))
        host, port = phone.getsockname()
        request = (
            f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{id(phone)}\r\n"
            f"From: <sip:p@{host}>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {id(phone)}\r\n"
            f"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        await loop.sock_sendto(phone, request.encode(), ("127.0.0.1", node.sip.port))
        async with asyncio.timeout(PATIENCE):
            answer = await loop.sock_recv(phone, 65535)
    return int(answer.split()[1])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


async def test_ready_means_that_a_call_would_be_answered(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: Database) -> Any:
        raise StoreError("nothing answers")

    assert (await ready(node), await options(node)) == (200, 200)
    with monkeypatch.context() as broken:
        broken.setattr(Database, "transaction", away)
        await until(lambda: not node.calls.takes_calls())
        assert (await ready(node), await options(node)) == (503, 503)
    await until(node.calls.takes_calls)
    assert (await ready(node), await options(node)) == (200, 200)


async def test_a_database_that_does_not_answer_is_away(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def silent(self: Database) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(presence, "BEAT_WITHIN_SECONDS", 0.05)
    with monkeypatch.context() as broken:
        broken.setattr(Database, "transaction", silent)
        await until(lambda: not node.calls.takes_calls())
        assert (await ready(node), await options(node)) == (503, 503)
    await until(node.calls.takes_calls)


@pytest.mark.parametrize("task", ["call ledger", "outbox", "presence"])
async def test_a_node_stops_with_a_line_when_a_task_ends_that_it_needs(
    node: Node, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    (found,) = [one for one in asyncio.all_tasks() if one.get_name() == task]
    found.cancel()
    async with asyncio.timeout(PATIENCE):
        await node.vital.lost.wait()
    assert "the node stops" in node.vital.reason
    assert node.vital.reason in [record.getMessage() for record in caplog.records]


async def test_nobody_waits_for_a_ledger_that_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = StoredLedger(cast("Database", None), cast("Outbox", SimpleNamespace(begun=id)), "node")

    async def die(batch: object) -> None:
        await asyncio.sleep(0.01)
        raise MemoryError

    monkeypatch.setattr(ledger, "_run", die)
    ledger.start()
    number = SimpleNamespace(settings=SimpleNamespace(id=None))
    record: Any = SimpleNamespace(
        id="c1", org_id="org", status="ringing", number=number, document=lambda: {"status": "ringing"}
    )
    async with asyncio.timeout(PATIENCE):
        await ledger.begin(record)
        await ledger.begin(record)
        await ledger.close()


async def test_what_ends_while_the_node_closes_is_no_loss() -> None:
    vital = Vital()
    task = asyncio.create_task(asyncio.sleep(3600))
    vital.watch("a task", task)
    vital.close()
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert (vital.lost.is_set(), vital.reason) == (False, "")
