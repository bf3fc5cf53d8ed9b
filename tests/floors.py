"""`pytest --floors`: measure what the tests reach of each room, and hold each room to its floor.

It measures only while those tests run, in whichever processes of pytest they do, so that a run of all tests
is that of `make floors` too; what a test starts as a process of its own is not seen. A floor is what the room
has reached, less one. Raise it when a room rises; never lower it to pass.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).resolve().parent.parent

# (what is measured, the tests that prove it, the least per cent of lines and branches)
FLOORS = (
    ("offhook.api", "tests/api/", 97),
    ("offhook.calls", "tests/calls/", 94),
    ("offhook.calls.state", "tests/calls/test_state.py", 100),
    ("offhook.commands", "tests/test_", 48),
    ("offhook.conversation", "tests/conversation/", 96),
    ("offhook.engines", "tests/engines/", 95),
    ("offhook.language", "tests/language/", 97),
    ("offhook.media", "tests/media/", 90),
    ("offhook.network", "tests/network/", 95),
    ("offhook.phone", "tests/test_", 31),
    ("offhook.planes", "tests/planes/", 79),
    ("offhook.rtp", "tests/rtp/", 98),
    ("offhook.schema", "tests/schema/", 98),
    ("offhook.sip", "tests/sip/", 96),
    ("offhook.speech", "tests/speech/", 90),
    ("offhook.store", "tests/store/", 91),
    ("offhook.webhooks", "tests/webhooks/", 83),
)
MEASURED = [name for name, _, _ in FLOORS]
PROVING = tuple(tests for _, tests, _ in FLOORS)
VENDORS = ("offhook.language.providers", "offhook.speech.providers")
SLOW_TOO = ("tests/conversation/", "tests/rtp/", "tests/sip/")
"""Where tests are measured too that take seconds; elsewhere they repeat what others have reached."""
WARNINGS = ["no-data-collected", "module-not-imported", "module-not-measured"]
"""What a process is not warned of that runs none of those tests."""


def files(name: str) -> str:
    path = ROOT / "src" / Path(*name.split("."))
    return f"{path}/*" if path.is_dir() else f"{path}.py"


def measuring(folder: Path, **options: Any) -> Coverage:
    return Coverage(data_file=str(folder / "measured"), branch=True, source_pkgs=MEASURED, **options)


def _load_vendors() -> None:
    """A vendor's file is loaded with the first call that needs it. By chance that would be a test that is not
    measured, and then what stands outside of its functions would not count."""
    for room in VENDORS:
        for found in pkgutil.iter_modules(importlib.import_module(room).__path__, f"{room}."):
            importlib.import_module(found.name)


class Measuring:
    """A plugin of each process of the run: leaves a file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._coverage = measuring(folder, data_suffix=True)
        self._coverage.set_option("run:disable_warnings", WARNINGS)
        self._coverage.start()  # what runs while the tests are imported counts
        _load_vendors()

    def pytest_collection_finish(self) -> None:
        self._coverage.stop()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if not _is_measured(item):
            return (yield)
        self._coverage.start()
        try:
            return (yield)
        finally:
            self._coverage.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._coverage.save()


def _is_measured(item: pytest.Item) -> bool:
    if item.get_closest_marker("slow") is not None:
        return item.nodeid.startswith(SLOW_TOO)
    return item.nodeid.startswith(PROVING)


class Judging:
    """A plugin of the process that speaks for the run: says what was reached, and fails it below a floor."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[str] = []

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["floors"] = str(self._folder)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        reached = measuring(self._folder)
        reached.combine([str(self._folder)])  # the files of all processes
        for name, _, floor in FLOORS:
            table, per_cent = io.StringIO(), 0.0
            with contextlib.suppress(NoDataError):  # none of its files was even imported
                per_cent = reached.report(include=[files(name)], skip_covered=True, file=table)
            self._lines += [f"{name}: at least {floor} %", *table.getvalue().splitlines(), ""]
            if per_cent < floor:
                self._lines += [f"The coverage of {name} is below its floor.", ""]
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("coverage")
        for line in self._lines:
            terminalreporter.line(line)


def register(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("floors")
    if given is None:
        made = tempfile.TemporaryDirectory(prefix="offhook-floors-")
        config.add_cleanup(made.cleanup)
        given = made.name
        config.pluginmanager.register(Judging(Path(given)))
    config.pluginmanager.register(Measuring(Path(given)))
