"""Which number is called: a SIP number by its user part, a telephone number by the trunk that brings it and
by whatever its carrier names it in (vapi-wire §2.1)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from offhook.calls.directory.documented import Documented
from offhook.calls.trunks.contact_names import ContactNames
from offhook.calls.trunks.stored_trunks import StoredTrunk, StoredTrunks
from offhook.schema.number import StoredPhoneNumber
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import Request
from offhook.sip.messages.telephone import e164, subscriber_of
from offhook.sip.messages.uri import Uri

MOST_NUMBERS: Final = 8
"""That are looked up for one INVITE of a trunk."""

LONGEST_NUMBER: Final = 64

_NAMED_IN: Final = ("P-Called-Party-ID", "To", "Diversion")
"""Headers that name who is called where the Request-URI names our account at the carrier (RFC 7315 §4.2), or
who was called before the call was forwarded to us (RFC 5806)."""


class Directory(Protocol):
    async def number(self, user: str) -> Documented[StoredPhoneNumber] | None: ...
    async def trunks(self) -> StoredTrunks: ...
    async def trunk_numbers(self, number: str) -> Sequence[Documented[StoredPhoneNumber]]: ...
    async def numbers_of(self, org_id: str, trunk_id: str) -> Sequence[Documented[StoredPhoneNumber]]: ...


class CalledNumber(NamedTuple):
    """`trunk`: the one that the call comes over, None for a SIP number."""

    number: Documented[StoredPhoneNumber]
    trunk: StoredTrunk | None = None


class NotItsGateway(Exception):
    """The number comes over a trunk, and this is no gateway of it."""


class CalledNumbers:
    """`domains`: the hosts that are ours, none: any. `contacts`: what we are called by where we have
    registered."""

    def __init__(self, directory: Directory, domains: Collection[str], contacts: ContactNames) -> None:
        self._directory = directory
        self._domains = domains
        self._contacts = contacts

    async def find(self, request: Request, source: str) -> CalledNumber | None:
        """The number that an INVITE from the host `source` is for, None where there is none. Raises
        NotItsGateway.

        What a gateway brings is looked for among the numbers of its trunks first, so that no SIP number of
        another org can be made to take its calls; of two trunks that bring one it is for the older number."""
        uri = request.uri
        known = await self._directory.trunks()
        registered = known.get(self._contacts.trunk_of(uri.user or "") or "")
        if registered is not None:
            return await self._of_trunks(request, [registered]) or await self._only_one_of(registered)
        trunks = known.at(source)
        named = known.named_in(uri.host, self._domains) if uri.is_sip else None
        if named is not None:
            if named not in trunks:
                raise NotItsGateway
            return await self._of_trunks(request, [named])
        found = await self._of_trunks(request, trunks) if trunks else None
        return found or await self._sip_number(uri)

    async def _of_trunks(self, request: Request, trunks: Sequence[StoredTrunk]) -> CalledNumber | None:
        brought = {one.id: one for one in trunks}
        for called in list(dict.fromkeys(numbers_in(request)))[:MOST_NUMBERS]:
            for number in await self._directory.trunk_numbers(called):
                trunk = brought.get(number.settings.credential_id or "")
                if trunk is not None and trunk.org_id == number.settings.org_id:
                    return CalledNumber(number, trunk)
        return None

    async def _only_one_of(self, trunk: StoredTrunk) -> CalledNumber | None:
        """An account that has one number need not say which one is called."""
        numbers = await self._directory.numbers_of(trunk.org_id, trunk.id)
        return CalledNumber(numbers[0], trunk) if len(numbers) == 1 else None

    async def _sip_number(self, uri: Uri) -> CalledNumber | None:
        if self._domains and uri.is_sip and uri.host not in self._domains:
            return None
        for user in filter(_can_be_stored, dict.fromkeys((subscriber_of(uri), e164(uri)))):
            found = await self._directory.number(user)
            if found is not None:
                return CalledNumber(found)
            if await self._directory.trunk_numbers(user):
                raise NotItsGateway
        return None


def numbers_in(request: Request) -> Iterator[str]:
    """The numbers that an INVITE may be for, the likeliest first, as they are written and in E.164."""
    for uri in _named(request):
        for number in (subscriber_of(uri), e164(uri)):
            if len(number) <= LONGEST_NUMBER and _can_be_stored(number):
                yield number


def _can_be_stored(user: str) -> bool:
    """PostgreSQL takes no U+0000: to ask for one would look as if the database had failed."""
    return bool(user) and "\0" not in user


def _named(request: Request) -> Iterator[Uri]:
    yield request.uri
    for header in _NAMED_IN:
        for text in request.headers.get_all(header)[:MOST_NUMBERS]:
            try:
                yield NameAddr.parse(text).uri
            except SipError:
                continue
