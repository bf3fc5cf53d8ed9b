"""The trunks of all orgs, and which of them an address is a gateway of."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic import ValidationError

from offhook.schema.credential import ByoSipTrunkCredential
from offhook.schema.sip_trunk import Network
from offhook.store import Record

_BITS: Final = 24
"""Of the widest IPv4 network that a gateway may be."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredTrunk:
    """One credential of provider `byo-sip-trunk`."""

    id: str
    org_id: str
    settings: ByoSipTrunkCredential

    @property
    def networks(self) -> Sequence[Network]:
        """Where its calls come from."""
        found = (gateway.network for gateway in self.settings.gateways)
        return [one for one in found if one is not None]


def stored_trunk(record: Record) -> StoredTrunk | None:
    """None for one that is not valid by today's types."""
    try:
        settings = ByoSipTrunkCredential.model_validate(record.document)
        return StoredTrunk(record.id, record.org_id, settings)
    except ValidationError:
        return None


class StoredTrunks:
    """In the order that is given, which is that of their age."""

    def __init__(self, trunks: Iterable[StoredTrunk] = ()) -> None:
        self._by_id = {one.id.lower(): one for one in trunks}
        self._near: defaultdict[Network, list[tuple[Network, StoredTrunk]]] = defaultdict(list)
        for one in self._by_id.values():
            for network in one.networks:
                self._near[_near(network)].append((network, one))

    def __iter__(self) -> Iterator[StoredTrunk]:
        return iter(self._by_id.values())

    def get(self, identity: str) -> StoredTrunk | None:
        return self._by_id.get(identity)

    def named_in(self, host: str, domains: Collection[str]) -> StoredTrunk | None:
        """The trunk of `<credentialId>.<domain>`; of any domain where there are no `domains`."""
        label, _, domain = host.lower().rstrip(".").partition(".")
        if not domain or (domains and domain not in domains):
            return None
        return self._by_id.get(label)

    def at(self, host: str) -> Sequence[StoredTrunk]:
        """Those that have a gateway for calls in at this IP literal."""
        address = _address(host)
        if address is None:
            return ()
        near = self._near.get(_near(ipaddress.ip_network(address)), ())
        return list(dict.fromkeys(one for network, one in near if address in network))


@lru_cache(maxsize=1024)
def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _near(network: Network) -> Network:
    return network.supernet(new_prefix=_BITS) if network.version == 4 else network
