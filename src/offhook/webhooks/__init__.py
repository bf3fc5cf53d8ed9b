"""Messages to the owners' servers: who gets them, how they are signed, sent, and never lost."""

from .client import AskFailed, Client
from .lanes import Limits
from .outbox import Outbox
from .receiver import BackoffPlan, Receiver, choose_server, find_credential
from .shown import shown

__all__ = [
    "AskFailed",
    "BackoffPlan",
    "Client",
    "Limits",
    "Outbox",
    "Receiver",
    "choose_server",
    "find_credential",
    "shown",
]
