"""Sending one message to one receiver, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpcore2
import httpx2

from offhook.json_document import MessageDocument, ResourceDocument
from offhook.network.http import MAX_ANSWER, BodyRefused, Reply, at_most, read_bounded
from offhook.network.json_size import holds_more, whole_number
from offhook.network.outside import Outside
from offhook.schema.authentication_plan import (
    BearerAuthenticationPlan,
    HMACAuthenticationPlan,
    OAuth2AuthenticationPlan,
    read_plan,
)
from offhook.store.json_text import ascii_json
from offhook.webhooks.failures import AskFailed, FailureKind, failure_of
from offhook.webhooks.receiver import OWN_HEADERS, Receiver, valid_header
from offhook.webhooks.retry import parse_retry_after
from offhook.webhooks.sign import CannotSign, bearer_headers, hmac_headers, message_headers
from offhook.webhooks.tokens import TokenCache

__all__ = ["Answer", "AskFailed", "Client", "FailureKind", "OutsideRequest", "message_body"]

MAX_UNUSED = 64 * 1024
"""Bytes of an unused answer that are read all the same, so that the connection can be used again."""

UNTOUCHABLE = OWN_HEADERS - {"content-type"}
"""Headers that an owner's request must not set."""

MOST_VALUES = 50_000
"""Names and values in an answer's JSON."""

SHOWN_CHARACTERS = 2000
"""Characters of an answer that is not JSON, which its owner gets to see."""

UNUSED_SECONDS = 2.0
"""Seconds that the client waits for the bytes of an unused answer."""

