"""Reads a request's body: bounded in size and time, and strictly JSON."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from starlette.requests import ClientDisconnect, Request

from offhook.api.http.api_errors import BadRequest, RequestTimeout, TooLarge, UnsupportedMediaType
from offhook.network.json_size import holds_more, whole_number

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 20_000
"""Names and values in all, far more than any assistant has. Checking more would take so long that callers
would hear it."""
READ_SECONDS: Final = 30.0


async def read(request: Request) -> bytes:
    """The whole body. Raises TooLarge past 1 MiB, RequestTimeout past 30 seconds."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise RequestTimeout(f"the body did not arrive within {READ_SECONDS:g} seconds") from None
    except ClientDisconnect:
        raise BadRequest("the connection closed before the body had arrived") from None
    return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(f"the body is larger than {MAX_BYTES} bytes")


def parse_object(body: bytes, content_type: str) -> dict[str, Any]:
    """One JSON object. Raises UnsupportedMediaType or BadRequest."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType("send the body as application/json")
    if holds_more(body, MAX_VALUES):
        raise BadRequest(f"the body holds more than {MAX_VALUES} names and values")
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite, parse_int=whole_number
        )
    except (ValueError, RecursionError):
        raise BadRequest("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object")
    flaw = _flaw(value, escaped=b"\\u" in body)
    if flaw:
        raise BadRequest(f"the body {flaw}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e999 is JSON, but nothing could be shown for it
        raise ValueError(f"{text} is too large a number")
    return number


def _flaw(value: object, *, escaped: bool) -> str | None:
    """Why a JSON value cannot be stored and shown again, or None. Its text is checked only if it has an
    `escaped` character: nothing else can make text that is not UTF-8."""
    level: list[object] = [value]
    seen = 0
    for _ in range(MAX_DEPTH):
        if escaped and not all(_storable(item) for item in level if isinstance(item, str)):
            return "holds a character that cannot be stored: U+0000 or half of a surrogate pair"
        level = [child for item in level for child in _children(item)]
        seen += len(level)
        if seen > MAX_VALUES:
            return f"holds more than {MAX_VALUES} names and values"
        if not level:
            return None
    return f"is nested deeper than {MAX_DEPTH} levels"


def _children(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return (*item.keys(), *item.values())
    return item if isinstance(item, list) else ()


def _storable(text: str) -> bool:
    # PostgreSQL's JSON takes no U+0000; a lone surrogate is not UTF-8.
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
