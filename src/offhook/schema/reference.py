"""What types and their properties are for, in words: `reference.toml`, for docs/reference/ and
`/openapi.json`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel

Words = dict[str, dict[str, str]]


@cache
def words() -> Words:
    """By type and attribute; `is` says what the type itself is. `every` holds for all types that do not say
    better."""
    return tomllib.loads((files("offhook.schema") / "reference.toml").read_text("utf-8"))


def described(model: type[BaseModel], attribute: str, written: Words | None = None) -> str | None:
    """What a property is for. A type says what the type says that it is made from, unless it says better."""
    written = words() if written is None else written
    for base in model.__mro__:
        own = written.get(base.__name__.lstrip("_"), {})
        if attribute in own:
            return own[attribute]
    return written["every"].get(attribute)


def told(model: type[BaseModel], written: Words | None = None) -> str | None:
    """What the type itself is."""
    written = words() if written is None else written
    sections = (written.get(base.__name__.lstrip("_"), {}) for base in model.__mro__)
    return next((section["is"] for section in sections if "is" in section), None)
