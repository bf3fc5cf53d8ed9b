"""Which server gets a message, and all that is needed to send it there."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from offhook.store import Transaction

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 20.0
MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS = 1.0, 300.0

Document = Mapping[str, Any]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_VALUE = re.compile(r"[\x20-\x7e\t]{0,8192}")

OWN_HEADERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Headers of the request itself (RFC 9110 §7.6.1) and of Standard Webhooks, which are nobody's to set."""


@dataclass(frozen=True, slots=True)
class BackoffPlan:
    """`server.backoffPlan` (vapi-wire §1.5). Seconds; `max_retries` besides the first attempt."""

    type: Literal["fixed", "exponential"] = "fixed"
    max_retries: int = 0
    base_delay_seconds: float = 1.0
    excluded_status_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Receiver:
    """A server that gets messages. `authentication` is the credential's authenticationPlan as it was stored
    (vapi-wire §4.2)."""

    url: str
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    backoff: BackoffPlan | None = None
    authentication: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Host and port, by which attempts are counted, in printable ASCII; empty if the URL has none."""
        try:
            parts = urlsplit(self.url)
            host = f"{parts.hostname or ''}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        except ValueError:
            return ""
        return _UNPRINTABLE.sub("?", host[:300])

    def to_json(self) -> dict[str, Any]:
        """For the outbox. It holds secrets."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Receiver:
        """The inverse of `to_json`."""
        values = dict(stored)
        plan = values.get("backoff")
        if plan is not None:
            values["backoff"] = BackoffPlan(
                **{**plan, "excluded_status_codes": tuple(plan["excluded_status_codes"])}
            )
        return cls(**values)


def server_of(document: Document | None) -> dict[str, Any] | None:
    """The `server` of a tool, assistant, number or org in the form of the API, with `serverUrl` and
    `serverUrlSecret` taken for `server.url` and `server.secret` (vapi-wire §0). None without a URL."""
    if not document:
        return None
    given = document.get("server")
    server = dict(given) if isinstance(given, Mapping) else {}
    for name, legacy in (("url", "serverUrl"), ("secret", "serverUrlSecret")):
        if not server.get(name) and document.get(legacy):
            server[name] = document[legacy]
    return server if isinstance(server.get("url"), str) and server["url"] else None


def choose_server(
    *,
    tool: Document | None = None,
    assistant: Document | None = None,
    number: Document | None = None,
    org: Document | None = None,
) -> dict[str, Any] | None:
    """The one server that gets a message: the tool's, else the assistant's, else the number's, else the org's
    (vapi-wire §4.1). None if none of them has one."""
    for document in (tool, assistant, number, org):
        server = server_of(document)
        if server is not None:
            return server
    return None


def credential_id(server: Document) -> str | None:
    """Which credential the server needs."""
    named = server.get("credentialId")
    return named if isinstance(named, str) and named else None


async def find_credentials(tx: Transaction, org_id: str, server: Document | None) -> dict[str, Document]:
    """What `receiver_of` needs as `credentials` for this server: the org's credential that it names."""
    named = credential_id(server or {})
    record = None if named is None else await tx.credentials.get(org_id, named)
    return {} if record is None else {record.id: record.document}


def receiver_of(server: Document, credentials: Mapping[str, Document]) -> Receiver:
    """The Receiver for a `server` object that has a URL. What is malformed in it is left out. `credentials`
    are documents by their id; the one that the server names (`credential_id`) is what matters."""
    return Receiver(
        url=server["url"],
        secret=_secret(server.get("secret")),
        headers=_headers(server.get("headers")),
        timeout_seconds=_timeout(server.get("timeoutSeconds")),
        backoff=backoff_of(server.get("backoffPlan")),
        authentication=_authentication(credential_id(server), credentials),
    )


def valid_header(name: str, value: str) -> bool:
    """Whether it may go over the wire: a token, and visible ASCII without line ends (RFC 9110 §5.5)."""
    return bool(_TOKEN.fullmatch(name) and _VALUE.fullmatch(value))


def _headers(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping):
        return {}
    headers: dict[str, str] = {}
    for name, value in list(given.items())[:64]:
        text = value if isinstance(value, str) else str(value)
        if isinstance(name, str) and name.lower() not in OWN_HEADERS and valid_header(name, text):
            headers[name] = text
        else:
            log.warning("a header of a server cannot be sent and is left out: %.80r", name)
    return headers


def _secret(given: object) -> str | None:
    if not given:
        return None
    if isinstance(given, str) and _VALUE.fullmatch(given):
        return given
    log.warning("the secret of a server cannot be sent as a header and is left out")
    return None


def _timeout(given: object) -> float:
    seconds = _number(given, DEFAULT_TIMEOUT_SECONDS)
    return min(max(seconds, MIN_TIMEOUT_SECONDS), MAX_TIMEOUT_SECONDS)


def backoff_of(given: object) -> BackoffPlan | None:
    """The plan that a `backoffPlan` of the API describes, within its ranges; None for none."""
    if not isinstance(given, Mapping):
        return None
    return BackoffPlan(
        type="exponential" if given.get("type") == "exponential" else "fixed",
        max_retries=int(min(max(_number(given.get("maxRetries"), 0), 0), 10)),
        base_delay_seconds=min(max(_number(given.get("baseDelaySeconds"), 1), 0), 10),
        excluded_status_codes=tuple(_codes(given.get("excludedStatusCodes"))),
    )


def _codes(given: object) -> Iterator[int]:
    """HTTP statuses: 404, 404.0 and "404" are the same."""
    for code in given if isinstance(given, (list, tuple)) else ():
        text = str(code).removesuffix(".0")
        if len(text) == 3 and text.isascii() and text.isdecimal():
            yield int(text)


def _authentication(named: str | None, credentials: Mapping[str, Document]) -> dict[str, Any] | None:
    if named is None:
        return None
    plan = credentials.get(named, {}).get("authenticationPlan")
    if not isinstance(plan, Mapping):
        log.warning("the credential %s of a server is not known: its messages go out without it", named)
        return None
    return dict(plan)


def _number(given: object, default: float) -> float:
    return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else default
