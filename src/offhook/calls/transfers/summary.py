"""What the called party is told about the call so far (`summaryPlan`, vapi-wire §2.4).

The assistant's language model writes the summary. The platform's own model cannot write, so with it the
summary is a digest of the caller's own words; likewise when the model fails or is too slow."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Final

from offhook.conversation.conversation import Conversation
from offhook.conversation.transcript import ConversationTranscript
from offhook.language.language_model import Finished, LanguageModel, Message, ModelError, Text
from offhook.schema.assistants.analysis import SummaryPlan
from offhook.schema.calls.call_document import SummaryVariables
from offhook.speech.engine_protocols import closing

SUMMARY_SECONDS: Final = 5.0
"""`timeoutSeconds` when the plan has none."""
LONGEST: Final = 1000
LONGEST_QUOTE: Final = 200
MOST_QUOTES: Final = 3

PROMPT: Final[tuple[Message, ...]] = (
    {
        "role": "system",
        "content": "A caller is about to be connected to a person. Tell that person in two or three plain"
        " sentences who calls and what about. Use only what the transcript says.",
    },
    {"role": "user", "content": "Transcript:\n{{transcript}}"},
)

_log = logging.getLogger(__name__)


async def summary_of(conversation: Conversation | None, plan: SummaryPlan | None, call_id: str) -> str:
    """At most LONGEST characters; never empty, never an error. The caller of this function checks
    `plan.enabled`."""
    if conversation is None:
        return digest(ConversationTranscript())
    model = conversation.assistant.engines.model
    if model.generative:
        seconds = SUMMARY_SECONDS if plan is None or plan.timeout_seconds is None else plan.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                written = await _written(model, _prompt(conversation, plan))
            if written:
                return written
        except (ModelError, TimeoutError) as error:
            _log.warning("call=%s the model made no summary: %r", call_id, error)
    return digest(conversation.transcript)


def digest(transcript: ConversationTranscript) -> str:
    """The caller's last words, as the transcriber understood them."""
    quotes = [entry.text for entry in transcript.entries if entry.role == "user" and entry.text]
    if not quotes:
        return "The caller has not said anything yet."
    said = " ... ".join(_short(quote) for quote in quotes[-MOST_QUOTES:])
    return f"The caller said: {said}"[:LONGEST]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE].rsplit(' ', 1)[0]} ..."


def _prompt(conversation: Conversation, plan: SummaryPlan | None) -> list[Message]:
    transcript = conversation.transcript
    variables = SummaryVariables(
        transcript=transcript.to_text(),
        system_prompt="\n".join(str(message["content"]) for message in conversation.context.system),
        messages=json.dumps(transcript.to_openai(), ensure_ascii=False),
    ).document()
    messages = (plan and plan.messages) or PROMPT
    return [
        {
            "role": str(message.get("role", "user")),
            "content": conversation.render(str(message.get("content") or ""), variables),
        }
        for message in messages
    ]


async def _written(model: LanguageModel, prompt: list[Message]) -> str:
    text = ""
    async with closing(model.respond(prompt, ())) as replies:
        async for reply in replies:
            if isinstance(reply, Text):
                text += reply.text
            if isinstance(reply, Finished) or len(text) > LONGEST:
                break
    return text.strip()[:LONGEST]
