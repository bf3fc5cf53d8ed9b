"""What is heard of the assistant: written into the transcript and told, as it is played."""

from __future__ import annotations

from collections.abc import Callable

from offhook.conversation.audio.spoken_utterance import SpokenPiece, SpokenUtterance
from offhook.conversation.context import Context
from offhook.conversation.events import (
    ConversationChanged,
    Event,
    SpeechStarted,
    SpeechStopped,
    SpeechWritten,
    TranscriptHeard,
)
from offhook.conversation.transcript import ConversationTranscript
from offhook.media.channel import Channel
from offhook.speech.joined import joined


class AssistantSpeech:
    """`next_turn`: the number of the assistant's next turn; they count from 0."""

    __slots__ = ("_channel", "_context", "_tell", "_transcript", "next_turn")

    def __init__(
        self,
        transcript: ConversationTranscript,
        context: Context,
        channel: Channel,
        tell: Callable[[Event], None],
    ) -> None:
        self.next_turn = 0
        self._transcript = transcript
        self._context = context
        self._channel = channel
        self._tell = tell

    def began(self, utterance: SpokenUtterance) -> None:
        now = self._channel.at
        utterance.turn, self.next_turn = self.next_turn, self.next_turn + 1
        utterance.entry = self._transcript.add_bot(now)
        self._tell(SpeechStarted("assistant", utterance.turn, now))
        self._tell_text(utterance)

    def played(self, utterance: SpokenUtterance, piece: SpokenPiece) -> str:
        """All that has been heard of the utterance."""
        now, entry = self._channel.at, utterance.entry
        if entry is not None:
            entry.extend(piece.text, now)
        self._tell(TranscriptHeard("assistant", piece.text, True, now))
        self._tell(ConversationChanged())
        if utterance.playing < len(utterance.pieces):
            self._tell_text(utterance)
        return entry.text if entry is not None else ""

    def finished(self, utterance: SpokenUtterance) -> None:
        if utterance.entry is not None:
            utterance.entry.end = now = self._channel.at
            self._tell(SpeechStopped("assistant", utterance.turn, now))

    def cut(self, utterance: SpokenUtterance, now: float, withdrawn: bool) -> None:
        """It has been cut short: transcript and context keep what was heard of it; of what is `withdrawn`,
        nothing."""
        heard = "" if withdrawn else utterance.heard()
        if utterance.said is not None:
            utterance.said.text = heard
            if not heard and not utterance.said.calls:
                self._context.forget(utterance.said)
        if utterance.entry is not None:
            told = utterance.entry.text
            utterance.entry.text, utterance.entry.end = heard, now
            if len(heard) > len(told):
                self._tell(TranscriptHeard("assistant", heard[len(told) :].strip(), True, now))
            self._transcript.drop_empty(utterance.entry)
            self._tell(SpeechStopped("assistant", utterance.turn, now))
        self._tell(ConversationChanged())

    def _tell_text(self, utterance: SpokenUtterance) -> None:
        heard = utterance.entry.text if utterance.entry is not None else ""
        text = joined(heard, utterance.pieces[utterance.playing].text)
        own = utterance.answers and utterance.said is not None
        self._tell(SpeechWritten(text, utterance.turn, "model" if own else "force-say"))
