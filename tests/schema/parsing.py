"""Documents read as the API reads them."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from offhook.schema import sentences
from offhook.schema.pattern import Writing

Kind = TypeVar("Kind", bound=BaseModel)


class Invalid(ValueError):
    """A document that is not what it should be; `sentences` is the `message` of the answer 400."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = sentences


def parse(kind: type[Kind], value: object) -> Kind:
    """The value, JSON already read, as this kind of document. Raises `Invalid`."""
    try:
        return kind.model_validate(value, by_alias=True, by_name=False, context=Writing())
    except ValidationError as error:
        raise Invalid(sentences(error, kind)) from error
