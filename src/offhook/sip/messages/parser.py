"""From bytes to messages (RFC 3261 §7, §25).

Everything that the transaction and dialog layers read is checked here, once."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Final

from offhook.sip.errors import BadSyntax, SipError
from offhook.sip.messages.fields import Via
from offhook.sip.messages.grammar import TOKEN
from offhook.sip.messages.headers import MAX_HEADERS, Headers, canonical_name
from offhook.sip.messages.message import METHODS, Message, MessageError, Request, Response
from offhook.sip.messages.uri import MAX_URI, Uri

MAX_MESSAGE: Final = 65535
"""Octets of one message: what a UDP datagram can carry, and more than any call needs on a stream."""
MAX_HEAD: Final = 32768
"""Octets before the body; RFC 4475 §3.1.1.7 has 3.4 kB, tokens of RFC 8224 add a few more."""
MAX_LINES: Final = 1024
"""Lines of a head as they came, of which several make one header when they are folded (RFC 3261 §7.3.1)."""

SINGLE: Final = ("From", "To", "Call-ID", "CSeq", "Content-Length", "Max-Forwards")
"""Headers that every message needs, of which it has one at most (RFC 4475 §3.3.8, §3.3.9)."""
MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")
"""RFC 3261 §8.1.1; Max-Forwards may be missing, as RFC 2543 did not know it (RFC 4475 §3.4.1)."""

_CONTACTED: Final = frozenset({"INVITE", "UPDATE", "REFER", "SUBSCRIBE", "REGISTER"})
"""Requests that are about their Contact; in any other, and in a response, a broken one is as good as none."""
_DESCRIBED: Final = frozenset({"INVITE", "UPDATE"})
"""Requests whose body has to be understood."""

_SINGLE = tuple((name, name.lower()) for name in SINGLE)
_MANDATORY = tuple((name, name.lower()) for name in MANDATORY)
_READ_ABOVE = (
    ("Contact", "contact", attrgetter("contacts")),
    ("Record-Route", "record-route", attrgetter("record_routes")),
    ("Content-Type", "content-type", attrgetter("content_type")),
)
_REQUEST_LINE = re.compile(rf"({TOKEN}) ([^ ]++) SIP/([0-9]++\.[0-9]++)", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/([0-9]++\.[0-9]++) ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE)
_FOLD = re.compile(r"\r\n[ \t]+")
# Of lines without a colon those that would have changed what is done with the message. Any other that is
# needed is missed.
_NEEDED_LINE = re.compile(rf"(?:Via|Max-Forwards|Content-Length|Require)(?!{TOKEN})", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
# An unbalanced quote runs to the end of its line, so that many of them still cost one pass.
_QUOTED_STRING = re.compile(r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\r\n])*+"?')
_SENT_BY = re.compile(
    r"SIP[ \t]*+/[ \t]*+[0-9.]++[ \t]*+/[ \t]*+[A-Za-z]++[ \t]++[A-Za-z0-9.\-\[\]:]++", re.IGNORECASE
)


def parse_message(data: bytes) -> Request | Response:
    """One message from a datagram, or from a stream as `StreamFramer` cuts it.

    Octets after Content-Length are ignored, without Content-Length the body is the rest (RFC 3261 §18.3).
    Lines that are not UTF-8 are read as Latin-1. Headers that cannot be read and are not needed are left out
    (RFC 3261 §8.2.2). MessageError for what cannot be accepted."""
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    start_line, headers, problem = _parse_head(head if separator else head.removesuffix(b"\r\n"))
    if problem is None and not separator:
        problem = BadSyntax("Missing Empty Line After Headers")
    if start_line[:4].upper() == "SIP/":
        return _parse_response(start_line, headers, body, problem)
    return _parse_request(start_line, headers, body, problem)


def _parse_head(head: bytes) -> tuple[str, Headers, SipError | None]:
    """Start line and headers, and what is wrong with them (then without the broken lines)."""
    problem: SipError | None = None
    if len(head) > MAX_HEAD:
        head = head[:MAX_HEAD]
        problem = SipError(513)
    text = _text(head)
    if text.count("\r\n") > MAX_LINES:
        text = "\r\n".join(text.split("\r\n", MAX_LINES)[:MAX_LINES])
        problem = problem or SipError(513)
    if _has_forbidden(text):
        problem = problem or BadSyntax("Control Character in Headers")
        text = _FORBIDDEN.sub("", text)
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    start_line, *lines = text.split("\r\n")
    if len(lines) > MAX_HEADERS:
        del lines[MAX_HEADERS:]
        problem = problem or SipError(513)
    items = []
    for line in lines:
        name, colon, value = line.partition(":")
        known = canonical_name(name.rstrip(" \t"))
        if known is not None and colon:
            items.append((known, value.strip(" \t")))
        elif _NEEDED_LINE.match(line):
            problem = problem or BadSyntax("Malformed Header Line")
    return start_line, Headers.trusted(items), problem


def _text(head: bytes) -> str:
    try:
        return head.decode()
    except UnicodeDecodeError:
        return "\r\n".join([_line_text(line) for line in head.split(b"\r\n")])


def _line_text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _has_forbidden(text: str) -> bool:
    """Whether there is a line break that ends no line, or a control character outside a quoted-pair."""
    breaks = text.count("\r\n")
    if breaks == text.count("\n") == text.count("\r") and not _CONTROL.search(text):
        return False
    return _FORBIDDEN.search(_QUOTED_STRING.sub("", text)) is not None


def _parse_request(start_line: str, headers: Headers, body: bytes, problem: SipError | None) -> Request:
    try:
        if problem is not None:
            raise problem
        match = _REQUEST_LINE.fullmatch(start_line)
        if match is None:
            raise BadSyntax("Malformed Request-Line")
        method, uri_text, version = match.groups()
        if version != "2.0":
            raise SipError(505)
        if len(uri_text) > MAX_URI:
            raise SipError(414)
        uri = Uri.parse(uri_text)
        if uri.headers:
            raise BadSyntax("Request-URI With Headers")
        request = Request(method, uri, headers, body)
        _check(request)
        if request.cseq.method != method:
            raise SipError(400 if method in METHODS else 501, "CSeq Method Does Not Match")
        _look_at_the_rest(request, method)
    except SipError as error:
        raise MessageError(
            error.status, error.reason, _answerable(start_line, headers), error.headers
        ) from error
    return request


def _parse_response(start_line: str, headers: Headers, body: bytes, problem: SipError | None) -> Response:
    try:
        if problem is not None:
            raise problem
        match = _STATUS_LINE.fullmatch(start_line)
        if match is None:
            raise BadSyntax("Malformed Status-Line")
        version, status, reason = match.groups()
        if version != "2.0":
            raise SipError(505)
        response = Response(int(status), reason or "", headers, body)
        _check(response)
        _look_at_the_rest(response, None)
    except SipError as error:
        raise MessageError(error.status, error.reason) from error
    return response


def _check(message: Message) -> None:
    """That what every message needs is there, once, and well formed. It stays parsed."""
    lines = message.headers.by_name()
    for name, key in _MANDATORY:
        if key not in lines:
            raise BadSyntax(f"Missing {name}")
    for name, key in _SINGLE:
        if key in lines and len(lines[key]) > 1:
            raise BadSyntax(f"More Than One {name}")
    vias = message.vias
    if not vias:
        raise BadSyntax("Malformed Via")
    for via in vias:
        _ = via.received
    _ = (message.from_, message.to, message.call_id, message.cseq, message.max_forwards)
    _cut_body(message)


def _look_at_the_rest(message: Message, method: str | None) -> None:
    """What else layers above read: refused in a request (of `method`) that cannot do without it, else left
    out if it cannot be read (RFC 3261 §8.2.2)."""
    headers = message.headers
    lines = headers.by_name()
    types = lines.get("content-type", ())
    if len(types) > 1:
        if message.body and method in _DESCRIBED:
            raise BadSyntax("More Than One Content-Type")
        headers.set("Content-Type", types[0])
    for name, key, read in _READ_ABOVE:
        if key not in lines:
            continue
        try:
            read(message)
        except BadSyntax:
            if _needs(message, method, key):
                raise
            headers.remove(name)


def _needs(message: Message, method: str | None, key: str) -> bool:
    if key == "contact":
        return method in _CONTACTED
    if key == "record-route":
        return method == "INVITE" and message.to.tag is None
    return bool(message.body) and method in _DESCRIBED


def _cut_body(message: Message) -> None:
    length = message.content_length
    if length is None:
        return
    if length > len(message.body):
        raise BadSyntax("Content-Length Beyond End of Message")
    message.body = message.body[:length]


def _answerable(start_line: str, headers: Headers) -> Request | None:
    """What an answer to a broken request needs: a Via, and what else there is (RFC 4475 §3.3.1)."""
    try:
        vias = headers.all("via", Via.parse)
        for via in vias:
            _ = via.received
    except BadSyntax:
        vias = ()
    if not vias:
        match = _SENT_BY.match(headers.get("via") or "")
        if match is None:
            return None
        try:
            via = Via.parse(match[0])
        except BadSyntax:
            return None
        headers.set("Via", str(via))
    method, _, rest = start_line.partition(" ")
    return Request(method, Uri("", opaque=rest), headers)


def broken_request(data: bytes, status: int, reason: str | None = None) -> MessageError:
    """The error for a message that cannot be cut out of its stream; answerable if a request with a Via."""
    start_line, headers, _ = _parse_head(data.partition(b"\r\n\r\n")[0])
    is_response = start_line[:4].upper() == "SIP/"
    return MessageError(status, reason, None if is_response else _answerable(start_line, headers))
