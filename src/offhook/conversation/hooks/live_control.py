"""What is asked of a conversation from outside while it goes on (vapi-wire §8.3).

Each gives "" when it is taken, else why it cannot be done now, in a sentence for whoever asked. Words are
said as they come: who sends them is not always who may write templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from offhook.conversation.background import BackgroundTasks
from offhook.conversation.course import Course
from offhook.conversation.handover.active_assistants import ActiveAssistants
from offhook.conversation.handover.succession import Succession
from offhook.conversation.interjections import Interjections
from offhook.conversation.tools.tool_run import heard_out
from offhook.conversation.turn_taking import TurnTaking
from offhook.language.extraction import Render
from offhook.language.language_model import message_of
from offhook.media.channel import Channel
from offhook.media.media_commands import MuteCaller
from offhook.schema.assistants.plain_model import OpenAIMessage
from offhook.schema.tools.destination import CallDestination
from offhook.schema.tools.handoff import HandoffDestinationAssistant

TAKEN: Final = ""
ENDING: Final = "The call is ending."
AWAY: Final = "The caller is being handed on."
MUTED: Final = "The assistant is muted."
FULL: Final = "Too much waits to be said already."
NO_FIRST_MESSAGE: Final = "The assistant has no firstMessage."
NOT_REACHED: Final = "The assistant could not be reached."

MOST_WAITING: Final = 20
"""Of what is to be said; a voice begins with each at once."""

SPOKEN_AND_ENDED: Final = "assistant-ended-call-after-message-spoken"


@dataclass(frozen=True, slots=True)
class LiveControl:
    """`finish(reason, message)` and `hand_over` are the conversation's own."""

    course: Course
    assistants: ActiveAssistants
    interjections: Interjections
    turn_taking: TurnTaking
    channel: Channel
    tasks: BackgroundTasks
    render: Render
    finish: Callable[[str, str], None]
    hand_over: Callable[[Succession], None]

    def say(self, text: str, *, interruptible: bool, at_once: bool, ends_call: bool) -> str:
        """`at_once`: instead of what is being said, else after it. `ends_call`: and then hang up."""
        refused = self._silent()
        if refused:
            return refused
        if at_once:
            self.turn_taking.cut_off()
        if ends_call:
            self.finish(SPOKEN_AND_ENDED, text)
        else:
            self.interjections.say(text, interruptible)
        return TAKEN

    def add_message(self, message: OpenAIMessage, respond: bool) -> str:
        if self.course.over:
            return ENDING
        self.interjections.add(message_of(message), respond and self.course.listening)
        return TAKEN

    def say_first_message(self) -> str:
        refused = self._silent()
        if refused:
            return refused
        profile = self.assistants.current.profile
        text = self.render(profile.first_message, {}).strip()
        if not text:
            return NO_FIRST_MESSAGE
        self.interjections.say(text, profile.first_message_interruptible)
        return TAKEN

    def mute_assistant(self, muted: bool) -> str:
        """Muted it falls silent at once, goes on to hear, and answers nothing of what it hears meanwhile."""
        refused = self._elsewhere() if muted else ENDING if self.course.over else ""
        if refused:  # a caller who is being handed on hears that to its end
            return refused
        synthesis = self.turn_taking.synthesis
        if muted and not synthesis.muted:
            synthesis.muted = True
            for utterance in synthesis.playout.all():
                utterance.interruptible = True
            self.turn_taking.cut_off()
        synthesis.muted = muted
        return TAKEN

    def mute_customer(self, muted: bool) -> str:
        """Muted the caller is heard by nobody but the recording."""
        if self.course.over:
            return ENDING
        self.channel.send(MuteCaller(self.channel.number, muted))
        return TAKEN

    def send_on(self, destination: CallDestination, content: str | None) -> str:
        """Say `content`, or what the destination has to say, then transfer."""
        refused = self._elsewhere()
        if not refused:
            said = {} if content is None else {"message": content}
            self.interjections.send_on(destination.model_copy(update=said))
        return refused

    async def hand_to(self, destination: HandoffDestinationAssistant, content: str) -> str:
        """Another assistant goes on, once what is being said and the `content` have been heard. Returns when
        it is ready to."""
        refused = self._elsewhere()
        if refused:
            return refused
        coming = await self.assistants.find(destination)
        if coming is None:
            return NOT_REACHED
        succession = Succession(coming, destination)
        if self._elsewhere():
            await self.assistants.dismiss(succession)
            return self._elsewhere()
        self.tasks.start(self._give_way(succession, content))
        return TAKEN

    async def _give_way(self, succession: Succession, content: str) -> None:
        before = self.assistants.current
        succession = self.assistants.synthesize_ahead(succession, self.render)
        if content.strip():
            self.interjections.say(content, interruptible=False)
        for utterance in self.turn_taking.synthesis.playout.all()[-1:]:
            await heard_out(utterance)
        if self._elsewhere() or self.assistants.current is not before:
            await self.assistants.dismiss(succession)
            return
        self.turn_taking.cut_off()
        self.hand_over(succession)

    def _elsewhere(self) -> str:
        """Why the caller cannot be handed to anybody."""
        if self.course.over:
            return ENDING
        return "" if self.course.listening else AWAY

    def _silent(self) -> str:
        """Why nothing can be said."""
        synthesis = self.turn_taking.synthesis
        full = len(synthesis.playout.waiting()) >= MOST_WAITING
        return self._elsewhere() or (MUTED if synthesis.muted else FULL if full else "")
