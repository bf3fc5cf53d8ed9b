"""The call plane in a process of its own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from typing import Any

from offhook.media.line import MediaPlane
from offhook.planes.call_plane import CallPlane, call_plane, check_engines
from offhook.planes.child import Child
from offhook.planes.ground import Ground
from offhook.planes.link import Frame
from offhook.planes.live.watched import WatchedHere
from offhook.planes.media_apart import media_apart
from offhook.planes.siblings import files_between, siblings_of
from offhook.planes.sip_listening import BoundSip, read_again, warn_in_time
from offhook.planes.spec import DRAIN_SECONDS
from offhook.schema.calls.control import checked
from offhook.store import Database

_log = logging.getLogger(__name__)


class CallProcess(Child):
    """Answers what the API asks of calls, and drains when it is told to."""

    plane: CallPlane
    database: Database
    _certificates_changed = False

    async def start(self, stack: AsyncExitStack) -> dict[str, Any]:
        spec = self.spec
        _, *numbers = self.descriptors  # the first holds the data folder
        between = len(numbers) - files_between(spec.processes)
        sockets = [socket.socket(fileno=number) for number in numbers[:between]]
        usual = len(sockets) - spec.secured
        self._siblings = siblings_of(
            spec.number, spec.processes, bytes.fromhex(spec.key), spec.max_calls, numbers[between:]
        )
        self._watched = WatchedHere(self.link)
        check_engines()
        ground = await self.ground(stack)
        self.database = ground.database
        self.plane = await call_plane(
            ground,
            self._open_media,
            spec.max_calls,
            stack,
            sockets=BoundSip(sockets[:usual], sockets[usual:]),
            siblings=self._siblings,
        )
        self.later(warn_in_time(self.plane.certificates))
        if self._certificates_changed:
            self.later(read_again(self.plane.certificates))
        self._heard()
        return {}

    def _open_media(self, ground: Ground, stack: AsyncExitStack) -> MediaPlane:
        media = media_apart(ground, stack, self._siblings.number, self._siblings.count, self.lowered.start)
        media.changed = lambda: self.tell(media=media.process)
        return media

    def holds(self) -> int | None:
        return len(self.plane.calls)

    def received(self, frame: Frame) -> None:
        super().received(frame)
        if not self.serving:
            # Whether they were read before or after that, nobody knows.
            self._certificates_changed |= frame.get("do") == "read_certificates"
            return
        match frame.get("what", frame.get("do")):
            case "drain":
                self.later(self._drain())
            case "end_all":
                self.plane.calls.end_all()
            case "read_certificates":
                self.later(read_again(self.plane.certificates))
            case "is_ready":
                self._answer(frame, self.plane.calls.takes_calls())
            case "has_call":
                self._answer(frame, self.plane.calls.get(frame["call"]) is not None)
            case "end_call":
                self.later(self._answer_once_done(frame, self.plane.calls.end_call(frame["call"]), None))
            case "monitored":
                found = self.plane.calls.monitored(frame["call"])
                self._answer(frame, None if found is None else asdict(found))
            case "watch":
                watch = partial(self.plane.calls.watch, frame["call"])
                self._answer(frame, self._watched.watch(frame["from"], frame["number"], watch))
            case "unwatch":
                self._watched.unwatch(frame["from"], frame["number"])
            case "control":
                doing = self.plane.calls.control(frame["call"], checked(frame["message"]))
                self.later(self._answer_once_done(frame, doing, False))
            case "forget":
                self.plane.outbox.forget(frame["call"])
                self.database.erased_elsewhere()
                self._answer(frame, True)
            case "changed":
                self.database.changed_elsewhere()
                self._heard()
                self._answer(frame, True)
            case "deliver":
                self.plane.outbox.nudge()
            case "nothing":
                self._heard()

    def _heard(self) -> None:
        """All that the API has written so far is known."""
        if self.database.news is not None:
            self.database.news.heard()

    def _answer(self, frame: Frame, value: object) -> None:
        self.tell(to=frame["from"], answer=frame["ask"], value=value)

    async def _answer_once_done(self, frame: Frame, doing: Coroutine[Any, Any, Any], broken: object) -> None:
        """An answer in any case: nobody knows what became of the call if there was an error, which `broken`
        says."""
        done = broken
        try:
            done = await doing
        except Exception:
            _log.exception("call=%s could not do what was asked: %s", frame["call"], frame["what"])
        self._answer(frame, done)

    async def _drain(self) -> None:
        self.tell(calls=len(self.plane.calls))
        await self.plane.calls.drain(DRAIN_SECONDS)
        self.tell(drained=True)
