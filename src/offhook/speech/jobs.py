"""What is asked of the worker processes, and the order in which it is done."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator

from offhook.log_context import CALL
from offhook.speech.framing import Frame


class WorkerFailed(Exception):
    """A job was not done. `retry` says whether doing it again may help: the worker died, the job did not
    fail by itself. `words` are for the owner of the call, to whom an error inside a worker means nothing."""

    def __init__(self, detail: str, *, retry: bool = False, words: str | None = None) -> None:
        super().__init__(detail)
        self.retry = retry
        self.words = detail if words is None else words


class Job:
    """One job and what has come of it. Iterate over its replies; raises WorkerFailed from the iteration.
    `call`: for which call's sake it is done, since a worker works for all."""

    __slots__ = (
        "_changed", "_error", "_replies", "_take_back", "call", "ended", "frame", "number", "owner", "timer",
    )  # fmt: skip

    def __init__(self, number: int, owner: Hashable, frame: bytes, take_back: Callable[[Job], None]) -> None:
        self._take_back = take_back
        self._replies: deque[Frame] = deque()
        self._changed: asyncio.Future[None] | None = None
        self._error: WorkerFailed | None = None
        self.call = CALL.get()
        self.number = number
        self.owner = owner
        self.frame = frame
        self.ended = False
        self.timer: asyncio.Handle | None = None

    def __aiter__(self) -> Job:
        return self

    async def __anext__(self) -> Frame:
        while True:
            if self._replies:
                return self._replies.popleft()
            if self._error is not None:
                raise self._error
            if self.ended:
                raise StopAsyncIteration
            self._changed = asyncio.get_running_loop().create_future()
            await self._changed

    def cancel(self) -> None:
        """The answer is not wanted any more. Harmless if the job is done."""
        if not self.ended:
            self._take_back(self)

    def add(self, reply: Frame) -> None:
        self._replies.append(reply)
        self._wake()

    def end(self, error: WorkerFailed | None = None) -> None:
        if self.ended:
            return
        self.ended = True
        self._error = error
        self.frame = b""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)


class FairQueue:
    """Jobs of one owner keep their order; owners take turns."""

    __slots__ = ("_by_owner", "_length")

    def __init__(self) -> None:
        self._by_owner: OrderedDict[Hashable, deque[Job]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Job]:
        return iter([job for jobs in self._by_owner.values() for job in jobs])

    def put(self, job: Job) -> None:
        self._by_owner.setdefault(job.owner, deque()).append(job)
        self._length += 1

    def get(self) -> Job:
        owner, jobs = self._by_owner.popitem(last=False)
        job = jobs.popleft()
        if jobs:
            self._by_owner[owner] = jobs
        self._length -= 1
        return job

    def discard(self, job: Job) -> bool:
        jobs = self._by_owner.get(job.owner)
        if jobs is None or job not in jobs:
            return False
        jobs.remove(job)
        if not jobs:
            del self._by_owner[job.owner]
        self._length -= 1
        return True
