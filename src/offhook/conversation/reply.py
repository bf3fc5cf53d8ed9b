"""One reply of the assistant's: the model is asked, its words go to the mouth, its tools are run, and it is
asked again with their results, until it has nothing more to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from offhook.conversation.active_assistant import Member
from offhook.conversation.audio.playout_queue import Utterance
from offhook.conversation.audio.synthesis import Mouth, closing, next_within
from offhook.conversation.context import Context, Said
from offhook.conversation.events import Event, ModelOutput, ModelUsed
from offhook.conversation.metrics import Marks
from offhook.conversation.text.chunks import Chunker, ChunkPlan
from offhook.conversation.tools.tool_run import ToolRun, ToolStage
from offhook.conversation.transcript import call_to_wire
from offhook.language.base import Message, ModelError, Text, ToolCall
from offhook.language.base import Reply as Output
from offhook.network import INTERNAL
from offhook.speech.base import EngineError

log = logging.getLogger(__name__)

MODEL_PATIENCE = 20.0
"""Seconds to wait for a model's next output."""
HURRY_SECONDS = 0.25
"""A model that has written for so long and not finished a sentence is spoken from the next comma on."""
SPEECHLESS_SECONDS = 30.0
"""For which a model may write without a word to speak: dots, spaces, a letter now and then."""
MOST_ROUNDS = 8
"""How often the model may call tools before it has to answer."""


class ReplyStage(ToolStage, Protocol):
    """What a reply needs of the conversation around it."""

    member: Member
    context: Context

    @property
    def mouth(self) -> Mouth: ...

    def next_turn(self) -> int: ...

    def tell(self, event: Event) -> None: ...

    def engine_failed(self, error: EngineError | ModelError) -> None: ...

    def reply_acts(self, reply: Reply) -> None:
        """Tools are about to be run: there is no taking the reply back."""
        ...

    def reply_done(self, reply: Reply) -> None:
        """No more words will come; what there are may still be playing."""
        ...


class _Words:
    """A model's words on their way to the mouth: `say` gets them in whole sentences, and the last one of
    them as soon as the model pauses behind it."""

    def __init__(self, plan: ChunkPlan, say: Callable[[str], None]) -> None:
        self._chunker = Chunker(plan)
        self._say = say
        self._pause: asyncio.Handle | None = None

    def feed(self, text: str) -> bool:
        """Did that make something to speak?"""
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


