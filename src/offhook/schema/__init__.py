"""The wire types, one file per resource: strict, in camelCase outside, and each dumping to exactly the
document it was parsed from (`document`). `sentences` says in the API's own words what is wrong with
one; `effective` says what holds where it is silent.

Importing this package once makes all of its modules whole: tools name assistants, which have tools.
"""

from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import (
    Assistant,
    AssistantOverrides,
    StoredAssistant,
    merge,
)
from offhook.schema.assistants.squad import Squad
from offhook.schema.base import Model, document, format_timestamp, timestamp
from offhook.schema.calls.call import Call
from offhook.schema.calls.control import ControlMessage
from offhook.schema.number import (
    TRUNK_PROVIDER,
    ByoPhoneNumber,
    CreateByoPhoneNumberDTO,
    CreateVapiPhoneNumberDTO,
    UpdateByoPhoneNumberDTO,
    UpdateVapiPhoneNumberDTO,
    VapiPhoneNumber,
    unserved,
)
from offhook.schema.server import Server, normalise_server, show_server
from offhook.schema.validation_messages import sentences
from offhook.schema.webhooks.server_message import server_message, wanted

__all__ = [
    "TRUNK_PROVIDER",
    "Assistant",
    "AssistantOverrides",
    "ByoPhoneNumber",
    "Call",
    "ControlMessage",
    "CreateByoPhoneNumberDTO",
    "CreateVapiPhoneNumberDTO",
    "Model",
    "Server",
    "Squad",
    "StoredAssistant",
    "UpdateByoPhoneNumberDTO",
    "UpdateVapiPhoneNumberDTO",
    "VapiPhoneNumber",
    "document",
    "effective",
    "format_timestamp",
    "merge",
    "normalise_server",
    "sentences",
    "server_message",
    "show_server",
    "timestamp",
    "unserved",
    "wanted",
]
