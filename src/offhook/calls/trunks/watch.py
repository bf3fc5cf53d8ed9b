"""What keeps trunks reachable while the node runs: registrations and pings, as the credentials say now."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final, Protocol

from offhook.calls.transfers.trunk import gateway_uri
from offhook.calls.trunks.contact_names import ContactNames
from offhook.calls.trunks.ping import Ping
from offhook.calls.trunks.registration import Registration
from offhook.calls.trunks.stored_trunks import StoredTrunk, StoredTrunks
from offhook.calls.trunks.trunk_requests import TrunkRequests
from offhook.sip.messages.uri import Uri

LOOK_SECONDS: Final = 2.0
"""Between two looks at what is stored."""

MOST_REGISTRATIONS: Final = 1000
MOST_PINGS: Final = 1000
"""Of one node; those of the oldest trunks."""

_log = logging.getLogger(__name__)


class TrunkDirectory(Protocol):
    async def trunks(self) -> StoredTrunks: ...


class TrunkWatch:
    """`registers`: this process does, which of several processes of a node one has to."""

    def __init__(
        self,
        directory: TrunkDirectory,
        asking: TrunkRequests,
        contacts: ContactNames,
        rng: random.Random,
        *,
        registers: bool,
    ) -> None:
        self._directory = directory
        self._asking = asking
        self._contacts = contacts
        self._rng = rng
        self._registers = registers
        self._registrations: dict[str, Registration] = {}
        self._pings: dict[str, Ping] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def registered(self) -> list[str]:
        """The ids of the trunks that are registered now."""
        return [name for name, one in self._registrations.items() if one.is_registered]

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._run(), name="trunks")
        return self._task

    def is_down(self, gateway: Uri) -> bool:
        ping = self._pings.get(_place(gateway))
        return ping is not None and ping.is_down

    async def close(self) -> None:
        """Takes back what is registered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for ping in self._pings.values():
            ping.task.cancel()
        ended = [one.take_back() for one in self._registrations.values()]
        await asyncio.gather(*ended, *(one.task for one in self._pings.values()), return_exceptions=True)

    async def _run(self) -> None:
        known: StoredTrunks | None = None
        while True:
            try:
                trunks = await self._directory.trunks()
                if trunks is not known:
                    await self._follow(trunks)
                    known = trunks
            except Exception:
                _log.exception("the trunks could not be read")
            await asyncio.sleep(LOOK_SECONDS)

    async def _follow(self, trunks: StoredTrunks) -> None:
        gateways = {_place(uri): uri for one in trunks for uri in _pinged(one)}
        for place in [one for one in self._pings if one not in gateways]:
            self._pings.pop(place).task.cancel()
        for place, uri in list(gateways.items())[:MOST_PINGS]:
            if place not in self._pings:
                self._pings[place] = Ping(uri, self._asking, self._rng)
        wanted = {one.id: one for one in trunks if _wants_registration(one)} if self._registers else {}
        ended = [
            self._registrations.pop(name).take_back()
            for name, one in list(self._registrations.items())
            if name not in wanted or wanted[name].settings != one.trunk.settings
        ]
        await asyncio.gather(*ended)
        for name, trunk in list(wanted.items())[:MOST_REGISTRATIONS]:
            if name not in self._registrations:
                self._registrations[name] = Registration(
                    trunk, self._contacts.of(name), self._asking, self._rng
                )


def _pinged(trunk: StoredTrunk) -> list[Uri]:
    pinged = (one for one in trunk.settings.gateways if one.options_ping_enabled)
    return [uri for one in pinged if (uri := gateway_uri(one)) is not None]


def _place(uri: Uri) -> str:
    """A gateway without the user that calls through it."""
    return f"{uri.host}:{uri.port}{uri.params}"


def _wants_registration(trunk: StoredTrunk) -> bool:
    login = trunk.settings.outbound_authentication_plan
    return login is not None and login.sip_register_plan is not None
