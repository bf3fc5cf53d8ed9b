"""The media plane in a process at the side of the call plane."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack

from offhook.media.media_commands import Settle
from offhook.media.remote_plane import RemotePlane, Starter, here
from offhook.planes.ground import Ground


def media_apart(
    ground: Ground, stack: AsyncExitStack, number: int = 1, of: int = 1, starter: Starter = here
) -> RemotePlane:
    """It loads while the call plane does; see `MediaPlane.start`. It is `number` of so many, which share the
    ports."""
    settings = ground.settings
    plane = RemotePlane(
        Settle(
            settings.sip.host,
            *settings.rtp_ports,
            settings.media_timeout_seconds,
            str(settings.recordings.absolute()),
            logging.getLogger().getEffectiveLevel(),
            number,
            of,
        ),
        starter,
    )
    stack.push_async_callback(plane.close)
    return plane
