"""One leg, as the engine has it: its stream, whose ear and mouth it is, and its recorder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from offhook.media.bridge import EarlyMedia
from offhook.media.media_commands import Agree
from offhook.media.media_events import (
    Event,
    Failed,
    NoMedia,
    Pressed,
)
from offhook.media.recording import Recorder
from offhook.media.tones import Audio, Waiting, silence
from offhook.network import Address
from offhook.rtp.consent import Unasked
from offhook.rtp.interceptors import Exchanged
from offhook.rtp.ports import MediaPort
from offhook.rtp.srtp_keys import SrtpKeys
from offhook.rtp.statistics import StreamStatistics
from offhook.rtp.stream import RtpStream


class MediaLeg:
    """The stream's source and sink. `audio` is who speaks and listens; what was exchanged goes to the
    recorder, whoever it was with."""

    __slots__ = (
        "_connected", "_direction", "_emit", "_held_at", "_overhears", "_said_and_heard", "_taps", "audio",
        "call", "early", "looked_at", "number", "overheard_by", "port", "recorder", "stream", "ticking",
    )  # fmt: skip

    def __init__(self, number: int, call: str, port: MediaPort, emit: Callable[[Event], None]) -> None:
        self.number = number
        self.call = call
        self.port = port
        self._emit = emit
        self.audio: Audio = Waiting(silence())
        self.early: EarlyMedia | None = None
        """What is heard while this leg rings."""
        self.stream: RtpStream | None = None
        self.recorder: Recorder | None = None
        self.ticking = False
        self.looked_at: dict[int, MediaLeg] | None = None
        """The engine's legs that are looked at in the same tick, once a second."""
        self.overheard_by = 0
        self._overhears: MediaLeg | None = None
        self._taps: tuple[Exchanged, ...] = ()
        self._said_and_heard = (b"", b"")
        self._connected = False
        self._direction = "sendrecv"
        self._held_at = 0.0

    # -- each tick ------------------------------------------------------------------------------

    def next_frame(self) -> bytes | None:
        return self.audio.next_frame()

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.audio.exchanged(heard, said)
        for tap in self._taps:
            tap(heard, said)

    def record(self, recorder: Recorder) -> None:
        """Let it have what is exchanged from now on."""
        self.recorder = recorder
        self._tap()

    def _tap(self) -> None:
        """Whoever gets what is exchanged, besides `audio`."""
        taps: list[Exchanged] = []
        if self.overheard_by:
            taps.append(self._remember)
        if self.recorder is not None:
            taps.append(self.recorder.exchanged if self._overhears is None else self._record_overheard)
        self._taps = tuple(taps)

    def _remember(self, heard: bytes, said: bytes) -> None:
        self._said_and_heard = said, heard

    def _record_overheard(self, heard: bytes, said: bytes) -> None:
        if self.recorder is not None and self._overhears is not None:
            self.recorder.exchanged(heard, self._overhears.mixed(said))

    def digit(self, digit: str, milliseconds: int) -> None:
        self._emit(Pressed(self.number, digit, milliseconds))

    def mixed(self, otherwise: bytes) -> bytes:
        """What both sides of this leg said in its last tick, in one."""
        said, heard = self._said_and_heard
        if len(heard) != len(otherwise):
            return otherwise
        both = np.frombuffer(heard, "<i2").astype(np.int32) + np.frombuffer(said, "<i2")
        return bytes(np.clip(both, -32768, 32767).astype("<i2").tobytes())

    # -- what commands change -------------------------------------------------------------------

    def agree(self, agreed: Agree, make: Callable[..., RtpStream], unasked: Unasked) -> None:
        """Raises KeyError for a codec that is not served."""
        self._direction = agreed.direction
        remote, rtcp = (
            Address(agreed.remote_host, agreed.remote_port),
            Address(agreed.rtcp_host, agreed.rtcp_port),
        )
        given = {
            "remote": remote,
            "payload_type": agreed.payload_type,
            "codec": agreed.codec,
            "telephone_event": agreed.telephone_event,
            "codecs": dict(agreed.codecs),
            "events": agreed.events,
            "direction": agreed.direction,
            "rtcp_remote": rtcp,
            "rtcp_mux": rtcp == remote,
            "signalling_host": agreed.signalling_host,
            "may_begin": agreed.may_begin,
        }
        srtp = None if agreed.srtp is None else SrtpKeys(*agreed.srtp)
        if self.stream is None:
            self.stream = make(
                self.port,
                sink=self,
                source=self,
                failed=self._failed,
                unasked=unasked,
                srtp=srtp,
                **given,
            )
        else:
            self.stream.update(srtp=srtp, **given)  # type: ignore[arg-type]

    def connect(self, now: float) -> None:
        self._connected, self._held_at = True, now

    def overhear(self, other: MediaLeg | None) -> None:
        """Record what `other` says and hears instead of what this leg says."""
        before, self._overhears = self._overhears, other
        if before is not None:
            before.overheard_by, before._said_and_heard = 0, (b"", b"")
            before._tap()
        if other is not None:
            other.overheard_by = self.number
            other._tap()
        self._tap()

    def look(self, now: float, patience: float) -> None:
        """Once a second: has the peer been silent for too long?"""
        stream = self.stream
        if not self._connected or stream is None:
            return
        if self._direction != "sendrecv":
            # On hold the peer may send nothing for as long as it likes: also one that said `sendonly`, which
            # promises music and on many phones brings none.
            self._held_at = now
        silent = now - max(stream.last_packet_at, self._held_at)
        if silent >= patience:
            self._connected = False
            self._emit(NoMedia(self.number, silent))

    @property
    def statistics(self) -> StreamStatistics | None:
        return None if self.stream is None else self.stream.statistics

    def _failed(self, error: Exception) -> None:
        self._emit(Failed(self.number))
