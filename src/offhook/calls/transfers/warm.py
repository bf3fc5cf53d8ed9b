"""Warm transfers: the called party is spoken with before the caller is joined to it (vapi-wire §2.4).

All modes work on SIP here, by a second leg. TwiML alone is not understood."""

from __future__ import annotations

import asyncio
from typing import Final

from offhook.calls.call_services import CallServices
from offhook.calls.record.call_facts import Document
from offhook.calls.record.call_record import CallRecord
from offhook.calls.transfers.announcement import Announcement, FirstWords
from offhook.calls.transfers.called_party import Party
from offhook.calls.transfers.consultation import Consultation, ToolRunner
from offhook.calls.transfers.hold_audio import load, play_instead
from offhook.calls.transfers.passing import IGNORED
from offhook.calls.transfers.transfer_destination import (
    DIAL_SECONDS,
    EXPERIMENTAL,
    Destination,
    TransferFailed,
)
from offhook.conversation.conversation import Conversation
from offhook.conversation.transcript import ConversationTranscript
from offhook.frames import FRAME_SECONDS, SILENCE
from offhook.media.channel import Channel
from offhook.media.line import Line
from offhook.media.sound_frames import Frames
from offhook.speech.engine_protocols import Voice
from offhook.speech.remote import CallContext

MOST_FRAMES: Final = 250
"""Frames of a transferCompleteAudioUrl: five seconds, since both parties wait for its end."""


class OnHold:
    """What a waiting caller hears: a quiet tone, or the frames that replace it."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._pcm = b""
        self._begun = False

    def begin(self) -> None:
        self._begun = True
        self._play()

    def change(self, frames: Frames) -> None:
        self._pcm = joined(frames)
        if self._begun:
            self._play()

    def _play(self) -> None:
        if self._pcm:
            self._line.play(self._pcm)
        else:
            self._line.loop("hold")


def joined(frames: Frames) -> bytes:
    return b"".join(SILENCE if frame is None else frame for frame in frames)


class Warm:
    """Everything between the party's answer and the joining of the two legs. `waiting` is what the caller
    hears meanwhile. Whoever makes a Warm closes it."""

    def __init__(
        self,
        services: CallServices,
        record: CallRecord,
        destination: Destination,
        party: Party,
        conversation: Conversation | None,
        context: CallContext,
        tools: ToolRunner,
        line: Line,
    ) -> None:
        """`line` is the caller's."""
        self.waiting = OnHold(line)
        self._line = line
        self._services = services
        self._record = record
        self._destination = destination
        self._party = party
        self._conversation = conversation
        self._context = context
        self._tools = tools
        self._channels: list[Channel] = []
        self._consultation: Consultation | None = None
        self._on_hold: asyncio.Task[None] | None = None
        self._complete: asyncio.Task[list[bytes | None]] | None = None

    async def prepare(self) -> None:
        """Does what takes time or can fail, before the party is called. Raises TransferFailed."""
        plan = self._destination.plan
        if plan.mode != EXPERIMENTAL:
            return
        self._fetch(plan.hold_audio_url, plan.transfer_complete_audio_url)
        if plan.transfer_assistant:
            consultation = Consultation(self._services, self._record, self._context, self._tools)
            self._consultation = consultation
            await consultation.prepare(plan)

    async def close(self) -> None:
        fetching = [task for task in (self._on_hold, self._complete) if task is not None]
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
        for channel in self._channels:
            channel.close()
        if self._consultation is not None:
            await self._consultation.close()

    async def run(self, entry: Document) -> None:
        """Speaks with the party; `entry` (of `artifact.transfers`) gets what was said. Raises TransferFailed
        if the caller is not to be connected."""
        mode, plan = self._destination.plan.mode, self._destination.plan
        if self._consultation is not None:
            await self._consult(self._consultation, entry)
        else:
            if "wait-for-operator" in mode:
                await self._until_spoken_to(plan.timeout or DIAL_SECONDS)
            await self._announce(self._text(), entry)
        await self._sound_complete()

    def _fetch(self, on_hold: str | None, complete: str | None) -> None:
        """Fetches the owner's audio files while the party is called, so that nobody waits for them later."""
        sounds, call_id = self._services.sounds, self._record.id
        if sounds is None:
            return
        if on_hold:
            self._on_hold = asyncio.create_task(play_instead(self.waiting, on_hold, sounds, call_id))
        if complete:
            self._complete = asyncio.create_task(load(complete, sounds, call_id))

    async def _sound_complete(self) -> None:
        """Plays the owner's sound to both parties before they are joined, if it has arrived by now."""
        if self._complete is None or not self._complete.done():
            return
        frames = self._complete.result()[:MOST_FRAMES]
        if frames:
            if self._on_hold is not None:
                self._on_hold.cancel()
            self.waiting.change(frames)
            party = self._with_party()
            if party is not None:
                party.play(joined(frames))
            await asyncio.sleep(len(frames) * FRAME_SECONDS)

    def _with_party(self) -> Line | None:
        """Runs on the party's line. From now on the recording has what the party hears and says, instead of
        what the caller hears meanwhile."""
        party = self._party.line
        if party is not None:
            self._line.overhear(party)
        self._party.keys = IGNORED
        return party

    def _put_on(self, channel: Channel) -> None:
        party = self._with_party()
        if party is not None:
            party.converse(channel)

    def _new_channel(self) -> Channel:
        channel = self._services.media.plane.channel()
        self._channels.append(channel)
        return channel

    async def _consult(self, consultation: Consultation, entry: Document) -> None:
        if consultation.channel is not None:
            self._put_on(consultation.channel)
            self._party.keys = consultation
        try:
            await consultation.run()
        finally:
            entry["transcript"] = consultation.transcript.to_text("Operator", "AI")
            entry["messages"] = self._record.messages_of(consultation.transcript)

    async def _until_spoken_to(self, seconds: float) -> None:
        channel = self._new_channel()
        words = FirstWords(channel)
        self._put_on(channel)
        if not await words.heard(seconds):
            raise TransferFailed(
                f"the destination said nothing for {seconds:g} s",
                "no-answer",
                "call.in-progress.error-warm-transfer-silence-timeout",
            )

    def _text(self) -> str:
        """The summary if the mode wants one, else the plan's message."""
        destination = self._destination
        if destination.summarised:
            return self._record.summary or ""
        if destination.plan.mode == EXPERIMENTAL or destination.plan.mode.endswith("say-message"):
            return destination.message or ""
        return ""

    async def _announce(self, text: str, entry: Document) -> None:
        voice = self._voice()
        if voice is None or not text.strip():
            return
        channel = self._new_channel()
        announcement = Announcement(voice, self._record.id, channel)
        self._put_on(channel)
        said = ConversationTranscript()
        loop = asyncio.get_running_loop()
        spoken = said.add_bot(loop.time())
        spoken.extend(text, loop.time())
        entry["transcript"] = said.to_text()
        entry["messages"] = self._record.messages_of(said)
        try:
            await announcement.say(text)
        finally:
            spoken.end = loop.time()
            entry["messages"] = self._record.messages_of(said)

    def _voice(self) -> Voice | None:
        conversation = self._conversation
        return self._services.emergency if conversation is None else conversation.assistant.engines.voice
