"""What every call of a node shares. Built once, by the composition root or by a test."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from offhook.calls.directory.documented import Documented
from offhook.calls.leg import Media
from offhook.calls.record.reporter import Ledger
from offhook.calls.routing.assistants import AssistantDirectory
from offhook.calls.transfers.called_party import Dialler
from offhook.calls.transfers.hold_audio import Sounds
from offhook.calls.transfers.trunk import Trunk
from offhook.calls.trunks.contact_names import ContactNames
from offhook.calls.trunks.stored_trunks import StoredTrunks
from offhook.calls.world.tools.tool_site import Send
from offhook.conversation.active_assistant import EngineFactory
from offhook.engines.registry import OrgCredentials
from offhook.json_document import Answer, MessageDocument, ResourceDocument
from offhook.language.extraction import Render
from offhook.network.guard import AddressGuard
from offhook.schema.number import StoredPhoneNumber
from offhook.schema.org import UpdateOrgDTO
from offhook.sip.messages.uri import Uri
from offhook.speech.engine_protocols import Voice
from offhook.speech.remote import CallContext
from offhook.webhooks.receiver import Receiver

Ask = Callable[[Receiver, MessageDocument, float], Awaitable[Answer]]
"""Sends a message that wants an answer, within the seconds given. Raises webhooks.client.AskFailed."""


class NumberDirectory(AssistantDirectory, Protocol):
    """What is stored: numbers by the user part that was dialled, everything else by org."""

    async def number(self, user: str) -> Documented[StoredPhoneNumber] | None:
        """The number whose sipUri has this user part, in any case; None if there is none."""
        ...

    async def trunks(self) -> StoredTrunks:
        """Those of all orgs."""
        ...

    async def trunk_numbers(self, number: str) -> Sequence[Documented[StoredPhoneNumber]]:
        """This telephone number on the trunks that have it, the oldest first."""
        ...

    async def numbers_of(self, org_id: str, trunk_id: str) -> Sequence[Documented[StoredPhoneNumber]]:
        """Those of one trunk, two of them at the most."""
        ...

    async def org(self, org_id: str) -> UpdateOrgDTO: ...

    async def credential(self, org_id: str, credential_id: str) -> ResourceDocument | None: ...

    async def credentials_for(self, org_id: str, provider: str) -> Mapping[str, ResourceDocument]:
        """The org's credentials for one provider, by their ids, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class CallServices:
    ledger: Ledger
    directory: NumberDirectory
    media: Media
    engines: Callable[[CallContext, OrgCredentials, str], EngineFactory]
    """For a call, with the credentials of its org, and which org that is."""
    emergency: Voice | None
    """Speaks the apology when the assistant's own voice has failed. Its owner starts and closes it."""
    render: Render
    """Fills a template with these variables and with those of the clock."""
    ask: Ask
    guard: AddressGuard
    recordings: Path
    recording_urls: Callable[[str], Mapping[str, str]]
    """`mono`, `stereo`, `assistant` and `customer` URLs of a call's recording, by its id."""
    now: Callable[[], float]
    new_id: Callable[[], str]
    rng: random.Random
    dialler: Dialler = field(default_factory=Dialler)
    """Calls other parties. The composition root gives it the user agent."""
    trunk: Trunk | None = None
    """The trunk for numbers of orgs that have none of their own. None: numbers are called through the peer
    that sent the call."""
    contacts: ContactNames = field(default_factory=lambda: ContactNames(os.urandom(16)))
    """What the node is called by where it has registered."""
    gateway_is_down: Callable[[Uri], bool] = lambda uri: False
    """Whether a trunk's gateway that is asked for it has not answered."""
    sounds: Sounds | None = None
    """Fetches an owner's audio file. None: no audio files are played."""
    live_url: str | None = None
    """The URL of calls in the API, for those who listen to them and steer them. None: nobody can."""
    send: Send | None = None
    """Makes an owner's API request. None: no request leaves the node."""
