"""Digest authentication, both sides (RFC 8760, RFC 7616, RFC 2617; in SIP: RFC 3261 §22)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from offhook.sip.errors import BadSyntax
from offhook.sip.messages.grammar import QUOTED, TOKEN, quote, unquote

_HASHES: Final[dict[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
ALGORITHMS: Final = ("SHA-256", "SHA-256-SESS", "MD5", "MD5-SESS")
"""What we can compute, in upper case; strongest first."""
_SPELLING: Final = {"SHA-256-SESS": "SHA-256-sess", "MD5-SESS": "MD5-sess"}

_SCHEME = re.compile(r"[ \t]*+([A-Za-z0-9\-]++)[ \t]++(.*)", re.DOTALL)
_AUTH_PARAM = re.compile(
    rf"[ \t]*+({TOKEN})[ \t]*+=[ \t]*+({QUOTED}|[^\x00-\x20\x7f-\uffff,\"]++)[ \t]*+(?:,|$)"
)
_NONCE_COUNT = re.compile(r"[0-9A-Fa-f]{8}")

MAX_AUTH_PARAMS: Final = 32
NONCE_SECONDS: Final = 60.0
"""How long a nonce may be used: a challenge is answered within one transaction (32 s)."""
MAX_SEEN_NONCES: Final = 4096
"""How many used nonces are remembered, so that a flood cannot fill the memory."""


def parse_auth(text: str) -> tuple[str, dict[str, str]]:
    """Scheme in lower case and parameters (lower-case names, unquoted values) of an Authorization,
    WWW-Authenticate or Proxy- header. BadSyntax for malformed or repeated parameters."""
    match = _SCHEME.fullmatch(text)
    if match is None:
        raise BadSyntax("Malformed Authentication")
    scheme, rest = match[1].lower(), match[2]
    params: dict[str, str] = {}
    position = 0
    while position < len(rest):
        found = _AUTH_PARAM.match(rest, position)
        if found is None or found[1].lower() in params or len(params) == MAX_AUTH_PARAMS:
            raise BadSyntax("Malformed Authentication")
        params[found[1].lower()] = unquote(found[2])
        position = found.end()
    return scheme, params


@dataclass(frozen=True, slots=True)
class Challenge:
    """A WWW-Authenticate or Proxy-Authenticate value of scheme Digest.

    `algorithm` is in upper case; `qop` holds what is offered, () from an RFC 2069 peer."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ("auth",)
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge:
        scheme, params = parse_auth(text)
        if scheme != "digest" or "nonce" not in params or "realm" not in params:
            raise BadSyntax("Not a Digest Challenge")
        qop = tuple(option.strip().lower() for option in params.get("qop", "").split(",") if option.strip())
        return cls(
            params["realm"],
            params["nonce"],
            params.get("algorithm", "MD5").upper(),
            qop,
            params.get("opaque"),
            params.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        parts = [
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"algorithm={_spell(self.algorithm)}",
        ]
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return f"Digest {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An Authorization or Proxy-Authorization value of scheme Digest. `nonce_count` is 0 without qop."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str = field(repr=False)
    algorithm: str = "MD5"
    qop: str | None = None
    nonce_count: int = 0
    cnonce: str | None = None
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Credentials:
        scheme, params = parse_auth(text)
        if scheme != "digest":
            raise BadSyntax("Not Digest Credentials")
        count = params.get("nc", "00000000")
        qop = params.get("qop")
        missing = {"username", "realm", "nonce", "uri", "response"} - params.keys()
        if missing or not _NONCE_COUNT.fullmatch(count) or (qop is not None and "cnonce" not in params):
            raise BadSyntax("Malformed Digest Credentials")
        return cls(
            params["username"],
            params["realm"],
            params["nonce"],
            params["uri"],
            params["response"].lower(),
            params.get("algorithm", "MD5").upper(),
            None if qop is None else qop.lower(),
            int(count, 16),
            params.get("cnonce"),
            params.get("opaque"),
        )

    def __str__(self) -> str:
        parts = [
            f"username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
        ]
        parts += [
            f"uri={quote(self.uri)}",
            f'response="{self.response}"',
            f"algorithm={_spell(self.algorithm)}",
        ]
        if self.qop is not None:
            parts += [f"qop={self.qop}", f"nc={self.nonce_count:08x}", f"cnonce={quote(self.cnonce or '')}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        return f"Digest {', '.join(parts)}"


def answer_challenge(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    nonce_count: int = 1,
) -> Credentials | None:
    """What to send back; None for an algorithm or a qop that we cannot serve. `uri` is the Request-URI
    as sent, `cnonce` a fresh random token."""
    if challenge.algorithm not in ALGORITHMS or (challenge.qop and "auth" not in challenge.qop):
        return None
    credentials = Credentials(
        username,
        challenge.realm,
        challenge.nonce,
        uri,
        "",
        challenge.algorithm,
        "auth" if challenge.qop else None,
        nonce_count if challenge.qop else 0,
        cnonce if challenge.qop or challenge.algorithm.endswith("-SESS") else None,
        challenge.opaque,
    )
    return replace(credentials, response=_response(credentials, password, method))


def best_challenge(values: list[str]) -> Challenge | None:
    """Of the WWW-Authenticate (or Proxy-Authenticate) lines of one response the strongest that we can
    answer (RFC 8760 §2.4); others, and malformed ones, are passed over."""
    challenges = []
    for value in values:
        try:
            challenge = Challenge.parse(value)
        except BadSyntax:
            continue
        if challenge.algorithm in ALGORITHMS:
            challenges.append(challenge)
    return min(challenges, key=lambda one: ALGORITHMS.index(one.algorithm), default=None)


def verify(credentials: Credentials, *, password: str, method: str) -> bool:
    """Whether the response is right for this password, compared in constant time. The caller has still
    to check the username, the realm, the URI and the nonce (`Nonces.check`)."""
    if credentials.algorithm not in ALGORITHMS or credentials.qop not in (None, "auth"):
        return False
    if credentials.algorithm.endswith("-SESS") and credentials.cnonce is None:
        return False
    expected = _response(credentials, password, method)
    return hmac.compare_digest(expected.encode(), credentials.response.encode())


def _response(credentials: Credentials, password: str, method: str) -> str:
    """RFC 7616 §3.4.1, without qop RFC 2617 §3.2.2.1."""
    name, session, _ = credentials.algorithm.partition("-SESS")
    digest = _HASHES[name]
    ha1 = digest(f"{credentials.username}:{credentials.realm}:{password}".encode())
    if session:
        ha1 = digest(f"{ha1}:{credentials.nonce}:{credentials.cnonce}".encode())
    ha2 = digest(f"{method}:{credentials.uri}".encode())
    if credentials.qop is None:
        return digest(f"{ha1}:{credentials.nonce}:{ha2}".encode())
    middle = f"{credentials.nonce}:{credentials.nonce_count:08x}:{credentials.cnonce}:{credentials.qop}"
    return digest(f"{ha1}:{middle}:{ha2}".encode())


def _spell(algorithm: str) -> str:
    return _SPELLING.get(algorithm, algorithm)


class Nonces:
    """Nonces that need no memory until they are used: a time and a signature over it (RFC 7616 §5.4).

    `secret` signs them; `now` gives seconds since the epoch; `entropy` random octets, so that two
    challenges of one instant differ."""

    def __init__(
        self,
        secret: bytes,
        now: Callable[[], float],
        entropy: Callable[[int], bytes],
        seconds: float = NONCE_SECONDS,
    ) -> None:
        self._secret = secret
        self._now = now
        self._entropy = entropy
        self._seconds = seconds
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._forgotten_until = 0.0

    def issue(self) -> str:
        made = int(self._now() * 1000).to_bytes(8, "big") + self._entropy(8)
        return base64.urlsafe_b64encode(made + self._signature(made)).decode()

    def check(self, credentials: Credentials) -> str | None:
        """Take note of one use of a nonce: None when it may be used, else why not.

        "forged": not ours. "stale": too old, challenge again with stale=true. "replayed": this nonce
        count (or, without qop, this nonce) was used before. Call it after `verify`, so that nobody
        but the owner of the password can use up a nonce."""
        made_at = self._made_at(credentials.nonce)
        if made_at is None:
            return "forged"
        seen = self._counts.get(credentials.nonce, -1)
        # Among nonces this old there are some whose use has been forgotten; they are not used twice.
        forgotten = seen < 0 and made_at <= self._forgotten_until
        if forgotten or not 0 <= self._now() - made_at < self._seconds:
            return "stale"
        if credentials.nonce_count <= seen:
            return "replayed"
        self._counts[credentials.nonce] = credentials.nonce_count
        self._counts.move_to_end(credentials.nonce)
        if len(self._counts) > MAX_SEEN_NONCES:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten_until = max(self._forgotten_until, self._made_at(oldest) or 0.0)
        return None

    def __len__(self) -> int:
        """How many used nonces are remembered."""
        return len(self._counts)

    def _made_at(self, nonce: str) -> float | None:
        """Seconds since the epoch at which we issued it; None for one that is not ours."""
        if len(nonce) != 44 or not nonce.isascii():
            return None
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except ValueError:
            return None
        made, signature = raw[:16], raw[16:]
        if not hmac.compare_digest(self._signature(made), signature):
            return None
        return int.from_bytes(made[:8], "big") / 1000

    def _signature(self, made: bytes) -> bytes:
        return hmac.digest(self._secret, made, "sha256")[:16]
