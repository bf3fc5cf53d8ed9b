"""Messages to the owners' servers: who gets them, how they are signed, sent, and never lost."""

from offhook.webhooks.client import AskFailed, Client
from offhook.webhooks.lanes import LaneLimits
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import Receiver, RetryPlan, choose_server, find_credential
from offhook.webhooks.shown import shown

__all__ = [
    "AskFailed",
    "Client",
    "LaneLimits",
    "Outbox",
    "Receiver",
    "RetryPlan",
    "choose_server",
    "find_credential",
    "shown",
]
