"""One reply of the assistant's: the model is asked, its words are spoken, its tools are run, and it is asked
again with their results, until it has nothing more to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from offhook.conversation.audio.spoken_utterance import Delivery, Purpose, SpokenUtterance
from offhook.conversation.audio.synthesis import Synthesis, next_within
from offhook.conversation.context import Said
from offhook.conversation.events import CallerTold, Event, ModelUsed, ModelWrote
from offhook.conversation.metrics import Marks
from offhook.conversation.own_words import SAY_AGAIN, STILL_TRYING
from offhook.conversation.text.chunks import Chunker, ChunkingPlan
from offhook.conversation.tools.tool_context import ToolContext
from offhook.conversation.tools.tool_run import ToolRun
from offhook.conversation.transcript import call_to_wire
from offhook.language.language_model import Message, ModelError, Noted, Text, ToolCall
from offhook.language.language_model import Reply as Output
from offhook.network import INTERNAL
from offhook.speech.engine_protocols import EngineError, closing

log = logging.getLogger(__name__)

MODEL_PATIENCE = 20.0
"""Seconds to wait for a model's next output."""
HURRY_SECONDS = 0.25
"""A model that has written for so long and not finished a sentence is spoken from the next comma on."""
SPEECHLESS_SECONDS = 30.0
"""Seconds for which a model may write nothing that can be spoken, only dots or spaces."""
MOST_TRIES = 3
"""How often a model that fails, or says nothing, is asked."""
TRY_SECONDS = 12.0
"""After so long it is not asked again."""
RECOVERY_SECONDS = 2.0
"""Before the last try."""
_IN_VAIN = (
    "400-bad-request-validation-failed", "401-unauthorized", "403-model-access-denied",
)  # fmt: skip
"""Failures that another try does not mend."""
MOST_ROUNDS = 8
"""How often the model may call tools before it has to answer."""


class Progress(Enum):
    """How far a reply has come."""

    WRITING = auto()  # the model writes
    ACTING = auto()  # tools run: there is no taking it back
    ABANDONED = auto()  # given up while its tools ran; they run to their end, so that their results are known
    DONE = auto()


