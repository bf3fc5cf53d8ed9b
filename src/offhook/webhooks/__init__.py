"""Messages to the owners' servers: which server gets them, how they are signed and sent, and why none is
lost."""

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
