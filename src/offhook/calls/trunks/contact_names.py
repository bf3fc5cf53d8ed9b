"""By which user part a registrar reaches us: what comes there comes over the trunk that has registered it.

It is told to the registrar alone, cannot be guessed, and is the same for each process of the node and after a
restart, when what was registered before still holds."""

from __future__ import annotations

import hmac
from hashlib import blake2b
from typing import Final

_OCTETS: Final = 10


class ContactNames:
    """`key`: the node's own."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key, person=b"sip contacts").digest()

    def of(self, trunk_id: str) -> str:
        sealed = blake2b(trunk_id.encode(), key=self._key, digest_size=_OCTETS).hexdigest()
        return f"{trunk_id}.{sealed}"

    def trunk_of(self, user: str) -> str | None:
        """The id of the trunk that has registered this user part, None for any other."""
        trunk_id = user.rpartition(".")[0]
        own = self.of(trunk_id).encode()
        return trunk_id if trunk_id and hmac.compare_digest(own, user.encode()) else None
