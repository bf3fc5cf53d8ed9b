"""The variables that a hand-over passes on: the arguments that the model gave for it, and what a
`variableExtractionPlan` takes from the conversation (the public guide "Passing data between assistants").

Nothing here keeps a caller from the next assistant: what cannot be extracted is left out, and logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from offhook.json_document import Variables
from offhook.language.extraction import Render, bounded, extracted, kind_of, parsed
from offhook.language.language_model import LanguageModel, Message, ModelError, Text, ToolCall, ToolDefinition
from offhook.network import words_of
from offhook.schema.base import document
from offhook.schema.tools.handoff import Successors
from offhook.schema.tools.json_schema import JsonSchema, VariableExtractionPlan
from offhook.schema.tools.tool import AnyTool
from offhook.speech.engine_protocols import closing

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for the model to read the conversation."""
NOTE = "note_facts"

_INSTRUCTIONS = (
    f"Above is what was said on a telephone call. Call {NOTE} with what its parameters ask for, as it was "
    "said. Leave out what was not said; guess nothing. Write nothing else."
)


async def gathered(
    tool: AnyTool,
    destination: Successors,
    call: ToolCall,
    model: LanguageModel,
    history: Sequence[Message],
    render: Render,
) -> Variables:
    """The variables that a hand-over to `destination` brings. Never raises."""
    named = given(tool, call)
    plan: VariableExtractionPlan | None = getattr(destination, "variable_extraction_plan", None)
    if plan is None:
        return named
    try:
        body = None
        if plan.schema_ is not None and plan.schema_.model_fields_set:
            schema = _as_object(plan.schema_)
            plan = plan.model_copy(update={"schema_": schema})
            body = await _read(model, schema, history)
        taken = extracted(plan, body, {}, lambda text, more: render(text, {**named, **more}))
    except (ModelError, TimeoutError, ValueError) as error:
        log.warning("no variables are taken for a hand-over: %s", words_of(error))
        return named
    except Exception:
        log.exception("no variables are taken for a hand-over")
        return named
    return {**named, **taken}


def given(tool: AnyTool, call: ToolCall) -> Variables:
    """The arguments that the tool's own `function.parameters` ask for, but for the destination itself."""
    parameters = tool.function.parameters if tool.function is not None else None
    asked = (parameters.properties if parameters is not None else None) or {}
    return bounded(
        {name: value for name, value in call.arguments.items() if name in asked and name != "destination"}
    )


async def _read(model: LanguageModel, schema: JsonSchema, history: Sequence[Message]) -> object:
    """What the model makes of the conversation: the arguments of its call, or JSON in its text."""
    said = [
        f"{'Caller' if message['role'] == 'user' else 'Assistant'}: {message['content']}"
        for message in history
        if message.get("role") in ("user", "assistant") and isinstance(message.get("content"), str)
    ]
    question: list[Message] = [
        {"role": "user", "content": "\n".join(said)},
        {"role": "system", "content": _INSTRUCTIONS},
    ]
    definition = ToolDefinition(NOTE, "Note what the caller has said.", document(schema))
    texts: list[str] = []
    async with asyncio.timeout(PATIENCE), closing(model.respond(question, [definition])) as replies:
        async for reply in replies:
            if isinstance(reply, ToolCall):
                return dict(reply.arguments)
            if isinstance(reply, Text):
                texts.append(reply.text)
    text = "".join(texts)
    return parsed(text[text.find("{") : text.rfind("}") + 1])


def _as_object(schema: JsonSchema) -> JsonSchema:
    """A function's parameters are an object: what is another type becomes its one property."""
    written = document(schema)
    if kind_of(written) == "object":
        return schema.model_copy(update={"type": "object"})
    return JsonSchema(type="object", properties={schema.title or "value": written})
