"""JSON objects that are made here and never parsed: plain dataclasses, whose attributes have the API's names
on the wire."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, dataclass_transform

from pydantic.alias_generators import to_camel


@cache
def wire_name(attribute: str) -> str:
    return to_camel(attribute).replace("OpenAi", "OpenAI")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Written:
    """Subclasses are dataclasses. What they hold is JSON, or Written itself."""

    _names: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init_subclass__(cls) -> None:
        made: Any = dataclass(frozen=True, kw_only=True)(cls)
        cls._names = tuple((field.name, wire_name(field.name)) for field in fields(made))

    def document(self) -> dict[str, Any]:
        """All of it, None as null."""
        return {wire: _plain(getattr(self, name)) for name, wire in self._names}

    def given(self) -> dict[str, Any]:
        """The same without what is None."""
        return {name: value for name, value in self.document().items() if value is not None}


def _plain(value: object) -> object:
    return value.document() if isinstance(value, Written) else value
