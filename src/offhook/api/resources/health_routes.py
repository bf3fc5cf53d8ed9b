"""`/health/live` and `/health/ready`: what a load balancer asks. No key needed."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.api.openapi.operation import ApiRoute, Operations, gives
from offhook.api.services import Services

_STATUS: Final = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}


def routes() -> list[ApiRoute]:
    health = Operations("Health", "HealthController")

    @health.serve("GET", "/health/live", "live", "Whether the process is up", gives(_STATUS), needs_key=False)
    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    @health.serve(
        "GET",
        "/health/ready",
        "ready",
        "Whether new calls are answered",
        gives(_STATUS) | gives(_STATUS, 503),
        needs_key=False,
    )
    async def ready(request: Request) -> Response:
        services: Services = request.app.state.services
        if await services.live.is_ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready"}, 503, {"Retry-After": "1"})

    return health.routes
