"""What `.ci/run` answers: its exit status is what a change lands or fails by."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

MAKE = """#!/bin/sh
case $1 in
install-dev) exit 0 ;;
test) sleep {test_takes}; echo "the tests' summary"; exit {test} ;;
check) sleep {check_takes}; echo "the checks' summary"; exit {check} ;;
esac
exit 64
"""


def run(folder: Path, *, test: int, check: int, test_last: bool) -> subprocess.CompletedProcess[str]:
    """Run the script in a checkout whose `make test` and `make check` end with these statuses."""
    programs = {
        ".ci/run": (ROOT / ".ci" / "run").read_text(),
        "scripts/test-packages": "#!/bin/sh\n",
        "bin/make": MAKE.format(
            test=test, check=check, test_takes=0.3 if test_last else 0, check_takes=0 if test_last else 0.3
        ),
    }
    for name, text in programs.items():
        program = folder / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (folder / "tmp").mkdir()
    environment = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(folder / "tmp")}
    return subprocess.run(
        [folder / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("test_last", [True, False], ids=["tests-last", "checks-last"])
@pytest.mark.parametrize(("test", "check", "answer"), [(0, 0, 0), (2, 0, 1), (0, 2, 1), (2, 2, 1)])
def test_it_succeeds_where_tests_and_checks_do(
    tmp_path: Path, test: int, check: int, answer: int, test_last: bool
) -> None:
    ended = run(tmp_path, test=test, check=check, test_last=test_last)
    assert ended.returncode == answer
    assert "the checks' summary" in ended.stdout
    assert ended.stdout.endswith("the tests' summary\n")
    assert not list((tmp_path / "tmp").iterdir())
