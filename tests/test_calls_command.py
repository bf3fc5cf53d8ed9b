"""`offhook calls` as a person runs it."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from offhook.store import Database, IdMaker
from tests.test_cli import Run, prepared_here, run_here

__all__ = ["prepared_here", "run_here"]

NOW = 1_790_000_000.0
ENDED = {
    "status": "ended",
    "endedReason": "customer-ended-call",
    "customer": {"number": "+15550101000"},
    "messages": [
        {"role": "bot", "message": "Hello.", "secondsFromStart": 0.5},
        {"role": "tool_calls", "toolCalls": []},
        {"role": "user", "message": "When do you open?", "secondsFromStart": 2.25},
    ],
}
EVENTS = [
    {"type": "call", "call": {"status": "in-progress"}},
    {"type": "speech-update", "status": "started", "role": "user"},
    {"type": "transcript", "role": "user", "transcriptType": "partial", "transcript": "When"},
    {"type": "transcript", "role": "user", "transcriptType": "final", "transcript": "When do you open?"},
    {"type": "user-interrupted"},
    {"type": "status-update", "status": "ended", "endedReason": "customer-ended-call"},
]
END = {"type": "end", "complete": True}


@pytest.fixture
def calls(prepared_here: Run, tmp_path: Path) -> list[str]:
    """The ids of a call that goes on and of one that has ended."""
    org = json.loads(prepared_here("orgs", "create", "First", "--json").stdout)["id"]

    async def put() -> list[str]:
        url = f"sqlite:///{tmp_path / 'data' / 'offhook.db'}"
        new_id = IdMaker(lambda: NOW, random.SystemRandom())
        database = await Database.open(url, now=lambda: NOW, new_id=new_id)
        async with database.transaction() as tx:
            found = [await tx.calls.create(org, one) for one in ({"status": "in-progress"}, ENDED)]
        await database.close()
        return [one.id for one in found]

    return asyncio.run(put())


def test_calls_are_listed_with_why_they_ended(prepared_here: Run, calls: list[str]) -> None:
    table = prepared_here("calls", "list").stdout.splitlines()
    assert len(table) == 3
    assert any("customer-ended-call" in line and "+15550101000" in line for line in table)
    live = json.loads(prepared_here("calls", "list", "--status", "in-progress", "--json").stdout)
    assert [one["id"] for one in live] == calls[:1]
    assert prepared_here("calls", "list", "--status", "queued").stdout == "none\n"


def test_a_call_is_read_with_what_was_said(prepared_here: Run, calls: list[str]) -> None:
    shown = prepared_here("calls", "show", calls[1]).stdout
    assert "reason: customer-ended-call\n" in shown
    assert shown.endswith("    0.5  bot        Hello.\n    2.2  user       When do you open?\n")
    assert json.loads(prepared_here("calls", "show", calls[1], "--json").stdout)["id"] == calls[1]
    unknown = prepared_here("calls", "show", "nothing")
    assert (unknown.returncode, "there is no call nothing" in unknown.stderr) == (1, True)


class Service(ThreadingHTTPServer):
    """Answers as the service does."""

    events: tuple[object, ...] = (*EVENTS, END)
    status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        assert self.path == "/call/one/events"
        known = self.headers["Authorization"] == "Bearer the-key"
        self.send_response(self.server.status if known else 401)
        self.end_headers()
        if self.server.status != 200 or not known:
            self.wfile.write(b'{"message": "Invalid Key."}')
            return
        for event in self.server.events:
            self.wfile.write(f"event: any\ndata: {json.dumps(event)}\n\n: nothing new\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), _Answer) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def test_a_call_is_followed_to_its_end(prepared_here: Run, service: Service) -> None:
    done = prepared_here("calls", "watch", "one", "--url", service.url, "--key", "the-key")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "the call is in-progress",
        "user: When do you open?",
        "(user-interrupted)",
        "the call is ended: customer-ended-call",
    ]
    raw = prepared_here("calls", "watch", "one", "--url", service.url, "--key", "the-key", "--json")
    assert [json.loads(line) for line in raw.stdout.splitlines()] == [*EVENTS, END]


def test_a_call_that_is_lost_sight_of_is_said(prepared_here: Run, service: Service) -> None:
    for last in ([], [{"type": "end", "complete": False}]):
        service.events = (*EVENTS[:2], *last)
        done = prepared_here("calls", "watch", "one", "--url", service.url, "--key", "the-key")
        assert (done.returncode, done.stdout) == (1, "the call is in-progress\n")
        assert "the service tells no more of this call" in done.stderr


def test_a_service_that_refuses_or_is_not_there_is_said(prepared_here: Run, service: Service) -> None:
    refused = prepared_here("calls", "watch", "one", "--url", service.url, "--key", "another")
    assert (refused.returncode, "answers 401: Invalid Key." in refused.stderr) == (1, True)
    for url in ("http://127.0.0.1:1", "no-address"):
        away = prepared_here("calls", "watch", "one", "--url", url, "--key", "the-key")
        assert (away.returncode, "cannot be followed" in away.stderr) == (1, True)
    here = prepared_here("calls", "watch", "one", "--key", "the-key")
    assert (here.returncode, "no service runs with the data folder" in here.stderr) == (1, True)
    keyless = prepared_here("calls", "watch", "one")
    assert (keyless.returncode, "set OFFHOOK_API_KEY, or use --key" in keyless.stderr) == (1, True)
