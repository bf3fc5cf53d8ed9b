"""What is said, or asked of the model, for another reason than the caller's words: by the owner's hooks, by
an idle message, by whoever holds the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.conversation.assistant_reply import AssistantReply
from offhook.conversation.audio.spoken_utterance import SpokenUtterance
from offhook.conversation.context import Context
from offhook.conversation.course import Course
from offhook.conversation.events import World
from offhook.conversation.tools.tool_messages import TRANSFER_MESSAGE, content_of
from offhook.conversation.transcript_writer import TranscriptWriter
from offhook.conversation.turn_taking import TurnTaking
from offhook.language.language_model import Message
from offhook.schema.tools.destination import CallDestination


class Interjections:
    def __init__(
        self,
        course: Course,
        context: Context,
        writer: TranscriptWriter,
        turn_taking: TurnTaking,
        world: World,
    ) -> None:
        self._course = course
        self._context = context
        self._writer = writer
        self._turn_taking = turn_taking
        self._world = world

    def say(self, text: str, interruptible: bool = True) -> SpokenUtterance | None:
        """Say `text` after what is being said; None if nothing is said any more."""
        if not text.strip() or self._course.over:
            return None
        heeded = interruptible and not self._course.away  # nobody heeds a caller who is on the way elsewhere
        return self._turn_taking.synthesis.say(text, said=self._context.say(), interruptible=heeded)

    def prompt(self, messages: Sequence[Message]) -> AssistantReply | None:
        """Let the model say something, shown `messages` besides; None if nothing is said any more."""
        return self._turn_taking.answer_now(messages) if self._course.listening else None

    def add(self, message: Message, respond: bool) -> None:
        """Let the model know something; `respond`: and let it answer that, after what is being said."""
        if self._course.closed:
            return
        self._context.add(message)
        self._writer.message(message)
        if respond and not self._course.over:
            self._turn_taking.answer_now()

    def send_on(self, destination: CallDestination) -> None:
        """Say the destination's message (the usual one if it has none, nothing for ""), then transfer."""
        if self._course.over:
            return
        self._course.go_away()
        message = content_of(destination.message)
        text = TRANSFER_MESSAGE if message is None else message
        if not text.strip() or self._turn_taking.synthesis.muted:
            self.transfer(destination)
            return
        utterance = self._turn_taking.synthesis.say(text, said=self._context.say(), interruptible=False)
        utterance.on_end.append(lambda played: self.transfer(destination) if played else None)

    def transfer(self, destination: CallDestination) -> None:
        """Hand the caller to a destination, without another word."""
        self._course.go_away()
        self._world.transfer(destination)
