"""The real service as a child process, and what tests want to know about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.end_to_end.peers import LOOPBACK, Peer, soon
from tests.machine import PATIENCE
from tests.ports import free_port

if TYPE_CHECKING:
    from vapi import Vapi

KEY = "end-to-end-key-0123456789"


class Node:
    """`offhook serve` on free loopback ports with a data folder of its own."""

    def __init__(self, folder: Path, *, sip_host: str = LOOPBACK, **environment: str) -> None:
        """`environment`: settings by their names, as OFFHOOK_... has them."""
        self.folder = folder
        self.http_port = free_port()
        self.sip_port = free_port("::" if sip_host == "::" else LOOPBACK)
        host = f"[{sip_host}]" if ":" in sip_host else sip_host
        self.settings = {
            "OFFHOOK_HTTP": f"{LOOPBACK}:{self.http_port}",
            "OFFHOOK_SIP": f"{host}:{self.sip_port}",
            "OFFHOOK_DATA": str(folder / "data"),
            "OFFHOOK_API_KEY": KEY,
            "OFFHOOK_ALLOW_PRIVATE_URLS": "1",
            "OFFHOOK_WORKERS": "1",
            **environment,
        }
        self._peer: Peer | None = None
        self._web: httpx.Client | None = None

    @property
    def peer(self) -> Peer:
        assert self._peer is not None
        return self._peer

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def api(self) -> Vapi:
        """The official client. Whoever uses it stands in `OF_THE_SDK` of `tests/order.py`."""
        from vapi import Vapi

        if self._web is None:
            self._web = httpx.Client(timeout=PATIENCE, follow_redirects=True)
        return Vapi(token=KEY, base_url=self.url, httpx_client=self._web)

    @property
    def log(self) -> str:
        return self.peer.text

    def launch(self) -> Peer:
        """Start the process and leave it to itself."""
        self._peer = Peer(
            str(Path(sys.executable).with_name("offhook")),
            "serve",
            folder=self.folder,
            name="offhook",
            **self.settings,
        )
        return self._peer

    def start(self) -> Node:
        """Start it and wait until it is ready."""
        peer = self.launch()
        soon(lambda: self._ready(peer), why="the service was not ready in time")
        return self

    def _ready(self, peer: Peer) -> bool:
        assert peer.process.poll() is None, f"the service did not start:\n{peer.text}"
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    def crash(self) -> None:
        self.peer.kill()

    def stop(self) -> None:
        if self._web is not None:
            self._web.close()
            self._web = None
        if self._peer is not None:
            self._peer.stop()

    def get(self, path: str) -> Any:
        """The JSON at `path`, as the API writes it."""
        answer = httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What creating a resource returns."""
        answer = httpx.post(
            f"{self.url}{path}", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    def delete(self, path: str) -> None:
        answer = httpx.delete(
            f"{self.url}{path}", headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE
        )
        assert answer.status_code == 200, answer.text

    def call_of(self, number: Number, seconds: float = PATIENCE, status: str | None = "ended") -> Any:
        """The latest call to `number`, once it has `status`."""

        def find() -> Any:
            calls = self.get(f"/call?phoneNumberId={number.id}")
            return calls[0] if calls and status in (None, calls[0]["status"]) else None

        return soon(find, seconds, f"no call of {number.user} is {status}:\n{self.log[-3000:]}")


class Number:
    """A number of one test, with its own user part."""

    def __init__(self, node: Node, document: Mapping[str, Any]) -> None:
        self.node = node
        self.document = document
        self.id: str = document["id"]
        self.user: str = document["sipUri"].partition(":")[2].partition("@")[0]

    def uri(self, host: str = LOOPBACK) -> str:
        """Where it is dialled."""
        return f"sip:{self.user}@{host}:{self.node.sip_port}"

    def call(self, seconds: float = PATIENCE, status: str | None = "ended") -> Any:
        """The latest call to it."""
        return self.node.call_of(self, seconds, status)


SHOP = """You are the receptionist of the Harbor shop.

- Opening hours: we are open Monday to Friday from eight to six.
- Price of a cleaning: a cleaning costs ninety dollars.
"""


def assistant(**changes: Any) -> dict[str, Any]:
    """A receptionist on the local engines."""
    return {
        "name": "Harbor",
        "firstMessage": "Welcome to the Harbor shop.",
        "endCallMessage": "Thank you for calling. Goodbye!",
        "model": {
            "provider": "vapi",
            "messages": [{"role": "system", "content": SHOP}],
            "tools": [{"type": "endCall"}],
        },
        **changes,
    }


def new_number(node: Node, *, answered_by: Mapping[str, Any] | None, **fields: Any) -> Number:
    """A number, with an assistant of its own when one is given."""
    if answered_by is not None:
        fields["assistantId"] = node.post("/assistant", answered_by)["id"]
    user = "n" + os.urandom(6).hex()
    body = {"provider": "vapi", "sipUri": f"sip:{user}@{LOOPBACK}:{node.sip_port}", **fields}
    return Number(node, node.post("/phone-number", body))
