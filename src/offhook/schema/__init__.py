"""The wire types, one file per resource: strict, in camelCase outside, and each dumping to exactly the
document it was parsed from (`document`). `sentences` says in the API's own words what is wrong with
one; `effective` says what holds where it is silent.

Importing this package once makes all of its modules whole: tools name assistants, which have tools.
"""

from offhook.schema import effective
from offhook.schema.artifact import Analysis, Artifact, PerformanceMetrics, Recording, TurnLatency
from offhook.schema.assistant import (
    Assistant,
    AssistantOverrides,
    StoredAssistant,
    merge,
)
from offhook.schema.base import Model, Resource, document, format_timestamp, parse_timestamp, timestamp
from offhook.schema.call import Call, CallStatus, CreateCall, Customer, Monitor, UpdateCall
from offhook.schema.control import ControlMessage
from offhook.schema.credential import WebhookCredential
from offhook.schema.ended_reason import EndedReason, PipelineFailure, pipeline_error
from offhook.schema.errors import sentences
from offhook.schema.message import BotMessage, Message, SystemMessage, UserMessage
from offhook.schema.number import CreateVapiPhoneNumber, UpdateVapiPhoneNumber, VapiPhoneNumber, unserved
from offhook.schema.org import Org, UpdateOrg
from offhook.schema.server import Server, normalise_server, show_server
from offhook.schema.server_message import server_message, wanted
from offhook.schema.squad import Squad, StoredSquad

__all__ = [
    "Analysis",
    "Artifact",
    "Assistant",
    "AssistantOverrides",
    "BotMessage",
    "Call",
    "CallStatus",
    "ControlMessage",
    "CreateCall",
    "CreateVapiPhoneNumber",
    "Customer",
    "EndedReason",
    "Message",
    "Model",
    "Monitor",
    "Org",
    "PerformanceMetrics",
    "PipelineFailure",
    "Recording",
    "Resource",
    "Server",
    "Squad",
    "StoredAssistant",
    "StoredSquad",
    "SystemMessage",
    "TurnLatency",
    "UpdateCall",
    "UpdateOrg",
    "UpdateVapiPhoneNumber",
    "UserMessage",
    "VapiPhoneNumber",
    "WebhookCredential",
    "document",
    "effective",
    "format_timestamp",
    "merge",
    "normalise_server",
    "parse_timestamp",
    "pipeline_error",
    "sentences",
    "server_message",
    "show_server",
    "timestamp",
    "unserved",
    "wanted",
]
