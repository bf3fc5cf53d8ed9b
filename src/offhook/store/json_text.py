"""How documents are written into the database, and read."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from offhook.json_document import ResourceDocument

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class SerializedDocument(dict[str, Any]):
    """A document whose JSON is known, so that it is not made again when it is stored."""

    __slots__ = ("text",)

    text: str

    def __init__(self, document: ResourceDocument) -> None:
        """Raises ValueError for what is no JSON."""
        super().__init__(document)
        self.text = dump_json(document)


def dump_json(value: object) -> str:
    """Compact JSON. U+0000 and halves of surrogate pairs, which can come out of a webhook's answer, are
    replaced: PostgreSQL stores them, but then cannot search any document of the table. Raises ValueError for
    what is no JSON, as NaN."""
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
    """The JSON that is signed and sent: ASCII, so that no database and no receiver can trip over its
    characters. Raises ValueError for what is no JSON, as NaN."""
    return _ascii.encode(value)


class Unreadable:
    """What a column gives that should hold JSON and does not: a damaged row must not fail those beside it."""


UNREADABLE: Final = Unreadable()


def load_json(text: str | bytes) -> Any:
    """The value, or UNREADABLE."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return UNREADABLE
