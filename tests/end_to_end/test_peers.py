"""What tests start does not outlive them, however they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.peers import soon

RUN = """
import sys
from pathlib import Path
from tests.end_to_end.peers import Peer

stays, ended = [Peer("sleep", "600", folder=Path(sys.argv[1]), name="sleep") for _ in range(2)]
ended.stop()
print(stays.process.pid, flush=True)
sys.stdin.read()
"""


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_run_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        assert is_running(child)

        run.kill()

    soon(lambda: not is_running(child), why="the child outlived the run that started it")
