"""Documents made of every property that a published type has."""

from __future__ import annotations

from typing import Any

from tests.schema.official import PUBLISHED, UNIONS

DEPTH = 9
PATTERNED = {
    ("VapiPhoneNumber", "sipUri"): "sip:front@example.org:5080",
    ("CreateVapiPhoneNumberDTO", "sipUri"): "sip:front@example.org",
    ("CallHookCustomerSpeechTimeout", "on"): "customer.speech.timeout",
    ("CodeToolEnvironmentVariable", "name"): "A_1",
    ("CustomEndpointingModelSmartEndpointingPlan", "provider"): "custom-endpointing-model",
    ("CreateAssistantDTO", "backgroundSound"): "https://example.org/cafe.mp3",
    ("AssistantOverrides", "backgroundSound"): "office",
    ("WorkflowUserEditable", "backgroundSound"): "off",
    ("UserMessage", "role"): "user",
    ("SystemMessage", "role"): "system",
    ("BotMessage", "role"): "bot",
    ("ToolCallMessage", "role"): "tool_calls",
    ("ToolCallResultMessage", "role"): "tool_call_result",
}


def sample(reference: str, depth: int = 0) -> dict[str, Any]:
    """Every property of the type; below some depth only the required ones, or it would never end."""
    if reference not in PUBLISHED and reference.startswith("Fallback"):
        spare = sample(reference.removeprefix("Fallback"), depth)
        return {name: given for name, given in spare.items() if name != "fallbackPlan"}
    return {
        name: PATTERNED.get((reference, name)) or _named(name, spec) or value(spec, depth + 1)
        for name, spec in PUBLISHED.get(reference, {}).items()
        if depth < DEPTH or spec.get("required")
    }


def _named(name: str, spec: dict[str, Any]) -> str | None:
    """What the API reaches for has to be an address; the schema says only that it is text."""
    is_text = spec.get("type") == "string" and "enum" not in spec
    return "https://example.org/" if is_text and name.lower().endswith("url") else None


def value(spec: dict[str, Any], depth: int) -> Any:
    if "enum" in spec:
        return spec["enum"][0]
    if "ref" in spec:
        return sample(spec["ref"], depth)
    if "union" in spec:
        members = UNIONS[spec["union"]]
        return sample(members[depth % len(members)], depth)
    if "oneOf" in spec:
        return value(spec["oneOf"][-1], depth)
    match spec.get("type"):
        case "number" | "integer":
            return spec.get("maximum", spec.get("minimum", 7))
        case "boolean":
            return False
        case "array":
            return [value(spec["items"], depth)] if depth < DEPTH else []
        case "object":
            return {"free": "1"}
        case _:
            return "2026-11-23T10:00:00.250Z" if "format" in spec else "a" * spec.get("minLength", 1)
