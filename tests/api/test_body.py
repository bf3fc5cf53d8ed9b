"""Bodies are read with bounds: in size, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from offhook.api.http import body
from offhook.api.http.api_errors import ApiError, BadRequest, RequestTimeout, TooLarge
from tests.virtual import story


def request_of(*pieces: bytes, length: str | None = None, ends: bool = True, every: float = 0.0) -> Request:
    """A request whose body comes in `pieces`, one `every` so many seconds; without an end the client goes."""
    headers = [] if length is None else [(b"content-length", length.encode("latin-1"))]
    coming: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": not ends or index < len(pieces) - 1}
        for index, piece in enumerate(pieces)
    ]

    async def receive() -> Message:
        await asyncio.sleep(every)
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@story
async def test_a_body_in_pieces_is_one() -> None:
    assert await body.read(request_of(b'{"name"', b': "Ann"}', every=10.0)) == b'{"name": "Ann"}'


@story
@pytest.mark.parametrize(
    ("pieces", "length", "ends", "every", "refusal"),
    [
        ([b"{"] * 40, None, True, 1.0, RequestTimeout),
        ([b"{"], None, False, 0.0, BadRequest),
        ([b"{}"], str(body.MAX_BYTES + 1), True, 0.0, TooLarge),
        ([b"x" * body.MAX_BYTES, b"x"], "2", True, 0.0, TooLarge),
        ([b"x" * body.MAX_BYTES, b"x"], "\u00b2", True, 0.0, TooLarge),
    ],
    ids=["too slow", "cut off", "said to be too large", "larger than was said", "a length that is none"],
)
async def test_what_does_not_arrive_in_bounds_is_refused(
    pieces: Sequence[bytes], length: str | None, ends: bool, every: float, refusal: type[ApiError]
) -> None:
    with pytest.raises(refusal):
        await body.read(request_of(*pieces, length=length, ends=ends, every=every))
