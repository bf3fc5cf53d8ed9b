"""How documents are written into the database."""

from __future__ import annotations

import json

_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def dump_json(value: object) -> str:
    """Compact JSON in ASCII. Raises ValueError for what is no JSON, as NaN."""
    return _encoder.encode(value)
