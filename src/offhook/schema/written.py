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


@dataclass_transform(kw_only_default=True)
class Written:
    """Subclasses are dataclasses. What they hold is JSON, or Written itself. They are made for each message,
    and gone with it: frozen ones would take twice as long to make."""

    _names: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init_subclass__(cls) -> None:
        made: Any = dataclass(kw_only=True, eq=False)(cls)
        cls._names = tuple((field.name, wire_name(field.name)) for field in fields(made))

    def document(self) -> dict[str, Any]:
        """All of it, None as null."""
        held = self.__dict__
        return {
            wire: value.document() if isinstance(value := held[name], Written) else value
            for name, wire in self._names
        }

    def given(self) -> dict[str, Any]:
        """The same without what is None."""
        return {name: value for name, value in self.document().items() if value is not None}
