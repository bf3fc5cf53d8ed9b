"""What an owner's server may answer to each question (vapi-wire §3, §4.5). What typed languages write for a
property that nobody has set is None here (`answered.py`); what is of another shape its reader refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offhook.json_document import Answer
from offhook.schema.answered import given
from offhook.schema.assistants.spoken import CustomMessage, Spoken, TextContent
from offhook.schema.base import unchecked
from offhook.schema.tools.tool import Condition


@dataclass(frozen=True, slots=True)
class AssistantRequestAnswer:
    """`whole`: the answer itself. `transient`: an assistant that is written out, which may be empty."""

    whole: Answer
    error: object
    destination: object
    assistant_id: str | None
    assistant: object
    transient: object
    assistant_overrides: object
    squad_id: str | None
    squad: object
    squad_overrides: object
    names_workflow: bool

    @classmethod
    def of(cls, answer: Answer) -> AssistantRequestAnswer:
        return cls(
            whole=answer,
            error=given(answer, "error"),
            destination=given(answer, "destination"),
            assistant_id=_id(given(answer, "assistantId")),
            assistant=given(answer, "assistant"),
            transient=answer.get("assistant"),
            assistant_overrides=answer.get("assistantOverrides") or {},
            squad_id=_id(given(answer, "squadId")),
            squad=given(answer, "squad"),
            squad_overrides=answer.get("squadOverrides") or {},
            names_workflow=bool(given(answer, "workflowId") or given(answer, "workflow")),
        )


@dataclass(frozen=True, slots=True)
class DestinationAnswer:
    """To transfer-destination-request and handoff-destination-request."""

    error: object
    destination: object
    message: Spoken | None
    result: str | None

    @classmethod
    def of(cls, answer: Answer) -> DestinationAnswer:
        result = answer.get("result")
        return cls(
            error=given(answer, "error"),
            destination=given(answer, "destination"),
            message=spoken(given(answer, "message")),
            result=result if isinstance(result, str) and result else None,
        )


@dataclass(frozen=True, slots=True)
class ToolResultMessage:
    """What a result wants to be said. A condition that is none is not met."""

    said: Spoken | None
    conditions: Sequence[Condition]
    type: object
    role: object
    ends_call: bool

    @classmethod
    def of(cls, message: object) -> ToolResultMessage | None:
        if isinstance(message, str):
            message = {"content": message}
        if not isinstance(message, Mapping):
            return None
        given = message.get("conditions") or []
        conditions = [_condition(each) for each in (given if isinstance(given, list) else [given])]
        ends = message.get("endCallAfterSpokenEnabled") is True
        return cls(spoken(message), conditions, message.get("type"), message.get("role"), ends)


@dataclass(frozen=True, slots=True)
class ToolResultAnswer:
    """One item of `results`."""

    tool_call_id: object
    error: object
    result: object
    message: ToolResultMessage | None

    @classmethod
    def of(cls, result: Mapping[str, object]) -> ToolResultAnswer:
        return cls(
            tool_call_id=given(result, "toolCallId"),
            error=given(result, "error"),
            result=result.get("result"),
            message=ToolResultMessage.of(result.get("message")),
        )


@dataclass(frozen=True, slots=True)
class ToolCallsAnswer:
    """`results` is None where the answer has no list."""

    error: object
    results: Sequence[ToolResultAnswer] | None

    @classmethod
    def of(cls, answer: Answer) -> ToolCallsAnswer:
        results = answer.get("results")
        listed = None
        if isinstance(results, Sequence) and not isinstance(results, str):
            listed = [ToolResultAnswer.of(each) for each in results if isinstance(each, Mapping)]
        return cls(given(answer, "error"), listed)


def endpointing_seconds(answer: Answer) -> float | None:
    """Of an answer to call.endpointing.request, 0 to 15; None where it does not say."""
    seconds = answer.get("timeoutSeconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 15:
        return None
    return seconds


@dataclass(frozen=True, slots=True)
class FoundDocument:
    content: str
    similarity: float


@dataclass(frozen=True, slots=True)
class KnowledgeBaseAnswer:
    """`documents` that have text, in the order of the answer."""

    message: Spoken | None
    documents: Sequence[FoundDocument]

    @classmethod
    def of(cls, answer: Answer) -> KnowledgeBaseAnswer:
        listed = answer.get("documents")
        documents = [
            FoundDocument(one["content"].strip(), _similarity(one.get("similarity")))
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, Mapping) and isinstance(one.get("content"), str) and one["content"].strip()
        ]
        return cls(spoken(answer.get("message")), documents)


def spoken(message: object) -> Spoken | None:
    """A text, or a message in several languages as far as it is one; None for all else."""
    if isinstance(message, str):
        return message
    if not isinstance(message, Mapping):
        return None
    content, contents = message.get("content"), message.get("contents")
    listed = contents if isinstance(contents, list) else ()
    return CustomMessage.model_construct(
        type="custom-message",
        content=content if isinstance(content, str) else None,
        contents=[_text(each) for each in listed if isinstance(each, Mapping)],
    )


def _text(given: Answer) -> TextContent:
    text, language = str(given.get("text", "")), str(given.get("language", ""))
    return TextContent.model_construct(type="text", text=text, language=language)


def _condition(given: object) -> Condition:
    """As far as it is one: an operator that is none is never met."""
    each = given if isinstance(given, Mapping) else {}
    texts = {"param": str(each.get("param")), "value": str(each.get("value", ""))}
    condition: Condition = unchecked(Condition, {**each, **texts})
    return condition


def _similarity(value: object) -> float:
    return 0.0 if isinstance(value, bool) or not isinstance(value, int | float) else value


def _id(value: object) -> str | None:
    return None if value is None else str(value)
