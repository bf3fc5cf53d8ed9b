"""What vendors send, as types: known properties are checked, and those that are new are left out."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import from_json

LONGEST_TEXT: Final = 20_000
"""Characters: twenty minutes of a caller whom no engine takes to have finished."""
MOST_WORDS: Final = 5000
"""With their times, in one message."""

Text = Annotated[str, AfterValidator(lambda text: text[-LONGEST_TEXT:])]
"""Of a longer one the end: it is no reason to hear no more."""
Words = Annotated[str, StringConstraints(max_length=200)]
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]

M = TypeVar("M", bound="WireMessage")


class NotUnderstood(ValueError):
    """A message that is not in the vendor's form. The text does not quote it."""


class WireMessage(BaseModel):
    """Numbers are numbers and texts are texts; what is not said is None or empty."""

    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        populate_by_name=True,
    )


def reader_of(*kinds: type[M], by: str = "type") -> Callable[[str | bytes], M | None]:
    """A function from a message to one of these, each of which names its kinds in a Literal called `by`; None
    for one of another kind. It raises NotUnderstood."""
    known = {name: kind for kind in kinds for name in get_args(kind.model_fields[by].annotation)}

    def read(message: str | bytes) -> M | None:
        given = object_in(message)
        name = given.get(by)
        if not isinstance(name, str):
            raise NotUnderstood(f"a message without {by}")
        kind = known.get(name)
        return None if kind is None else checked(kind, given)

    return read


def object_in(message: str | bytes) -> dict[str, Any]:
    """Raises NotUnderstood."""
    if isinstance(message, bytes):
        raise NotUnderstood("a binary message")
    try:
        given = from_json(message)
    except ValueError:
        raise NotUnderstood("no JSON") from None
    if not isinstance(given, dict):
        raise NotUnderstood("not an object")
    return given


def checked(kind: type[M], given: object) -> M:
    """Raises NotUnderstood."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotUnderstood(f"{where}: {first['msg']}"[:200]) from None


def base64_sound(text: str | None) -> bytes:
    """Raises NotUnderstood."""
    try:
        return b64decode(text or "", validate=True)
    except ValueError:
        raise NotUnderstood("sound that is no base64") from None
