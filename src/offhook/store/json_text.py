"""How documents are written to the database and read from it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from offhook.json_document import ResourceDocument

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class SerializedDocument(dict[str, Any]):
    """A document whose JSON is made already, so that storing it does not make it again."""

    __slots__ = ("text",)

    text: str

    def __init__(self, document: ResourceDocument) -> None:
        """Raises ValueError for what is not JSON."""
        super().__init__(document)
        self.text = dump_json(document)


def dump_json(value: object) -> str:
    """Compact JSON. It replaces U+0000 and halves of surrogate pairs, which a webhook's answer may contain:
    PostgreSQL stores them, but then cannot search any document of the table. Raises ValueError for what is
    not JSON, such as NaN."""
    if isinstance(value, SerializedDocument):
        return value.text
    text = _encoder.encode(value)
    if "\\u0000" in text:
        text = _NUL.sub(r"\1\\ufffd", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text


def ascii_json(value: object) -> str:
    """JSON that is signed and sent. It is ASCII, so that no database and no receiver has trouble with its
    characters. Raises ValueError for what is not JSON, such as NaN."""
    return _ascii.encode(value)


class Unreadable:
    """The value of a column that should hold JSON and does not: a damaged row must not make the rows beside
    it fail."""


UNREADABLE: Final = Unreadable()


def load_json(text: str | bytes) -> Any:
    """The value, or UNREADABLE."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return UNREADABLE
