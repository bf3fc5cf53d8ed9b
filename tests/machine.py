"""What tests need of the machine they run on."""

from __future__ import annotations

import errno
import shutil
import socket
from pathlib import Path

import pytest

PATIENCE = 150.0
"""Seconds after which what a test waits for by the real clock will not come: many times what it takes on a
free machine, since the machine is seldom free. A test as a whole ends after `timeout` of pyproject.toml."""


def installed(program: str, package: str) -> str:
    """The program's path. A test without it fails: skipping would call tested what is not."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is missing: apt-get install {package} (`make test` does, as root)", False)
    return found


GENERATORS = Path(__file__).resolve().parent.parent / ".generators"


def generator(program: str) -> str:
    """The path of a program in `.generators/`. A test without it fails."""
    if not (GENERATORS / "pins").is_file():
        pytest.fail("the generators of clients are missing: scripts/generators (`make test` runs it)", False)
    return str(GENERATORS / program)


def has_ipv6() -> bool:
    """Whether the kernel has `::1`. Any other trouble with it is for a test to fail of."""
    absent = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        return error.errno not in absent
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this kernel has no IPv6 address ::1")
"""The one thing that is skipped: no package brings it, and a container often has none."""
