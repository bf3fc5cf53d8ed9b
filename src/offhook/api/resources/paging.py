"""The query of a list: how many resources, which dates, which page (vapi-wire §1.1)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from starlette.datastructures import QueryParams

from offhook.api.http.api_errors import BadRequest
from offhook.api.openapi.operation import Json
from offhook.schema.base import Model, document, format_timestamp, parse_timestamp
from offhook.schema.calls.call import CallStatus
from offhook.schema.openapi import ListSchema, TextSchema
from offhook.store import Position, Record

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_PAGE: Final = 1_000_000
MAX_TEXT: Final = 200
MAX_SEARCH: Final = 100
MAX_IDS: Final = 500
MAX_ID: Final = 64
"""Characters. A URL with MAX_IDS ids of this length is still one that the server reads."""


class PaginationMeta(Model):
    """The metadata beside a page of results. `nextCursor` is there if a page follows."""

    items_per_page: int
    total_items: int
    current_page: int
    total_pages: int
    has_next_page: bool
    next_cursor: str | None = None
    sort_order: Literal["ASC", "DESC"]
    items_beyond_retention: bool


SortOrder = Literal["ASC", "DESC"]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """`dates` maps names like `createdAtGt` to moments. `equal` maps a property to the value that it must
    have. If `ids` is given, a resource must have one of them."""

    limit: int = DEFAULT_LIMIT
    dates: Mapping[str, datetime] = field(default_factory=dict)
    equal: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page, counted from 1, or the one after a `cursor`: the last resource of the page before."""

    limit: int = DEFAULT_LIMIT
    dates: Mapping[str, datetime] = field(default_factory=dict)
    page: int = 1
    sort_order: SortOrder = "DESC"
    sort_by: str = "createdAt"
    search: str | None = None
    cursor: Position | None = None


def parse_list(query: QueryParams, equal: Iterable[str] = (), ids: str | None = None) -> ListQuery:
    """The query of a plain list, with filters by the properties in `equal`, and by several ids in the
    parameter that is named `ids`, which then may be there more than once. Raises BadRequest."""
    several = () if ids is None else (ids,)
    values = _parse(query, (LIMIT.name, *DATE_FILTERS, *equal, *several))
    chosen = tuple(query.getlist(ids)) if ids is not None and ids in values else None
    if chosen and len(chosen) > MAX_IDS:
        raise BadRequest([f"{ids} must contain no more than {MAX_IDS} elements"])
    return ListQuery(
        limit=values.get(LIMIT.name, DEFAULT_LIMIT),
        dates=_dates(values),
        equal={name: values[name] for name in equal if name in values},
        ids=chosen,
    )


def parse_filters(query: QueryParams, equal: Iterable[str]) -> ListQuery:
    """The query of a list that is short and has no dates to choose by. Raises BadRequest."""
    values = _parse(query, (LIMIT.name, *equal))
    return ListQuery(
        limit=values.get(LIMIT.name, DEFAULT_LIMIT),
        equal={name: values[name] for name in equal if name in values},
    )


def parse_page(query: QueryParams) -> PageQuery:
    """The query of a paged list. Raises BadRequest."""
    values = _parse(query, PAGE_PARAMETERS)
    return PageQuery(
        limit=values.get(LIMIT.name, DEFAULT_LIMIT),
        dates=_dates(values),
        page=values.get(PAGE.name, 1),
        sort_order=values.get(SORT_ORDER.name, "DESC"),
        sort_by=values.get(SORT_BY.name, "createdAt"),
        search=values.get(SEARCH.name),
        cursor=values.get(CURSOR.name),
    )


