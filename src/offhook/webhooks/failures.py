"""How the delivery of a message can fail, or the answer to it."""

from __future__ import annotations

import ssl
from typing import Literal

import httpcore2
import httpx2

from offhook.network import AddressRefused, NameNotFound, words_of
from offhook.network.guard import ONLY_WEB
from offhook.network.http import BodyRefused, BodyTooLarge, causes

FailureKind = Literal[
    "dns",
    "refused",
    "tls",
    "timeout",
    "protocol",
    "status",
    "redirect",
    "empty",
    "not-json",
    "wrong-json",
    "too-large",
    "refused-by-policy",
    "credential",
]
"""In this order: no address; no connection, or it broke; certificate or handshake; deadline; not HTTP, or
compressed; not 2xx; 3xx; no body; not JSON; JSON but no object; longer than the limit; not allowed by the
guard; cannot be signed."""


_NO_URL = (httpx2.UnsupportedProtocol, httpcore2.UnsupportedProtocol, httpx2.InvalidURL, UnicodeError)
_LATE = (httpx2.TimeoutException, httpcore2.TimeoutException, TimeoutError)
_NOT_HTTP = (httpx2.ProtocolError, httpcore2.ProtocolError, httpx2.StreamError, BodyRefused)


class AskFailed(Exception):
    """`detail` is one line for the receiver's owner, without secrets. `status` is the HTTP status, if there
    was one. `response` is the part of the body that was read: its JSON object, or the beginning of its text.
    `retry_after` is in seconds."""

    def __init__(
        self,
        kind: FailureKind,
        detail: str,
        *,
        status: int | None = None,
        response: object = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind: FailureKind = kind
        self.detail = detail
        self.status = status
        self.response = response
        self.retry_after = retry_after


def failure_of(error: Exception) -> AskFailed:
    """The AskFailed for an error of the client, the guard or the network."""
    chain = list(causes(error))
    for cause in chain:
        if isinstance(cause, AddressRefused):
            return AskFailed("refused-by-policy", str(cause))
        if isinstance(cause, NameNotFound):
            return AskFailed("dns", str(cause))
        if isinstance(cause, ssl.SSLError):
            return AskFailed("tls", words_of(cause))
    if isinstance(error, BodyTooLarge):
        return AskFailed("too-large", str(error))
    if isinstance(error, _NO_URL):
        return AskFailed("refused-by-policy", ONLY_WEB)
    if isinstance(error, _LATE):
        return AskFailed("timeout", "no answer in time")
    if isinstance(error, (httpx2.NetworkError, httpcore2.NetworkError)):
        return AskFailed("refused", words_of(error))
    if isinstance(error, _NOT_HTTP):
        return AskFailed("protocol", words_of(error))
    raise error
