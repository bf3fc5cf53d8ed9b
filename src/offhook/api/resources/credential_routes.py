"""`/credential`: how Offhook proves itself to webhooks and engines. Secrets go in and never come out."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work
from offhook.api.openapi.operation import ApiRoute
from offhook.api.resources.resource import Document, Kind, crud, with_resource
from offhook.api.resources.urls import check_urls
from offhook.api.wire_type import Wire
from offhook.schema.base import document
from offhook.schema.credential import AnyCredential, ByoSipTrunkCredential
from offhook.schema.secrets import without_secrets
from offhook.store import Record

MOST_GATEWAYS: Final = 64

_LOGIN: Final = "outboundAuthenticationPlan"
_USER: Final = "authUsername"
_PASSWORD: Final = "authPassword"  # noqa: S105 - the name of a property

_WHOLE: Final = Wire(AnyCredential)
_SHOWN: Final = Wire(with_resource(AnyCredential))


async def compose(work: Work, given: Document, stored: Record | None) -> Document:
    if stored and given.get("provider", stored.document["provider"]) != stored.document["provider"]:
        raise BadRequest("the provider of a credential cannot change: create another one")
    before = stored.document if stored else {}
    login = _with_password(given.get(_LOGIN), before.get(_LOGIN))
    credential = _WHOLE.parse({**before, **given, **({_LOGIN: login} if _LOGIN in given else {})})
    check_urls(work, credential, given)
    _check_keys(credential)
    if isinstance(credential, ByoSipTrunkCredential):
        _check_gateways(credential)
    return document(credential)


def _with_password(login: object, before: object) -> object:
    """A trunk's login that comes back as it is shown keeps the password that it has, unless that is another
    user's. null clears it."""
    if not isinstance(login, dict) or not isinstance(before, dict) or _PASSWORD in login:
        return login
    if _PASSWORD not in before or login.get(_USER) != before.get(_USER):
        return login
    return {**login, _PASSWORD: before[_PASSWORD]}


def _check_keys(credential: BaseModel) -> None:
    """What goes into a header. Raises BadRequest."""
    for name in ("api_key", "open_ai_key"):
        key = getattr(credential, name, None)
        if isinstance(key, str) and not (key and all("!" <= c <= "~" for c in key)):
            wire = type(credential).model_fields[name].alias
            raise BadRequest([f"{wire} must be a key as its vendor gave it, without spaces or line ends"])


def _check_gateways(credential: ByoSipTrunkCredential) -> None:
    """Calls are taken from addresses, not from names. Raises BadRequest."""
    if len(credential.gateways) > MOST_GATEWAYS:
        raise BadRequest([f"gateways must contain no more than {MOST_GATEWAYS} elements"])
    for place, gateway in enumerate(credential.gateways):
        if gateway.inbound_enabled is not False and gateway.network is None:
            raise BadRequest(
                "Couldn't validate SIP trunk credential. SIP gateway creation failed."
                f" gateways.{place}.ip must be an IP address, or inboundEnabled false."
            )


def routes() -> list[ApiRoute]:
    return crud(
        Kind(
            path="/credential",
            noun="credential",
            title="Credential",
            controller="CredentialController",
            created=_WHOLE,
            shown=_SHOWN,
            repository=lambda tx: tx.credentials,
            compose=compose,
            show=without_secrets,
        )
    ).routes
