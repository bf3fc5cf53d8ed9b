"""The wire of Google's Gemini API (`streamGenerateContent`): what is asked, and the events of the answer."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from offhook.language.dialogue import CallWithResult, Dialogue, dialogue_of
from offhook.language.event_reader import EventReader
from offhook.language.http_model import DECLINED, ServerSays
from offhook.language.language_model import Finished, Message, ToolCall, ToolDefinition
from offhook.language.tool_calls import MOST_TOOL_CALLS
from offhook.language.tool_memory import ToolMemory

log = logging.getLogger(__name__)

LONGEST_ARGUMENTS: Final = 50_000
"""Characters of one call's arguments."""
_UNSIGNED: Final = "skip_thought_signature_validator"
"""For calls that another model has made, where the API demands a signature."""
_DECLINED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "ESCALATION",
    }
)
_FINE: Final = frozenset({"STOP", "MAX_TOKENS"})
_NUMBERS = itertools.count(1)
"""Of calls to which the API gave no id: no two in the process have the same."""


class _GeminiType(BaseModel):
    """What is not known is left out: the API grows."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class GeminiFunctionCall(_GeminiType):
    id: str | None = None
    name: str
    args: dict[str, Any] | None = None


class GeminiFunctionResponse(_GeminiType):
    id: str | None = None
    name: str
    response: dict[str, str]


class GeminiBlob(_GeminiType):
    """`data` is base64."""

    mime_type: str
    data: str


class GeminiPart(_GeminiType):
    inline_data: GeminiBlob | None = None
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: GeminiFunctionCall | None = None
    function_response: GeminiFunctionResponse | None = None


class GeminiContent(_GeminiType):
    role: Literal["user", "model"] | None = None
    parts: list[GeminiPart] | None = None


class GeminiCandidate(_GeminiType):
    content: GeminiContent | None = None
    finish_reason: str | None = None


class GeminiUsage(_GeminiType):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class GeminiFeedback(_GeminiType):
    block_reason: str | None = None


class GeminiError(_GeminiType):
    code: int | None = None
    message: str = ""


class GeminiResponse(_GeminiType):
    """One event."""

    candidates: list[GeminiCandidate] | None = None
    prompt_feedback: GeminiFeedback | None = None
    usage_metadata: GeminiUsage | None = None
    error: GeminiError | None = None


class GeminiFunction(_GeminiType):
    name: str
    description: str
    parameters_json_schema: dict[str, Any]


class GeminiTool(_GeminiType):
    function_declarations: list[GeminiFunction]


class GeminiThinkingConfig(_GeminiType):
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GeminiSettings(_GeminiType):
    """`generationConfig`."""

    temperature: float
    max_output_tokens: int
    thinking_config: GeminiThinkingConfig | None = None


class GeminiRequest(_GeminiType):
    contents: list[GeminiContent]
    system_instruction: GeminiContent | None = None
    tools: list[GeminiTool] | None = None
    generation_config: GeminiSettings


class GeminiWire:
    """Of one call: what signs a tool call goes back with it. `signed`: the model takes none without."""

    def __init__(self, settings: GeminiSettings, signed: bool) -> None:
        self._settings = settings
        self._signed = signed
        self._made: ToolMemory[GeminiPart] = ToolMemory()

    def request(self, messages: Sequence[Message], tools: Sequence[ToolDefinition]) -> dict[str, Any]:
        dialogue = dialogue_of(messages)
        system = GeminiContent(parts=[GeminiPart(text=text) for text in dialogue.system])
        functions = [
            GeminiFunction(
                name=one.name, description=one.description, parameters_json_schema=dict(one.parameters)
            )
            for one in tools
        ]
        request = GeminiRequest(
            contents=self._contents(dialogue),
            system_instruction=system if dialogue.system else None,
            tools=[GeminiTool(function_declarations=functions)] if functions else None,
            generation_config=self._settings,
        )
        return request.model_dump(by_alias=True, exclude_none=True)

    def reader(self) -> GeminiReader:
        return GeminiReader(self._made)

    def _contents(self, dialogue: Dialogue) -> list[GeminiContent]:
        contents = []
        for turn in dialogue.turns:
            texts = [GeminiPart(text=text) for text in turn.texts]
            if turn.role == "assistant":
                calls = [self._call(call, not at) for at, call in enumerate(turn.calls)]
                contents.append(GeminiContent(role="model", parts=[*texts, *calls]))
                continue
            # As many results as calls in one content, and nothing else.
            if turn.results:
                contents.append(
                    GeminiContent(role="user", parts=[self._result(call) for call in turn.results])
                )
            if texts:
                contents.append(GeminiContent(role="user", parts=texts))
        return contents

    def _call(self, call: CallWithResult, first: bool) -> GeminiPart:
        made = self._made.of([call.id])
        if made is not None:
            return made
        return GeminiPart(
            function_call=GeminiFunctionCall(name=call.name, args=dict(call.arguments)),
            # Of calls that were made together the first is signed.
            thought_signature=_UNSIGNED if self._signed and first else None,
        )

    def _result(self, call: CallWithResult) -> GeminiPart:
        made = self._made.of([call.id])
        own = made.function_call.id if made is not None and made.function_call is not None else None
        answered = GeminiFunctionResponse(id=own, name=call.name, response={"result": call.result})
        return GeminiPart(function_response=answered)


class GeminiReader(EventReader):
    """One answer (an `AnswerReader`). What is thought is not said."""

    def __init__(self, made: ToolMemory[GeminiPart]) -> None:
        super().__init__()
        self._made = made
        self._calls: list[ToolCall] = []
        self._reason: str | None = None
        self._usage = GeminiUsage()
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._reason is not None

    def _event(self, piece: object) -> str:
        try:
            event = GeminiResponse.model_validate(piece)
        except ValidationError:
            raise ValueError("an event of another form") from None
        if event.error is not None:
            raise ServerSays(event.error.message or "an error", event.error.code)
        if event.usage_metadata is not None:
            self._usage = event.usage_metadata
        if event.prompt_feedback is not None and event.prompt_feedback.block_reason:
            self._begun, self._reason = True, "SAFETY"
        return self._candidate(event.candidates[0]) if event.candidates else ""

    def _candidate(self, candidate: GeminiCandidate) -> str:
        self._begun = True
        self._reason = candidate.finish_reason or self._reason
        parts = (candidate.content and candidate.content.parts) or ()
        return "".join([self._part(part) for part in parts])

    def _part(self, part: GeminiPart) -> str:
        if part.function_call is not None:
            self._called(part, part.function_call)
        if not part.text or part.thought:
            return ""
        return self._say(part.text)

    def _called(self, part: GeminiPart, call: GeminiFunctionCall) -> None:
        if len(self._calls) >= MOST_TOOL_CALLS:
            raise ValueError("too many tool calls")
        arguments = call.args or {}
        if len(str(arguments)) > LONGEST_ARGUMENTS:
            raise ValueError(f"arguments of more than {LONGEST_ARGUMENTS} characters")
        made = ToolCall(call.id or f"call_{next(_NUMBERS)}", call.name, arguments)
        self._calls.append(made)
        self._made.keep(made.id, part)

    def rest(self) -> str:
        said = self._tags.end()
        if self._reason in _DECLINED:
            log.warning("the model declined to answer (%s)", self._reason)
            return said if self._characters else DECLINED
        return said

    def tool_calls(self) -> list[ToolCall]:
        return self._calls

    def finished(self) -> Finished:
        if not self._begun:
            raise ValueError("an empty reply")
        if self._reason is None:
            raise ValueError("the answer broke off")
        nothing = not self._characters and not self._calls
        if nothing and self._reason not in _FINE | _DECLINED:
            # A call that it got wrong, for the most part: the next try is another one.
            raise ServerSays(f"the model gave no answer ({self._reason[:40]})", 500)
        return self._counted("length" if self._reason == "MAX_TOKENS" else "stop")

    def _counted(self, reason: Literal["stop", "length"]) -> Finished:
        usage = self._usage
        written = [usage.candidates_token_count, usage.thoughts_token_count]
        known = [count for count in written if count is not None]
        return Finished(
            "tool_calls" if self._calls else reason,
            usage.prompt_token_count,
            sum(known) if known else None,
        )
