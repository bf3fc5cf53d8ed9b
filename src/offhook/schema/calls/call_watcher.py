"""Who follows a call from outside while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple


class CallEvent(NamedTuple):
    """`document` is a JSON object: a server message's own properties (vapi-wire §4.4), its `type` among them,
    and `timestamp`, in milliseconds since the epoch."""

    type: str
    document: str


LOST: Final = CallEvent("lost", "{}")
"""In the place of None: there are no more, though the call may go on."""

CallWatcher = Callable[[CallEvent | None], None]
"""Gets each event; None or LOST, once, when there are no more."""
