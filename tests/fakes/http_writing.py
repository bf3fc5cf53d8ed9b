"""What a fake writes over HTTP: a whole JSON answer, or the events of a stream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

EVENTS = "text/event-stream; charset=utf-8"


def write_json(writer: asyncio.StreamWriter, status: str, value: Any, **headers: str) -> None:
    """Names of `headers` have `_` for `-`."""
    body = json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "Connection: close"]).encode() + b"\r\n\r\n" + body)


def begin_stream(writer: asyncio.StreamWriter, kind: str = EVENTS) -> None:
    """`write_chunk` and `end_stream` follow, or not."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close"
    writer.write(head.encode() + b"\r\n\r\n")


def write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def end_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"0\r\n\r\n")
