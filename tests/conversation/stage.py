"""A conversation with scripted engines and a simulated caller, on the virtual clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from offhook.conversation import Conversation, Engines
from offhook.conversation.events import Event
from offhook.schema.assistants.assistant import Assistant
from tests.line import TestLine
from tests.scripted import (
    Script,
    ScriptedModel,
    ScriptedTranscriber,
    ScriptedVoice,
    ScriptedWorld,
    SimulatedCaller,
    given,
)

E = TypeVar("E", bound=Event)
FIRST = "Thanks for calling Riverside Dental. How can I help you today?"


def render(text: str, variables: Mapping[str, Any]) -> str:
    for key, value in variables.items():
        text = text.replace("{{" + key + "}}", str(value))
    return text


def assistant_of(document: Mapping[str, Any]) -> Assistant:
    """Silent callers are asked nothing, unless the document has it otherwise."""
    quiet = {"idleMessages": [], "silenceTimeoutMessage": ""}
    return Assistant.model_validate({"firstMessage": FIRST, "messagePlan": quiet, **document})


class Stage:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.transcriber: ScriptedTranscriber
        self.voice: ScriptedVoice
        self.model: ScriptedModel
        self.world: ScriptedWorld
        self.conversation: Conversation
        self.caller: SimulatedCaller
        self.line = TestLine()
        self.heed: Callable[[Event], None] = lambda event: None

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.heed(event)

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return self.conversation.transcript.to_text()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def ended(self) -> list[str]:
        return [reason for _, reason in self.world.ends]


@asynccontextmanager
async def on_stage(
    answers: Sequence[Script] | Callable[..., Script] = ("Sure, I can help with that.",),
    *,
    assistant: Mapping[str, Any] | None = None,
    transcriber: ScriptedTranscriber | None = None,
    voice: ScriptedVoice | None = None,
    model: ScriptedModel | None = None,
    world: ScriptedWorld | None = None,
    others: Sequence[Engines] = (),
    variables: Mapping[str, Any] | None = None,
    emergency: ScriptedVoice | None = None,
    begin: bool = True,
    seed: int = 7,
) -> AsyncIterator[Stage]:
    """`others`: engines for the assistants it is handed to. At the end nothing may be left running."""
    before = asyncio.all_tasks()
    stage = Stage()
    stage.transcriber = transcriber or ScriptedTranscriber()
    stage.voice = voice or ScriptedVoice()
    stage.model = model or ScriptedModel(answers)
    stage.world = world or ScriptedWorld()
    engines = iter([Engines(stage.transcriber, stage.model, stage.voice), *others])
    stage.caller = SimulatedCaller(stage.line, stage.transcriber)
    conversation: Conversation | None = None
    try:
        conversation = stage.conversation = await Conversation.start(
            assistant=assistant_of(assistant or {}),
            engines=lambda _: given(next(engines)),
            world=stage.world,
            variables=variables or {},
            render=render,
            tell=stage.tell,
            rng=random.Random(seed),
            channel=stage.line.channel,
            emergency=emergency,
            call_id="test",
        )
        if begin:
            stage.conversation.begin()
            stage.caller.start()
        yield stage
    finally:
        await stage.caller.stop()
        if conversation is not None:
            await conversation.close()
        left = asyncio.all_tasks() - before
        assert not left, left
        assert stage.model.running == 0
        assert stage.voice.speaking == 0
