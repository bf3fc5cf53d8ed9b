"""An engine that fails again and again is left out for a while, so that no caller waits for it to fail once
more: for each org, kind of engine, vendor, and model and voice of it a circuit breaker. A voice that there is
not is left out with no other."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Final

from offhook.speech.engine_protocols import EngineError, Stage

log = logging.getLogger(__name__)

FAILURES: Final = 3
"""So many in a row open a circuit."""
OPEN_SECONDS: Final = 30.0
"""Then whoever comes next tries it, and one more failure opens it again."""
MOST_CIRCUITS: Final = 4096

CircuitKey = tuple[str, Stage, str, str]
"""Org, stage, provider, model and voice ("" for what has none)."""


class Circuit:
    """Of one engine of an org."""

    __slots__ = ("_failures", "_open_until")

    def __init__(self) -> None:
        self._failures = 0
        self._open_until = 0.0

    @property
    def open(self) -> bool:
        """Is the engine left out?"""
        return asyncio.get_running_loop().time() < self._open_until

    def failed(self, error: EngineError) -> None:
        if error.suffix == "400-bad-request-validation-failed":
            return  # of one assistant's settings
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = asyncio.get_running_loop().time() + OPEN_SECONDS
            log.warning(
                "the %s %s has failed %d times in a row: the others are tried first for %g s",
                error.provider,
                error.stage,
                self._failures,
                OPEN_SECONDS,
            )

    def worked(self) -> None:
        self._failures, self._open_until = 0, 0.0


class Circuits:
    """Of a node: those that were used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[CircuitKey, Circuit] = OrderedDict()

    def of(self, key: CircuitKey) -> Circuit:
        circuit = self._known.setdefault(key, Circuit())
        self._known.move_to_end(key)
        if len(self._known) > MOST_CIRCUITS:
            self._known.popitem(last=False)
        return circuit
