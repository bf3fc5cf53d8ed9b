"""The body of a chat server's response -> the JSON objects in it, a bounded part at a time."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, suppress

import httpx2

from offhook.language.event_stream import EventStream
from offhook.network import turns

REPLY_TIMEOUT = 300.0
"""Seconds for the whole of one reply."""
LAST_TIMEOUT = 1.0
"""Seconds for what may follow the model's reason to stop: the count of tokens, and the end itself."""
DRAIN_SECONDS = 0.05
LONGEST_EXPLANATION = 16384
"""Bytes that are read of a refusal."""

_AT_A_TIME = 16
_PART = 4096
_COST = 60
_BYTES_A_MICROSECOND = 8
"""What a part costs, about, to be read as objects and put into words."""
_IDENTITY = ("", "identity")
_PACKED = ("gzip", "x-gzip", "deflate")
_EITHER_HEADER = 32 + zlib.MAX_WBITS  # gzip's or zlib's


class ResponseBody:
    """`limit`: seconds from one object to the next. `complete`: nothing that matters is still to come, so
    that what is late is not waited for.

    Raises TimeoutError, httpx's errors, and ValueError for what is no JSON object, for more than the limits,
    and for an encoding that is not known."""

    def __init__(self, body: AsyncIterator[bytes], limit: float) -> None:
        self.limit = limit
        self.complete = False
        self._parts = body
        self._stream = EventStream()

    async def objects(self) -> AsyncGenerator[dict[str, object], None]:
        loop = asyncio.get_running_loop()
        latest = loop.time() + REPLY_TIMEOUT
        since = loop.time()
        while not self._stream.done:
            limit = LAST_TIMEOUT if self.complete else self.limit
            try:
                async with asyncio.timeout_at(min(since + limit, latest)):
                    part = await anext(self._parts, None)
            except (TimeoutError, httpx2.TimeoutException):
                if self.complete:
                    return  # all has been said, and the connection is left open
                raise
            for piece in self._stream.end() if part is None else self._stream.feed(part):
                yield piece
                since = loop.time()
            if part is None:
                return


async def drain(body: AsyncIterator[bytes]) -> None:
    """Read to the end, if that is near: the connection can be used again then."""
    with suppress(TimeoutError, ValueError, httpx2.HTTPError):
        async with asyncio.timeout(DRAIN_SECONDS):
            for _ in range(_AT_A_TIME):
                if await anext(body, None) is None:
                    return


async def explanation(response: httpx2.Response, timeout: float) -> bytes:
    """The beginning of what a server says about its refusal, if it does so soon."""
    said = b""
    with suppress(TimeoutError, ValueError, httpx2.HTTPError):
        async with asyncio.timeout(timeout), aclosing(parts(response)) as body:
            async for part in body:
                said += part
                if len(said) > LONGEST_EXPLANATION:
                    break
    return said[:LONGEST_EXPLANATION]


async def parts(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """What comes, unpacked, in parts of at most _PART bytes. Raises httpx's errors and
    ValueError."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in (*_IDENTITY, *_PACKED):
        raise ValueError(f"an answer with the content-encoding {encoding[:40]}, which was not asked for")
    unpack = _unpacked if encoding in _PACKED else _sliced
    packed = zlib.decompressobj(_EITHER_HEADER)
    lane = turns.lane("engines")
    async for chunk in response.aiter_raw():
        for part in unpack(chunk, packed):
            await lane.turn(_COST + len(part) // _BYTES_A_MICROSECOND)
            yield part


def _sliced(chunk: bytes, _: object) -> Iterator[bytes]:
    if len(chunk) <= _PART:
        yield chunk
        return
    for at in range(0, len(chunk), _PART):
        yield chunk[at : at + _PART]


def _unpacked(chunk: bytes, packed: zlib._Decompress) -> Iterator[bytes]:
    """Never more at once than is asked for, however little it was packed to."""
    try:
        while chunk and not packed.eof:
            part = packed.decompress(chunk, _PART)
            chunk = packed.unconsumed_tail
            if part:
                yield part
    except zlib.error as error:
        raise ValueError(f"a compressed answer that is broken: {error}") from None
