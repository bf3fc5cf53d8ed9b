"""Nobody answers an assistant-request: every way to fail, and what each caller gets then, on a real node.

All calls are placed at once and looked at one by one afterwards: most of their time is waiting."""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from offhook.phone import PhoneLine
from tests.end_to_end.answers import Receiver, deaf_port, mute_port, receiving
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.failures import BY_NAME, DESK, FAILURES, HOOKED, Failure
from tests.end_to_end.node import Node, Number, new_number
from tests.end_to_end.peers import LOOPBACK
from tests.ports import free_port

TLS = Path(__file__).parent.parent / "network" / "tls"
AT_ONCE = 16
WAYS: dict[str, dict[str, Any]] = {
    "sentence": {},
    "fallback": {"fallbackDestination": DESK},
    "hook-say": {
        "fallbackDestination": DESK,
        "hooks": [{"on": "call.ending", "do": {"type": "say", "exact": "Please send us a letter."}}],
    },
    "hook-transfer": {
        "fallbackDestination": DESK,
        "hooks": [
            {
                "on": "call.ending",
                "do": {"type": "transfer", "destination": {**DESK, "sipUri": f"sip:hook@{LOOPBACK}:5098"}},
            }
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One caller's call: as it saw it, as the API shows it, and what the receiver was told at its end."""

    told: Told
    call: dict[str, Any]
    ended: dict[str, Any] | None


Walked = dict[tuple[str, str], Seen]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    node = Node(tmp_path_factory.mktemp("routing")).start()
    try:
        yield asyncio.run(_walk(node))
    finally:
        node.crash()  # it would wait for the receivers that are not there
    assert "Traceback" not in node.log, node.log


async def _walk(node: Node) -> Walked:
    jobs = [(one, way) for way in ("sentence", "fallback") for one in FAILURES]
    jobs += [(BY_NAME[name], way) for name in HOOKED for way in ("hook-say", "hook-transfer")]
    turn = asyncio.Semaphore(AT_ONCE)
    async with _receivers() as (receiver, ports), exchange(LOOPBACK, node.sip_port) as line:

        async def one(failure: Failure, way: str) -> Seen:
            path = f"{failure.name} {way}".replace(" ", "-")
            async with turn:
                url = failure.url.format(**ports) or receiver.url(path)
                return await _fail(node, receiver, line, failure, url, path, WAYS[way])

        seen = await asyncio.gather(*(one(failure, way) for failure, way in jobs))
    return {(failure.name, way): one for (failure, way), one in zip(jobs, seen, strict=True)}


async def _fail(
    node: Node,
    receiver: Receiver,
    line: PhoneLine,
    failure: Failure,
    url: str,
    path: str,
    fields: dict[str, Any],
) -> Seen:
    if failure.act is not None:
        receiver.acts[path] = failure.act
    server = {"url": "http://nobody.invalid/" if failure.refused_today else url, "timeoutSeconds": 30}
    number: Number = await asyncio.to_thread(new_number, node, answered_by=None, server=server, **fields)
    if failure.refused_today:
        await asyncio.to_thread(_store_url, node, number, url)
    told = await call(line, number.uri())
    shown = await asyncio.to_thread(number.call)
    ended = None
    if failure.act is not None:
        ended = (await receiver.wait_for(path, "status-update", status="ended")).message
        await receiver.wait_for(path, "end-of-call-report")
    return Seen(told, shown, dict(ended) if ended else None)


def _store_url(node: Node, number: Number, url: str) -> None:
    """As a number has it that was made before such URLs were refused."""
    with closing(sqlite3.connect(node.folder / "data" / "offhook.db", timeout=20)) as database, database:
        changed = database.execute(
            "UPDATE phone_numbers SET document = json_set(document, '$.server.url', ?) WHERE id = ?",
            (url, number.id),
        )
        assert changed.rowcount == 1


@asynccontextmanager
async def _receivers() -> AsyncIterator[tuple[Receiver, dict[str, int]]]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(TLS / "server.pem", TLS / "server.key")
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiving())
        ports = {
            "plain": receiver.port,
            "closed": free_port(),
            "tls": (await stack.enter_async_context(receiving(tls))).port,
            "deaf": await stack.enter_async_context(deaf_port()),
            "mute": await stack.enter_async_context(mute_port()),
        }
        yield receiver, ports


EVERY = pytest.mark.parametrize("failure", FAILURES, ids=[one.name.replace(" ", "-") for one in FAILURES])
HOOKS = pytest.mark.parametrize("name", HOOKED)


@EVERY
def test_the_caller_is_told_so_and_hung_up_on(failure: Failure, walked: Walked) -> None:
    seen = walked[failure.name, "sentence"]

    assert (seen.told.progress[-1:], seen.told.refused) == ([180], None)
    assert failure.spoken in seen.told.words
    assert seen.told.hung_up_on
    assert seen.told.refers == []
    assert (seen.call["status"], seen.call["endedReason"]) == ("ended", failure.reason)


@EVERY
def test_the_caller_is_sent_to_the_fallback_destination(failure: Failure, walked: Walked) -> None:
    seen = walked[failure.name, "fallback"]

    assert seen.told.refer_to == f"<{DESK['sipUri']}>"
    assert seen.told.hung_up_on
    assert seen.told.speech < 0.5
    assert (seen.call["status"], seen.call["endedReason"]) == ("ended", failure.reason)
    assert seen.call["destination"] == DESK


@EVERY
def test_all_of_the_request_has_seven_and_a_half_seconds(failure: Failure, walked: Walked) -> None:
    for way in ("sentence", "fallback"):
        ringing = walked[failure.name, way].told.ringing
        # The server's own timeoutSeconds is 30; a slow name server may take its part of the time too.
        assert ringing < 12
        assert not failure.slow or ringing > 5


@pytest.mark.parametrize("name", [one.name for one in FAILURES if one.act is not None])
def test_the_owner_is_told_what_was_wrong(name: str, walked: Walked) -> None:
    failure, seen = BY_NAME[name], walked[name, "sentence"]

    assert seen.ended is not None
    artifacts = seen.ended["inboundPhoneCallDebuggingArtifacts"]
    assert seen.ended["endedReason"] == failure.reason
    assert artifacts["error"]
    if failure.told:
        assert failure.told in artifacts["assistantRequestError"]


def test_what_the_receiver_said_is_shown_to_its_owner(walked: Walked) -> None:
    def response(name: str) -> object:
        ended = walked[name, "sentence"].ended
        assert ended is not None
        return ended["inboundPhoneCallDebuggingArtifacts"].get("assistantRequestResponse")

    assert response("invalid field") == {"assistant": {"firstMessage": 5, "x": 1}}
    assert response("bad request") == {"message": "which caller?"}
    assert response("list") == ["assistantId"]
    assert response("page") == "<html>It works!</html>"


@HOOKS
def test_a_hook_speaks_before_any_fallback(name: str, walked: Walked) -> None:
    seen = walked[name, "hook-say"]

    assert "send us a letter" in seen.told.words
    assert seen.told.hung_up_on
    assert seen.told.refers == []
    assert seen.call["endedReason"] == "call.ending.hook-executed-say"


@HOOKS
def test_a_hook_transfers_before_any_fallback(name: str, walked: Walked) -> None:
    seen = walked[name, "hook-transfer"]

    assert seen.told.refer_to == f"<sip:hook@{LOOPBACK}:5098>"
    assert seen.call["endedReason"] == "call.ending.hook-executed-transfer"
