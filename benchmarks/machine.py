"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


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
