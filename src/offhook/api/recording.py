"""`/recording/{call}/{kind}`: the audio file behind a signed link, in ranges if asked (RFC 9110 §14)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Query as QueryParameter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from offhook.api.errors import NotFound
from offhook.api.links import KINDS
from offhook.api.openapi import open_to_all
from offhook.api.services import Services

_AUDIO: Final = {"type": "string", "format": "binary"}
_CALL_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


def recording_file(folder: Path, call_id: str, kind: str) -> Path | None:
    """The file of one recording, named as `calls/recording.py` names it; None when there is none."""
    if kind not in KINDS or not _CALL_ID.fullmatch(call_id):
        return None
    file = folder / f"{call_id}-{kind}.wav"
    return file if file.is_file() else None


def erase(folder: Path, call_id: str) -> None:
    """Remove all of a call's recordings. Raises OSError when one stays."""
    for kind in KINDS:
        file = recording_file(folder, call_id, kind)
        if file is not None:
            file.unlink(missing_ok=True)


def router() -> APIRouter:
    routes = APIRouter(tags=["recording"])

    path = "/recording/{call_id}/{kind}"

    @routes.head(path, include_in_schema=False)
    @routes.get(path, **open_to_all("The audio behind a signed link", "audio/wav", _AUDIO))
    async def play(
        request: Request,
        call_id: str,
        kind: str,
        expires: Annotated[int, QueryParameter(ge=0)],
        signature: Annotated[str, QueryParameter(max_length=128)],
    ) -> Response:
        services: Services = request.app.state.services
        if not services.links.allows(call_id, kind, expires, signature, services.now()):
            raise NotFound("This link is not valid any more.")
        file = recording_file(services.recordings, call_id, kind)
        if file is None or not await _has_ended(services, call_id):
            raise NotFound("There is no such recording.")
        return FileResponse(
            file,
            media_type="audio/wav",
            filename=file.name,
            content_disposition_type="inline",
            headers={"Cache-Control": "private, no-store"},
        )

    return routes


async def _has_ended(services: Services, call_id: str) -> bool:
    # A recording grows until its call ends, and an answer's length is said at its beginning.
    async with services.database.reading() as tx:
        call = await tx.calls.find(call_id)
    return call is not None and call.document.get("status") == "ended"