class ReplyListener(Protocol):
    """Told of the reply's progress."""

    def next_turn(self) -> int:
        """The number of the assistant's next turn."""
        ...

    def reply_acts(self) -> None:
        """Tools are about to be run: there is no taking the reply back."""
        ...

    def reply_done(self, reply: AssistantReply) -> None:
        """No more words will come; what there are may still be playing."""
        ...


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What the replies of a conversation are made with. `failed`: a reply has failed for this reason."""

    tools: ToolContext
    synthesis: Synthesis
    listener: ReplyListener
    tell: Callable[[Event], None]
    failed: Callable[[EngineError], None]


class _Words:
    """A model's words on their way to the voice: `say` gets them in whole sentences, and the last one of
    them as soon as the model pauses behind it."""

    def __init__(self, plan: ChunkingPlan, say: Callable[[str], None]) -> None:
        self._chunker = Chunker(plan)
        self._say = say
        self._pause: asyncio.Handle | None = None

    def feed(self, text: str) -> bool:
        """True if there was something to speak in it."""
        self.close()
        pieces = self._chunker.feed(text)
        for piece in pieces:
            self._say(piece)
        if (patience := self._chunker.patience()) is not None:
            self._pause = asyncio.get_running_loop().call_later(patience, self._paused)
        return any(character.isalnum() for piece in pieces for character in piece)

    def hurry(self) -> None:
        self._chunker.hurry()

    def flush(self) -> None:
        self.close()
        if (rest := self._chunker.flush()) is not None:
            self._say(rest)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _paused(self) -> None:
        self._pause = None
        if (piece := self._chunker.pause()) is not None:
            self._say(piece)


class AssistantReply:
    """Made in advance: nothing is heard and no tool is run before `release`."""

    def __init__(
        self, parts: ReplyContext, previous: AssistantReply | None = None, besides: Sequence[Message] = ()
    ) -> None:
        """`previous`: a reply whose tools still run; they are waited for. `besides`: what the model is shown
        behind the conversation, for this reply alone."""
        self.marks = Marks()
        self.progress = Progress.WRITING
        self.utterances: list[SpokenUtterance] = []
        self.previous = previous
        self._parts = parts
        self._writes_since: float | None = None
        self._asked: SpokenUtterance | None = None  # the words of the model's last answer
        self._acted = False  # tools have run
        self._may_be_heard = asyncio.Event()
        self._untold: list[ModelWrote | CallerTold] = []
        self._besides = besides
        self.task = asyncio.get_running_loop().create_task(self._run())

    @property
    def released(self) -> bool:
        return self._may_be_heard.is_set()

    @property
    def _delivery(self) -> Delivery:
        return Delivery.RELEASED if self.released else Delivery.HELD

    @property
    def live(self) -> bool:
        """Is more of it to come, or to be heard?"""
        return not self.done or bool(self.utterances)

    @property
    def done(self) -> bool:
        return self.progress is Progress.DONE

    @property
    def acting(self) -> bool:
        return self.progress is Progress.ACTING

    @property
    def abandoned(self) -> bool:
        return self.progress is Progress.ABANDONED

    def release(self) -> None:
        self._may_be_heard.set()
        for utterance in self.utterances:
            utterance.release()
        for output in self._untold:
            self._parts.tell(output)
        self._untold.clear()

    def hold(self) -> None:
        """What has not begun to be heard waits for another release."""
        self._may_be_heard.clear()
        for utterance in self.utterances:
            utterance.hold()

    def drop(self) -> None:
        """Give it up. `previous` stays known: the reply that takes this one's place waits for it."""
        for utterance in list(self.utterances):
            self.forget(utterance)
        if self.acting:
            self.progress = Progress.ABANDONED
        elif not self.abandoned:
            self.progress = Progress.DONE
            self.task.cancel()

    def forget(self, utterance: SpokenUtterance) -> None:
        """An utterance that will not be heard."""
        self._parts.synthesis.drop(utterance)
        said = utterance.said
        if said is not None and utterance.turn < 0:
            said.text = ""
            if not said.calls:
                self._parts.tools.context.forget(said)
        if utterance in self.utterances:
            self.utterances.remove(utterance)

    def utter(self, text: str, said: Said | None, interruptible: bool = True) -> SpokenUtterance:
        """Say something of this reply's that is not the model's: a filler, a tool's message."""
        utterance = self._parts.synthesis.say(
            text,
            said=said,
            interruptible=interruptible,
            purpose=Purpose.REPLY,
            delivery=self._delivery,
            marks=self.unvoiced,
        )
        self.utterances.append(utterance)
        return utterance

    def _utter_own(self, words: str, said: Said | None) -> None:
        if known := self._parts.tools.assistant.profile.own(words):
            self.utter(known, said)

    @property
    def unvoiced(self) -> Marks | None:
        """Where to note the voice's times, as long as nothing of this reply has been given to it."""
        return self.marks if self.marks.voice_asked is None else None

    def unheard(self) -> SpokenUtterance | None:
        return next((one for one in reversed(self.utterances) if one.pieces), None)

    async def _run(self) -> None:
        parts = self._parts
        try:
            if self.previous is not None:
                await self._wait_for(self.previous)
            for number in range(MOST_ROUNDS + 1):
                if parts.synthesis.muted:
                    break
                said, calls = await self._answer(tools=number < MOST_ROUNDS)
                if not calls:
                    break
                await self._may_be_heard.wait()
                self.progress, self._acted = Progress.ACTING, True
                parts.listener.reply_acts()
                again = await ToolRun(parts.tools, self, said, calls).run()
                if not again or self.abandoned:
                    break
                self.progress = Progress.WRITING
        except ModelError as error:
            parts.failed(error)
        except Exception:
            log.exception("a reply failed")
            provider = parts.tools.assistant.engines.model.provider
            parts.failed(ModelError(provider, INTERNAL))
        finally:
            self.progress = Progress.DONE
        self.previous = None
        parts.listener.reply_done(self)

    @staticmethod
    async def _wait_for(previous: AssistantReply) -> None:
        await asyncio.wait([previous.task])

    async def _answer(self, tools: bool) -> tuple[Said, list[ToolCall]]:
        """What the model says, asked again where it fails or says nothing. Raises ModelError."""
        loop, parts = asyncio.get_running_loop(), self._parts
        began = loop.time()
        for left in range(MOST_TRIES - 1, -1, -1):
            try:
                said, calls = await self._ask(tools)
            except ModelError as error:
                if self._asked is not None and self._asked.pieces:
                    return self._break_off(self._asked, error), []
                if not left or error.suffix in _IN_VAIN or loop.time() - began > TRY_SECONDS:
                    raise
                log.warning("the model is asked again: %s", error.unquoted)
                self._take_back()
                if left == 1:
                    self._utter_own(STILL_TRYING, None)
                    await asyncio.sleep(RECOVERY_SECONDS)
                continue
            if calls or (self._asked is not None and self._asked.pieces) or not self._owes_words():
                break
            log.warning("the model of %s answered nothing", parts.tools.assistant.engines.model.provider)
            self._take_back()
            if left == MOST_TRIES - 1:
                continue
            said = parts.tools.context.say()
            self._utter_own(SAY_AGAIN, said)
            break
        return said, calls

    def _owes_words(self) -> bool:
        """Does the caller wait for an answer, and has not got a word of it?"""
        if self._besides or any(one.pieces for one in self.utterances) or self.abandoned:
            return False
        shown = self._parts.tools.context.messages()
        return not self._acted and bool(shown) and shown[-1].get("role") == "user"

    def _take_back(self) -> None:
        if self._asked is not None:
            self.forget(self._asked)

    def _break_off(self, utterance: SpokenUtterance, error: ModelError) -> Said:
        """The model has failed in the middle of its words."""
        log.warning("the model stopped in the middle of its answer: %s", error.unquoted)
        self._parts.synthesis.close_utterance(utterance)
        said = self._parts.tools.context.say()
        self._utter_own(SAY_AGAIN, said)
        return said

    async def _ask(self, tools: bool) -> tuple[Said, list[ToolCall]]:
        """One request to the model: its words are on their way to the mouth when this returns."""
        parts, assistant = self._parts, self._parts.tools.assistant
        context, model = parts.tools.context, assistant.engines.model
        messages = [*context.messages(), *self._besides]
        said = context.say()
        first = not self.utterances and self.marks.asked is None
        utterance = parts.synthesis.utter(
            said=said,
            purpose=Purpose.REPLY,
            delivery=self._delivery,
            marks=self.marks if first else None,
        )
        self.utterances.append(utterance)
        self._asked = utterance
        if first:
            self.marks.asked = asyncio.get_running_loop().time()
        words = _Words(assistant.profile.chunks, lambda piece: self._say(utterance, piece))
        calls: list[ToolCall] = []
        async with closing(model.respond(messages, assistant.toolbox.definitions if tools else ())) as stream:
            try:
                await self._read(stream, words, calls)
            finally:
                words.close()
        words.flush()
        parts.synthesis.close_utterance(utterance)
        return said, calls

    async def _read(self, stream: AsyncIterator[Output], words: _Words, calls: list[ToolCall]) -> None:
        """Raises ModelError."""
        loop, provider = asyncio.get_running_loop(), self._parts.tools.assistant.engines.model.provider
        speechless = loop.time() + SPEECHLESS_SECONDS
        while True:
            patience = min(MODEL_PATIENCE, max(speechless - loop.time(), 0.0))
            try:
                item = await next_within(stream, patience)
            except TimeoutError:
                raise ModelError(provider, f"no output for {patience:g} s") from None
            if item is None:
                return
            if self._take(item, words, calls):
                speechless = loop.time() + SPEECHLESS_SECONDS
            elif loop.time() >= speechless:
                raise ModelError(provider, f"nothing to speak in {SPEECHLESS_SECONDS:g} s of output")

    def _take(self, item: Output, words: _Words, calls: list[ToolCall]) -> bool:
        """True if there was something to speak, or a tool call."""
        if isinstance(item, Text):
            self._tell(item.text)
            if self.marks.first_piece is None:
                self._hurry(words)
            return words.feed(item.text)
        if isinstance(item, ToolCall):
            calls.append(item)
            self._note_output()
            self._tell(call_to_wire(item))
            return True
        if isinstance(item, Noted):
            self._tell_or_keep(CallerTold(item.variables))
            return False
        words.flush()
        if item.prompt_tokens is not None:
            self._parts.tell(ModelUsed(item.prompt_tokens, item.completion_tokens or 0))
        return True

    def _hurry(self, words: _Words) -> None:
        now = asyncio.get_running_loop().time()
        if self._writes_since is None:
            self._writes_since = now
        elif now - self._writes_since > HURRY_SECONDS:
            words.hurry()

    def _say(self, utterance: SpokenUtterance, piece: str) -> None:
        self._note_output()
        self._parts.synthesis.add(utterance, piece)

    def _note_output(self) -> None:
        """The model has given words to speak, or a tool to run."""
        if self.marks.first_piece is None:
            self.marks.first_piece = asyncio.get_running_loop().time()

    def _tell(self, output: str | dict[str, Any]) -> None:
        """Outputs of a held reply are told when it is released."""
        self._tell_or_keep(ModelWrote(output, self._parts.listener.next_turn()))

    def _tell_or_keep(self, told: ModelWrote | CallerTold) -> None:
        if self.released:
            self._parts.tell(told)
        else:
            self._untold.append(told)
