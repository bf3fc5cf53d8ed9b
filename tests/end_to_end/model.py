"""A language model behind `custom-llm` that says what its test has written down."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.end_to_end.peers import LOOPBACK


@dataclass(frozen=True, slots=True)
class Use:
    """A tool that the model calls."""

    name: str
    arguments: Mapping[str, Any]


Part = str | Use
Script = Sequence[Sequence[Part]]
Request = Mapping[str, Any]


class Models:
    """Chat completions over HTTP, streamed: each path below `/` is a model of its own with its own script,
    one answer after the other. With the last one, if that uses no tool, it hangs up by endCall."""

    def __init__(self) -> None:
        self._scripts: dict[str, list[Sequence[Part]]] = {}
        self.requests: dict[str, list[Request]] = {}
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(self._answer))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def script(self, name: str, answers: Script, **model: Any) -> dict[str, Any]:
        """An assistant's `model` that gives these answers. endCall is one of its tools."""
        self._scripts[name] = list(answers)
        self.requests[name] = []
        tools = [*model.pop("tools", ()), {"type": "endCall"}]
        url = f"http://{LOOPBACK}:{self._server.server_address[1]}/{name}"
        return {"provider": "custom-llm", "url": url, "model": name, "tools": tools, **model}

    def results(self, name: str) -> list[str]:
        """What the model was told of its tools, in its latest request."""
        return [one["content"] for one in self.requests[name][-1]["messages"] if one["role"] == "tool"]

    def said(self, name: str, request: int = -1) -> list[tuple[str, str]]:
        """Role and text of what the model was shown."""
        shown = self.requests[name][request]["messages"]
        return [(one["role"], one["content"]) for one in shown if one.get("content")]

    def _answer(self, path: str, request: Request) -> Sequence[Part]:
        name = path.strip("/").partition("/")[0]
        self.requests[name].append(request)
        script = self._scripts[name]
        parts = script.pop(0) if script else []
        over = not script and not any(isinstance(part, Use) for part in parts)
        return [*parts, Use("endCall", {})] if over else parts


def _handler(answer: Callable[[str, Request], Sequence[Part]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chunks = [_chunk(index, part) for index, part in enumerate(answer(self.path, request))]
            lines = [json.dumps(chunk) for chunk in [*chunks, _end()]]
            data = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads a log."""

    return Handler


def _chunk(index: int, part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return _delta({"content": part})
    call = {
        "index": index,
        "id": f"use-{index}-{part.name}",
        "type": "function",
        "function": {"name": part.name, "arguments": json.dumps(part.arguments)},
    }
    return _delta({"tool_calls": [call]})


def _delta(delta: Mapping[str, Any]) -> dict[str, Any]:
    return _frame([{"index": 0, "delta": delta, "finish_reason": None}])


def _end() -> dict[str, Any]:
    return _frame([{"index": 0, "delta": {}, "finish_reason": "stop"}])


def _frame(choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": choices,
    }
