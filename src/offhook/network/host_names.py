"""Host names to addresses, by the system's own resolver."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

RESOLVE_TIMEOUT = 5.0
"""Seconds that a caller waits for an answer."""

MAX_LOOK_UPS = 32
"""Names asked for at the same time. Threads of their own, so that names that never answer do not hold up
what else the loop's threads have to do."""

MAX_OF_A_DOMAIN = 4
"""Names of one domain asked for at the same time: who runs a name server that never answers could hold up
all threads with different names of it."""


class NameNotFound(OSError):
    """The name has no address, or nobody answered in time."""

    def __init__(self, name: str, detail: str = "no address is known for this name") -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


def _look_up(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameNotFound(name, str(error)) from None
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


class SystemResolver:
    """Callable as a `Resolver`. A name that several ask for at once is looked up once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_LOOK_UPS, thread_name_prefix="names")
        self._running: dict[str, asyncio.Future[list[str]]] = {}
        self._domains: dict[str, asyncio.Semaphore] = {}
        self._asking: Counter[str] = Counter()

    async def __call__(self, name: str) -> list[str]:
        look_up = self._running.get(name)
        if look_up is None:
            look_up = asyncio.ensure_future(self._of_domain(name))
            self._running[name] = look_up
            look_up.add_done_callback(lambda done: self._ended(name, done))
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                return await asyncio.shield(look_up)
        except TimeoutError:
            raise NameNotFound(name, f"no answer within {RESOLVE_TIMEOUT:g} s") from None

    async def _of_domain(self, name: str) -> list[str]:
        domain = ".".join(name.rsplit(".", 2)[-2:])
        turn = self._domains.setdefault(domain, asyncio.Semaphore(MAX_OF_A_DOMAIN))
        self._asking[domain] += 1
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT):
                await turn.acquire()
            try:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, _look_up, name)
            finally:
                turn.release()
        except TimeoutError:
            raise NameNotFound(name, "too many names of this domain are not answered") from None
        finally:
            self._asking[domain] -= 1
            if not self._asking[domain]:
                del self._asking[domain], self._domains[domain]

    def _ended(self, name: str, look_up: asyncio.Future[list[str]]) -> None:
        self._running.pop(name, None)
        if not look_up.cancelled():
            look_up.exception()  # seen, also when everybody who asked has gone