class Reply:
    """Made in advance: nothing is heard and no tool is run before `release`."""

    def __init__(
        self, stage: ReplyStage, previous: Reply | None = None, besides: Sequence[Message] = ()
    ) -> None:
        """`previous`: a reply that still acts; its tools are waited for. `besides`: what the model is shown
        behind the conversation, for this reply alone."""
        self.marks = Marks()
        self.measured = False
        self._writes_since: float | None = None
        self.utterances: list[Utterance] = []
        self.done = False
        self.acting = False
        self.superseded = False
        self._stage = stage
        self.previous = previous
        self._may_be_heard = asyncio.Event()
        self._untold: list[ModelOutput] = []
        self._besides = besides
        self.task = asyncio.get_running_loop().create_task(self._run())

    @property
    def released(self) -> bool:
        return self._may_be_heard.is_set()

    @property
    def live(self) -> bool:
        """Will there be more of it, or is there something left of it to be heard?"""
        return not self.done or bool(self.utterances)

    def release(self) -> None:
        self._may_be_heard.set()
        for utterance in self.utterances:
            utterance.released = True
        for output in self._untold:
            self._stage.tell(output)
        self._untold.clear()

    def hold(self) -> None:
        """What has not begun to be heard waits for another release."""
        self._may_be_heard.clear()
        for utterance in self.utterances:
            utterance.released = False

    def drop(self) -> None:
        """Give it up. Tools that run are left to end, so that their results are known."""
        self.superseded = True
        for utterance in list(self.utterances):
            self.forget(utterance)
        if not self.acting:
            self.task.cancel()
            self.done = True  # `previous` stays known: the reply that takes this one's place waits for it

    def forget(self, utterance: Utterance) -> None:
        """An utterance that will not be heard."""
        self._stage.mouth.drop(utterance)
        said = utterance.said
        if said is not None and utterance.turn < 0:
            said.text = ""
            if not said.calls:
                self._stage.context.forget(said)
        if utterance in self.utterances:
            self.utterances.remove(utterance)

    def utter(self, text: str, said: Said | None, interruptible: bool = True) -> Utterance:
        """Say something of this reply's that is not the model's: a filler, a tool's message."""
        utterance = self._stage.mouth.say(
            text,
            said=said,
            interruptible=interruptible,
            reply=True,
            released=self.released,
            marks=self.unvoiced,
        )
        self.utterances.append(utterance)
        return utterance

    @property
    def unvoiced(self) -> Marks | None:
        """Where to note the voice's times, as long as nothing of this reply has been given to it."""
        return self.marks if self.marks.voice_asked is None else None

    def unheard(self) -> Utterance | None:
        return next((one for one in reversed(self.utterances) if one.pieces), None)

    async def _run(self) -> None:
        try:
            if self.previous is not None:
                await self._wait_for(self.previous)
            for number in range(MOST_ROUNDS + 1):
                said, calls = await self._ask(tools=number < MOST_ROUNDS)
                if not calls:
                    break
                await self._may_be_heard.wait()
                self.acting = True
                self._stage.reply_acts(self)
                again = await ToolRun(self._stage, self, said, calls).run()
                self.acting = False
                if not again or self.superseded:
                    break
        except ModelError as error:
            self._stage.engine_failed(error)
        except Exception:
            log.exception("a reply failed")
            provider = self._stage.member.engines.model.provider
            self._stage.engine_failed(ModelError(provider, INTERNAL))
        finally:
            self.acting = False
            self.done = True
        self.previous = None
        self._stage.reply_done(self)

    @staticmethod
    async def _wait_for(previous: Reply) -> None:
        await asyncio.wait([previous.task])

    async def _ask(self, tools: bool) -> tuple[Said, list[ToolCall]]:
        """One request to the model: its words are on their way to the mouth when this returns."""
        stage, member = self._stage, self._stage.member
        model = member.engines.model
        messages = [*stage.context.messages(), *self._besides]
        said = stage.context.say()
        first = not self.utterances and self.marks.asked is None
        utterance = stage.mouth.utter(
            said=said, reply=True, released=self.released, marks=self.marks if first else None
        )
        self.utterances.append(utterance)
        if first:
            self.marks.asked = asyncio.get_running_loop().time()
        words = _Words(member.profile.chunks, lambda piece: self._say(utterance, piece))
        calls: list[ToolCall] = []
        async with closing(model.respond(messages, member.toolbox.definitions if tools else ())) as stream:
            try:
                await self._read(stream, words, calls)
            finally:
                words.close()
        words.flush()
        stage.mouth.close_utterance(utterance)
        if not utterance.pieces and not calls:
            log.warning("the model of %s answered nothing", model.provider)
        return said, calls

    async def _read(self, stream: AsyncIterator[Output], words: _Words, calls: list[ToolCall]) -> None:
        """Raises ModelError."""
        loop, provider = asyncio.get_running_loop(), self._stage.member.engines.model.provider
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
        """Was that something to go by?"""
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
        words.flush()
        if item.prompt_tokens is not None:
            self._stage.tell(ModelUsed(item.prompt_tokens, item.completion_tokens or 0))
        return True

    def _hurry(self, words: _Words) -> None:
        now = asyncio.get_running_loop().time()
        if self._writes_since is None:
            self._writes_since = now
        elif now - self._writes_since > HURRY_SECONDS:
            words.hurry()

    def _say(self, utterance: Utterance, piece: str) -> None:
        self._note_output()
        self._stage.mouth.add(utterance, piece)

    def _note_output(self) -> None:
        """The model has given something to go by: words to speak, or a tool to run."""
        if self.marks.first_piece is None:
            self.marks.first_piece = asyncio.get_running_loop().time()

    def _tell(self, output: str | dict[str, Any]) -> None:
        """Outputs of a reply that may yet be dropped are kept back."""
        told = ModelOutput(output, self._stage.next_turn())
        if self.released:
            self._stage.tell(told)
        else:
            self._untold.append(told)
