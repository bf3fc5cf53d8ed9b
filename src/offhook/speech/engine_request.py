"""What a vendor's file gets to make an engine of: the assistant's settings, the key and address that they are
used with, and what the engines of a node share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from offhook.network.outside import Outside
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import EngineLacking, Stage
from offhook.speech.remote import CallContext, no_context
from offhook.speech.vendor_variables import variable
from offhook.speech.workers import Workers

S_co = TypeVar("S_co", bound=BaseModel, covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """With what key a vendor is used, and where it is: `url` None is the vendor's own address. `by_operator`:
    the operator of the node has written it."""

    key: str = field(default="", repr=False)
    url: str | None = None
    by_operator: bool = field(default=False, compare=False)


class EngineNode:
    """What the engines of a node share. `workers` are started and closed by their owner, `accounts` are the
    node's own by provider, `now` gives seconds since the epoch."""

    def __init__(
        self,
        workers: Workers,
        outside: Outside,
        accounts: Mapping[str, Account] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.workers = workers
        self.outside = outside
        self.accounts = accounts or {}
        self.now = now
        self._shared: dict[type[Any], Any] = {}

    def shared(self, kind: type[T], make: Callable[[], T]) -> T:
        """The one of its kind on this node, made when it is first asked for: a cache, a pool."""
        if kind not in self._shared:
            self._shared[kind] = make()
        found: T = self._shared[kind]
        return found


_KEYLESS: Final[Mapping[tuple[str, Stage], EngineFailure]] = {
    ("deepgram", "transcriber"): "transcriber-api-key-missing",
}
"""What the API calls it that there is no key, where it has a name for it."""


async def no_credential() -> BaseModel | None:
    return None


async def no_other_credential(provider: str) -> BaseModel | None:
    return None


def account_of(stage: Stage, provider: str, own: Account, credential: BaseModel | None) -> Account:
    """The key of the org's `credential`, else the node's `own`. An address of the credential's counts before
    the node's, and a node's key goes to no address but the node's. Raises EngineError if there is neither key
    nor address."""
    key = getattr(credential, "api_key", None)
    if isinstance(key, str) and key:
        url = getattr(credential, "api_url", None)
        return Account(key, url) if url else Account(key, own.url, by_operator=own.url is not None)
    if not own.key and own.url is None:
        raise EngineLacking(
            stage,
            provider,
            f"there is no key for it: store a credential of the provider {provider}, "
            f"or set OFFHOOK_{variable(provider, 'api_key').upper()}",
            suffix=_KEYLESS.get((provider, stage)),
        )
    return Account(own.key, own.url, by_operator=own.url is not None)


@dataclass(frozen=True, slots=True)
class EngineRequest(Generic[S_co]):
    """`settings`: the assistant's, by the schema's model for the provider. `credential` gives the org's own
    for that provider, None if it has none; most engines ask for `account` instead. `other_credential` gives
    that of another provider. `context`: what is known of the call, at the time of asking."""

    stage: Stage
    provider: str
    settings: S_co
    node: EngineNode
    credential: Callable[[], Awaitable[BaseModel | None]] = no_credential
    context: CallContext = no_context
    other_credential: Callable[[str], Awaitable[BaseModel | None]] = no_other_credential

    async def account(self) -> Account:
        """As `account_of`. Raises EngineError."""
        own = self.node.accounts.get(self.provider, Account())
        return account_of(self.stage, self.provider, own, await self.credential())

    def way_to(self, account: Account) -> Outside:
        """How the account's address is reached: an operator's may be private."""
        return self.node.outside.for_operator if account.by_operator else self.node.outside
