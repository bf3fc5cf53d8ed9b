"""Lists of what Offhook does not have: they are empty, as those of an org that never made any. Tools read all
lists before they do anything, and take a 404 for a broken service. Some (`/block`, `/knowledge-base`,
`/logs`, `/test-suite`, `/workflow`) are of older versions of the original, whose clients ask for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic import Field, JsonValue
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.http.work import private
from offhook.api.openapi.operation import ApiRoute, Json, Operations, gives, type_of
from offhook.api.resources.paging import PaginationMeta, described_page, page_metadata, parse_page
from offhook.api.wire_type import Wire
from offhook.schema.base import Model
from offhook.schema.openapi import ListSchema

LISTS: Final = {
    "/block": ("Blocks", "BlockController", "findAll"),
    "/eval/simulation": ("Simulations", "SimulationController", "findAll"),
    "/eval/simulation/personality": ("Simulation Personalities", "PersonalityController", "findAll"),
    "/eval/simulation/run": ("Simulation Runs", "SimulationRunController", "findAll"),
    "/eval/simulation/run/{id}/item": ("Simulation Runs", "SimulationRunController", "findItems"),
    "/eval/simulation/scenario": ("Simulation Scenarios", "ScenarioController", "findAll"),
    "/eval/simulation/suite": ("Simulation Suites", "SimulationSuiteController", "findAll"),
    "/file": ("Files", "FileController", "findAll"),
    "/knowledge-base": ("Knowledge Bases", "KnowledgeBaseController", "findAll"),
    "/v2/knowledge-base": ("Knowledge Bases V2", "KnowledgeBaseV2Controller", "findAll"),
    "/v2/knowledge-base/{id}/file": ("Knowledge Bases V2", "KnowledgeBaseV2Controller", "filesGet"),
    "/workflow": ("Workflows", "WorkflowController", "findAll"),
}
PAGES: Final = {
    "/campaign": ("Campaigns", "CampaignController", "findAll"),
    "/chat": ("Chats", "ChatController", "listChats"),
    "/eval": ("Eval", "EvalController", "getPaginated"),
    "/eval/run": ("Eval", "EvalController", "getRunsPaginated"),
    "/logs": ("Logs", "LoggingController", "findAll"),
    "/observability/scorecard": ("Observability/Scorecard", "ScorecardController", "getPaginated"),
    "/provider/{provider}/{resourceName}": (
        "Provider Resources",
        "ProviderResourceController",
        "getProviderResourcesPaginated",
    ),
    "/reporting/board": ("Board", "BoardController", "findAll"),
    "/reporting/insight": ("Insight", "InsightController", "findAll"),
    "/session": ("Sessions", "SessionController", "findAllPaginated"),
    "/structured-output": ("Structured Outputs", "StructuredOutputController", "findAll"),
    "/test-suite": ("Test Suites", "TestSuiteController", "findAllPaginated"),
    "/test-suite/{id}/run": ("Test Suite Runs", "TestSuiteRunController", "findAllPaginated"),
    "/test-suite/{id}/test": ("Test Suite Tests", "TestSuiteTestController", "findAllPaginated"),
    "/traffic-allocations": ("Traffic Allocations", "TrafficAllocationController", "findAll"),
    "/v2/campaign": ("Campaigns", "CampaignController", "findAllV2"),
    "/v2/campaign/{id}/contacts": ("Campaigns", "CampaignController", "getCampaignV2Contacts"),
}
"""By path: heading, controller and action, as the API has them in its document."""
_OF_PAGES: Final = ("limit", "page", "sortOrder")
"""The parameters that a page's metadata repeats. Whatever else nothing is searched for changes nothing."""


class EmptyPage(Model):
    """A page of nothing."""

    results: list[JsonValue] = Field(max_length=0)
    metadata: PaginationMeta


_EMPTY_PAGE: Final = Wire(EmptyPage)
_EMPTY_LIST: Final = ListSchema(items={}, max_items=0).document()


def routes() -> list[ApiRoute]:
    described = described_page(_OF_PAGES)
    return [
        *(_route(path, *of, _EMPTY_LIST, [], lambda query: []) for path, of in LISTS.items()),
        *(_route(path, *of, type_of(_EMPTY_PAGE), described, _page) for path, of in PAGES.items()),
    ]


def _route(
    path: str,
    tag: str,
    controller: str,
    action: str,
    shape: Json,
    parameters: list[Json],
    made: Callable[[QueryParams], Any],
) -> ApiRoute:
    operations = Operations(tag, controller)
    serve = operations.serve(
        "GET",
        path,
        action,
        "Always empty: nothing of the kind is served",
        gives(shape),
        parameters=parameters,
    )
    serve(_answering(made))
    return operations.routes[0]


def _answering(made: Callable[[QueryParams], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def empty(request: Request) -> Response:
        async with private(request):
            return JSONResponse(made(request.query_params))

    return empty


def _page(given: QueryParams) -> dict[str, Any]:
    query = parse_page(QueryParams([item for item in given.multi_items() if item[0] in _OF_PAGES]))
    return {"results": [], "metadata": page_metadata(query, 0, ())}
