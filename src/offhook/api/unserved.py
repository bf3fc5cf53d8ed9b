"""Lists of what Offhook does not have: they are empty, as those of an org that never made any. Tools read all
lists before they do anything, and take a 404 for a broken service. Some (`/block`, `/knowledge-base`,
`/logs`, `/test-suite`, `/workflow`) are of older versions of the original, whose clients ask for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.openapi import described
from offhook.api.paging import page_metadata, parse_page
from offhook.api.work import private

LISTS: Final = (
    "/block",
    "/eval/simulation",
    "/eval/simulation/personality",
    "/eval/simulation/run",
    "/eval/simulation/run/{identity}/item",
    "/eval/simulation/scenario",
    "/eval/simulation/suite",
    "/file",
    "/knowledge-base",
    "/v2/knowledge-base",
    "/v2/knowledge-base/{identity}/file",
    "/workflow",
)
PAGES: Final = (
    "/campaign",
    "/chat",
    "/eval",
    "/eval/run",
    "/logs",
    "/observability/scorecard",
    "/provider/{provider}/{resourceName}",
    "/reporting/board",
    "/reporting/insight",
    "/session",
    "/structured-output",
    "/test-suite",
    "/test-suite/{identity}/run",
    "/test-suite/{identity}/test",
    "/traffic-allocations",
    "/v2/campaign",
    "/v2/campaign/{identity}/contacts",
)
_OF_PAGES: Final = ("limit", "page", "sortOrder")
"""The parameters that a page's metadata repeats. Whatever else nothing is searched for changes nothing."""


def router() -> APIRouter:
    routes = APIRouter(tags=["unserved"])
    for path in LISTS:
        _add(routes, path, {"type": "array", "items": {}, "maxItems": 0}, lambda query: [])
    for path in PAGES:
        _add(routes, path, {"type": "object"}, _page)
    return routes


def _add(routes: APIRouter, path: str, shape: dict[str, Any], made: Callable[[QueryParams], Any]) -> None:
    routes.add_api_route(
        path, _answering(made), methods=["GET"], name=f"list-{path}", **described("An empty list", shape)
    )


def _answering(made: Callable[[QueryParams], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def empty(request: Request) -> Response:
        async with private(request):
            return JSONResponse(made(request.query_params))

    return empty


def _page(given: QueryParams) -> dict[str, Any]:
    query = parse_page(QueryParams([item for item in given.multi_items() if item[0] in _OF_PAGES]))
    return {"results": [], "metadata": page_metadata(query, 0, ())}