_UNREADABLE = (BodyRefused, httpcore2.NetworkError, httpcore2.ProtocolError)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx2.Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class OutsideRequest:
    """A request that an owner's tool makes. A body is JSON unless `headers` say otherwise. `authentication`
    is a credential's authenticationPlan: bearer, oauth2 or hmac."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    authentication: ResourceDocument | None = field(default=None, repr=False)


def message_body(message: MessageDocument) -> str:
    """A server message (`{"message": {...}}`, vapi-wire §4.3) as the text that is signed and sent. Raises
    ValueError for NaN."""
    return ascii_json(message)


class Client:
    """`outside` reaches only what its guard allows. `now` gives seconds since the epoch. `signing_secret` is
    the node's own and adds `webhook-signature`."""

    def __init__(
        self,
        outside: Outside,
        *,
        now: Callable[[], float],
        new_id: Callable[[], str],
        signing_secret: str | None = None,
    ) -> None:
        self._outside = outside
        self._now = now
        self._new_id = new_id
        self._signing_secret = signing_secret
        self._tokens = TokenCache(outside.http)

    async def ask(
        self,
        receiver: Receiver,
        message: MessageDocument,
        timeout: float,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Sends `{"message": ...}` and returns the JSON object of the answer. `timeout` seconds cover
        everything: names, connection, TLS, token, the whole answer. Raises AskFailed."""
        body = message_body(message).encode()
        async with _judging(timeout):
            reply = await self._attempt(receiver, body, self._new_id(), headers or {})
            return read_object(_accepted(await _read(reply)))

    async def deliver(
        self,
        receiver: Receiver,
        body: bytes,
        *,
        webhook_id: str,
        timeout: float,
        taken: Callable[[int], None],
    ) -> None:
        """Sends `body` once by POST, and calls `taken` with the 2xx that arrives within `timeout` seconds.
        The answer's body does not matter: if it breaks off, the message is delivered all the same. Raises
        AskFailed if the message was not delivered."""
        async with _judging(timeout):
            reply = await self._attempt(receiver, body, webhook_id, {})
            if not 200 <= reply.status < 300:
                _raise_status(await _read(reply))
        taken(reply.status)
        try:
            async with asyncio.timeout(UNUSED_SECONDS):
                await reply.read(MAX_UNUSED)
        except (*_UNREADABLE, TimeoutError):
            pass
        finally:
            await reply.aclose()

    async def fetch(self, request: OutsideRequest, timeout: float) -> Answer:
        """Sends a request once, as it is, within `timeout` seconds in all. Returns the answer if it is 2xx,
        else raises AskFailed."""
        async with _judging(timeout):
            return _accepted(await self._fetch(request))

    async def _fetch(self, request: OutsideRequest) -> Answer:
        headers = {} if request.body is None else {"Content-Type": "application/json"}
        headers |= await self._credential_headers(request)
        given = {name.lower() for name in request.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given}
        for name, value in {**headers, **request.headers}.items():
            if not valid_header(name, value) or name.lower() in UNTOUCHABLE:
                raise AskFailed("credential", f"the header {name[:80]!r} cannot be sent")
            headers[name] = value
        http = self._outside.http
        response = await http.send(
            http.build_request(
                request.method,
                request.url,
                headers=headers,
                content=request.body,
                timeout=None,
                extensions=at_most(MAX_ANSWER),
            ),
            stream=True,
        )
        try:
            return Answer(response.status_code, response.headers, await read_bounded(response, MAX_ANSWER))
        finally:
            await response.aclose()

    async def _credential_headers(self, request: OutsideRequest) -> dict[str, str]:
        given = request.authentication
        if given is None:
            return {}
        match plan := read_plan(given):
            case BearerAuthenticationPlan():
                return bearer_headers(plan)
            case OAuth2AuthenticationPlan():
                return {"Authorization": f"Bearer {await self._tokens.get(plan)}"}
            case HMACAuthenticationPlan():
                return hmac_headers(
                    plan,
                    request.body or b"",
                    url=request.url,
                    webhook_id=self._new_id(),
                    now=self._now(),
                    method=request.method,
                )
            case None:
                kind = given.get("type")
                raise AskFailed("credential", f"a credential of the type {kind} cannot go with a request")

    async def _attempt(
        self, receiver: Receiver, body: bytes, webhook_id: str, extra: Mapping[str, str]
    ) -> Reply:
        plan = None if receiver.authentication is None else read_plan(receiver.authentication)
        if not isinstance(plan, OAuth2AuthenticationPlan):
            return await self._post(receiver, body, webhook_id, None, extra)
        token = await self._tokens.get(plan)
        reply = await self._post(receiver, body, webhook_id, token, extra)
        if reply.status == 401:
            # Revoked before its time: once more with a new one.
            await reply.aclose()
            self._tokens.forget(plan, token)
            token = await self._tokens.get(plan)
            reply = await self._post(receiver, body, webhook_id, token, extra)
        return reply

    async def _post(
        self, receiver: Receiver, body: bytes, webhook_id: str, token: str | None, extra: Mapping[str, str]
    ) -> Reply:
        headers = message_headers(
            receiver,
            body,
            webhook_id=webhook_id,
            now=self._now(),
            signing_secret=self._signing_secret,
            token=token,
        )
        for name, value in extra.items():
            if name.lower() not in OWN_HEADERS and valid_header(name, value):
                headers.setdefault(name, value)
        # It may arrive twice: a receiver knows that by its webhook-id.
        return await self._outside.post(receiver.url, headers, body)


@contextlib.asynccontextmanager
async def _judging(timeout: float) -> AsyncIterator[None]:
    """Turns whatever fails inside, or takes longer than `timeout` seconds, into AskFailed."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except AskFailed:
        raise
    except TimeoutError:
        raise AskFailed("timeout", f"no whole answer within {timeout:g} s") from None
    except CannotSign as error:
        raise AskFailed("credential", str(error)) from None
    except Exception as error:
        raise failure_of(error) from error


async def _read(reply: Reply) -> Answer:
    """The whole answer. Of a refusal only the status matters: if its body cannot be read, it is left out."""
    try:
        body = await reply.read(MAX_ANSWER)
    except _UNREADABLE:
        if 200 <= reply.status < 300:
            raise
        body = b""
    finally:
        await reply.aclose()
    return Answer(reply.status, reply.headers, body)


def _accepted(answer: Answer) -> Answer:
    """Raises AskFailed for every status but 2xx."""
    if not 200 <= answer.status < 300:
        _raise_status(answer)
    return answer


def read_object(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer. Raises AskFailed: empty, not-json, wrong-json."""
    if not answer.body.strip():
        raise AskFailed("empty", "the answer has no body", status=answer.status)
    if holds_more(answer.body, MOST_VALUES):
        raise AskFailed(
            "not-json",
            f"the answer has more than {MOST_VALUES} names and values",
            status=answer.status,
            response=_shown(answer.body),
        )
    try:
        value = json.loads(
            answer.body.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_int=whole_number
        )
    except (ValueError, RecursionError):
        raise AskFailed(
            "not-json", "the answer is not JSON", status=answer.status, response=_shown(answer.body)
        ) from None
    if not isinstance(value, dict):
        raise AskFailed(
            "wrong-json", "the answer is JSON but not an object", status=answer.status, response=value
        )
    return value


def _raise_status(answer: Answer) -> NoReturn:
    if 300 <= answer.status < 400:
        raise AskFailed(
            "redirect", f"it answered {answer.status}: redirects are not followed", status=answer.status
        )
    raise AskFailed(
        "status",
        f"it answered {answer.status}",
        status=answer.status,
        response=_shown(answer.body),
        retry_after=parse_retry_after(answer.headers.get("retry-after")),
    )


def _shown(body: bytes) -> object:
    """What a body says, short enough to be stored with a call."""
    try:
        if len(body) <= SHOWN_CHARACTERS:
            return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass
    return body[:SHOWN_CHARACTERS].decode("utf-8", "replace").replace("\0", "\ufffd") or None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
