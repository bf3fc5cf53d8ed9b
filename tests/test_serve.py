"""`offhook serve`: what keeps it from starting, what it prints, and how it is stopped while it starts.

Nothing here waits for a model: all of it happens before."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from offhook import listening, node
from offhook.commands import serve
from offhook.network import Address
from offhook.planes import call_plane, media_here, supervisor
from offhook.process import StartError
from offhook.settings import Settings, load_settings
from offhook.speech.activity import VoiceActivity
from tests.machine import PATIENCE
from tests.test_cli import COMMAND, Run, prepared, prepared_here, run, run_here

pytestmark = pytest.mark.slow

__all__ = ["prepared", "prepared_here", "run", "run_here"]

LOOPBACK = "127.0.0.1"
ANY = {"HTTP": f"{LOOPBACK}:0", "SIP": f"{LOOPBACK}:0"}


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("offhook: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_certificate_that_cannot_be_used_is_said_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    files = {"TLS_CERTIFICATE": str(tmp_path / "none.pem"), "TLS_KEY": str(tmp_path / "key.pem")}
    said = refusal(run("serve", **ANY, SIP_TLS=f"{LOOPBACK}:0", **files))

    assert said == f"offhook: TLS: {tmp_path / 'none.pem'} cannot be read (No such file or directory)\n"


def test_a_start_that_is_refused_is_one_line(run: Run) -> None:
    said = refusal(run("serve", **{**ANY, "SIP": "192.0.2.1:15060"}))

    assert "SIP over UDP cannot listen on 192.0.2.1:15060" in said
    assert "OFFHOOK_SIP" in said


def test_a_database_from_a_newer_version(prepared: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "offhook.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'f9999'")
        database.commit()

    assert "made by a newer Offhook (revision f9999)" in refusal(prepared("serve", **ANY))


def test_a_damaged_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "offhook.db").write_bytes(b"no database at all" * 400)

    assert "is no database, or is damaged" in refusal(run("serve", **ANY))


@pytest.mark.parametrize("secret", [b"", b"short\n"])
def test_a_secret_that_could_be_guessed(prepared: Run, tmp_path: Path, secret: bytes) -> None:
    (tmp_path / "data" / "secret").write_bytes(secret)

    assert "secret is empty or shorter than 16 characters" in refusal(prepared("serve", **ANY))


def test_too_few_open_files(tmp_path: Path) -> None:
    limited = ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *COMMAND]

    done = subprocess.run(
        [*limited, "serve", "--http", f"{LOOPBACK}:0", "--sip", f"{LOOPBACK}:0", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert "only 64 files may be open" in refusal(done)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_asked_to_stop_while_it_starts_it_stops(number: signal.Signals, tmp_path: Path) -> None:
    """As soon as the folder is made the handlers are there; the workers take longer than a signal."""
    command = [
        *COMMAND,
        "serve",
        "--http",
        f"{LOOPBACK}:0",
        "--sip",
        f"{LOOPBACK}:0",
        "--data",
        str(tmp_path),
    ]
    heeded = signal.signal(number, signal.SIG_DFL)  # whatever runs the tests ignores, as nohup does
    try:
        started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    finally:
        signal.signal(number, heeded)
    with started as process:
        asyncio.run(_until(tmp_path / "node"))
        process.send_signal(number)
        said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, said
    assert said.endswith("Stopped.\n")
    assert "Traceback" not in said


async def _until(file: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not file.exists():
            await asyncio.sleep(0.02)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", text)


def _settings(**flags: object) -> Settings:
    """Those of a node that listens."""
    settings = load_settings({"http": f"{LOOPBACK}:8080", **flags})
    sip = Address(settings.sip.host, settings.sip.port or 5071)
    return settings.model_copy(update={"sip": sip})


def welcome(settings: Settings) -> str:
    """What is printed at a first start."""
    return supervisor.welcome(serve.words(settings), "the-key", demo=True)


@pytest.mark.parametrize(
    ("flags", "dial"),
    [
        ({"sip": f"{LOOPBACK}:5060"}, f"sip:demo@{LOOPBACK}"),
        ({"sip": f"{LOOPBACK}:5070"}, f"sip:demo@{LOOPBACK}:5070"),
        ({"sip": f"{LOOPBACK}:0"}, f"sip:demo@{LOOPBACK}:5071"),
        ({"domain": "sip.example.org"}, "sip:demo@sip.example.org"),
        ({"public_address": "203.0.113.7"}, "sip:demo@203.0.113.7"),
    ],
)
def test_the_number_to_dial_is_where_this_node_listens_now(flags: dict[str, object], dial: str) -> None:
    said = plain(welcome(_settings(**flags)))

    assert f"Dial      {dial}\n" in said
    assert "the-key" in said
    assert "from other machines" not in said


@pytest.mark.parametrize(("port", "written"), [(5060, "192.168.1.5"), (5070, "192.168.1.5:5070")])
def test_a_desk_phone_is_told_an_address_it_can_reach(
    monkeypatch: pytest.MonkeyPatch, port: int, written: str
) -> None:
    monkeypatch.setattr(listening, "source_towards", lambda host: "192.168.1.5")

    assert f"sip:demo@{written} from other machines" in plain(welcome(_settings(sip=f"0.0.0.0:{port}")))


def test_without_a_network_nobody_else_is_told_to_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_route(host: str) -> str:
        raise OSError(101, "Network is unreachable")

    for source_towards in (lambda host: LOOPBACK, no_route):
        monkeypatch.setattr(listening, "source_towards", source_towards)

        assert "from other machines" not in welcome(_settings(sip="0.0.0.0:5060"))


@pytest.mark.parametrize(
    ("flags", "peer", "told"),
    [
        ({"sip": "0.0.0.0:5060"}, "8.8.8.8", "192.168.1.5"),
        ({"sip": "0.0.0.0:5060"}, "2600::8", None),
        ({"sip": "[::]:5060"}, "8.8.8.8", "192.168.1.5"),
        ({"sip": "[::]:5060"}, "2600::8", "fd00::5"),
        ({"sip": "10.0.0.2:5060"}, "8.8.8.8", "10.0.0.2"),
        ({"sip": "10.0.0.2:5060"}, "2600::8", None),
        ({"sip": "[fd00::2]:5060"}, "2600::8", "fd00::2"),
        ({"sip": "[fd00::2]:5060"}, "8.8.8.8", None),
        ({"sip": "0.0.0.0:5060", "public_address": "203.0.113.7"}, "8.8.8.8", "203.0.113.7"),
        ({"sip": "[::]:5060", "public_address": "203.0.113.7"}, "8.8.8.8", "203.0.113.7"),
        ({"sip": "[::]:5060", "public_address": "203.0.113.7"}, "2600::8", "fd00::5"),
        ({"sip": "0.0.0.0:5060", "public_address": "203.0.113.7"}, "2600::8", None),
    ],
)
def test_a_peer_is_told_an_address_of_its_family_or_there_is_none(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, object], peer: str, told: str | None
) -> None:
    monkeypatch.setattr(
        call_plane, "source_towards", lambda host: "fd00::5" if ":" in host else "192.168.1.5"
    )
    address_for = call_plane._address_for(_settings(**flags))

    if told is None:
        with pytest.raises(OSError, match="has no address for"):
            address_for(peer)
    else:
        assert address_for(peer) == told


@pytest.mark.parametrize("damage", [None, b"", b"no model"], ids=["missing", "empty", "damaged"])
def test_a_voice_activity_model_that_cannot_be_loaded(
    damage: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first start, which makes a key that is shown once, has not happened."""
    model = tmp_path / "silero.onnx"
    if damage is not None:
        model.write_bytes(damage)
    monkeypatch.setattr(media_here, "VoiceActivity", lambda: VoiceActivity(model))
    settings = load_settings(
        {"http": f"{LOOPBACK}:0", "sip": f"{LOOPBACK}:0", "data": tmp_path / "data", "database_url": None}
    )

    async def start() -> None:
        async with node.running_node(settings):
            pytest.fail("it started")

    with pytest.raises(StartError, match=r"voice activity model cannot be loaded .*reinstall") as refused:
        asyncio.run(start())

    assert "\n" not in str(refused.value)
    assert not (tmp_path / "data" / "offhook.db").exists()
