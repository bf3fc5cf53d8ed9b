"""An owner's server in a process of its own: takes every message, answers 200, and keeps what it got.

It can take its time for an answer to who shall answer a call."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.service import HOST, LOAD_CORE


def _answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


_TAKEN = _answer(b"{}")
_CLOSED = _answer(b'{"error":"We are closed."}')
_QUESTION = b'"type":"assistant-request"'


class Hooks:
    """The parent's end."""

    def __init__(self, pipe: Connection, port: int) -> None:
        self._pipe = pipe
        self.url = f"http://{HOST}:{port}/hook"

    def count(self, kind: str | None = None) -> int:
        """How many messages came, of one type or in all."""
        self._pipe.send(("count", kind))
        return int(self._pipe.recv())

    def messages(self, kind: str) -> list[dict[str, Any]]:
        self._pipe.send(("messages", kind))
        found: list[dict[str, Any]] = self._pipe.recv()
        return found

    def delays(self) -> list[float]:
        """Of every message: its arrival less its own timestamp, in seconds."""
        self._pipe.send(("delays", None))
        found: list[float] = self._pipe.recv()
        return found


@contextmanager
def running_hooks(thinks: float = 0.0) -> Iterator[Hooks]:
    """`thinks`: seconds that an assistant-request waits for its answer, which is a refusal."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(theirs, thinks), name="offhook benchmark webhooks"
    )
    process.start()
    try:
        yield Hooks(ours, ours.recv())
        ours.send(("stop", None))
        process.join(10)
    finally:
        if process.is_alive():
            process.kill()
            process.join()


def _run(pipe: Connection, thinks: float) -> None:
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    asyncio.run(_serve(pipe, thinks))


async def _serve(pipe: Connection, thinks: float) -> None:
    got: list[tuple[float, bytes]] = []
    connections: set[asyncio.StreamWriter] = set()
    stop = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                got.append((time.time(), body))
                if _QUESTION in body:
                    await asyncio.sleep(thinks)
                    writer.write(_CLOSED)
                else:
                    writer.write(_TAKEN)
        connections.discard(writer)
        writer.close()

    def asked() -> None:
        what, kind = pipe.recv()
        if what == "stop":
            stop.set()
        else:
            pipe.send(_found(got, what, kind))

    server = await asyncio.start_server(connected, HOST, 0, limit=1 << 22)
    asyncio.get_running_loop().add_reader(pipe.fileno(), asked)
    pipe.send(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    for writer in tuple(connections):
        writer.close()


def _found(got: list[tuple[float, bytes]], what: str, kind: str | None) -> object:
    if what == "count" and kind is None:
        return len(got)
    messages = [(at, json.loads(body)["message"]) for at, body in got]
    if what == "delays":
        return [at - message["timestamp"] / 1000 for at, message in messages]
    chosen = [message for _, message in messages if message["type"] == kind]
    return len(chosen) if what == "count" else chosen
