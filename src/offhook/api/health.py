"""`/health/live` and `/health/ready`: what a load balancer asks. No key needed."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.openapi import open_to_all
from offhook.api.services import Services

_STATUS: Final = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}


def router() -> APIRouter:
    routes = APIRouter(prefix="/health", tags=["health"])

    @routes.get("/live", **open_to_all("Whether the process is up", "application/json", _STATUS))
    async def live() -> Response:
        return JSONResponse({"status": "live"})

    @routes.get("/ready", **open_to_all("Whether new calls are answered", "application/json", _STATUS))
    async def ready(request: Request) -> Response:
        services: Services = request.app.state.services
        if await services.live.is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, 503, {"Retry-After": "1"})

    return routes
