"""Tools a model may call, one class per kind (vapi-wire §6)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter

from offhook.schema.assistants.spoken import Sentence, TextContent
from offhook.schema.base import JsonObject, Model, Number
from offhook.schema.pattern import Regex
from offhook.schema.server import BackoffPlan, Server
from offhook.schema.tools.destination import TransferDestination
from offhook.schema.tools.handoff import HandoffDestination
from offhook.schema.tools.json_schema import JsonSchema, OpenAIFunction, VariableExtractionPlan


class Condition(Model):
    operator: Literal["eq", "neq", "gt", "gte", "lt", "lte"]
    param: str = Field(max_length=1000)
    value: str = Field(max_length=1000)


class _ToolMessage(Model):
    content: Sentence | None = None
    contents: list[TextContent] | None = None
    conditions: list[Condition] | None = None


class ToolMessageStart(_ToolMessage):
    type: Literal["request-start"]
    blocking: bool | None = None


class ToolMessageComplete(_ToolMessage):
    """`role` assistant: spoken; system: told to the model only."""

    type: Literal["request-complete"]
    role: Literal["assistant", "system"] | None = None
    end_call_after_spoken_enabled: bool | None = None


class ToolMessageFailed(_ToolMessage):
    type: Literal["request-failed"]
    role: Literal["assistant", "system"] | None = None
    end_call_after_spoken_enabled: bool | None = None


class ToolMessageDelayed(_ToolMessage):
    type: Literal["request-response-delayed"]
    timing_milliseconds: Number | None = Field(default=None, ge=100, le=120000)


ToolMessage = Annotated[
    ToolMessageStart | ToolMessageComplete | ToolMessageFailed | ToolMessageDelayed,
    Field(discriminator="type"),
]


class MessageTarget(Model):
    """A message of the conversation; `position` counts from the end when negative."""

    role: Literal["user", "assistant"] | None = None
    position: Number | None = None


class RegexCondition(Model):
    type: Literal["regex"]
    regex: Regex
    target: MessageTarget | None = None
    negate: bool | None = None


class LiquidCondition(Model):
    type: Literal["liquid"]
    liquid: str


class GroupCondition(Model):
    type: Literal["group"]
    operator: Literal["AND", "OR"]
    conditions: list[RejectionCondition]


RejectionCondition = Annotated[RegexCondition | LiquidCondition | GroupCondition, Field(discriminator="type")]


class ToolRejectionPlan(Model):
    """When all conditions hold the tool is not run."""

    conditions: list[RejectionCondition] | None = None


class ToolParameter(Model):
    """A parameter the model does not choose; text may hold templates."""

    key: str
    value: JsonValue


class _Tool(Model):
    """`async`, `server` and `function` were properties of every tool when the API was young, and
    documents made then still carry them."""

    messages: list[ToolMessage] | None = None
    rejection_plan: ToolRejectionPlan | None = None
    async_: bool | None = Field(default=None, alias="async")
    server: Server | None = None
    function: OpenAIFunction | None = None


class FunctionTool(_Tool):
    type: Literal["function"]
    parameters: list[ToolParameter] | None = None
    variable_extraction_plan: VariableExtractionPlan | None = None


class ApiRequestTool(_Tool):
    """An HTTP request. `timeoutSeconds` is the wait for its answer."""

    type: Literal["apiRequest"]
    method: Literal["POST", "GET", "PUT", "PATCH", "DELETE"]
    url: str
    name: str | None = Field(default=None, max_length=40, pattern=r"^[a-zA-Z0-9_-]{1,40}$")
    description: str | None = None
    body: JsonSchema | None = None
    headers: JsonSchema | None = None
    parameters: list[ToolParameter] | None = None
    timeout_seconds: Number | None = Field(default=None, ge=1, le=300)
    backoff_plan: BackoffPlan | None = None
    credential_id: str | None = None
    encrypted_paths: list[str] | None = None
    variable_extraction_plan: VariableExtractionPlan | None = None


class CodeToolEnvironmentVariable(Model):
    name: str = Field(max_length=64, pattern=r"^[A-Z][A-Z0-9_]*$")
    value: str = Field(max_length=10000)


class CodeTool(_Tool):
    type: Literal["code"]
    code: str = Field(max_length=50000)
    environment_variables: list[CodeToolEnvironmentVariable] | None = None
    timeout_seconds: Number | None = Field(default=None, ge=1, le=30)
    credential_id: str | None = None
    variable_extraction_plan: VariableExtractionPlan | None = None


class TransferCallTool(_Tool):
    """Without destinations the server is asked for one (transfer-destination-request)."""

    type: Literal["transferCall"]
    destinations: list[TransferDestination] | None = None


class HandoffTool(_Tool):
    type: Literal["handoff"]
    destinations: list[HandoffDestination] | None = None
    default_result: str | None = None


class EndCallTool(_Tool):
    type: Literal["endCall"]


class VoicemailTool(_Tool):
    type: Literal["voicemail"]
    beep_detection_enabled: bool | None = None


class DtmfTool(_Tool):
    type: Literal["dtmf"]
    sip_info_dtmf_enabled: bool | None = None


class SipRequestTool(_Tool):
    """A request inside the call's dialog."""

    type: Literal["sipRequest"]
    verb: Literal["INFO", "MESSAGE", "NOTIFY"]
    headers: JsonSchema | None = None
    body: str | JsonSchema | None = None


