"""A 2xx of ours that waits for its ACK (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.sip.core import Core
from offhook.sip.layer import ServerTransaction


class AwaitedAck:
    """Repeats the 2xx after T1, doubling up to T2, over every transport, until `stop` or 64*T1 have
    passed; then `missing` is called with it. `late`: the ACK has to bring the answer to our offer."""

    __slots__ = ("_again", "_core", "_end", "_interval", "_missing", "_transaction", "late")

    def __init__(
        self,
        core: Core,
        transaction: ServerTransaction,
        late: bool,
        missing: Callable[[AwaitedAck], None],
    ) -> None:
        timings = core.timings
        self.late = late
        self._core = core
        self._transaction = transaction
        self._missing = missing
        self._interval = timings.t1
        self._again = core.later(timings.t1, self._repeat)
        self._end = core.later(timings.timeout, self._give_up)

    def stop(self) -> None:
        self._again.cancel()
        self._end.cancel()

    def _repeat(self) -> None:
        self._transaction.repeat()
        self._interval = min(2 * self._interval, self._core.timings.t2)
        self._again = self._core.later(self._interval, self._repeat)

    def _give_up(self) -> None:
        self.stop()
        self._missing(self)
