"""Requests and responses (RFC 3261 §7), and the response to a request.

The properties of a message that `parser.parse_message` gave never raise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeVar

from offhook.sip.errors import BadSyntax, SipError, reason_for
from offhook.sip.messages.fields import CSeq, MediaType, NameAddr, Via
from offhook.sip.messages.grammar import parse_number
from offhook.sip.messages.headers import Headers
from offhook.sip.messages.uri import Uri

METHODS: Final = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()  # noqa: SIM905
)
"""The methods of the IANA registry."""

# The grammar has word["@"word]; peers put "=" and more into it, and it is only ever compared.
_CALL_ID = re.compile(r"[!-~]{1,1024}")

T = TypeVar("T")


class Message:
    """What requests and responses have in common. `headers` may be changed; the properties follow."""

    __slots__ = ("body", "headers")

    headers: Headers
    body: bytes

    @property
    def vias(self) -> tuple[Via, ...]:
        return self.headers.all("via", Via.parse)

    @property
    def via(self) -> Via:
        """The top Via."""
        return _present(self.vias, "Via")[0]

    @property
    def from_(self) -> NameAddr:
        return _present(self.headers.first("from", _parse_from), "From")

    @property
    def to(self) -> NameAddr:
        return _present(self.headers.first("to", _parse_to), "To")

    @property
    def call_id(self) -> str:
        return _present(self.headers.first("call-id", _parse_call_id), "Call-ID")

    @property
    def cseq(self) -> CSeq:
        return _present(self.headers.first("cseq", CSeq.parse), "CSeq")

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """All Contacts; none for `*`."""
        if self.headers.get("contact") == "*":
            return ()
        return self.headers.all("contact", _parse_contact)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        return self.headers.all("record-route", _parse_record_route)

    @property
    def max_forwards(self) -> int | None:
        return self.headers.first("max-forwards", _parse_max_forwards)

    @property
    def content_type(self) -> MediaType | None:
        return self.headers.first("content-type", MediaType.parse)

    @property
    def content_length(self) -> int | None:
        """What Content-Length says, None where there is none."""
        return self.headers.first("content-length", _parse_content_length)

    def _to_bytes(self, start_line: str) -> bytes:
        lines = [start_line]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name != "Content-Length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode() + self.body


class Request(Message):
    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: Uri, headers: Headers, body: bytes = b"") -> None:
        self.method = method
        self.uri = uri
        self.headers = headers
        self.body = body

    def to_bytes(self) -> bytes:
        """The message on the wire, with the Content-Length of its body."""
        return self._to_bytes(f"{self.method} {self.uri} SIP/2.0")

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"


class Response(Message):
    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body

    def to_bytes(self) -> bytes:
        """The message on the wire, with the Content-Length of its body."""
        return self._to_bytes(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


class MessageError(SipError):
    """A message that cannot be accepted.

    `request` is what could be read of a request (its Via above all), None for anything else."""

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        request: Request | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(status, reason, headers)
        self.request = request

    @property
    def answerable(self) -> bool:
        """Whether `respond(error.request, error.status, error.reason)` may be sent:
        the request has a Via to follow and is not an ACK, which is never answered (RFC 3261 §17.1.1.3)."""
        return self.request is not None and self.request.method != "ACK"


def respond(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """The response to `request` (RFC 3261 §8.2.6): its Vias, From, To (with `to_tag` if it has no tag),
    Call-ID and CSeq; its Timestamp in a 100 (RFC 3261 §8.2.6.1), its Record-Route where a dialog may
    come of it (RFC 3261 §12.1.1). ValueError for a line break in what is given."""
    if reason is not None and ("\r" in reason or "\n" in reason):
        raise ValueError("line break in a reason phrase")
    items: list[tuple[str, str]] = []
    for name, value in request.headers.items():
        if name in ("Via", "From", "Call-ID", "CSeq"):
            items.append((name, value))
        elif name == "To":
            tagged = to_tag and status > 100 and _lacks_tag(request)
            items.append((name, f"{value};tag={to_tag}" if tagged else value))
        elif (name == "Timestamp" and status == 100) or (name == "Record-Route" and 101 <= status < 300):
            items.append((name, value))
    answer = Headers.trusted(items)
    for name, value in headers:
        answer.add(name, value)
    return Response(status, reason or reason_for(status), answer, body)


def _lacks_tag(request: Request) -> bool:
    """Whether To has no tag; a malformed To goes back as it came."""
    try:
        return request.to.tag is None
    except BadSyntax:
        return False


def _present(value: T | None, name: str) -> T:
    if not value:
        raise BadSyntax(f"Missing {name}")
    return value


def _parse_from(text: str) -> NameAddr:
    return NameAddr.parse(text, "From")


def _parse_to(text: str) -> NameAddr:
    return NameAddr.parse(text, "To")


def _parse_contact(text: str) -> NameAddr:
    return NameAddr.parse(text, "Contact")


def _parse_record_route(text: str) -> NameAddr:
    return NameAddr.parse(text, "Record-Route")


def _parse_call_id(text: str) -> str:
    if not _CALL_ID.fullmatch(text):
        raise BadSyntax("Malformed Call-ID")
    return text


def _parse_max_forwards(text: str) -> int:
    return parse_number(text, "Max-Forwards", 255)


def _parse_content_length(text: str) -> int:
    return parse_number(text, "Content-Length", 2**31)
