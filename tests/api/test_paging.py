"""What a list may be asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from offhook.api.http.api_errors import BadRequest
from offhook.api.resources.paging import (
    DATE_FILTERS,
    ListQuery,
    PageQuery,
    page_metadata,
    parse_list,
    parse_page,
)
from offhook.store import Record

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
RECORD = Record("a-1", "org", MOMENT, MOMENT, {})


def test_nothing_asked_means_the_first_hundred() -> None:
    assert parse_list(QueryParams("")) == ListQuery(limit=100)
    assert parse_page(QueryParams("")) == PageQuery(limit=100, page=1, sort_order="DESC", sort_by="createdAt")


def test_everything_that_may_be_asked() -> None:
    query = parse_list(
        QueryParams("limit=7&createdAtGt=2026-01-02T03:04:05.678Z&updatedAtLe=2026-02-03&assistantId=a"),
        equal=("assistantId", "phoneNumberId"),
    )

    assert query.limit == 7
    assert query.dates == {
        "createdAtGt": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        "updatedAtLe": datetime(2026, 2, 3, tzinfo=UTC),
    }
    assert query.equal == {"assistantId": "a"}


def test_an_unescaped_plus_sign_in_an_offset_is_understood() -> None:
    query = parse_list(QueryParams("createdAtGe=2026-01-02T03:00:00+02:00"))

    assert query.dates["createdAtGe"] == datetime(2026, 1, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("limit=1001", "limit must not be greater than 1000"),
        ("limit=-1", "limit must not be less than 0"),
        ("limit=ten", "limit must be a number conforming to the specified constraints"),
        ("page=0", "page must not be less than 1"),
        ("sortOrder=up", "sortOrder must be one of the following values: ASC, DESC"),
        ("createdAtGt=soon", "createdAtGt must be a valid ISO 8601 date string"),
        ("createdAtGt=0001-01-01T00:00:00%2B14:00", "createdAtGt must be a valid ISO 8601 date string"),
        ("lmit=1", "property lmit should not exist"),
        ("cursor=%21", "cursor must be the nextCursor of a page"),
        ("cursor=c29vbiB4", "cursor must be the nextCursor of a page"),
        ("search=" + "x" * 101, "search must be shorter than or equal to 100 characters"),
    ],
)
def test_what_may_not_be_asked_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadRequest) as problem:
        parse_page(QueryParams(text))

    assert problem.value.message == [sentence]


def test_several_ids_can_be_asked_for() -> None:
    assert parse_list(QueryParams("idAny=a&limit=2&idAny=b"), ids="idAny").ids == ("a", "b")
    assert parse_list(QueryParams("limit=2"), ids="idAny").ids is None
    with pytest.raises(BadRequest) as problem:
        parse_list(QueryParams("&".join(["idAny=a"] * 501)), ids="idAny")
    assert problem.value.message == ["idAny must contain no more than 500 elements"]


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(BadRequest) as problem:
        parse_list(QueryParams("limit=x&foo=1&bar=2"))

    assert len(problem.value.message) == 3


@pytest.mark.parametrize(
    ("total", "page", "pages", "more"),
    [(0, 1, 0, False), (10, 1, 1, False), (11, 1, 2, True), (11, 2, 2, False), (11, 9, 2, False)],
)
def test_metadata_counts_pages(total: int, page: int, pages: int, more: bool) -> None:
    shown = [RECORD] * max(0, min(10, total - 10 * (page - 1)))
    metadata = page_metadata(PageQuery(limit=10, page=page), total, shown)

    assert metadata["totalPages"] == pages
    assert metadata["hasNextPage"] is more
    assert metadata["itemsPerPage"] == 10
    assert metadata["totalItems"] == total
    assert metadata["currentPage"] == page
    assert ("nextCursor" in metadata) is more


def test_a_cursor_leads_to_what_follows_the_last_record() -> None:
    metadata = page_metadata(PageQuery(limit=1), 2, [RECORD])
    query = parse_page(QueryParams({"cursor": metadata["nextCursor"], "limit": "1"}))

    assert query.cursor == (RECORD.created_at, RECORD.id)
    assert page_metadata(query, 2, [RECORD])["hasNextPage"] is True
    assert page_metadata(query, 2, [])["hasNextPage"] is False


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["limit", "page", "search", "sortBy", "cursor", *DATE_FILTERS]), st.text(max_size=30))
def test_no_text_does_more_than_be_refused(name: str, text: str) -> None:
    query = QueryParams([(name, text)])

    parsed: PageQuery | BadRequest
    try:
        parsed = parse_page(query)
    except BadRequest as refusal:
        parsed = refusal

    assert isinstance(parsed, PageQuery) or str(parsed.message[0]).startswith(name)
