"""The `server` object: where messages go (vapi-wire §1.5), and its older spelling.

Earlier the API had `serverUrl` and `serverUrlSecret` beside the resource's other properties. Both
spellings are accepted and both are shown; `server` alone is stored (`normalise_server`, `show_server`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from pydantic import Field

from offhook.json_document import ResourceDocument
from offhook.schema.base import JsonObject, Model, Number, unchecked


class BackoffPlan(Model):
    """How a failed request is repeated; without one it is not. Delays in seconds."""

    type: Literal["fixed", "exponential"]
    max_retries: Number = Field(ge=0, le=10)
    base_delay_seconds: Number = Field(ge=0, le=10)
    excluded_status_codes: list[int | JsonObject] | None = None


class Server(Model):
    """A URL with what is sent to it. `secret` is the older way of signing: the header X-Vapi-Secret."""

    url: str | None = None
    secret: str | None = None
    credential_id: str | None = None
    timeout_seconds: Number | None = Field(default=None, ge=1, le=300)
    headers: dict[str, str] | None = None
    backoff_plan: BackoffPlan | None = None
    static_ip_addresses_enabled: bool | None = None
    encrypted_paths: list[str] | None = None


class LegacyServer(Model):
    """The older spelling of `server.url` and `server.secret`."""

    server_url: str | None = None
    server_url_secret: str | None = None


def server_of(holder: HasServer | None) -> Server | None:
    """The server of a tool, assistant, number or org, with `serverUrl` and `serverUrlSecret` taken for
    `server.url` and `server.secret` where that has none. None without a URL."""
    if holder is None:
        return None
    server = holder.server or _NONE
    legacy = holder if isinstance(holder, LegacyServer) else _NO_LEGACY
    url = server.url or legacy.server_url
    if not url:
        return None
    secret = server.secret or legacy.server_url_secret
    if (url, secret) == (server.url, server.secret):
        return server
    return server.model_copy(update={"url": url, "secret": secret})


class HasServer(Protocol):
    @property
    def server(self) -> Server | None: ...


_NONE = Server()
_NO_LEGACY = LegacyServer()


def read_server(document: ResourceDocument) -> Server | None:
    """The same of a document that may not be valid. What is in it is as it was given: whoever sends there
    leaves out what cannot be sent."""
    given = document.get("server")
    server = dict(given) if isinstance(given, Mapping) else {}
    for name, legacy in (("url", "serverUrl"), ("secret", "serverUrlSecret")):
        if not server.get(name) and document.get(legacy):
            server[name] = document[legacy]
    if not isinstance(server.get("url"), str) or not server["url"]:
        return None
    plan = server.get("backoffPlan")
    if isinstance(plan, Mapping):
        server["backoffPlan"] = unchecked(BackoffPlan, plan)
    found: Server = unchecked(Server, server)
    return found


_LEGACY = {"serverUrl": "url", "serverUrlSecret": "secret"}


def normalise_server(document: Mapping[str, Any], stored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The document with `serverUrl` and `serverUrlSecret` folded into `server`.

    `stored` is the document that a PATCH changes: an older spelling changes its one property of the
    stored `server`, null removes it, and a `server` that is left without any property becomes null.
    Where both spellings are given, `server` is meant, and the older one fills what it leaves open."""
    result = {name: value for name, value in document.items() if name not in _LEGACY}
    legacy = {_LEGACY[name]: value for name, value in document.items() if name in _LEGACY}
    if not legacy:
        return result
    if "server" in document:
        server = {**legacy, **_given(document["server"] or {})}
    else:
        server = {**((stored or {}).get("server") or {}), **legacy}
    result["server"] = _given(server) or None
    return result


def _given(server: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in server.items() if value is not None}


def _is_secret_set(document: Mapping[str, Any]) -> bool:
    """`isServerUrlSecretSet`, which older clients need: whether its messages are sent with a secret."""
    return (document.get("server") or {}).get("secret") is not None


def show_secret_set(shown: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of a stored document, with `isServerUrlSecretSet`."""
    return {**shown, "isServerUrlSecretSet": _is_secret_set(stored)}


def show_server(document: Mapping[str, Any]) -> dict[str, Any]:
    """The stored document as it is shown: with `serverUrl` and `serverUrlSecret` beside `server`
    wherever that has them."""
    server = document.get("server") or {}
    shown = dict(document)
    for name, inner in _LEGACY.items():
        if server.get(inner) is not None:
            shown[name] = server[inner]
    return shown
