"""Starts a conversation: with the caller, or with a called party."""

from __future__ import annotations

from collections.abc import Callable

from offhook.calls.call_services import CallServices
from offhook.calls.record.call_record import CallRecord
from offhook.calls.world.variables import knowing_what_was_said
from offhook.conversation.active_assistant import EngineFactory
from offhook.conversation.conversation import Conversation
from offhook.conversation.events import Event, World
from offhook.language.template import parse_ahead
from offhook.schema.assistants.assistant import Assistant


async def converse(
    services: CallServices,
    record: CallRecord,
    assistant: Assistant,
    *,
    engines: EngineFactory,
    world: World,
    tell: Callable[[Event], None],
) -> Conversation:
    """The conversation with its engines started and its first message made. Raises EngineError, and leaves
    nothing open then."""
    if record.assistant is not None:
        await parse_ahead(record.assistant.document)
    return await Conversation.start(
        assistant=assistant,
        engines=engines,
        emergency=services.emergency,
        call_id=record.id,
        world=world,
        variables=record.variables,
        render=knowing_what_was_said(record, services.render),
        tell=tell,
        rng=services.rng,
        channel=services.media.plane.channel(),
    )
