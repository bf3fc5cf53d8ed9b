"""A server that takes webhooks: it keeps them, and answers, waits or fails as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.end_to_end.peers import LOOPBACK, soon
from tests.machine import PATIENCE

Answer = tuple[int, Any]
"""Status and JSON."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST: its headers (names in lower case), its message, when it came (time.monotonic())."""

    headers: Mapping[str, str]
    message: Mapping[str, Any]
    status: int
    at: float

    @property
    def type(self) -> str:
        return str(self.message["type"])


class WebhookSink:
    """`answer(message)` decides the answer and may take its time; by default it is `{}` with 200.

    While it is down, connections are refused; it comes back on the same port."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.answer: Callable[[Mapping[str, Any]], Answer] = lambda message: (200, {})
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}/hook"

    def up(self) -> None:
        server = ThreadingHTTPServer((LOOPBACK, self._port), self._handler())
        server.daemon_threads = True
        server.block_on_close = False
        self._server = server
        self._port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def taken(self, *types: str, answered: bool = True) -> list[Delivery]:
        """What came, of these types or of all, in order; `answered` leaves out what was failed."""
        with self._lock:
            return [
                one
                for one in self.deliveries
                if (not types or one.type in types) and (not answered or one.status < 300)
            ]

    def wait_for(self, type_: str, seconds: float = PATIENCE, **fields: Any) -> Mapping[str, Any]:
        """The first message of this type whose fields have these values."""

        def find() -> Mapping[str, Any] | None:
            for one in self.taken(type_):
                if all(one.message.get(name) == value for name, value in fields.items()):
                    return one.message
            return None

        kinds = [one.type for one in self.deliveries]
        return soon(find, seconds, f"no {type_} with {fields} came; until then {kinds}")

    def _handler(sink) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                message = json.loads(self.rfile.read(length))["message"]
                arrived = time.monotonic()
                status, answer = sink.answer(message)
                headers = {name.lower(): value for name, value in self.headers.items()}
                with sink._lock:
                    sink.deliveries.append(Delivery(headers, message, status, arrived))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read what was delivered, nobody reads a log."""

        return Handler


@contextmanager
def serving(body: bytes, kind: str) -> Iterator[str]:
    """The URL of a file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_address[1]}/file"
        server.shutdown()
