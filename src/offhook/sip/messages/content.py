"""What bodies we understand (RFC 3261 §8.2.3)."""

from __future__ import annotations

from typing import Final

from offhook.sip.errors import SipError
from offhook.sip.messages.headers import Parametrized
from offhook.sip.messages.message import Request, Response

SDP: Final = "application/sdp"
ACCEPT: Final = (("Accept", SDP),)
MAX_PARTS: Final = 16
"""Parts of a multipart body that are looked at; a call has an SDP and rarely two more."""


def session_description(message: Request | Response) -> bytes | None:
    """The SDP of a message, from a multipart body too (RFC 5621); None where there is none.

    SipError 415 for a body that is something else and must be understood, 400 for one without a type."""
    body = message.body
    if not body:
        return None
    headers = message.headers
    encoding = (headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise SipError(415, headers=(*ACCEPT, ("Accept-Encoding", "identity")))
    kind = message.content_type
    if kind is None:
        raise SipError(400, "Missing Content-Type")
    if kind.kind == SDP:
        return body
    if kind.kind.startswith("multipart/"):
        found = _part_of(body, kind.param("boundary") or "")
        if found is not None:
            return found
    if _optional(headers.get("Content-Disposition")):
        return None
    raise SipError(415, headers=ACCEPT)


def described(message: Request | Response) -> bytes:
    """The same of a message that cannot be refused any more; b"" where there is none that can be read."""
    try:
        return session_description(message) or b""
    except SipError:
        return b""


def _part_of(body: bytes, boundary: str) -> bytes | None:
    """The first SDP part of a multipart body (RFC 2046 §5.1)."""
    if not boundary:
        return None
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), MAX_PARTS)
    for part in parts[1:]:
        if part.startswith(b"--"):
            return None
        head, separator, content = part.partition(b"\r\n\r\n")
        if separator and _is_sdp(head):
            return content
    return None


def _is_sdp(head: bytes) -> bool:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip() == b"content-type":
            return value.partition(b";")[0].strip() == SDP.encode()
    return False


def _optional(disposition: str | None) -> bool:
    """Whether the sender allows that the body is not understood (RFC 3261 §20.11)."""
    if disposition is None:
        return False
    try:
        return (Parametrized.parse(disposition).param("handling") or "").lower() == "optional"
    except SipError:
        return False
