"""A call's way down: BYE or refusal, port free, engines closed, recording complete."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final

from offhook.calls.call_components import CallComponents
from offhook.media.line import Line
from offhook.media.recorded import stereo_path

PART_SECONDS: Final = 10.0
"""Seconds for each part of a call to end. A part that hangs is left, with a log line."""

_log = logging.getLogger(__name__)


class TearDown:
    """Ends the parts of one call. A part that fails or hangs keeps no other from ending."""

    def __init__(self, parts: CallComponents) -> None:
        self._parts = parts

    async def run(self, working: asyncio.Task[None] | None) -> None:
        """The BYE and the port come first: the caller waits for the one, the next call for the other.
        `working` is the task that still advances the call."""
        record, sound = self._parts.record, self._parts.sound
        if working is not None:
            working.cancel()
        await self._within_limit("leg", self._hang_up())
        if working is not None and not working.done():
            await self._within_limit("set-up", asyncio.wait([working]))
        conversation = sound.conversation
        if conversation is not None:
            await self._within_limit("hooks", conversation.conclude(record.ended_reason or ""))
            await self._within_limit("conversation", conversation.close())
        if sound.recorded is not None:
            await self._within_limit("recording", self._close_recording(sound.recorded))

    async def _hang_up(self) -> None:
        parts = self._parts
        try:
            parts.invitation.reject(480)
            parts.leg.hang_up()
        finally:
            try:
                parts.sound.close()
            finally:
                await parts.leg.close()

    async def _close_recording(self, line: Line) -> None:
        record, services = self._parts.record, self._parts.services
        begun = False
        try:
            begun = await line.stop_recording()
        finally:
            # A disk that hangs may have the files all the same.
            if begun or stereo_path(services.recordings, record.id).is_file():
                record.recording_urls = services.recording_urls(record.id)

    async def _within_limit(self, what: str, ending: Coroutine[object, object, object]) -> None:
        call_id = self._parts.record.id
        try:
            async with asyncio.timeout(PART_SECONDS):
                await ending
        except TimeoutError:
            _log.error("call=%s its %s did not end within %g s", call_id, what, PART_SECONDS)
        except Exception:
            _log.exception("call=%s its %s did not end cleanly", call_id, what)
