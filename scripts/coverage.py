"""Run the tests of the protocols and state machines under coverage, and hold each room to its floor.

    .venv/bin/python scripts/coverage.py

A floor is what the room has reached, less one. Raise it when a room rises; never lower it to pass.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# (what is measured, the tests that prove it, the least per cent of lines and branches)
FLOORS = (
    ("src/offhook/sip/*", "tests/sip", 96),
    ("src/offhook/rtp/*", "tests/rtp", 98),
    ("src/offhook/conversation/*", "tests/conversation", 96),
    ("src/offhook/calls/state.py", "tests/calls/test_state.py", 100),
)

# Long, and it reaches nothing that the others do not; `make test` runs it.
LEFT_OUT = "tests/sip/test_user_agent.py::test_ten_thousand_calls_leave_nothing_behind"


def coverage(data: Path, *arguments: str) -> int:
    environment = {**os.environ, "COVERAGE_FILE": str(data)}
    command = [sys.executable, "-m", "coverage", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "coverage"
        tests = [tests for _, tests, _ in FLOORS]
        if coverage(data, "run", "-m", "pytest", "-q", "--deselect", LEFT_OUT, *tests):
            return 1
        short = []
        for files, _, floor in FLOORS:
            print(f"\n{files}: at least {floor} %", flush=True)
            if coverage(data, "report", f"--include={files}", f"--fail-under={floor}", "--skip-covered"):
                short.append(files)
    if short:
        print(f"\nCoverage is below its floor: {', '.join(short)}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