class SmsTool(_Tool):
    """`metadata.from` is the sending number (vapi-wire §6)."""

    type: Literal["sms"]
    metadata: JsonObject | None = None


class KnowledgeBase(Model):
    provider: Literal["google"]
    name: str
    description: str
    file_ids: list[str]
    model: str | None = None


class QueryTool(_Tool):
    type: Literal["query"]
    knowledge_bases: list[KnowledgeBase] | None = None


class McpToolMessages(Model):
    name: str
    messages: list[ToolMessage] | None = None


class McpToolMetadata(Model):
    protocol: Literal["sse", "shttp"] | None = None


class McpTool(_Tool):
    type: Literal["mcp"]
    tool_messages: list[McpToolMessages] | None = None
    metadata: McpToolMetadata | None = None


class BashTool(_Tool):
    type: Literal["bash"]
    sub_type: Literal["bash_20241022"]
    name: Literal["bash"]


class ComputerTool(_Tool):
    type: Literal["computer"]
    sub_type: Literal["computer_20241022"]
    name: Literal["computer"]
    display_width_px: Number
    display_height_px: Number
    display_number: Number | None = None


class TextEditorTool(_Tool):
    type: Literal["textEditor"]
    sub_type: Literal["text_editor_20241022"]
    name: Literal["str_replace_editor"]


class ConnectedTool(_Tool):
    """A tool of another service; what it needs is in that service's credential."""

    type: Literal[
        "gohighlevel.calendar.availability.check",
        "gohighlevel.calendar.event.create",
        "gohighlevel.contact.create",
        "gohighlevel.contact.get",
        "google.calendar.availability.check",
        "google.calendar.event.create",
        "google.sheets.row.append",
        "slack.message.send",
    ]


AnyTool = (
    FunctionTool
    | ApiRequestTool
    | TransferCallTool
    | HandoffTool
    | EndCallTool
    | VoicemailTool
    | DtmfTool
    | SipRequestTool
    | SmsTool
    | QueryTool
    | McpTool
    | CodeTool
    | BashTool
    | ComputerTool
    | TextEditorTool
    | ConnectedTool
)
Tool = Annotated[AnyTool, Field(discriminator="type")]

TOOL: Final[TypeAdapter[Any]] = TypeAdapter(
    Tool, config=ConfigDict(defer_build=True, hide_input_in_errors=True)
)
"""Built at its first use, as models are: 6 MB."""
