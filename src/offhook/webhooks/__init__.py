"""Messages to the owners' servers: who gets them, how they are signed, sent, and never lost."""

from .attempts import Counters
from .client import Answer, AskFailed, Client, FailureKind, message_body
from .lanes import Limits
from .outbox import Outbox
from .receiver import BackoffPlan, Receiver, choose_receiver, choose_server, credential_id, find_credentials
from .shown import shown

__all__ = [
    "Answer",
    "AskFailed",
    "BackoffPlan",
    "Client",
    "Counters",
    "FailureKind",
    "Limits",
    "Outbox",
    "Receiver",
    "choose_receiver",
    "choose_server",
    "credential_id",
    "find_credentials",
    "message_body",
    "shown",
]
