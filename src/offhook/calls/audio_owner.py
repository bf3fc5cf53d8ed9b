"""Whose the caller's ear and mouth are: the conversation's, or a transfer's that goes before it."""

from __future__ import annotations

from offhook.calls.transfers.transfer import Transfer
from offhook.conversation.conversation import Conversation
from offhook.media.line import Line


class AudioOwner:
    """The caller's keys go to whom the sound goes to."""

    __slots__ = ("conversation", "recorded", "transfer")

    def __init__(self) -> None:
        self.conversation: Conversation | None = None
        self.transfer: Transfer | None = None
        self.recorded: Line | None = None
        """The line, once it is recorded."""

    def converse(self, conversation: Conversation, line: Line, keeps: bool) -> None:
        """From now on the caller speaks with this one, and the call is recorded; `keeps`: what is said may be
        kept."""
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
        """Nobody is heard any more."""
        if self.conversation is not None:
            self.conversation.channel.close()

    def digit(self, digit: str, milliseconds: int) -> None:
        transfer = self.transfer
        if transfer is not None and transfer.keys is not None:
            transfer.keys.digit(digit, milliseconds)
        elif self.conversation is not None:
            self.conversation.keypad(digit)
