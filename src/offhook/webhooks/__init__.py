"""Messages to the owners' servers: who gets them, how they are signed, sent, and never lost."""

from offhook.webhooks.client import AskFailed, Client
from offhook.webhooks.lanes import Limits
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import BackoffPlan, Receiver, choose_server, find_credential
from offhook.webhooks.shown import shown

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
