"""A wire type as the API uses it: named for the OpenAPI document, its check made when first used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from offhook.api.errors import BadRequest
from offhook.schema import sentences


class Wire:
    """`kind` is a model, or a union of models."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name = name
        self.kind = kind

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.kind)

    def document(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The object as its wire type holds it: what was given. Raises BadRequest with all mistakes."""
        try:
            model = self.adapter.validate_python(value)
        except ValidationError as problem:
            raise BadRequest(sentences(problem, self.kind)) from None
        shown: dict[str, Any] = self.adapter.dump_python(model, by_alias=True, exclude_unset=True)
        return shown
