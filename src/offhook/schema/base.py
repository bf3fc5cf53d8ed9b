"""What every wire type shares: strictness, camelCase names, numbers as given, timestamps.

A parsed document knows which of its properties were given: `document(model)` is exactly the
JSON that was parsed, so what is stored and shown is what the client wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

JsonObject = dict[str, JsonValue]

OWN_NAMES: Final = frozenset(
    {"metadata", "parameters", "properties", "schema", "variableValues", "variables"}
)
"""Below these properties the names are their owner's: a variable may well be called `secret`."""


class Model(BaseModel):
    """A JSON object of the API: unknown properties are refused, "5" is not a number and 1 is not true.

    Optional properties may be null, as in the API itself; a property that was not given stays unset.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
    )


def document(model: BaseModel) -> dict[str, Any]:
    """The JSON object a model was parsed from: camelCase names, only what was given, nulls kept."""
    return model.model_dump(by_alias=True, exclude_unset=True)


def unchecked(kind: Any, given: Mapping[str, Any]) -> Any:
    """A model of what may not be valid: each property as it was given, None where it was not."""
    wires = {name: field.alias or name for name, field in kind.model_fields.items()}
    return kind.model_construct(
        {name for name, wire in wires.items() if wire in given},
        **{name: given.get(wire) for name, wire in wires.items()},
    )


def _as_given(value: float, validate: ValidatorFunctionWrapHandler) -> float:
    validate(value)
    return value


def _as_kept(value: float) -> float:
    return value


Number = Annotated[
    float,
    WrapValidator(_as_given),
    PlainSerializer(_as_kept, return_type=Any),
    WithJsonSchema({"type": "number"}),
]
"""A JSON number. 5 stays 5 and does not become 5.0."""


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, from seconds since the epoch (vapi-wire §0)."""
    return format_timestamp(datetime.fromtimestamp(seconds, UTC))


def format_timestamp(moment: datetime) -> str:
    """The same from an aware datetime."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(value: object) -> datetime:
    """An aware datetime from ISO 8601 text; text without an offset counts as UTC. Raises ValueError."""
    try:
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        value = None
    if not isinstance(value, datetime):
        raise ValueError("must be a valid ISO 8601 date string")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


Timestamp = Annotated[datetime, BeforeValidator(parse_timestamp), PlainSerializer(format_timestamp)]


class Resource(Model):
    """What every stored thing has besides its own properties."""

    id: str
    org_id: str
    created_at: Timestamp
    updated_at: Timestamp
