"""The requests that belong to an INVITE of ours and go no further than it went: its ACK, and its CANCEL."""

from __future__ import annotations

from offhook.sip.messages.headers import Headers
from offhook.sip.messages.message import Request, Response


def acknowledgement(invite: Request, response: Response) -> Request:
    """The ACK for a 3xx-6xx (RFC 3261 §17.1.1.3): hop by hop, on the branch of its INVITE."""
    headers = Headers([("Via", str(invite.via)), ("Max-Forwards", "70")])
    for name, value in invite.headers.items():
        if name in ("Route", "From", "Call-ID"):
            headers.add(name, value)
    headers.add("To", response.headers.get("To") or "")
    headers.add("CSeq", f"{invite.cseq.number} ACK")
    return Request("ACK", invite.uri, headers)


def cancellation(invite: Request) -> Request:
    """The CANCEL for an INVITE of ours (RFC 3261 §9.1)."""
    headers = Headers([("Via", str(invite.via)), ("Max-Forwards", "70")])
    for name, value in invite.headers.items():
        if name in ("Route", "From", "To", "Call-ID"):
            headers.add(name, value)
    headers.add("CSeq", f"{invite.cseq.number} CANCEL")
    return Request("CANCEL", invite.uri, headers)
