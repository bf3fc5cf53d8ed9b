"""JSON objects that are made here and never parsed: plain dataclasses, whose attributes have the API's names
on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, dataclass_transform, get_type_hints

from pydantic.alias_generators import to_camel


@cache
def wire_name(attribute: str) -> str:
    return to_camel(attribute).replace("OpenAi", "OpenAI")


@dataclass_transform(kw_only_default=True)
class Written:
    """Subclasses are dataclasses. What they hold is JSON; or Written itself, where their types say so. They
    are made for each message, and gone with it: frozen ones would take twice as long to make."""

    _dumps: ClassVar[Callable[[Any], dict[str, Any]] | None] = None

    def __init_subclass__(cls) -> None:
        dataclass(kw_only=True, eq=False)(cls)
        cls._dumps = None

    def document(self) -> dict[str, Any]:
        """All of it, None as null."""
        dump = type(self)._dumps
        if dump is None:
            dump = type(self)._dumps = _dump_of(type(self))
        return dump(self)

    def given(self) -> dict[str, Any]:
        """The same without what is None."""
        return {name: value for name, value in self.document().items() if value is not None}


def _dump_of(of: type[Written]) -> Callable[[Any], dict[str, Any]]:
    """What makes the document of one class: which of its values are Written is seen from their types once,
    and not from each value."""
    attributes = [field.name for field in fields(of)]  # type: ignore[arg-type]
    names = [wire_name(attribute) for attribute in attributes]
    hints = get_type_hints(of)
    nested = [
        name
        for attribute, name in zip(attributes, names, strict=True)
        if isinstance(hints[attribute], type) and issubclass(hints[attribute], Written)
    ]
    values = attrgetter(*attributes) if len(attributes) > 1 else _each(attributes)

    def dump(written: Any) -> dict[str, Any]:
        made = dict(zip(names, values(written), strict=True))
        for name in nested:
            made[name] = made[name].document()
        return made

    return dump


def _each(attributes: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """As attrgetter of several, also of one."""
    return lambda written: tuple(getattr(written, attribute) for attribute in attributes)
