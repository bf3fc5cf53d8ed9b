"""What one call hears and says, on the 20 ms tick."""

from __future__ import annotations

from offhook.calls.recording import Recorder
from offhook.calls.transfers.transfer import Transfer
from offhook.conversation.session import Conversation
from offhook.speech.activity import VoiceActivity


class Sound:
    """The caller's leg asks it for frames and gives it frames. A transfer that has the caller's ear goes
    before the conversation; the recorder takes what was exchanged, whoever it was with."""

    __slots__ = ("_activity", "conversation", "recorder", "transfer")

    def __init__(self, activity: VoiceActivity) -> None:
        self._activity = activity.open(self._heard_activity)
        self.conversation: Conversation | None = None
        self.transfer: Transfer | None = None
        self.recorder: Recorder | None = None

    def close(self) -> None:
        self._activity.close()

    def next_frame(self) -> bytes | None:
        transfer, conversation = self.transfer, self.conversation
        if transfer is not None and transfer.audio is not None:
            return transfer.audio.next_frame()
        return None if conversation is None else conversation.next_frame()

    def exchanged(self, heard: bytes, said: bytes) -> None:
        transfer, conversation = self.transfer, self.conversation
        if transfer is not None and transfer.audio is not None:
            transfer.audio.exchanged(heard, said)
            said = transfer.recorded(said)
        elif conversation is not None:
            self._activity.push(heard)
            conversation.hear(heard, said)
        if self.recorder is not None:
            self.recorder.exchanged(heard, said)

    def digit(self, digit: str, milliseconds: int) -> None:
        transfer = self.transfer
        if transfer is not None and transfer.audio is not None:
            transfer.audio.digit(digit, milliseconds)
        elif self.conversation is not None:
            self.conversation.keypad(digit)

    def _heard_activity(self, probability: float) -> None:
        if self.conversation is not None:
            self.conversation.voice_activity(probability)
