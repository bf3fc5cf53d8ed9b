"""Parts of an OpenAPI document, and of the JSON schemas in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from offhook.schema.written import Written


class TextSchema(Written):
    """Of a text; `max_length` in characters."""

    type: str = "string"
    max_length: int


class ListSchema(Written):
    type: str = "array"
    items: Mapping[str, object]
    max_items: int


class OperationObject(Written):
    """Without `request_body` the operation takes none."""

    operation_id: str
    tags: Sequence[str]
    summary: str
    parameters: Sequence[Mapping[str, object]]
    responses: Mapping[str, object]
    security: Sequence[Mapping[str, object]]
    request_body: Mapping[str, object] | None = None
