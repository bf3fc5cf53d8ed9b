"""What is logged, and how: lines for people, JSON for machines, each with the call's id if it has one."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Literal

from offhook.log_context import CALL

_NAMES = re.compile(r"(?<![\w-])call=")
_NAMED = re.compile(_NAMES.pattern + r"([\w-]+)")
_NOISY = ("httpx2", "httpcore2", "uvicorn", "websockets", "sqlalchemy", "aiosqlite", "alembic")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, plane (if this process is one), logger, message, call (if named),
    error (if there is one)."""

    def __init__(self, plane: str = "") -> None:
        super().__init__()
        self._plane = plane

    def format(self, record: logging.LogRecord) -> str:
        message, call = _about(record)
        plane = self.plane_of(record)
        line: dict[str, str] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            **({"plane": plane} if plane else {}),
            "logger": record.name,
            "message": message,
        }
        if call is not None:
            line["call"] = call
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)

    def plane_of(self, record: logging.LogRecord) -> str:
        """That of this process, unless the line is another one's (`extra`)."""
        return str(getattr(record, "plane", self._plane))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{moment}.{int(record.msecs):03d}Z"


class TextLines(JsonLines):
    """Time, level, plane and message on one line; a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        plane = self.plane_of(record)
        plane = f"{plane:5} " if plane else ""
        line = f"{self.formatTime(record)} {record.levelname.lower():7} {plane}{_about(record)[0]}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _about(record: logging.LogRecord) -> tuple[str, str | None]:
    """The message, and the call that it names itself or that the code which logs it works for. Read while the
    record is handled, which is in the context of whoever logs. What the code writes names a call; words that
    came from elsewhere and are put into it do not."""
    message, call = record.getMessage(), CALL.get()
    if _NAMES.search(str(record.msg)) and (named := _NAMED.search(message)):
        return message, named[1]
    return (message, None) if call is None else (f"call={call} {message}", call)


def configure(level: str, form: Literal["text", "json"], plane: str = "") -> None:
    """Log to stderr; the libraries only say what goes wrong. `plane`: what this process is in its node."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(plane) if form == "json" else TextLines(plane))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
