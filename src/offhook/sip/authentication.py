"""Answering the challenges that meet our own requests (RFC 3261 §22.2, §22.3)."""

from __future__ import annotations

import random

from offhook.sip.digest import answer_challenge, best_challenge
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response


class Login:
    """A user name and its password. Never printed."""

    __slots__ = ("_nonces", "_password", "_rng", "_username")

    def __init__(self, username: str, password: str, rng: random.Random) -> None:
        self._username = username
        self._password = password
        self._rng = rng
        self._nonces: set[str] = set()

    def answer(self, response: Response, request: Request) -> tuple[str, str] | None:
        """The header that answers a 401 or 407 to `request`. None for a challenge that cannot be
        answered, or that refuses what we said to the same nonce before."""
        proxy = response.status == 407
        values = response.headers.get_all("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        try:
            challenge = best_challenge(values)
        except SipError:
            return None
        if challenge is None or challenge.nonce in self._nonces:
            return None
        credentials = answer_challenge(
            challenge,
            username=self._username,
            password=self._password,
            method=request.method,
            uri=str(request.uri),
            cnonce=f"{self._rng.getrandbits(64):016x}",
        )
        if credentials is None:
            return None
        self._nonces.add(challenge.nonce)
        return ("Proxy-Authorization" if proxy else "Authorization"), str(credentials)

    def __repr__(self) -> str:
        return "Login(...)"
