"""The first start: an org with its key, and a demo assistant with a number that anyone can dial."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from offhook.process import StartError
from offhook.settings import Settings
from offhook.store import Database, Duplicate, Record, Transaction

DEMO_USER: Final = "demo"

DEMO_ASSISTANT: Final[dict[str, Any]] = {
    "name": "Harbor Dental",
    "firstMessage": "Hello, this is Harbor Dental. How can I help you?",
    "endCallMessage": "Thank you for calling Harbor Dental. Goodbye!",
    "model": {
        "provider": "vapi",
        "messages": [
            {
                "role": "system",
                "content": (
                    "You are the friendly receptionist of Harbor Dental. Keep answers short.\n"
                    "\n"
                    "- Opening hours: we are open Monday to Friday from eight to six.\n"
                    "- Address: we are at twelve Harbor Street, next to the old lighthouse.\n"
                    "- Price of a cleaning: a cleaning costs ninety dollars.\n"
                    "- Insurance: we accept most dental insurance plans.\n"
                    "- Appointments: appointments can be booked on our website or by phone.\n"
                    "- Parking: there is free parking behind the house.\n"
                ),
            }
        ],
        "tools": [{"type": "endCall"}],
    },
}


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a start found or made. `key` is the private key in clear, only if it was made just now; `demo`:
    whether the demo number is there to be dialled."""

    key: str | None
    demo: bool


def new_key() -> str:
    """A private key: 32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


async def first_start(database: Database, settings: Settings) -> FirstStart:
    """Make the first org, its key and the demo number unless there are orgs already.

    At every start OFFHOOK_API_KEY is made to work for the first org, and OFFHOOK_ORG_SERVER_URL is its server
    as long as it has no other. Raises StartError for a key that was revoked."""
    try:
        return await _found_or_made(database, settings)
    except Duplicate:
        pass  # another node of the same database was quicker, and has made what there is to find now
    try:
        return await _found_or_made(database, settings)
    except Duplicate as taken:
        raise StartError(
            f"OFFHOOK_API_KEY cannot be used, it was revoked ({taken}): choose another, or unset it"
        ) from taken


async def _found_or_made(database: Database, settings: Settings) -> FirstStart:
    async with database.transaction() as tx:
        orgs = await tx.orgs.list()
        if not orgs:
            return await _make(tx, settings)
        await _keep_to_settings(tx, settings, orgs[0])
        return FirstStart(None, await tx.phone_numbers.by_sip_user(DEMO_USER) is not None)


async def _make(tx: Transaction, settings: Settings) -> FirstStart:
    document: dict[str, Any] = {"name": "Offhook"}
    if settings.org_server_url:
        document["server"] = {"url": settings.org_server_url}
    org = await tx.orgs.create(document)
    configured = _configured_key(settings)
    key = configured or new_key()
    await tx.keys.create(org.id, key, tag="private", name="first key")
    assistant = await tx.assistants.create(org.id, DEMO_ASSISTANT)
    number = {
        "provider": "vapi",
        "name": "Demo",
        "sipUri": f"sip:{DEMO_USER}@{settings.sip_host}",
        "assistantId": assistant.id,
        "status": "active",
    }
    await tx.phone_numbers.create(org.id, number)
    return FirstStart(None if configured else key, True)


async def _keep_to_settings(tx: Transaction, settings: Settings, org: Record) -> None:
    configured = _configured_key(settings)
    if configured and await tx.keys.org_of(configured) is None:
        await tx.keys.create(org.id, configured, tag="private", name="OFFHOOK_API_KEY")
    if settings.org_server_url and not org.document.get("server"):
        await tx.orgs.replace(org.id, {**org.document, "server": {"url": settings.org_server_url}})


def _configured_key(settings: Settings) -> str | None:
    return settings.api_key.get_secret_value() if settings.api_key else None
