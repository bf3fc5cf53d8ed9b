"""The media plane on the loop of the call plane: for tests, the demo and phones."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from offhook.media.engine import Engine
from offhook.media.local_plane import LocalPlane
from offhook.media.recording import WriterThread
from offhook.network import open_datagrams
from offhook.planes.call_plane import OpenMedia
from offhook.planes.ground import Ground
from offhook.process import StartError
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.speech.activity import Unloadable, VoiceActivity


def media_here() -> OpenMedia:
    """Raises StartError at once when the voice activity model cannot be loaded."""
    try:
        activity = VoiceActivity()
    except Unloadable as error:
        raise StartError(str(error)) from error

    def open_media(ground: Ground, stack: AsyncExitStack) -> LocalPlane:
        settings, rng = ground.settings, ground.rng
        writer = WriterThread()
        stack.push_async_callback(asyncio.to_thread, writer.close)
        clock = Clock(asyncio.get_running_loop())
        clock.after_tick.append(activity.run)
        engine = Engine(
            clock,
            PortPool(settings.sip.host, *settings.rtp_ports, open_datagrams, rng),
            now=ground.now,
            rng=rng,
            patience=settings.media_timeout_seconds,
            activity=activity,
            recordings=settings.recordings,
            writer=writer,
        )
        stack.callback(engine.close)
        return LocalPlane(engine)

    return open_media
