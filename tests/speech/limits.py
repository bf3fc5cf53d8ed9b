"""Workers on a machine that has little time for them."""

from __future__ import annotations

from typing import Final

from offhook.speech.workers import WorkerLimits
from tests.machine import PATIENCE

PATIENT: Final = WorkerLimits(
    start=PATIENCE,
    job=PATIENCE,
    wait=PATIENCE,
    unattended=PATIENCE,
    missed=round(PATIENCE / WorkerLimits().check),
)
"""For tests of what workers do: how long a caller waits for them is tested with limits of a test's own."""
