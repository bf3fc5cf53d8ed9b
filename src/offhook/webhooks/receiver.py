"""Which server gets a message, and what is needed to send it there."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from offhook.json_document import ResourceDocument
from offhook.schema import server as schema
from offhook.schema.authentication_plan import authentication_of
from offhook.schema.server import HasServer, Server, server_of
from offhook.store import Transaction

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 20.0
MIN_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS = 1.0, 300.0

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
"""Headers of the request itself (RFC 9110 §7.6.1) and of Standard Webhooks, which an owner must not set."""


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """`server.backoffPlan` (vapi-wire §1.5). Times in seconds. `max_retries` does not count the first
    attempt."""

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
    backoff: RetryPlan | None = None
    authentication: ResourceDocument | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Host and port, by which attempts are counted, in printable ASCII. Empty if the URL has none."""
        try:
            parts = urlsplit(self.url)
            host = f"{parts.hostname or ''}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        except ValueError:
            return ""
        return _UNPRINTABLE.sub("?", host[:300])

    def to_json(self) -> dict[str, Any]:
        """For the outbox. It contains secrets."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, stored: ResourceDocument) -> Receiver:
        """The inverse of `to_json`."""
        values = dict(stored)
        plan = values.get("backoff")
        if plan is not None:
            values["backoff"] = RetryPlan(
                **{**plan, "excluded_status_codes": tuple(plan["excluded_status_codes"])}
            )
        return cls(**values)


def choose_server(
    *,
    tool: HasServer | None = None,
    assistant: HasServer | None = None,
    number: HasServer | None = None,
    org: HasServer | None = None,
) -> Server | None:
    """The one server that gets a message: the tool's, else the assistant's, else the number's, else the org's
    (vapi-wire §4.1). None if none of them has a server."""
    for holder in (tool, assistant, number, org):
        server = server_of(holder)
        if server is not None:
            return server
    return None


def credential_id(server: Server | None) -> str | None:
    """The id of the credential that the server needs."""
    named = None if server is None else server.credential_id
    return named if isinstance(named, str) and named else None


async def find_credential(tx: Transaction, org_id: str, server: Server | None) -> ResourceDocument | None:
    """The org's credential that the server names."""
    named = credential_id(server)
    record = None if named is None else await tx.credentials.get(org_id, named)
    return None if record is None else record.document


def receiver_of(server: Server, credential: ResourceDocument | None = None) -> Receiver:
    """The Receiver for a server that has a URL. Malformed properties are left out. `credential` is the one
    that the server names (`credential_id`)."""
    assert server.url is not None
    return Receiver(
        url=server.url,
        secret=_secret(server.secret),
        headers=_headers(server.headers),
        timeout_seconds=_timeout(server.timeout_seconds),
        backoff=backoff_of(server.backoff_plan),
        authentication=_authentication(credential_id(server), credential),
    )


def valid_header(name: str, value: str) -> bool:
    """Whether the header may be sent: its name is a token, its value visible ASCII without line ends
    (RFC 9110 §5.5)."""
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
            log.warning("a server's header cannot be sent and is left out: %.80r", name)
    return headers


def _secret(given: object) -> str | None:
    if not given:
        return None
    if isinstance(given, str) and _VALUE.fullmatch(given):
        return given
    log.warning("a server's secret cannot be sent as a header and is left out")
    return None


def _timeout(given: object) -> float:
    seconds = _number(given, DEFAULT_TIMEOUT_SECONDS)
    return min(max(seconds, MIN_TIMEOUT_SECONDS), MAX_TIMEOUT_SECONDS)


def backoff_of(given: schema.BackoffPlan | None) -> RetryPlan | None:
    """The plan that a `backoffPlan` of the API describes, within its ranges. None if there is none."""
    if not isinstance(given, schema.BackoffPlan):
        return None
    return RetryPlan(
        type="exponential" if given.type == "exponential" else "fixed",
        max_retries=int(min(max(_number(given.max_retries, 0), 0), 10)),
        base_delay_seconds=min(max(_number(given.base_delay_seconds, 1), 0), 10),
        excluded_status_codes=tuple(_codes(given.excluded_status_codes)),
    )


def _codes(given: object) -> Iterator[int]:
    """HTTP statuses: 404, 404.0 and "404" are the same."""
    for code in given if isinstance(given, (list, tuple)) else ():
        text = str(code).removesuffix(".0")
        if len(text) == 3 and text.isascii() and text.isdecimal():
            yield int(text)


def _authentication(named: str | None, credential: ResourceDocument | None) -> dict[str, Any] | None:
    if named is None:
        return None
    plan = authentication_of(credential)
    if plan is None:
        log.warning("a server's credential %s does not exist: its messages are sent without it", named)
        return None
    return dict(plan)


def _number(given: object, default: float) -> float:
    return float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else default
