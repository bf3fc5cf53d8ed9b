"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path


def raise_file_limit() -> None:
    """As many open files as the system lets us have: a call takes two for audio and two for its recording."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def described() -> str:
    """One line: cores, CPU, operating system, Python, and how busy the machine was already."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{os.cpu_count()} cores ({model}), Linux {platform.release().partition('-')[0]},"
        f" Python {platform.python_version()}, uvloop; load average before: {os.getloadavg()[0]:.1f}"
    )
