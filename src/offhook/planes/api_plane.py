"""The half of a node that speaks HTTP."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

from offhook.api import create_app
from offhook.api.http.serving import serve_http
from offhook.api.services import Live, Services
from offhook.network.sources import Sources
from offhook.planes.ground import Ground


async def api_plane(ground: Ground, live: Live, listening: socket.socket, stack: AsyncExitStack) -> None:
    """Serve the API on `listening` until `stack` is closed. Raises StartError."""
    services = Services(
        database=ground.database,
        settings=ground.settings,
        live=live,
        links=ground.links(),
        now=ground.now,
        rng=ground.rng,
        node=ground.node,
    )
    sources = Sources(ground.settings.trusted_sources or ())
    served = await serve_http(listening, create_app(services), stack, sources=sources)
    ground.vital.watch("the task that serves the API", served)
