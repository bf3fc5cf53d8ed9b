"""Who has the caller's audio: the conversation, or a transfer, which takes precedence."""

from __future__ import annotations

from offhook.calls.transfers.transfer import Transfer
from offhook.conversation.conversation import Conversation
from offhook.media.line import Line


class AudioOwner:
    """The caller's keys go to whoever has the audio."""

    __slots__ = ("conversation", "recorded", "transfer")

    def __init__(self) -> None:
        self.conversation: Conversation | None = None
        self.transfer: Transfer | None = None
        self.recorded: Line | None = None
        """The line, once it is recorded."""

    def converse(self, conversation: Conversation, line: Line, keeps: bool) -> None:
        """The caller speaks with this conversation from now on, and the call is recorded. `keeps`: whether
        what is said may be stored."""
        self.conversation = conversation
        line.converse(conversation.channel)
        if self.recorded is None:
            self.recorded = line
            line.record(keeps)
        else:
            line.keep(keeps)

    def keep(self, keeps: bool) -> None:
        if self.recorded is not None:
            self.recorded.keep(keeps)

    def close(self) -> None:
        """Ends whatever has the audio."""
        if self.conversation is not None:
            self.conversation.channel.close()

    def digit(self, digit: str, milliseconds: int) -> None:
        transfer = self.transfer
        if transfer is not None and transfer.keys is not None:
            transfer.keys.digit(digit, milliseconds)
        elif self.conversation is not None:
            self.conversation.keypad(digit)
