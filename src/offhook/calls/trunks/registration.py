"""A trunk that wants us registered (`sipRegisterPlan`, RFC 3261 §10.2): it brings calls to where we have said
that we are, behind a translation too."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from offhook.calls.transfers.trunk import gateway_uri
from offhook.calls.trunks.stored_trunks import StoredTrunk
from offhook.calls.trunks.trunk_requests import TrunkRequests, why
from offhook.network import words_of
from offhook.network.guard import AddressRefused
from offhook.sip.dialogs.lone_request import LoneRequest
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import Response
from offhook.sip.messages.uri import Uri

ASKED: Final = 600
"""Seconds that a registration is asked to hold."""
LONGEST: Final = 86_400
EARLY: Final = 30
"""Seconds before its end that it is refreshed; a third of it where it is short."""
KEEP_ALIVE_SECONDS: Final = 25.0
"""Translations forget a flow of UDP after 30 s at the soonest (RFC 4787 §4.3 asks for two minutes)."""
FIRST_PAUSE: Final = 30.0
LONGEST_PAUSE: Final = 1800.0
"""Seconds after one attempt that failed, which double (RFC 5626 §4.5)."""
TAKE_BACK_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


class NotRegistered(Exception):
    """Why."""


class Registration:
    """`contact`: the user part that calls come to."""

    def __init__(self, trunk: StoredTrunk, contact: str, asking: TrunkRequests, rng: random.Random) -> None:
        self.trunk = trunk
        self._contact = contact
        self._asking = asking
        self._rng = rng
        self._request: LoneRequest | None = None
        self._task = asyncio.create_task(self._run(), name=f"registration of trunk {trunk.id}")

    @property
    def is_registered(self) -> bool:
        return self._request is not None and self._request.flow is not None

    async def take_back(self) -> None:
        """At the node's end, or when it is not wanted any more. Waits a moment for the answer."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._request is None or not self.is_registered:
            return
        with suppress(SipError, TimeoutError):
            async with asyncio.timeout(TAKE_BACK_SECONDS):
                await self._request.send((("Expires", "0"),))
        self._request.release()

    async def _run(self) -> None:
        failures, told = 0, False
        while True:
            try:
                seconds = await self._register()
            except Exception as problem:
                if not isinstance(problem, NotRegistered):
                    _log.exception("trunk %s could not be registered", self.trunk.id)
                pause = self._pause(failures)
                failures += 1
                _log.error("trunk %s is not registered: %s; again in %.0f s", self.trunk.id, problem, pause)
                await asyncio.sleep(pause)
                continue
            if failures or not told:
                _log.info("trunk %s is registered for %d s", self.trunk.id, seconds)
            failures, told = 0, True
            await self._stay(seconds - min(EARLY, seconds / 3))

    def _pause(self, failures: int) -> float:
        longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 10))
        return longest * self._rng.uniform(0.5, 1)

    async def _stay(self, seconds: float) -> None:
        """Until it is to be refreshed, or its connection is gone."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(left, KEEP_ALIVE_SECONDS))
            if self._request is None or not self._request.keep_alive():
                return

    async def _register(self) -> float:
        """For how many seconds it holds, at the first gateway that takes it. Raises NotRegistered."""
        problem = NotRegistered("it has no gateway for calls out, and no domain")
        if self._request is not None:
            try:
                return await self._ask(self._request)
            except NotRegistered as failed:
                problem = failed
                self._request.release()
                self._request = None
        for registrar in self._registrars():
            try:
                return await self._registered_by(await self._asked_of(registrar))
            except (AddressRefused, OSError, TimeoutError) as error:
                problem = NotRegistered(f"{registrar.host} cannot be reached ({words_of(error)})")
            except SipError as error:
                problem = NotRegistered(f"{registrar.host}: {why(error)}")
            except NotRegistered as failed:
                problem = failed
        raise problem

    async def _registered_by(self, request: LoneRequest) -> float:
        """The same by one gateway."""
        try:
            seconds = await self._ask(request)
        except BaseException:
            request.release()
            raise
        self._request = request
        return seconds

    async def _asked_of(self, registrar: Uri) -> LoneRequest:
        settings = self.trunk.settings
        login = settings.outbound_authentication_plan
        plan = None if login is None else login.sip_register_plan
        assert login is not None
        assert plan is not None
        # Written by its owner: read as a URI, it is a host and no more.
        domain = Uri.parse(f"sip:{plan.domain}") if plan.domain else registrar
        account = plan.username or login.auth_username
        name = login.auth_username or account
        password = login.auth_password
        return await self._asking.outside(
            "REGISTER",
            Uri("sip", host=domain.host, port=domain.port),
            registrar,
            from_=NameAddr(None, Uri("sip", user=account, host=domain.host)),
            contact=self._contact,
            credentials=(name, password) if name and password else None,
        )

    def _registrars(self) -> Sequence[Uri]:
        """Where to ask, in order: the gateways, which are on the way to the domain, or else the domain."""
        found = [uri for gateway in self.trunk.settings.gateways if (uri := gateway_uri(gateway)) is not None]
        login = self.trunk.settings.outbound_authentication_plan
        plan = None if login is None else login.sip_register_plan
        if not found and plan is not None and plan.domain:
            with suppress(SipError):
                found = [Uri.parse(f"sip:{plan.domain}")]
        return found

    async def _ask(self, request: LoneRequest) -> float:
        """Raises NotRegistered."""
        seconds = ASKED
        for _ in range(2):
            try:
                response = await request.send((("Expires", str(seconds)),))
            except SipError as error:
                raise NotRegistered(why(error)) from error
            least = _seconds(response.headers.get("Min-Expires"))
            if response.status != 423 or not least or least <= seconds:
                break
            seconds = min(least, LONGEST)
        if response.status >= 300:
            raise NotRegistered(f"the registrar answered {response.status} {response.reason}"[:200])
        granted = self._granted(response, seconds)
        if not granted:
            raise NotRegistered("the registrar has taken it back at once")
        return granted

    def _granted(self, response: Response, asked: int) -> int:
        """RFC 3261 §10.2.4."""
        for text in response.headers.get_all("Contact")[:64]:
            with suppress(SipError):
                one = NameAddr.parse(text)
                if one.uri.user == self._contact and (told := _seconds(one.param("expires"))) is not None:
                    return min(told, LONGEST)
        told = _seconds(response.headers.get("Expires"))
        return asked if told is None else min(told, LONGEST)


def _seconds(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
