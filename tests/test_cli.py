"""The commands as a person runs them: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from offhook import __version__
from offhook.cli import app
from offhook.folder import DataFolder
from offhook.settings import PREFIX
from tests.machine import PATIENCE

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = ("serve", "call", "demo", "doctor", "orgs", "keys", "webhooks", "db")
COMMAND = [sys.executable, "-c", "from offhook.cli import main; main()"]


def variables(folder: Path, **given: str) -> dict[str, str]:
    """What a command finds in its environment, with a data folder below `folder`."""
    named = {PREFIX + name: value for name, value in {"DATA": str(folder / "data"), **given}.items()}
    return {**named, "COLUMNS": "100"}


def settings_here() -> list[str]:
    """What this process was itself started with, and hands on to no command."""
    return [name for name in os.environ if name.startswith(PREFIX)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("orgs", "list", DATA=...)`: one command with its own data folder."""
    inherited = {name: value for name, value in os.environ.items() if name not in settings_here()}

    def command(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env={**inherited, **variables(tmp_path, **given)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    return command


@pytest.fixture
def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `run`, in this process: for what is about a command and not about how a process ends."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["offhook", *arguments])
        done = CliRunner().invoke(
            app,
            arguments,
            prog_name="offhook",
            env={**dict.fromkeys(settings_here()), **variables(tmp_path, **given)},
            catch_exceptions=False,
        )
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return command


@pytest.fixture
def prepared_here(run_here: Run) -> Run:
    assert run_here("db", "upgrade").returncode == 0
    return run_here


@pytest.fixture
def prepared(run: Run, prepared_here: Run) -> Run:
    """`run`, with a database made beforehand."""
    return run


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _assert_one_line(done: subprocess.CompletedProcess[str], *says: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("offhook: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for text in says:
        assert text in done.stderr


def test_version_and_help(run: Run) -> None:
    version, top, keys = run("--version"), run("--help"), run("keys", "create", "--help")

    assert version.stdout == f"offhook {__version__}\n"
    for name in ("orgs", "keys", "db"):
        assert name in top.stdout
    assert "--public" in keys.stdout


def test_help_loads_nothing_heavy() -> None:
    """What the help needs is quick to import; a command imports the rest when it runs."""
    program = (
        "import sys; sys.argv = ['offhook', '--help']\n"
        "from offhook.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'onnxruntime', 'openai', 'pydantic', 'sqlalchemy', 'starlette', 'uvicorn'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)

    assert done.stdout.endswith("heavy: []\n")


def test_completion_is_offered() -> None:
    """To who runs it in a shell: that is looked for among the processes above it."""
    in_a_shell = ["bash", "-c", '"$@"; exit', "bash", *COMMAND, "--show-completion"]

    done = subprocess.run(in_a_shell, capture_output=True, text=True, timeout=PATIENCE)

    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout


def test_orgs_and_keys(prepared: Run) -> None:
    org = _json(prepared("orgs", "create", "Acme", "--json"))
    private = _json(prepared("keys", "create", "--org", org["id"], "--name", "laptop", "--json"))
    public = _json(prepared("keys", "create", "--org", org["id"], "--public", "--json"))
    orgs = _json(prepared("orgs", "list", "--json"))
    keys = _json(prepared("keys", "list", "--org", org["id"], "--json"))

    assert orgs == [org]
    assert org["name"] == "Acme"
    assert (private["tag"], public["tag"]) == ("private", "public")
    assert private["orgId"] == org["id"]
    assert len(private["key"]) >= 32
    assert private["key"] != public["key"]
    assert [(key["id"], key["tag"], key["ends"]) for key in keys] == [
        (private["id"], "private", f"...{private['key'][-4:]}"),
        (public["id"], "public", f"...{public['key'][-4:]}"),
    ]


def test_a_key_is_printed_once_and_stored_nowhere(prepared_here: Run, tmp_path: Path) -> None:
    org = _json(prepared_here("orgs", "create", "Acme", "--json"))
    made = prepared_here("keys", "create", "--org", org["id"])
    key = next(line for line in made.stdout.splitlines() if line.startswith("key: ")).removeprefix("key: ")

    listed = prepared_here("keys", "list", "--org", org["id"])

    assert key not in listed.stdout
    files = [file for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if key.encode() in file.read_bytes()] == []


def test_a_revoked_key_is_said_to_be(prepared_here: Run) -> None:
    org = _json(prepared_here("orgs", "create", "Acme", "--json"))
    key = _json(prepared_here("keys", "create", "--org", org["id"], "--json"))

    revoked = prepared_here("keys", "revoke", key["id"], "--org", org["id"])
    again = prepared_here("keys", "revoke", key["id"], "--org", org["id"])

    assert (revoked.returncode, revoked.stdout) == (0, f"revoked {key['id']}\n")
    assert _json(prepared_here("keys", "list", "--org", org["id"], "--json"))[0]["revokedAt"]
    _assert_one_line(again, key["id"], "keys list")


def test_a_table_for_people(prepared_here: Run) -> None:
    nothing = prepared_here("orgs", "list")
    prepared_here("orgs", "create", "Acme")
    table = prepared_here("orgs", "list").stdout.splitlines()

    assert nothing.stdout == "none\n"
    assert table[0].split() == ["id", "name", "createdAt"]
    assert table[1].split()[1] == "Acme"


def test_the_only_org_need_not_be_named(prepared_here: Run) -> None:
    _assert_one_line(prepared_here("keys", "create"), "there is no org yet", "orgs create")
    org = _json(prepared_here("orgs", "create", "Acme", "--json"))
    key = _json(prepared_here("keys", "create", "--json"))

    assert key["orgId"] == org["id"]
    assert [one["id"] for one in _json(prepared_here("keys", "list", "--json"))] == [key["id"]]
    assert prepared_here("keys", "revoke", key["id"]).returncode == 0

    prepared_here("orgs", "create", "Other")
    _assert_one_line(prepared_here("keys", "create"), "several orgs", "--org ID")


def test_mistakes_get_one_line_and_exit_1(prepared_here: Run) -> None:
    prepared_here("orgs", "create", "Acme")
    _assert_one_line(
        prepared_here("keys", "create", "--org", "nobody"), "there is no org nobody", "orgs list"
    )
    _assert_one_line(prepared_here("keys", "list", "--org", "nobody"), "there is no org nobody")
    _assert_one_line(prepared_here("orgs", "create", "n" * 41), "1 to 40 characters")
    _assert_one_line(prepared_here("orgs", "list", WORKERS="many"), "OFFHOOK_WORKERS", "whole number")


@pytest.mark.parametrize("whom", ["reception", "tel:+15550100", "sip:a b@127.0.0.1"])
def test_whom_nobody_can_call_is_said_before_anything_slow(run_here: Run, whom: str) -> None:
    _assert_one_line(run_here("call", whom), whom, "not a SIP URI such as sip:")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--dtmf", "12x"), "'12x'"),
        (("--record", "nowhere/heard.wav"), "nowhere/heard.wav: No such file"),
        (("--play", "nowhere.wav"), "nowhere.wav: No such file"),
        (("--play", "noise.wav"), "noise.wav is no WAV file"),
        (("--header", "X-Name"), "X-Name: value"),
        (("--auth", "ada"), "USER:PASSWORD"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_a_call_cannot_be_made_with_is_said_before_anything_slow(
    run_here: Run, tmp_path: Path, given: tuple[str, str], says: str
) -> None:
    (tmp_path / "noise.wav").write_bytes(b"RIFF and no more")

    _assert_one_line(run_here("call", "sip:demo@127.0.0.1:9", *given), says)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_an_example_that_is_one(command: str) -> None:
    """Its words are a command, and its options are that command's."""
    examples = re.findall(r"^ {4}(?:OFFHOOK_\S+ )*offhook (.+)$", help_of(command), re.MULTILINE)
    assert examples or command in ("demo", "db")

    for example in examples:
        words = [word for word in example.split() if re.fullmatch(r"[a-z]+|--[a-z]+", word)]
        told = help_of(*(words[:2] if words[0] in ("orgs", "keys", "webhooks", "db") else words[:1]))
        assert [word for word in words if word.startswith("--") and word not in told] == []


def help_of(*command: str) -> str:
    done = CliRunner().invoke(app, [*command, "--help"], prog_name="offhook")
    assert done.exit_code == 0, done.output
    return done.stdout


def test_doctor_tells_what_is_wrong_and_changes_no_database(run: Run, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        done = run("doctor", "--json", HTTP=taken, SIP="127.0.0.1:0", MAX_CALLS="50", RTP_PORTS="40000-40009")
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}

    assert done.returncode == 1
    assert [name for name, check in found.items() if not check["ok"]] == [
        f"HTTP at {taken}",
        "media ports 40000-40009",
    ]
    assert "OFFHOOK_HTTP" in found[f"HTTP at {taken}"]["problems"][0]
    assert "they hold 5 calls" in found["media ports 40000-40009"]["problems"][0]
    assert found["speech models"]["ok"]
    assert not (tmp_path / "data" / "offhook.db").exists()


def test_doctor_knows_the_service_that_runs(prepared: Run, tmp_path: Path) -> None:
    """The ports are then its own. A setting that is none, and an address that nobody can reach, are noted."""
    folder = DataFolder.take(tmp_path / "data", lambda: "node")
    done = prepared("doctor", HTTP="0.0.0.0:1", SIP="127.0.0.1:1", WORKRES="3", ALLOW_PRIVATE_URLS="1")
    folder.close()

    assert done.returncode == 0, done.stdout
    assert f"ok    the service runs as process {os.getpid()}\n" in done.stdout
    assert "HTTP at" not in done.stdout
    notes = [line.removeprefix("note  ") for line in done.stdout.splitlines() if line.startswith("note")]
    for note, says in zip(
        notes,
        ("OFFHOOK_WORKERS?", "loopback address", "without TLS", "OFFHOOK_ALLOW_PRIVATE_URLS"),
        strict=True,
    ):
        assert says in note


def test_the_database_is_made_and_checked(run: Run) -> None:
    before = run("db", "check")
    first = run("db", "upgrade")
    again = run("db", "upgrade")
    after = run("db", "check")

    _assert_one_line(before)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout == again.stdout == "the database is up to date\n"
    assert after.stdout == "the database is up to date and has 0 orgs\n"


def test_a_data_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    _assert_one_line(run("db", "upgrade", DATA=str(tmp_path / "file" / "data")), "OFFHOOK_DATA")
