"""2xx of ours that wait for their ACKs (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.sip.core import Core
from offhook.sip.transactions.layer import ServerTransaction


class AwaitedAck:
    """Repeats the 2xx after T1, doubling up to T2, over every transport, until `stop` or 64*T1 have
    passed; then `missing` is called with it. `late`: the ACK has to bring the answer to our offer.

    Where only some repetitions may be sent, the first two come as usual, and the others are spread over the
    time that is left: a phone that hears nothing for a while gets one too. `heard` says how many octets of
    audio have come, which count like those of the INVITE: only the ACK is lost then."""

    __slots__ = (
        "_again", "_core", "_end", "_ends_at", "_heard", "_heard_before", "_interval", "_missing", "_sent_at",
        "_transaction", "late",
    )  # fmt: skip

    def __init__(
        self,
        core: Core,
        transaction: ServerTransaction,
        late: bool,
        heard: Callable[[], int],
        missing: Callable[[AwaitedAck], None],
    ) -> None:
        timings = core.timings
        self.late = late
        self._heard = heard
        self._heard_before = heard()
        self._sent_at = core.loop.time()
        self._ends_at = self._sent_at + timings.timeout
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
        heard = self._heard()
        self._transaction.came(heard - self._heard_before)
        self._heard_before = heard
        now = self._core.loop.time()
        if self._is_due(now):
            self._transaction.repeat()
            self._sent_at = now
        self._interval = min(2 * self._interval, self._core.timings.t2)
        self._again = self._core.later(self._interval, self._repeat)

    def _is_due(self, now: float) -> bool:
        left = self._transaction.repeats_left
        if left is None or self._interval <= 2 * self._core.timings.t1:
            return True
        return now - self._sent_at >= (self._ends_at - self._sent_at) * 0.5 ** (left + 1)

    def _give_up(self) -> None:
        self.stop()
        self._missing(self)


class AwaitedAcks:
    """Those of one session, by the number of their INVITE. `heard` as for each of them; `missing` is called
    when one does not come; then it is awaited no more."""

    def __init__(self, core: Core, heard: Callable[[], int], missing: Callable[[], None]) -> None:
        self._core = core
        self._heard = heard
        self._missing = missing
        self._awaited: dict[int, AwaitedAck] = {}

    def __bool__(self) -> bool:
        return bool(self._awaited)

    @property
    def late(self) -> bool:
        """Whether the answer to an offer of ours is among what is awaited."""
        return any(awaited.late for awaited in self._awaited.values())

    def add(self, transaction: ServerTransaction, number: int, late: bool) -> None:
        """The 2xx to INVITE `number` was sent on `transaction`; `late` when it made the offer."""
        self._awaited[number] = AwaitedAck(self._core, transaction, late, self._heard, self._gave_up)

    def came(self, number: int) -> AwaitedAck | None:
        """The 2xx that is acknowledged, None if none of that number was waiting; all earlier ones are
        waited for no more."""
        found = self._awaited.get(number)
        if found is not None:
            for earlier in [key for key in self._awaited if key <= number]:
                self._awaited.pop(earlier).stop()
        return found

    def stop(self) -> None:
        for awaited in self._awaited.values():
            awaited.stop()
        self._awaited.clear()

    def _gave_up(self, awaited: AwaitedAck) -> None:
        self._awaited = {number: other for number, other in self._awaited.items() if other is not awaited}
        self._missing()
