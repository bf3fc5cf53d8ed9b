"""SIP as a sans-IO core, the transports, and the user agent that joins them."""

from offhook.sip.errors import SipError
from offhook.sip.flow import Flow, TransportName
from offhook.sip.handler import Answer, SessionHandler, usual_answer
from offhook.sip.headers import Headers, NameAddr, Via
from offhook.sip.invitation import Invitation
from offhook.sip.message import MessageError, Request, Response, respond
from offhook.sip.outgoing import OutgoingCall
from offhook.sip.parser import parse_message
from offhook.sip.session import Session
from offhook.sip.tcp import Limits
from offhook.sip.timers import Timings
from offhook.sip.transport import Transports
from offhook.sip.uri import Uri
from offhook.sip.user_agent import Handler, OptionsHandler, UserAgent

__all__ = [
    "Answer",
    "Flow",
    "Handler",
    "Headers",
    "Invitation",
    "Limits",
    "MessageError",
    "NameAddr",
    "OptionsHandler",
    "OutgoingCall",
    "Request",
    "Response",
    "Session",
    "SessionHandler",
    "SipError",
    "Timings",
    "TransportName",
    "Transports",
    "Uri",
    "UserAgent",
    "Via",
    "parse_message",
    "respond",
    "usual_answer",
]
