"""The first start: an org with its key, and a demo assistant with a number that anyone can dial."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from offhook import demo
from offhook.settings import Settings
from offhook.store import Database


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a start found or made. `key` is the private key in clear, only if it was made just now."""

    key: str | None
    sip_uri: str | None


def new_key() -> str:
    """A private key: 32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


async def first_start(database: Database, settings: Settings) -> FirstStart:
    """Make the first org, its key and the demo number unless there are orgs already.

    A configured OFFHOOK_API_KEY is made to work for the first org at every start."""
    configured = settings.api_key.get_secret_value() if settings.api_key else None
    async with database.transaction() as tx:
        orgs = await tx.orgs.list()
        if orgs:
            if configured and await tx.keys.org_of(configured) is None:
                await tx.keys.create(orgs[0].id, configured, tag="private", name="OFFHOOK_API_KEY")
            number = await tx.phone_numbers.by_sip_user(demo.NUMBER_USER)
            return FirstStart(None, None if number is None else str(number.document.get("sipUri")))
        document: dict[str, Any] = {"name": "Offhook"}
        if settings.org_server_url:
            document["server"] = {"url": settings.org_server_url}
        org = await tx.orgs.create(document)
        key = configured or new_key()
        await tx.keys.create(org.id, key, tag="private", name="first key")
        assistant = await tx.assistants.create(org.id, demo.ASSISTANT)
        sip_uri = f"sip:{demo.NUMBER_USER}@{settings.sip_host}"
        await tx.phone_numbers.create(
            org.id,
            {
                "provider": "vapi",
                "name": "Demo",
                "sipUri": sip_uri,
                "assistantId": assistant.id,
                "status": "active",
            },
        )
    return FirstStart(None if configured else key, sip_uri)
