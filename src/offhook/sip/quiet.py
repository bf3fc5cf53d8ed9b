"""Logging what strangers provoke, without letting them fill the disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

LINES: Final = 20
INTERVAL: Final = 10.0
"""At most LINES lines in each INTERVAL seconds, then one that counts the rest."""


class QuietLog:
    """Wraps a logger; `time` is the loop's clock."""

    __slots__ = ("_left", "_log", "_since", "_suppressed", "_time")

    def __init__(self, log: logging.Logger, time: Callable[[], float]) -> None:
        self._log = log
        self._time = time
        self._since = time()
        self._left = LINES
        self._suppressed = 0

    def info(self, text: str, *arguments: object) -> None:
        self._write(logging.INFO, text, arguments)

    def error(self, text: str, *arguments: object) -> None:
        self._write(logging.ERROR, text, arguments)

    def exception(self, text: str, *arguments: object) -> None:
        """With the traceback of what is being handled."""
        self._write(logging.ERROR, text, arguments, traced=True)

    def _write(self, level: int, text: str, arguments: tuple[object, ...], traced: bool = False) -> None:
        now = self._time()
        if now - self._since >= INTERVAL:
            if self._suppressed:
                self._log.log(level, "%d more lines like these were left out", self._suppressed)
            self._since, self._left, self._suppressed = now, LINES, 0
        if self._left:
            self._left -= 1
            self._log.log(level, text, *arguments, exc_info=traced)
        else:
            self._suppressed += 1
