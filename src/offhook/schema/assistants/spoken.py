"""Text to be said: one text, or one per language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from offhook.schema.base import Model

Sentence = Annotated[str, Field(max_length=1000)]


class TextContent(Model):
    type: Literal["text"]
    text: str
    language: str


class CustomMessage(Model):
    """`contents` holds the same message in several languages; `content` is the one for all."""

    type: Literal["custom-message"]
    content: Sentence | None = None
    contents: list[TextContent] | None = None


Spoken = str | CustomMessage
"""Where the API takes plain text or a message in several languages. "" is to say nothing."""


class HasContents(Protocol):
    """A custom message, and the messages of tools, which are written in the same way."""

    @property
    def content(self) -> str | None: ...

    @property
    def contents(self) -> Sequence[TextContent] | None: ...