def page_metadata(query: PageQuery, total: int, records: Sequence[Record]) -> dict[str, Any]:
    """The `metadata` beside a page's `results`, which show `records`.

    Behind a cursor nothing is counted: after a full page another is said to follow, which may be empty."""
    pages = -(-total // query.limit) if query.limit else 0
    full = 0 < query.limit == len(records)
    follows = full if query.cursor else query.page < pages
    metadata = PaginationMeta(
        items_per_page=query.limit,
        total_items=total,
        current_page=query.page,
        total_pages=pages,
        has_next_page=follows,
        sort_order=query.sort_order,
        items_beyond_retention=False,
    )
    if follows and records:
        metadata = metadata.model_copy(update={"next_cursor": _cursor_after(records[-1])})
    return document(metadata)


def _cursor_after(record: Record) -> str:
    """What a client gives back for the page after this record. Opaque to it: URL-safe text."""
    place = f"{format_timestamp(record.created_at)} {record.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _short(longest: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"must be shorter than or equal to {longest} characters")
        if "\0" in text:
            raise ValueError("must not hold U+0000")
        return text

    return parse


_text: Final = _short(MAX_TEXT)


def _cursor(text: str) -> Position:
    try:
        plain = base64.b64decode(_text(text) + "=" * (-len(text) % 4), b"-_", validate=True).decode()
        moment, _, identity = plain.partition(" ")
        return parse_timestamp(moment).astimezone(UTC), _text(identity)
    except (ValueError, OverflowError):
        raise ValueError("must be the nextCursor of a page") from None


def _dates(values: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: values[name] for name in DATE_FILTERS if name in values}


def _parse(query: QueryParams, allowed: Iterable[str]) -> dict[str, Any]:
    known = set(allowed)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, text in query.multi_items():
        if name not in known:
            wrong.append(f"property {name} should not exist")
            continue
        try:
            values[name] = _parameter(name).read(text)
        except ValueError as problem:
            wrong.append(f"{name} {problem}")
    if wrong:
        raise BadRequest(wrong)
    return values


# The SDK's limits are floats: 10.0 means 10.
_WHOLE: Final = re.compile(r"(-?[0-9]{1,9})(?:\.0)?")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = _WHOLE.fullmatch(text)
        if digits is None:
            raise ValueError("must be a number conforming to the specified constraints")
        number = int(digits[1])
        if number < low:
            raise ValueError(f"must not be less than {low}")
        if number > high:
            raise ValueError(f"must not be greater than {high}")
        return number

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of the following values: {', '.join(choices)}")
        return text

    return parse


def _date(text: str) -> datetime:
    # A plus sign that was not escaped arrives as a space: 2026-01-01T00:00:00 02:00.
    try:
        return parse_timestamp(text.replace(" ", "+") if "T" in text else text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a valid ISO 8601 date string") from None


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """One parameter of a list. `read` takes its text and raises ValueError, which says what is wrong with it;
    `schema` is its JSON schema."""

    name: str
    read: Callable[[str], object]
    schema: Json


def _text_schema(longest: int) -> Json:
    return TextSchema(max_length=longest).document()


def _choice(name: str, choices: Sequence[str], default: str) -> QueryParameter:
    return QueryParameter(name, _one_of(*choices), {"type": "string", "enum": [*choices], "default": default})


def _number(name: str, low: int, high: int, default: int) -> QueryParameter:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return QueryParameter(name, _whole(low, high), schema)


LIMIT: Final = _number("limit", 0, MAX_LIMIT, DEFAULT_LIMIT)
PAGE: Final = _number("page", 1, MAX_PAGE, 1)
SEARCH: Final = QueryParameter("search", _short(MAX_SEARCH), {"type": "string"})
CURSOR: Final = QueryParameter("cursor", _cursor, _text_schema(MAX_TEXT))
ID_ANY: Final = QueryParameter("idAny", _short(MAX_ID), _text_schema(MAX_ID))
SORT_ORDER: Final = _choice("sortOrder", ("ASC", "DESC"), "DESC")
STATUS: Final = QueryParameter(
    "status", _one_of(*get_args(CallStatus)), {"type": "string", "enum": [*get_args(CallStatus)]}
)
"""Of a call."""
SORT_BY: Final = _choice("sortBy", ("createdAt", "duration", "cost"), "createdAt")

DATE_FILTERS: Final = tuple(
    f"{moment}At{test}" for moment in ("created", "updated") for test in ("Gt", "Lt", "Ge", "Le")
)
PAGE_PARAMETERS: Final = (
    LIMIT.name,
    *DATE_FILTERS,
    *(one.name for one in (SEARCH, PAGE, CURSOR, SORT_ORDER, SORT_BY)),
)

_PARAMETERS: Final = {
    one.name: one
    for one in (
        LIMIT,
        PAGE,
        SEARCH,
        CURSOR,
        STATUS,
        ID_ANY,
        SORT_ORDER,
        SORT_BY,
        *(QueryParameter(name, _date, {"type": "string", "format": "date-time"}) for name in DATE_FILTERS),
    )
}


def _parameter(name: str) -> QueryParameter:
    """Any other than those above is a text."""
    return _PARAMETERS.get(name) or QueryParameter(name, _text, _text_schema(MAX_TEXT))


def described_list(equal: Iterable[str] = (), ids: str | None = None) -> list[Json]:
    """OpenAPI parameters of a plain list."""
    several = [] if ids is None else [{**_described(ids), "schema": _IDS_SCHEMA}]
    return [_described(name) for name in (LIMIT.name, *DATE_FILTERS, *equal)] + several


def described_filters(equal: Mapping[str, Iterable[str]]) -> list[Json]:
    """OpenAPI parameters of a list without dates: by name, the values that a filter may have, if not any."""
    filters = [
        {**_described(name), **({"schema": {"type": "string", "enum": [*values]}} if values else {})}
        for name, values in equal.items()
    ]
    return [_described(LIMIT.name), *filters]


def described_page(names: Iterable[str] = PAGE_PARAMETERS) -> list[Json]:
    """OpenAPI parameters of a paged list."""
    return [_described(name) for name in names]


def _described(name: str) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": _parameter(name).schema}


_IDS_SCHEMA: Final = ListSchema(items=ID_ANY.schema, max_items=MAX_IDS).document()
