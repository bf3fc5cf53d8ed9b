"""A resource as calls use it: the document that its owner sees, and the type that it was read as."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from offhook.json_document import ResourceDocument
from offhook.schema.answered import NotValid
from offhook.schema.base import format_timestamp
from offhook.schema.calls.call_document import IdentityDocument
from offhook.store import Record

M = TypeVar("M")


class StoredNotValid(NotValid):
    """A stored resource is not valid by today's types: it may be older than they are."""

    def __init__(self, problem: str, document: ResourceDocument) -> None:
        super().__init__(problem)
        self.document = document


class Documented(Generic[M]):
    """`document` stays the same object, so that results worked out from it are found again. `settings` is
    read once, at its first use."""

    __slots__ = ("_read", "_settings", "document")

    def __init__(self, document: ResourceDocument, read: Callable[[ResourceDocument], M]) -> None:
        self.document = document
        self._read = read
        self._settings: M | None = None

    @property
    def settings(self) -> M:
        """Raises StoredNotValid."""
        if self._settings is None:
            try:
                self._settings = self._read(self.document)
            except NotValid as problem:
                raise StoredNotValid(str(problem), self.document) from None
        return self._settings


def resource(record: Record) -> ResourceDocument:
    """A row as the document that its owner sees."""
    identity = IdentityDocument(
        id=record.id,
        org_id=record.org_id,
        created_at=format_timestamp(record.created_at),
        updated_at=format_timestamp(record.updated_at),
    )
    return {**record.document, **identity.document()}
