"""What the sessions and calls of one user agent share."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence, Set
from typing import Protocol

from offhook.network import Address
from offhook.sip.dialogs.dialog import DialogKey, key_of
from offhook.sip.dialogs.extension import DialogExtension
from offhook.sip.messages.message import Request, respond
from offhook.sip.request_sender import RequestSender, Resolve
from offhook.sip.transactions.layer import ServerTransaction, TransactionLayer
from offhook.sip.transactions.timers import Timings
from offhook.sip.transports.transport import FarEnd, Flow, Wires

log = logging.getLogger(__name__)


class DialogUser(Protocol):
    """Who handles the requests of one dialog."""

    @property
    def connection(self) -> Flow | None:
        """The connection that the dialog needs beyond its transactions."""

    def received(self, request: Request, transaction: ServerTransaction) -> None:
        """A new request of the peer, to be answered on `transaction`."""

    def acknowledged(self, request: Request) -> None:
        """An ACK for a 2xx of ours."""

    def end(self) -> None:
        """The user agent closes: release everything, send nothing."""


class Core:
    """The clock, the dice, the way out, and the dialogs that are alive."""

    def __init__(
        self,
        *,
        wires: Wires,
        rng: random.Random,
        timings: Timings,
        product: str,
        resolve: Resolve,
        advertised: Address | None,
        is_ours: Callable[[str], bool],
        extensions: Sequence[type[DialogExtension]] = (),
    ) -> None:
        self.extensions = extensions
        self.loop = asyncio.get_running_loop()
        self._secret = rng.getrandbits(256).to_bytes(32, "big")
        self.rng = rng
        self.timings = timings
        self.product = product
        self.wires = wires
        self._is_ours = is_ours
        self.layer = TransactionLayer(wires, timings, self.loop)
        self.sender = RequestSender(
            self.layer, wires, resolve=resolve, advertised=advertised, rng=rng, spawn=self.spawn
        )
        self.dialogs: dict[DialogKey, DialogUser] = {}
        self._kept: Counter[FarEnd] = Counter()
        self.idle = asyncio.Event()
        self.idle.set()
        self.tasks: set[asyncio.Task[None]] = set()

    def enter(self, key: DialogKey, user: DialogUser) -> None:
        """`user` handles the requests of the dialog from now on."""
        self.dialogs[key] = user
        self.idle.clear()

    def leave(self, key: DialogKey, user: DialogUser) -> None:
        """`user` does so no more, if it did."""
        if self.dialogs.get(key) is user:
            del self.dialogs[key]
            if not self.dialogs:
                self.idle.set()

    def connections(self) -> Set[FarEnd]:
        """The far ends of the connections that dialogs and transactions need."""
        of_dialogs = {
            user.connection.far_end for user in self.dialogs.values() if user.connection is not None
        }
        return of_dialogs | self.layer.connections | self._kept.keys()

    def keep(self, far_end: FarEnd) -> None:
        """Nobody needs this connection now, but who is there will: until `release`, once for each time."""
        self._kept[far_end] += 1

    def release(self, far_end: FarEnd) -> None:
        self._kept[far_end] -= 1
        if not self._kept[far_end]:
            del self._kept[far_end]

    def acknowledged(self, request: Request) -> None:
        """An ACK for a 2xx, or a stray one, which nobody answers."""
        user = self.dialogs.get(key_of(request))
        if user is not None:
            user.acknowledged(request)

    def later(self, seconds: float, callback: Callable[[], object]) -> asyncio.Handle:
        """Call back after `seconds`, in the context that all timers of SIP share."""
        return self.loop.call_later(seconds, callback, context=self.layer.context)

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run `work` as a task that ends with the user agent at the latest."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def new_call_id(self) -> str:
        """128 random bits (RFC 3261 §8.1.1.4), such that what comes with them comes here."""
        while True:
            call_id = f"{self.rng.getrandbits(128):032x}"
            if self._is_ours(call_id):
                return call_id

    def new_tag(self) -> str:
        """64 random bits, where RFC 3261 §19.3 asks for 32."""
        return f"{self.rng.getrandbits(64):016x}"

    def derived_tag(self, request: Request) -> str:
        """The same To tag for each repetition of a request answered and forgotten (RFC 3261 §8.2.7)."""
        told = "\n".join([request.headers.get(name) or "" for name in ("Call-ID", "From", "CSeq")])
        return hashlib.blake2b(told.encode(), key=self._secret, digest_size=8).hexdigest()

    def answer(
        self,
        transaction: ServerTransaction,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """Respond on `transaction`, with the name of our product."""
        response = respond(
            transaction.request,
            status,
            reason,
            to_tag=to_tag,
            headers=[*headers, ("Server", self.product)] if status > 100 else headers,
            body=body,
        )
        transaction.respond(response)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a SIP task failed", exc_info=task.exception())
