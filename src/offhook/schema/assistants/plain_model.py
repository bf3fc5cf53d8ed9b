"""Models without tools, as structured outputs and workflows use them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.base import Model, Number


class OpenAIMessage(Model):
    """A message for the model."""

    role: Literal["assistant", "function", "user", "system", "tool"]
    content: str


class AnthropicThinkingConfig(Model):
    type: Literal["enabled"]
    budget_tokens: Number = Field(ge=1024, le=100000)


class _PlainModel(Model):
    messages: list[OpenAIMessage] | None = None
    temperature: Number | None = Field(default=None, ge=0, le=2)
    max_tokens: Number | None = Field(default=None, ge=50, le=10000)


class PlainVendorModel(_PlainModel):
    provider: Literal["openai", "google"]
    model: str


class PlainAnthropicModel(_PlainModel):
    provider: Literal["anthropic", "anthropic-bedrock"]
    model: str
    thinking: AnthropicThinkingConfig | None = None


class WorkflowCustomModel(_PlainModel):
    """Any server that speaks OpenAI's chat API at `url`. `timeoutSeconds` is the wait for it."""

    provider: Literal["custom-llm"]
    url: str
    model: str = Field(max_length=100)
    headers: dict[str, str] | None = None
    timeout_seconds: Number | None = Field(default=None, ge=20, le=600)
    metadata_send_mode: Literal["off", "variable", "destructured"] | None = None


AnyPlainModel = Annotated[
    PlainVendorModel | PlainAnthropicModel | WorkflowCustomModel, Field(discriminator="provider")
]
