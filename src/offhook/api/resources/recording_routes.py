"""`/recording/{call}/{kind}`: the audio file behind a signed link, in ranges if asked (RFC 9110 §14)."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from offhook.api.http.api_errors import NotFound, Unavailable
from offhook.api.openapi.operation import ApiRoute, Operations, gives
from offhook.api.services import Services
from offhook.links import KINDS
from offhook.media.recorded import SIDES, mono_path, stereo_path, write_track

_AUDIO: Final = {"type": "string", "format": "binary"}
_SIGNED: Final = [
    {"name": name, "in": "query", "required": True, "schema": {"type": kind}}
    for name, kind in (("expires", "integer"), ("signature", "string"))
]
_CALL_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_log = logging.getLogger(__name__)


def recording_file(folder: Path, call_id: str, kind: str) -> Path | None:
    """The file of one recording; None when there is none. The first request for one side alone makes it of
    the stereo file, so this may take a while: not for the loop. Raises OSError."""
    if kind not in KINDS or not _CALL_ID.fullmatch(call_id):
        return None
    if kind in SIDES:
        return write_track(folder, call_id, kind)
    file = (mono_path if kind == "mono" else stereo_path)(folder, call_id)
    return file if file.is_file() else None


def is_recorded(folder: Path, call_id: str) -> bool:
    """Whether a recording of any kind can be had."""
    return bool(_CALL_ID.fullmatch(call_id)) and stereo_path(folder, call_id).is_file()


def elsewhere(services: Services, node: str | None) -> NotFound | None:
    """What to say of a recording that is not here: another node's calls are on that one's disk."""
    if node is None or node == services.node:
        return None
    return NotFound(
        f"The recording is with the node {node}, which took the call: ask there (this is {services.node};"
        " each names itself in the file `node` of its data folder)."
    )


def routes() -> list[ApiRoute]:
    recordings = Operations("Recordings", "RecordingController")

    @recordings.serve(
        "GET",
        "/recording/{callId}/{kind}",
        "play",
        "The audio behind a signed link",
        gives(_AUDIO, content_type="audio/wav") | gives(_AUDIO, 206, "audio/wav"),
        parameters=_SIGNED,
        mistakes=(404, 503),
        needs_key=False,
    )
    async def play(request: Request) -> Response:
        services: Services = request.app.state.services
        call_id, kind = request.path_params["callId"], request.path_params["kind"]
        path, query = request.scope["raw_path"], request.scope["query_string"]
        if not services.links.allows(call_id, kind, path, query):
            raise NotFound("This link is not valid any more.")
        has_ended, node = await _state(services, call_id)
        if not has_ended:
            raise NotFound("There is no such recording.")
        try:
            file = await run_in_threadpool(recording_file, services.recordings, call_id, kind)
        except OSError as error:
            _log.error("call=%s the %s recording cannot be made: %s", call_id, kind, error)
            raise Unavailable("the recording could not be made; try again later") from error
        if file is None:
            raise elsewhere(services, node) or NotFound("There is no such recording.")
        return FileResponse(
            file,
            media_type="audio/wav",
            filename=file.name,
            content_disposition_type="inline",
            headers={"Cache-Control": "private, no-store"},
        )

    return recordings.routes


async def _state(services: Services, call_id: str) -> tuple[bool, str | None]:
    """Whether it has ended, and the node that has it."""
    # A recording grows until its call ends, and an answer's length is said at its beginning.
    async with services.database.reading() as tx:
        call = await tx.calls.find(call_id)
        node = await tx.calls.node_of(call_id)
    return call is not None and call.document.get("status") == "ended", node
