"""Our types have what the published ones have: every property, and every limit judged the same."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pydantic import BaseModel

from offhook.schema.assistants.assistant import Assistant, AssistantOverrides, StoredAssistant
from offhook.schema.assistants.squad import Squad, StoredSquad
from offhook.schema.calls.call import Call, CreateCallDTO, DeleteCallDTO, UpdateCallDTO
from offhook.schema.calls.control import ControlMessage
from offhook.schema.credential import WebhookCredential
from offhook.schema.error_path import tagged, whole
from offhook.schema.number import CreateVapiPhoneNumberDTO, UpdateVapiPhoneNumberDTO, VapiPhoneNumber
from offhook.schema.org import Org
from offhook.schema.tools.json_schema import JsonSchema
from offhook.schema.webhooks.server_message import BODIES, Body
from offhook.schema.written import wire_name
from tests.schema.official import PUBLISHED, Walk

pytestmark = pytest.mark.slow

OURS_ALONE: dict[str, set[str]] = {
    "LegacyServer": {"serverUrl", "serverUrlSecret"},
    "Server": {"secret"},
    "_LegacyAssistant": {
        "silenceTimeoutSeconds",
        "backchannelingEnabled",
        "backgroundDenoisingEnabled",
        "recordingEnabled",
        "hipaaEnabled",
        "messagePlan",
        "responseDelaySeconds",
        "llmRequestDelaySeconds",
        "numWordsToInterruptAssistant",
    },
    "_Tool": {"async", "server", "function"},
    "SmsTool": {"metadata"},
    "_Hook": {"name"},
    "SummaryPlan": {"useAssistantLlm"},
    "TransferPlan": {"transferAssistant"},
    "VapiWebsocketTransport": {"websocketCallUrl"},
    "Artifact": {"variables"},
    "TransferArtifact": {"failureReason"},
    "TurnLatency": {"platformLatency"},
    "PerformanceMetrics": {"platformLatencyAverage"},
    "OpenAIFormattedMessage": {"tool_calls", "tool_call_id"},
    "Call": {"phoneCallProviderDetails", "transcript", "summary", "recordingUrl", "stereoRecordingUrl"},
    "VapiModel": {"maxTokens"},
    "StoredAssistant": {"isServerUrlSecretSet"},
    # All of JSON Schema, since libraries write it.
    "Keywords": {str(info.alias) for info in whole(JsonSchema).model_fields.values()},
    "OpenAIFunctionParameters": {"strict"},
    # What newer SDKs write.
    "SaidDestination": {"name"},
    "OpenAIModel": {"reasoner", "serviceTier", "speaker"},
    "AnthropicModel": {"fallbackModels"},
    "DeepgramVoice": {"expressivity", "speed"},
    "AssemblyAITranscriber": {"agentContextAutoUpdateEnabled"},
    "SonioxTranscriber": {"confidenceThreshold", "endpointLatencyAdjustmentLevel", "endpointSensitivity"},
}
AS_IT_IS = {
    # Lists of types, other formats and no type at all are JSON Schema too.
    ("JsonSchema", "type"),
    ("JsonSchema", "enum"),
    ("JsonSchema", "format"),
    ("OpenAIFunctionParameters", "type"),
    ("OpenAIFunctionParameters", "properties"),
    # Objects without published properties, or of another service's bookkeeping.
    ("SecurityFilterPlan", "filters"),
    ("AnalysisCost", "structuredOutputBreakdown"),
    ("ToolCallResultMessage", "warnings"),
    # Other people's data centres, which change like their models.
    ("CreateAnthropicBedrockCredentialDTO", "region"),
    ("CreateAzureCredentialDTO", "region"),
    ("CreateAzureOpenAICredentialDTO", "region"),
    ("SupabaseBucketPlan", "region"),
    # Published as any of the three in each of the plans; here each plan names itself.
    ("VapiSmartEndpointingPlan", "provider"),
    ("LivekitSmartEndpointingPlan", "provider"),
    ("CustomEndpointingModelSmartEndpointingPlan", "provider"),
    # Published as optional, but nothing else tells this credential from the others.
    ("CreateByoSipTrunkCredentialDTO", "provider"),
    # Published as optional since some numbers have digits instead; ours all have one.
    ("VapiPhoneNumber", "sipUri"),
}

PAIRS: list[tuple[str, type[BaseModel]]] = [
    ("CreateAssistantDTO", Assistant),
    ("UpdateAssistantDTO", Assistant),
    ("AssistantOverrides", AssistantOverrides),
    ("Assistant", StoredAssistant),
    ("CreateVapiPhoneNumberDTO", CreateVapiPhoneNumberDTO),
    ("UpdateVapiPhoneNumberDTO", UpdateVapiPhoneNumberDTO),
    ("VapiPhoneNumber", VapiPhoneNumber),
    ("CreateSquadDTO", Squad),
    ("UpdateSquadDTO", Squad),
    ("Squad", StoredSquad),
    ("CreateCallDTO", CreateCallDTO),
    ("UpdateCallDTO", UpdateCallDTO),
    ("DeleteCallDTO", DeleteCallDTO),
    ("Call", Call),
    ("CreateWebhookCredentialDTO", WebhookCredential),
]


@pytest.mark.parametrize(("name", "ours"), PAIRS, ids=[name for name, _ in PAIRS])
def test_every_property_and_limit_is_the_published_one(name: str, ours: type[BaseModel]) -> None:
    # Whoever dialled in has the number that they have.
    as_it_is = AS_IT_IS | {("CreateCustomerDTO", "number")} if ours is Call else AS_IT_IS
    walk = Walk(OURS_ALONE, as_it_is)
    walk.compare(name, ours)
    assert walk.differences == []


def test_the_walk_reaches_the_depths_of_an_assistant() -> None:
    walk = Walk(OURS_ALONE, AS_IT_IS)
    walk.compare("CreateAssistantDTO", Assistant)
    reached = {name for name, _ in walk.compared}
    assert {
        "GroupCondition",
        "GeminiMultimodalLivePrebuiltVoiceConfig",
        "AzureBlobStorageBucketPlan",
    } <= reached
    assert len(reached) > 200


def test_steering_messages_are_the_published_ones() -> None:
    """Published is also a say message whose type may be missing; ours wants it, to know what it is."""
    walk = Walk(OURS_ALONE, AS_IT_IS | {("ClientInboundMessageSay", "type")})
    members = tagged(ControlMessage)[1]
    for name, properties in PUBLISHED.items():
        if name.startswith("ClientInboundMessage") and "type" in properties:
            walk.compare(name, members[properties["type"]["enum"][0]])
    assert walk.differences == []
    assert len(walk.compared) >= 6


def test_an_organisation_shows_nothing_that_the_published_one_has_not() -> None:
    names = {info.alias for info in Org.model_fields.values()}
    assert names - PUBLISHED["Org"].keys() == {"serverUrl", "serverUrlSecret"}


ENVELOPE = {
    "timestamp",
    "call",
    "phoneNumber",
    "customer",
    "assistant",
    "assistantVersion",
    "artifact",
    "chat",
}
REPORT_ALONE = {
    "costBreakdown",
    "transcript",
    "summary",
    "messages",
    "recordingUrl",
    "stereoRecordingUrl",
    "durationSeconds",
    "durationMinutes",
    "durationMs",
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.type)
def test_server_messages_have_the_published_properties(body: type[Body]) -> None:
    published = [
        properties
        for name, properties in PUBLISHED.items()
        if name.startswith("ServerMessage") and body.type in properties["type"]["enum"]
    ]
    ours = {wire_name(field.name) for field in fields(body)} | {"type"}
    if body.type == "assistant.started":  # published as a client message only
        assert (published, ours) == ([], {"type", "newAssistant"})
        return
    alone = {
        "end-of-call-report": REPORT_ALONE,
        "tool-calls": {"toolCalls"},
        "conversation-update": {"conversation"},
    }.get(body.type, set())
    assert ours - alone == published[0].keys() - (ENVELOPE - ours)
