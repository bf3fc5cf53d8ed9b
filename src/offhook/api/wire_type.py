"""A wire type as the API uses it: its check is made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from offhook.api.http.api_errors import BadRequest
from offhook.json_document import ResourceDocument
from offhook.schema import document, sentences
from offhook.schema.pattern import Writing


class Wire:
    """`kind` is a model, or a union of models."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        if isinstance(self.kind, type) and issubclass(self.kind, BaseModel):
            self.kind.model_rebuild()  # whole by itself, it is used as it is by every other type that has it
        return TypeAdapter(self.kind)

    def build(self) -> None:
        """Make the check now, which takes a while, and not while somebody waits."""
        self.adapter.rebuild()

    def parse(self, value: ResourceDocument) -> BaseModel:
        """The object as its wire type. Raises BadRequest with all mistakes."""
        try:
            model: BaseModel = self.adapter.validate_python(
                value, by_alias=True, by_name=False, context=Writing()
            )
        except ValidationError as problem:
            raise BadRequest(sentences(problem, self.kind)) from None
        return model

    def document(self, value: ResourceDocument) -> dict[str, Any]:
        """The object as its wire type holds it: what was given. Raises BadRequest with all mistakes."""
        return document(self.parse(value))
