"""Commands beside a service: they make nothing, say what keeps them from reading, and judge what runs."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from offhook.folder import DataFolder, check
from offhook.settings import PREFIX, load_settings
from offhook.store import upgrade
from tests.machine import PATIENCE, installed
from tests.test_cli import COMMAND, Run, prepared, prepared_here, run, run_here

__all__ = ["prepared", "prepared_here", "run", "run_here"]

READING = [["keys", "list"], ["webhooks", "show", "one"], ["db", "check"]]
NOBODY = 65_534


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_command_that_reads_makes_nothing(run_here: Run, tmp_path: Path, command: list[str]) -> None:
    folder = tmp_path / "data"
    missing = run_here(*command)
    folder.mkdir()
    empty = run_here(*command)

    assert (missing.returncode, empty.returncode) == (1, 1)
    assert missing.stderr == f"offhook: cannot open {folder}/offhook.db: create the folder {folder}\n"
    assert "there is no database yet; start the service, or run `offhook db upgrade`" in empty.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_doctor_makes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--json", HTTP="127.0.0.1:0", SIP="127.0.0.1:0")

    assert done.returncode == 0, done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_reads_does_not_wait_for_who_writes(prepared_here: Run, tmp_path: Path) -> None:
    assert prepared_here("orgs", "create", "One").returncode == 0
    with closing(sqlite3.connect(tmp_path / "data" / "offhook.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = prepared_here("keys", "list")

    assert (done.returncode, done.stdout) == (0, "none\n"), done.stderr


@pytest.mark.parametrize(
    "command", [["orgs", "list"], ["doctor"], ["db", "upgrade"], ["keys", "create"], ["serve"]], ids=" ".join
)
@pytest.mark.slow
@pytest.mark.parametrize("below", ["", "inner"], ids=["the folder", "a folder in it"])
def test_another_user_s_folder_is_said_to_be(tmp_path: Path, command: list[str], below: str) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "offhook.db").touch()
    done = _without_access(tmp_path / "data", tmp_path / "data" / below, *command)

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert str(tmp_path / "data" / below) in done.stdout + done.stderr
    assert len((done.stderr or "one\n").splitlines()) == 1


def _without_access(closed: Path, data: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """As somebody who may not enter `closed`; root may enter everything, unless it gives that up."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    wanted = {PREFIX + "DATA": str(data), PREFIX + "HTTP": "127.0.0.1:0", PREFIX + "SIP": "127.0.0.1:0"}
    prefix = []
    if os.geteuid() == 0:
        os.chown(closed, NOBODY, NOBODY)
        rights = "-dac_override,-dac_read_search"
        setpriv = installed("setpriv", "util-linux")
        prefix = [setpriv, f"--bounding-set={rights}", f"--inh-caps={rights}"]
    else:
        closed.chmod(0)
    try:
        return subprocess.run(
            [*prefix, *COMMAND, *command],
            env={**mine, **wanted},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    finally:
        if os.geteuid() == 0:
            os.chown(closed, 0, 0)
        else:
            closed.chmod(0o700)


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("before", [False, True], ids=["new", "as an older version left them"])
async def test_what_is_in_the_folder_is_its_owner_s_alone(tmp_path: Path, before: bool) -> None:
    tmp_path.chmod(0o755)
    database = tmp_path / "offhook.db"
    if before:
        await upgrade(f"sqlite:///{database}")
        for name in ("offhook.db", "lock", "node"):
            (tmp_path / name).touch()
            (tmp_path / name).chmod(0o644)

    held = DataFolder.take(tmp_path, lambda: "node-1")
    await upgrade(f"sqlite:///{database}")
    with closing(sqlite3.connect(database)) as reader:
        reader.execute("SELECT count(*) FROM orgs").fetchall()
        modes = {file.name: _mode(file) for file in tmp_path.iterdir() if file.is_file()}
    held.close()

    assert modes == dict.fromkeys(("lock", "node", "offhook.db", "offhook.db-wal", "offhook.db-shm"), 0o600)


async def test_what_root_makes_is_the_folder_s_owner_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs this: what root would give away is only noted. Root's own run has a folder of another."""
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
    owner = data.stat().st_uid, data.stat().st_gid
    given: dict[str, tuple[int, int]] = {}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *to: given.update({Path(path).name: to}))

    check(data)
    await upgrade(f"sqlite:///{data}/offhook.db")
    made = {made.name for made in data.iterdir()}

    assert made == {"recordings", "offhook.db"}
    assert given == dict.fromkeys(made, owner)


