"""`/health/live` and `/health/ready`: what a load balancer asks. No key needed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.services import Services


def router() -> APIRouter:
    routes = APIRouter(prefix="/health", tags=["health"])

    @routes.get("/live", summary="Whether the process is up", response_model=None)
    async def live() -> Response:
        return JSONResponse({"status": "live"})

    @routes.get("/ready", summary="Whether new calls are answered", response_model=None)
    async def ready(request: Request) -> Response:
        services: Services = request.app.state.services
        if services.live.is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, 503, {"Retry-After": "1"})

    return routes
