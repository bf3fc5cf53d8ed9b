"""What a list may be asked for: how many, which dates, which page (vapi-wire §1.1)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from starlette.datastructures import QueryParams

from offhook.api.http.api_errors import BadRequest
from offhook.schema.base import Model, format_timestamp, parse_timestamp
from offhook.store import Position, Record

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_PAGE: Final = 1_000_000
MAX_TEXT: Final = 200
MAX_SEARCH: Final = 100
MAX_IDS: Final = 500
MAX_ID: Final = 64
"""In characters. So many ids of this length are still a URL that the server reads."""


class PaginationMeta(Model):
    """What stands beside one page of results. `nextCursor` is there where a page follows."""

    items_per_page: int
    total_items: int
    current_page: int
    total_pages: int
    has_next_page: bool
    next_cursor: str | None = None
    sort_order: Literal["ASC", "DESC"]
    items_beyond_retention: bool


DATE_FILTERS: Final = tuple(
    f"{moment}At{test}" for moment in ("created", "updated") for test in ("Gt", "Lt", "Ge", "Le")
)
PAGE_PARAMETERS: Final = ("search", "page", "cursor", "sortOrder", "sortBy")

SortOrder = Literal["ASC", "DESC"]
SORT_ORDERS: Final = ("ASC", "DESC")
SORT_KEYS: Final = ("createdAt", "duration", "cost")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """`dates` maps names like `createdAtGt` to moments; `equal` maps a property to the value it must have;
    of `ids` a resource must have one."""

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
    values = _parse(query, ("limit", *DATE_FILTERS, *equal, *several))
    chosen = tuple(query.getlist(ids)) if ids is not None and ids in values else None
    if chosen and len(chosen) > MAX_IDS:
        raise BadRequest([f"{ids} must contain no more than {MAX_IDS} elements"])
    return ListQuery(
        limit=values.get("limit", DEFAULT_LIMIT),
        dates=_dates(values),
        equal={name: values[name] for name in equal if name in values},
        ids=chosen,
    )


def parse_filters(query: QueryParams, equal: Iterable[str]) -> ListQuery:
    """The query of a list that is short and has no dates to choose by. Raises BadRequest."""
    values = _parse(query, ("limit", *equal))
    return ListQuery(
        limit=values.get("limit", DEFAULT_LIMIT),
        equal={name: values[name] for name in equal if name in values},
    )


def parse_page(query: QueryParams) -> PageQuery:
    """The query of a paged list. Raises BadRequest."""
    values = _parse(query, ("limit", *DATE_FILTERS, *PAGE_PARAMETERS))
    return PageQuery(
        limit=values.get("limit", DEFAULT_LIMIT),
        dates=_dates(values),
        page=values.get("page", 1),
        sort_order=values.get("sortOrder", "DESC"),
        sort_by=values.get("sortBy", "createdAt"),
        search=values.get("search"),
        cursor=values.get("cursor"),
    )


def page_metadata(query: PageQuery, total: int, records: Sequence[Record]) -> dict[str, Any]:
    """The `metadata` beside a page's `results`, which show `records`.

    Behind a cursor nothing is counted: after a full page another is said to follow, which may be empty."""
    pages = -(-total // query.limit) if query.limit else 0
    full = 0 < query.limit == len(records)
    follows = full if query.cursor else query.page < pages
    metadata: dict[str, Any] = {
        "itemsPerPage": query.limit,
        "totalItems": total,
        "currentPage": query.page,
        "totalPages": pages,
        "hasNextPage": follows,
        "sortOrder": query.sort_order,
        "itemsBeyondRetention": False,
    }
    if follows and records:
        metadata["nextCursor"] = _cursor_after(records[-1])
    return metadata


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
            values[name] = _PARSERS.get(name, _text)(text)
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


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "limit": _whole(0, MAX_LIMIT),
    "page": _whole(1, MAX_PAGE),
    "search": _short(MAX_SEARCH),
    "cursor": _cursor,
    "idAny": _short(MAX_ID),
    "sortOrder": _one_of(*SORT_ORDERS),
    "sortBy": _one_of(*SORT_KEYS),
    **dict.fromkeys(DATE_FILTERS, _date),
}


def described_list(equal: Iterable[str] = (), ids: str | None = None) -> list[dict[str, Any]]:
    """OpenAPI parameters of a plain list."""
    several = [] if ids is None else [{**_described(ids), "schema": _IDS_SCHEMA}]
    return [_described(name) for name in ("limit", *DATE_FILTERS, *equal)] + several


def described_filters(equal: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    """OpenAPI parameters of a list without dates: by name, the values that a filter may have, if not any."""
    filters = [
        {**_described(name), **({"schema": {"type": "string", "enum": [*values]}} if values else {})}
        for name, values in equal.items()
    ]
    return [_described("limit"), *filters]


def described_page(
    names: Iterable[str] = ("limit", *DATE_FILTERS, *PAGE_PARAMETERS),
) -> list[dict[str, Any]]:
    """OpenAPI parameters of a paged list."""
    return [_described(name) for name in names]


def _described(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _SCHEMAS.get(name, _TEXT_SCHEMA)}


_TEXT_SCHEMA: Final = {"type": "string", "maxLength": MAX_TEXT}
_IDS_SCHEMA: Final = {"type": "array", "items": {"type": "string", "maxLength": MAX_ID}, "maxItems": MAX_IDS}
_SCHEMAS: Final[Mapping[str, dict[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "page": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
    "search": {"type": "string", "maxLength": MAX_SEARCH},
    "sortOrder": {"type": "string", "enum": list(SORT_ORDERS), "default": "DESC"},
    "sortBy": {"type": "string", "enum": list(SORT_KEYS), "default": "createdAt"},
    **{name: {"type": "string", "format": "date-time"} for name in DATE_FILTERS},
}