@pytest.fixture
def answering() -> Iterator[Callable[[int], tuple[str, int]]]:
    """The address of a service that answers so."""
    servers: list[HTTPServer] = []

    def start(status: int) -> tuple[str, int]:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/health/ready" else 404)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        servers.append(HTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return "127.0.0.1", servers[-1].server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _running(data: Path, **settings: Any) -> DataFolder:
    folder = DataFolder.take(data, lambda: "node")
    folder.tell(load_settings({"data": data, "sip": "127.0.0.1:5060", **settings}).told())
    return folder


@pytest.mark.slow
def test_doctor_judges_the_service_by_its_own_settings(
    prepared: Run, tmp_path: Path, answering: Callable[[int], tuple[str, int]]
) -> None:
    host, port = answering(200)
    folder = _running(tmp_path / "data", http=f"{host}:{port}", max_calls=5, rtp_ports="42000-42999")
    done = prepared(
        "doctor",
        "--json",
        HTTP="0.0.0.0:1",
        MAX_CALLS="2000",
        RTP_PORTS="40000-40009",
        PUBLIC_ADDRESS="203.0.113.7",
        ALLOW_PRIVATE_URLS="1",
    )
    folder.close()
    found = json.loads(done.stdout)

    assert done.returncode == 0, found
    assert "media ports 42000-42999" in [check["check"] for check in found["checks"]]
    assert [note for note in found["notes"] if "loopback" not in note] == []


@pytest.mark.slow
@pytest.mark.parametrize(("status", "says"), [(503, "takes no new calls"), (None, "does not answer")])
def test_doctor_asks_the_service(
    prepared: Run,
    tmp_path: Path,
    answering: Callable[[int], tuple[str, int]],
    status: int | None,
    says: str,
) -> None:
    address = ("127.0.0.1", 1) if status is None else answering(status)
    folder = _running(tmp_path / "data", http=f"{address[0]}:{address[1]}")
    done = prepared("doctor")
    folder.close()

    assert done.returncode == 1
    assert f"WRONG the service runs as process {os.getpid()}\n" in done.stdout
    assert says in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("up", [True, False])
def test_doctor_shows_the_planes(
    prepared: Run, tmp_path: Path, answering: Callable[[int], tuple[str, int]], up: bool
) -> None:
    host, port = answering(200)
    folder = DataFolder.take(tmp_path / "data", lambda: "node")
    planes = [
        {"plane": "call", "process": 7, "since": 1_790_000_000, "restarts": 0, "up": True, "calls": 3},
        {"plane": "api", "process": 8, "since": 1_790_000_000, "restarts": 2, "up": up},
    ]
    settings = load_settings({"sip": "127.0.0.1:5060", "http": f"{host}:{port}"})
    folder.tell({**settings.told(), "planes": planes})
    done = prepared("doctor")
    folder.close()

    assert done.returncode == (0 if up else 1), done.stdout
    assert "ok    call plane, process 7 since 2026-09-21T14:13:20Z, calls: 3\n" in done.stdout
    mark = "ok   " if up else "WRONG"
    assert f"{mark} api plane, process 8 since 2026-09-21T14:13:20Z, restarts: 2\n" in done.stdout


def test_what_a_node_tells_holds_no_secret() -> None:
    secret = "a-secret-that-nobody-may-read"
    flags = dict.fromkeys(("api_key", "secret", "webhook_signing_secret", "openai_api_key"), secret)
    told = load_settings({**flags, "database_url": f"postgresql://u:{secret}@h/n"}).told()

    assert secret not in json.dumps(told)
    assert load_settings(told=told).told() == told
