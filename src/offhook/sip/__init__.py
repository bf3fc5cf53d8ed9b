"""SIP as a sans-IO core, the transports, and the user agent that joins them."""

from offhook.sip.errors import SipError
from offhook.sip.flow import Flow
from offhook.sip.handler import Answer
from offhook.sip.headers import NameAddr
from offhook.sip.invitation import Invitation
from offhook.sip.message import Request, Response, respond
from offhook.sip.outgoing import OutgoingCall
from offhook.sip.session import Session
from offhook.sip.tcp import Limits
from offhook.sip.transport import Transports
from offhook.sip.uri import Uri
from offhook.sip.user_agent import UserAgent

__all__ = [
    "Answer",
    "Flow",
    "Invitation",
    "Limits",
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
