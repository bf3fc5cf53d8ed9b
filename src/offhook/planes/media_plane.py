"""The part of a node that carries sound: on the loop of the call plane, or in a process at its side."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

from offhook.media.engine import Engine
from offhook.media.local import LocalPlane
from offhook.media.protocol import Settle
from offhook.media.recording import WriterThread
from offhook.media.remote import MediaFailed, RemotePlane
from offhook.network import open_datagrams
from offhook.process import StartError
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.settings import Settings
from offhook.speech.activity import VoiceActivity


async def media_apart(settings: Settings, stack: AsyncExitStack) -> RemotePlane:
    """In a process of its own, until `stack` is closed. Raises StartError."""
    plane = RemotePlane(
        Settle(
            settings.sip.host,
            *settings.rtp_ports,
            settings.media_timeout_seconds,
            str(settings.recordings.absolute()),
            logging.getLogger().getEffectiveLevel(),
        )
    )
    stack.push_async_callback(plane.close)
    try:
        await plane.start()
    except MediaFailed as error:
        raise StartError(f"the media process does not start: {error}") from error
    return plane


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
