"""A gateway with `optionsPingEnabled`: it is asked from time to time whether it is there (RFC 3261 §11)."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from offhook.calls.trunks.trunk_requests import TrunkRequests, why
from offhook.network import INTERNAL, words_of
from offhook.network.guard import AddressRefused
from offhook.sip.errors import SipError
from offhook.sip.messages.uri import Uri

EVERY: Final = 30.0
WITHIN: Final = 10.0
"""Seconds."""

_log = logging.getLogger(__name__)


class Ping:
    """Any answer will do but that of who has no room (503): what OPTIONS is answered is the gateway's own."""

    def __init__(self, gateway: Uri, asking: TrunkRequests, rng: random.Random) -> None:
        self.gateway = gateway
        self.is_down = False
        self._asking = asking
        self._rng = rng
        self.task = asyncio.create_task(self._run(), name=f"ping of {gateway}")

    async def _run(self) -> None:
        while True:
            problem = await self._ask()
            if problem and not self.is_down:
                _log.error("gateway %s does not answer: %s", self.gateway, problem)
            elif not problem and self.is_down:
                _log.info("gateway %s answers again", self.gateway)
            self.is_down = bool(problem)
            await asyncio.sleep(EVERY * self._rng.uniform(0.9, 1.1))

    async def _ask(self) -> str:
        """What is wrong, "" if nothing is."""
        try:
            async with asyncio.timeout(WITHIN):
                request = await self._asking.outside("OPTIONS", self.gateway, self.gateway)
                response = await request.send()
                request.release()
        except TimeoutError:
            return "nobody answers"
        except SipError as error:
            return why(error)
        except (AddressRefused, OSError) as error:
            return words_of(error)
        except Exception:
            _log.exception("gateway %s could not be asked", self.gateway)
            return INTERNAL
        return f"{response.status} {response.reason}"[:200] if response.status == 503 else ""
