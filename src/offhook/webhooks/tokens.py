"""Access tokens for receivers behind OAuth 2 (client credentials, RFC 6749 §4.4)."""

from __future__ import annotations

import asyncio
import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field

import httpx2

from offhook.network.http import at_most, read_bounded
from offhook.schema.authentication_plan import OAuth2AuthenticationPlan
from offhook.webhooks.failures import AskFailed

MAX_TOKENS = 1024
MAX_ANSWER = 64 * 1024
EARLY_SECONDS = 30.0
"""Seconds that a token is renewed before it expires, so that it is still valid when it arrives."""

DEFAULT_LIFE = 300.0
"""Seconds that a token without `expires_in` is used."""

MAX_LIFE = 86400.0
"""The most seconds that a token is used, whatever its server says."""

TokenKey = tuple[str, str, str, str]


@dataclass(slots=True)
class _Token:
    value: str = field(default="", repr=False)
    good_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class TokenCache:
    """Tokens by authentication plan. Each is fetched by one request, however many wait for it."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._tokens: OrderedDict[TokenKey, _Token] = OrderedDict()

    async def get(self, plan: OAuth2AuthenticationPlan) -> str:
        """A token that is valid for some time. Raises AskFailed("credential") and the errors of httpx and of
        the guard. The caller limits its time."""
        token = self._entry(plan)
        async with token.lock:
            now = asyncio.get_running_loop().time()
            if token.good_until <= now:
                token.value, life = await self._fetch(plan)
                token.good_until = now + max(life - EARLY_SECONDS, life / 2)
            return token.value

    def forget(self, plan: OAuth2AuthenticationPlan, value: str) -> None:
        """The receiver refused this token, so the next one is fetched."""
        token = self._tokens.get(_key(plan))
        if token is not None and token.value == value:
            token.good_until = 0.0

    def _entry(self, plan: OAuth2AuthenticationPlan) -> _Token:
        key = _key(plan)
        token = self._tokens.pop(key, None) or _Token()
        self._tokens[key] = token
        if len(self._tokens) > MAX_TOKENS:
            self._tokens.popitem(last=False)
        return token

    async def _fetch(self, plan: OAuth2AuthenticationPlan) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": str(plan.client_id or ""),
            "client_secret": str(plan.client_secret or ""),
        }
        if plan.scope:
            form["scope"] = str(plan.scope)
        url, extensions = str(plan.url or ""), at_most(MAX_ANSWER)
        request = self._http.build_request("POST", url, data=form, timeout=None, extensions=extensions)
        request.headers["Accept"] = "application/json"
        response = await self._http.send(request, stream=True)
        try:
            body = await read_bounded(response, MAX_ANSWER)
        finally:
            await response.aclose()
        if response.status_code != 200:
            raise AskFailed("credential", f"the OAuth server answered {response.status_code}")
        return _read_token(body)


def _key(plan: OAuth2AuthenticationPlan) -> TokenKey:
    url, client, secret, scope = (
        str(value or "") for value in (plan.url, plan.client_id, plan.client_secret, plan.scope)
    )
    return url, client, secret, scope


def _read_token(body: bytes) -> tuple[str, float]:
    """The token and its lifetime in seconds (RFC 6749 §5.1)."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise AskFailed("credential", "the OAuth server did not answer with JSON") from None
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise AskFailed("credential", "the OAuth server's answer has no access_token")
    life = answer.get("expires_in")
    try:
        seconds = float(life) if isinstance(life, (int, float, str)) else DEFAULT_LIFE
    except ValueError:
        seconds = DEFAULT_LIFE
    if math.isnan(seconds):
        seconds = DEFAULT_LIFE
    return token, min(max(seconds, 0.0), MAX_LIFE)
