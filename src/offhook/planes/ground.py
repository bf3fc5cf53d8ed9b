"""What both planes of a node stand on, whether they share a process or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from offhook.calls.trunks.contact_names import ContactNames
from offhook.links import RecordingLinks, ShortSecret, signing_key
from offhook.process import StartError
from offhook.settings import Settings
from offhook.store import Database
from offhook.vital import Vital


@dataclass(frozen=True, slots=True)
class Ground:
    """`node` is the node's name, `now` gives seconds since the epoch, `vital` is told of what cannot end."""

    settings: Settings
    node: str
    database: Database
    now: Callable[[], float]
    rng: random.Random
    vital: Vital

    def at(self, settings: Settings) -> Ground:
        """The same, once more is known of where the node is reached."""
        return replace(self, settings=settings)

    def links(self) -> RecordingLinks:
        """To recordings, signed with the node's secret. Raises StartError."""
        return RecordingLinks(self._secret(), self.settings.base_url, self.now)

    def contacts(self) -> ContactNames:
        """What the node is called by where it registers. Raises StartError."""
        return ContactNames(self._secret())

    def _secret(self) -> bytes:
        """The node's own, which is made if there is none. Raises StartError."""
        settings = self.settings
        configured = settings.secret.get_secret_value() if settings.secret else None
        try:
            return signing_key(configured, settings.data.absolute())
        except ShortSecret as error:
            raise StartError(str(error)) from error
        except OSError as error:
            raise StartError(
                f"the node's secret cannot be kept in {settings.data}: {error.strerror}"
            ) from error
