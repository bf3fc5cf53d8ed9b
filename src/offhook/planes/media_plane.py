"""The part of a node that carries sound: in the process of the call plane."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

from offhook.media.engine import Engine
from offhook.media.local import LocalPlane
from offhook.media.recording import WriterThread
from offhook.network import open_datagrams
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.settings import Settings
from offhook.speech.activity import VoiceActivity


def media_here(
    settings: Settings,
    activity: VoiceActivity,
    now: Callable[[], float],
    rng: random.Random,
    stack: AsyncExitStack,
) -> LocalPlane:
    """On this loop, until `stack` is closed."""
    writer = WriterThread()
    stack.push_async_callback(asyncio.to_thread, writer.close)
    clock = Clock(asyncio.get_running_loop())
    clock.after_tick.append(activity.run)
    engine = Engine(
        clock,
        PortPool(settings.sip.host, *settings.rtp_ports, open_datagrams, rng),
        now=now,
        rng=rng,
        patience=settings.media_timeout_seconds,
        activity=activity,
        recordings=settings.recordings,
        writer=writer,
    )
    stack.callback(engine.close)
    return LocalPlane(engine)
