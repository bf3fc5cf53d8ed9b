"""One call from this machine: it speaks, presses keys, listens, and knows when the other side speaks."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from offhook.calls.leg import Leg, LegEnd, Media
from offhook.frames import FRAME_SECONDS
from offhook.media.line import Line
from offhook.media.local_plane import LocalPlane
from offhook.phone.phone_line import PhoneLine
from offhook.phone.wav import frames
from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.outgoing_call import OutgoingCall
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response
from offhook.speech.activity import VoiceActivity

LOUD: Final = 250.0
"""Mean square root of a frame's samples above which somebody speaks; G.711's own noise is below 10."""

QUIET_SECONDS: Final = 0.7
"""Silence after which the other side has finished what it was saying."""

_log = logging.getLogger(__name__)


def loudness(frame: bytes) -> float:
    samples = np.frombuffer(frame, "<i2").astype(np.float32)
    return float(np.sqrt(np.mean(samples * samples)))


class PhoneCall:
    """One outgoing call. Frames are exchanged on the 20 ms clock; everything else waits for what they show.

    `answered`, `ended`: events. `end_reason`: why the call is over, in words."""

    def __init__(
        self, media: Media, peer: str, activity: VoiceActivity | None = None, *, secure: bool = False
    ) -> None:
        """`peer`: the host that is called, as an address; `secure`: over a transport that keeps secrets."""
        self._loop = asyncio.get_running_loop()
        self._to_play: deque[bytes] = deque()
        self._played: list[asyncio.Future[float]] = []
        self._changed = asyncio.Event()
        self._channel = None if activity is None else activity.open(self._on_probability)
        self._media = media
        self._leg = Leg(media, self, self, peer=peer, call_id="phone", secure=secure)
        self._leg.on_line = self._take
        self._outgoing: OutgoingCall | None = None
        self._last_loud: float | None = None
        self._first_loud_after: float | None = None
        self.heard = bytearray()
        self.said = bytearray()
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.end_reason = ""
        self.on_heard: Callable[[bytes, bytes], None] | None = None
        self.on_probability: Callable[[float], None] | None = None
        self.on_progress: Callable[[int, str], None] | None = None

    # -- the call -------------------------------------------------------------------------------

    async def dial(
        self,
        line: PhoneLine,
        *,
        headers: Sequence[tuple[str, str]] = (),
        login: tuple[str, str] | None = None,
    ) -> None:
        """Calls and waits for the answer; `login` (user, password) answers a challenge. Raises SipError with
        the status of a refusal."""
        offered = await self._leg.open(None)
        outgoing = line.agent.invite(
            line.uri,
            from_=line.own,
            body=offered,
            handler=self._leg,
            via=line.remote,
            headers=headers,
            transport=line.transport,
            credentials=login,
        )
        self._outgoing = outgoing
        outgoing.on_provisional = self._progress
        self._leg.session = await outgoing.wait()
        answer = outgoing.answer
        if answer is None or not self._leg.answered(answer.body):
            raise SipError(488)
        self.answered.set()

    async def hang_up(self) -> None:
        """Sends BYE (or CANCEL before an answer) and releases everything."""
        if not self.ended.is_set():
            self.end_reason = self.end_reason or "hung up"
            if self._leg.session is not None:
                self._leg.hang_up()
            elif self._outgoing is not None:
                self._outgoing.cancel()
            self._finish()
        if self._channel is not None:
            self._channel.close()
        await self._leg.close()

    def _take(self, line: Line) -> None:
        """The phone itself speaks and hears on this line, frame by frame."""
        assert isinstance(self._media.plane, LocalPlane)
        self._media.plane.lend(line, self)

    def _progress(self, response: Response) -> None:
        if self.on_progress is not None:
            self.on_progress(response.status, response.reason)

    # -- what a person does ---------------------------------------------------------------------

    async def play(self, pcm: bytes) -> float:
        """Speaks; returns the loop time at which the last loud frame was sent. Ends early with the call."""
        pieces = list(frames(pcm))
        done: asyncio.Future[float] = self._loop.create_future()
        if not pieces or self.ended.is_set():
            return self._loop.time()
        self._first_loud_after = None
        self._to_play.extend(pieces)
        self._played.append(done)
        quiet_at_the_end = next((n for n, piece in enumerate(reversed(pieces)) if loudness(piece) >= LOUD), 0)
        return await done - quiet_at_the_end * FRAME_SECONDS

    async def press(self, digits: str) -> None:
        """Sends digits as telephone events (RFC 4733) and waits until they are sent."""
        if self._leg.stream is not None:
            self._leg.stream.send_digits(digits)
            await asyncio.sleep(0.25 * len(digits))

    async def reply_started(self, timeout: float) -> float | None:
        """Loop time at which the other side was first loud after the last `play`; None if it stays silent."""
        try:
            async with asyncio.timeout(timeout):
                while self._first_loud_after is None and not self.ended.is_set():
                    await self._next_change()
        except TimeoutError:
            return None
        return self._first_loud_after

    async def quiet(self, timeout: float, seconds: float = QUIET_SECONDS) -> bool:
        """Waits until the other side has been silent for so long. False if it was not within `timeout`."""
        try:
            async with asyncio.timeout(timeout):
                while not self.ended.is_set() and not self._is_quiet(seconds):
                    await self._next_change()
        except TimeoutError:
            return False
        return True

    def _is_quiet(self, seconds: float) -> bool:
        return self._last_loud is not None and self._loop.time() - self._last_loud >= seconds

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # -- audio, on the 20 ms tick ---------------------------------------------------------------

    def next_frame(self) -> bytes | None:
        if not self._to_play:
            return None
        frame = self._to_play.popleft()
        if not self._to_play:
            self._settle_played()
        return frame

    def _settle_played(self) -> None:
        now = self._loop.time()
        for done in self._played:
            if not done.done():
                done.set_result(now)
        self._played.clear()

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.heard += heard
        self.said += said
        if loudness(heard) >= LOUD:
            self._last_loud = self._loop.time()
            if self._first_loud_after is None and not self._to_play:
                self._first_loud_after = self._last_loud
        self._changed.set()
        if self._channel is not None:
            self._channel.push(heard)
        if self.on_heard is not None:
            self.on_heard(heard, said)

    def digit(self, digit: str, milliseconds: int) -> None:
        _log.info("the other side pressed %s", digit)

    def _on_probability(self, probability: float) -> None:
        if self.on_probability is not None:
            self.on_probability(probability)

    # -- the leg --------------------------------------------------------------------------------

    def leg_connected(self) -> None:
        self._changed.set()

    def leg_ended(self, end: LegEnd, detail: str) -> None:
        self.end_reason = {"hung-up": "the other side hung up"}.get(end, f"{end}: {detail}")
        self._finish()

    def leg_requested(self, request: Request) -> Answer | None:
        return None

    def _finish(self) -> None:
        self.ended.set()
        self._changed.set()
        self._to_play.clear()
        self._settle_played()
