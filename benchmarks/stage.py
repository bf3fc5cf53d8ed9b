"""What each measure begins with: a fresh service with its callers, gone afterwards."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.phones import Order, Phones, running_phones
from benchmarks.service import Service, running_service

DIAL_RATE = 20.0
"""Calls per second when the rate is not what is measured."""


@dataclass(frozen=True, slots=True)
class Stage:
    service: Service
    phones: Phones


@contextmanager
def stage(**settings: Any) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="offhook-benchmark-") as folder,
        running_service(Path(folder), **settings) as service,
        running_phones(service) as phones,
    ):
        yield Stage(service, phones)


def warm_up(on: Stage, user: str) -> float:
    """One call that comes and goes before anything is measured; how long its answer took, in seconds."""
    on.phones.place(Order(user, 1, 1.0, hold=0.5))
    on.phones.wait_for_end(10)
    calls_are_over(on)
    seconds = on.phones.heard().answer_seconds
    if not seconds:
        raise RuntimeError("the service did not answer the first call")
    return seconds[0]


def calls_are_over(on: Stage, limit: float = 60.0) -> None:
    """Wait until the service has written the last call down."""
    until(lambda: on.service.sample().calls == 0, limit)


def until(holds: Callable[[], bool], limit: float) -> bool:
    deadline = time.monotonic() + limit
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return held
