"""What a list may be asked for: how many, which dates, which page (wire-facts §1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from starlette.datastructures import QueryParams

from offhook.api.errors import BadRequest
from offhook.schema.base import parse_timestamp

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
MAX_PAGE: Final = 1_000_000
MAX_TEXT: Final = 200

DATE_FILTERS: Final = tuple(
    f"{moment}At{test}" for moment in ("created", "updated") for test in ("Gt", "Lt", "Ge", "Le")
)
PAGE_PARAMETERS: Final = ("search", "page", "sortOrder", "sortBy")

SortOrder = Literal["ASC", "DESC"]
SORT_ORDERS: Final = ("ASC", "DESC")
SORT_KEYS: Final = ("createdAt", "duration", "cost")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """`dates` maps names like `createdAtGt` to moments; `equal` maps a property to the value it must have."""

    limit: int = DEFAULT_LIMIT
    dates: Mapping[str, datetime] = field(default_factory=dict)
    equal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page, counted from 1."""

    limit: int = DEFAULT_LIMIT
    dates: Mapping[str, datetime] = field(default_factory=dict)
    page: int = 1
    sort_order: SortOrder = "DESC"
    sort_by: str = "createdAt"
    search: str | None = None


def parse_list(query: QueryParams, equal: Iterable[str] = ()) -> ListQuery:
    """The query of a plain list, with filters by the properties in `equal`. Raises BadRequest."""
    values = _parse(query, ("limit", *DATE_FILTERS, *equal))
    return ListQuery(
        limit=values.get("limit", DEFAULT_LIMIT),
        dates=_dates(values),
        equal={name: values[name] for name in equal if name in values},
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
    )


def page_metadata(query: PageQuery, total: int) -> dict[str, Any]:
    """The `metadata` beside a page's `results`."""
    pages = -(-total // query.limit) if query.limit else 0
    metadata: dict[str, Any] = {
        "itemsPerPage": query.limit,
        "totalItems": total,
        "currentPage": query.page,
        "totalPages": pages,
        "hasNextPage": query.page < pages,
        "sortOrder": query.sort_order,
        "itemsBeyondRetention": False,
    }
    return metadata


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
_WHOLE: Final = re.compile(r"([0-9]{1,9})(?:\.0)?")


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


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"must be shorter than or equal to {MAX_TEXT} characters")
    if "\0" in text:
        raise ValueError("must not hold U+0000")
    return text


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "limit": _whole(0, MAX_LIMIT),
    "page": _whole(1, MAX_PAGE),
    "sortOrder": _one_of(*SORT_ORDERS),
    "sortBy": _one_of(*SORT_KEYS),
    **dict.fromkeys(DATE_FILTERS, _date),
}


def described_list(equal: Iterable[str] = ()) -> list[dict[str, Any]]:
    """OpenAPI parameters of a plain list."""
    return [_described(name) for name in ("limit", *DATE_FILTERS, *equal)]


def described_filters(equal: Iterable[str]) -> list[dict[str, Any]]:
    """OpenAPI parameters of a list without dates."""
    return [_described(name) for name in ("limit", *equal)]


def described_page() -> list[dict[str, Any]]:
    """OpenAPI parameters of a paged list."""
    return [_described(name) for name in ("limit", *DATE_FILTERS, *PAGE_PARAMETERS)]


def _described(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": _SCHEMAS.get(name, _TEXT_SCHEMA)}


_TEXT_SCHEMA: Final = {"type": "string", "maxLength": MAX_TEXT}
_SCHEMAS: Final[Mapping[str, dict[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "page": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
    "sortOrder": {"type": "string", "enum": list(SORT_ORDERS), "default": "DESC"},
    "sortBy": {"type": "string", "enum": list(SORT_KEYS), "default": "createdAt"},
    **{name: {"type": "string", "format": "date-time"} for name in DATE_FILTERS},
}
