"""SIP as a sans-IO core, the transports, and the user agent that joins them."""

from offhook.sip.dialogs.handler import Answer
from offhook.sip.dialogs.invitation import Invitation
from offhook.sip.dialogs.outgoing_call import OutgoingCall
from offhook.sip.dialogs.session import Session
from offhook.sip.errors import SipError
from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import Request, Response, respond
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.places import ConnectionLimits
from offhook.sip.transports.transport import Flow
from offhook.sip.transports.transports import Transports
from offhook.sip.user_agent import UserAgent

__all__ = [
    "Answer",
    "ConnectionLimits",
    "Flow",
    "Invitation",
    "NameAddr",
    "OutgoingCall",
    "Request",
    "Response",
    "Session",
    "SipError",
    "Transports",
    "Uri",
    "UserAgent",
    "respond",
]
