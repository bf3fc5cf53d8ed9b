"""Errors that carry their answer, and the one envelope for every error.

`{"message": ..., "error": "Bad Request", "statusCode": 400}`, where `message` is a list of sentences for a
body or query that is not valid, and one sentence otherwise (vapi-wire §1.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import JSONResponse

INVALID_KEY = (
    "Invalid Key. Hot tip, you may be using the private key instead of the public key, or vice versa."
)


class ApiError(Exception):
    """An answer other than success. `message` is for the client and holds nothing secret."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str | Sequence[str], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message if isinstance(message, str) else list(message)
        self.headers = headers


class BadRequest(ApiError):
    status = HTTPStatus.BAD_REQUEST


class Unauthorized(ApiError):
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__(INVALID_KEY, {"WWW-Authenticate": "Bearer"})


class Forbidden(ApiError):
    status = HTTPStatus.FORBIDDEN


class Conflict(ApiError):
    """The SDKs try one again, so that it is for what may be otherwise in a moment."""

    status = HTTPStatus.CONFLICT


class NotFound(ApiError):
    status = HTTPStatus.NOT_FOUND


class RequestTimeout(ApiError):
    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(ApiError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(ApiError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooManyRequests(ApiError):
    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(ApiError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


def envelope(status: int, message: str | list[str], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The envelope of an error. A 413 says "Payload Too Large", as the original's framework does."""
    phrase = "Payload Too Large" if status == 413 else HTTPStatus(status).phrase
    return JSONResponse(
        {"message": message, "error": phrase, "statusCode": int(status)}, status, headers=headers
    )
