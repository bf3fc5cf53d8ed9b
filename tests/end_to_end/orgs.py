"""Another org on the same node, made by the commands that an operator has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.node import KEY, Node
from tests.machine import PATIENCE


class Org(Node):
    """A running node as one org sees it, by its key."""

    def __init__(self, node: Node, key: str = KEY) -> None:
        vars(self).update(vars(node))
        self.key = key

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=PATIENCE)

    def get(self, path: str) -> Any:
        answer = self._ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._ask("POST", path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the resource is after the change."""
        answer = self._ask("PATCH", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """The status and the message of a refusal."""
        answer = self._ask(method, path, body)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["message"]


def another_org(node: Node) -> Org:
    """With a key of its own."""
    org = _command(node, "orgs", "create", f"Org {os.urandom(3).hex()}")
    return Org(node, _command(node, "keys", "create", "--org", org["id"])["key"])


def _command(node: Node, *words: str) -> dict[str, Any]:
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("offhook")), *words, "--json"],
        env={**os.environ, **node.settings},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(ran.stdout)
    found: dict[str, Any] = shown[0] if isinstance(shown, list) else shown
    return found
