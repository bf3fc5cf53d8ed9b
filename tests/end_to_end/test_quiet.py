"""Nothing leaves the house: what runs looks up no name, sends no packet and leaves no file in the home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.machine import installed

HOST = Path(__file__).with_name("quiet_host.py")
ROOT = HOST.parents[2]
OFFHOOK = str(Path(sys.executable).with_name("offhook"))
QUIET = {"code": 0, "names": [], "packets": [], "files": []}

TALKATIVE = """
import pathlib, socket
try:
    socket.getaddrinfo("collector.example.org", 443)
except socket.gaierror:
    pass
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
    out.sendto(b"who runs this", ("198.51.100.7", 443))
pathlib.Path.home().joinpath("device-id").touch()
"""

A_CALL = """
import pathlib, subprocess, sys
from tests.end_to_end.node import Node, assistant, new_number
from tests.machine import PATIENCE
node = Node(pathlib.Path(sys.argv[1])).start()
try:
    number = new_number(node, answered_by=assistant())
    call = [sys.argv[2], "call", number.uri(), "--say", "When are you open?", "--say", "Thanks, goodbye."]
    subprocess.run(call, check=True, timeout=PATIENCE)
    assert number.call()["status"] == "ended"
finally:
    node.stop()
"""


def on_a_quiet_host(tmp_path: Path, *command: str) -> dict[str, Any]:
    """What `command` asked of the network, by tests/end_to_end/quiet_host.py."""
    installed("ip", "iproute2")
    report = tmp_path / "report.json"
    alone = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [*alone, sys.executable, str(HOST), str(report), *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert report.exists(), done.stderr
    told: dict[str, Any] = json.loads(report.read_text())
    assert told["code"] == 0, done.stdout + done.stderr
    return told


def test_a_quiet_host_notices_whoever_asks(tmp_path: Path) -> None:
    told = on_a_quiet_host(tmp_path, sys.executable, "-c", TALKATIVE)

    assert set(told["names"]) == {"collector.example.org"}
    assert told["packets"] == ["17 198.51.100.7"]
    assert told["files"] == ["device-id"]


def test_a_demo_asks_nobody(tmp_path: Path) -> None:
    assert on_a_quiet_host(tmp_path, OFFHOOK, "demo") == QUIET


def test_a_node_with_a_call_asks_nobody(tmp_path: Path) -> None:
    command = (sys.executable, "-c", A_CALL, str(tmp_path), OFFHOOK)
    assert on_a_quiet_host(tmp_path, *command) == QUIET


def test_tests_of_the_engines_ask_nobody(tmp_path: Path) -> None:
    tests = ("tests/speech/test_activity.py", "tests/speech/test_local.py")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert on_a_quiet_host(tmp_path, *command) == QUIET
