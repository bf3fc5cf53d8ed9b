"""Headers that cannot be read: ignored where nobody needs them (RFC 3261 §8.2.2), else refused."""

from __future__ import annotations

import pytest

from offhook.sip.messages.message import MessageError, Request, Response
from offhook.sip.messages.parser import parse_message
from tests.sip.agents import ANSWER, answered, house, inviting, talking
from tests.virtual import story
from tests.wire import OFFER, ScriptedCall

CONTACT = b"Contact: <sip:a@10.0.0.1>"


def invite(*lines: bytes, method: bytes = b"INVITE", body: bytes = OFFER, contact: bytes = CONTACT) -> bytes:
    head = [
        method + b" sip:desk@10.0.0.2 SIP/2.0",
        b"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;rport",
        b"Max-Forwards: 70",
        'From: "Jürgen" <sip:a@10.0.0.1>;tag=1'.encode(),
        b"To: <sip:desk@10.0.0.2>",
        b"Call-ID: broken@10.0.0.1",
        b"CSeq: 1 " + method,
        contact,
        *lines,
    ]
    if body and not any(b"ontent-" in line for line in lines):
        head.append(b"Content-Type: application/sdp")
    return b"\r\n".join([*head, b"", b""]) + body


NOT_NEEDED = [
    "Accept", "Accept-Language", "Alert-Info", "Allow", "Authorization", "Call-Info", "Date", "Event",
    "Expires", "Organization", "P-Asserted-Identity", "Priority", "Privacy", "Proxy-Authorization", "Reason",
    "Replaces", "Reply-To", "Route", "Server", "Session-Expires", "Subject", "Subscription-State",
    "Supported", "Timestamp", "User-Agent", "Warning", "X-Ticket",
]  # fmt: skip
FORMS = {
    "without a colon": "{0} something else",
    "alone": "{0}",
    "empty": "{0}:",
    "nonsense": '{0}: ;;,,="<<@[::',
    "an open quote": '{0}: "open',
    "twice": "{0}: 1\r\n{0}: 2",
    "no token for a name": "{0} (x): 1",
    "two colons": "{0}:: 1",
    "an equals sign": "{0}=1",
    "other text": "{0}: j\xf6rg \xff",
    "thousands of elements": "{0}: " + "x," * 4000,
    "thousands of parameters": "{0}: x" + ";x=1" * 4000,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name", NOT_NEEDED)
@story
async def test_a_broken_header_that_nobody_needs_refuses_no_call(name: str, form: str) -> None:
    async with house() as h:
        h.phone.send(invite(form.format(name).encode("latin-1")))
        await h.phone.response(200)
        (invitation,) = h.desk.invitations
        assert invitation.request.from_.display_name == "Jürgen"


@pytest.mark.parametrize(
    "line", [b": no name", b"no header at all", b"=", b"\xff\xfe: 1", b"<xml/>", b"(", b"Max Forwards: 1"]
)
def test_a_line_that_is_no_header_is_left_out(line: bytes) -> None:
    message = parse_message(invite(b"X-Before: 1", line, b"X-After: 2"))
    assert (message.headers.get("X-Before"), message.headers.get("X-After")) == ("1", "2")
    assert len(message.headers) == 10


BROKEN_CONTENT = {
    "contact": b"Contact: <sip:a@b>;;",
    "no contact uri": b"Contact: nobody",
    "contacts": b"Contact: " + b"<sip:a@b>," * 2000,
    "route": b"Route: <sip:a b>",
    "record-route": b"Record-Route: <sip:p1>, b c",
    "record-routes": b"Record-Route: " + b"<sip:p1>," * 3000,
    "type": b"Content-Type: sdp",
    "no type": b"Content-Type:",
    "two types": b"Content-Type: text/plain\r\nContent-Type: text/html",
}


@pytest.mark.parametrize("line", BROKEN_CONTENT.values(), ids=BROKEN_CONTENT)
@pytest.mark.parametrize("method", [b"ACK", b"BYE", b"CANCEL", b"INFO", b"MESSAGE", b"NOTIFY", b"OPTIONS"])
def test_what_only_an_invite_needs_is_ignored_elsewhere(method: bytes, line: bytes) -> None:
    body = b"hello" if line.startswith(b"Content") else b""
    message = parse_message(invite(line, method=method, body=body, contact=b"X: 1"))
    assert isinstance(message, Request)
    assert (message.contacts, message.record_routes, message.body) == ((), (), body)
    assert str(message.content_type) in ("None", "text/plain")


@pytest.mark.parametrize("line", BROKEN_CONTENT.values(), ids=BROKEN_CONTENT)
def test_a_response_is_heard_whatever_else_is_broken_in_it(line: bytes) -> None:
    data = invite(line, b"Server 1", method=b"INVITE", contact=b"X: 1", body=b"v=0\r\n")
    message = parse_message(data.replace(b"INVITE sip:desk@10.0.0.2 SIP/2.0", b"SIP/2.0 200 OK"))
    assert isinstance(message, Response)
    assert (message.contact, message.record_routes) == (None, ())


def test_an_invite_without_a_body_needs_no_type() -> None:
    assert parse_message(invite(b"Content-Type:", body=b"")).content_type is None


@pytest.mark.parametrize(
    "line",
    [
        b"Via SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK9",
        b"Via",
        b"Max-Forwards 70",
        b"max-forwards=70",
        b"Content-Length 0",
        b"Require 100rel",
        b"Require",
        b"From: <sip:b@10.0.0.1>;tag=2",
        b"To: <sip:desk@10.0.0.2>",
        b"i: other",
        b"CSeq: 2 INVITE",
        b"Max-Forwards: 70",
        b"Content-Length: 1\r\nContent-Length: 1",
        b"Content-Length: x",
        b"Content-Length:",
        b"Via: SIP/2.0/UDP",
        b"Record-Route: <sip:p1>, b c",
        b"Content-Type: application/sdp\r\nContent-Type: text/plain",
        b"Content-Type:",
        b"X-Ticket: a\x00b",
        b"X-Ticket a\x07b",
        b"X-Ticket: a\nb",
    ],
)
def test_a_broken_header_that_the_call_needs_refuses_it(line: bytes) -> None:
    with pytest.raises(MessageError) as refused:
        parse_message(invite(line))
    assert refused.value.status == 400


def test_a_dialog_has_its_routes_already() -> None:
    data = invite(b"Record-Route: <sip:p1>, b c").replace(b"To: <sip:desk@10.0.0.2>", b"To: <sip:a@b>;tag=1")
    assert parse_message(data).record_routes == ()


@pytest.mark.parametrize(
    "contact", [b"X: 1", b"Contact:", b"Contact <sip:a@10.0.0.1>", b"Contact: <sip:a b>"]
)
@story
async def test_an_invite_has_a_contact(contact: bytes) -> None:
    async with house() as h:
        h.phone.send(invite(contact=contact))
        await h.phone.response(400)
        assert h.desk.invitations == []


def broken(call: ScriptedCall, method: str, *lines: bytes, cseq: int | None = None) -> None:
    """Send a request of the dialog with these lines in it."""
    number = call.cseq if cseq is None else cseq
    data = call.make(method, number, call.phone.branch())
    call.phone.send(data.replace(b"\r\n", b"\r\n" + b"\r\n".join(lines) + b"\r\n", 1))


@story
async def test_an_ack_with_a_broken_line_keeps_the_call_up() -> None:
    async with answered() as (h, call):
        broken(call, "ACK", b"Server", b"Content-Type:", b"Route: <<")
        call.cseq += 1
        broken(call, "BYE", b"Reason", b"Record-Route: <")
        await h.session.closed.wait()
        assert h.events == [("acknowledged", b""), "hung up"]


@story
async def test_a_cancel_with_a_broken_line_takes_the_invite_back() -> None:
    async with inviting(lambda desk: desk.later) as (h, call):
        await h.phone.response(100)
        data = call.make("CANCEL", call.cseq, call.invite_branch)
        h.phone.send(data.replace(b"\r\n", b"\r\nReason\r\nContact: <\r\n", 1))
        await h.phone.response(487)
        call.ack(branch=call.invite_branch)
        assert h.desk.cancelled == 1


@story
async def test_our_call_is_answered_by_a_200_with_broken_lines() -> None:
    async with house() as h:
        outgoing, recorder = h.dial()
        invite_ = await h.phone.request("INVITE")
        h.phone.reply(invite_, 200, body=ANSWER, headers=[("Server", "x"), ("Route", "<<"), ("Allow", ";")])
        session = await outgoing.wait()
        assert outgoing.answer is not None
        assert recorder.events == []
        await h.hangs_up(session)


@story
async def test_a_request_in_the_dialog_is_answered_with_broken_lines_in_it() -> None:
    async with talking() as (h, call):
        call.cseq += 1
        broken(call, "INFO", b"Info-Package", b"Contact: ,<", b"Content-Type: x")
        await h.phone.response(200)
        assert ("INFO", b"") in h.events
        await h.hangs_up()


LONG = {
    "elements": "<sip:a@b>," * 200,
    "empty elements": "," * 2000,
    "quotes": '"a"' * 1000 + ",",
    "open quotes": '"a,' * 1000,
    "open brackets": "<a,<" * 600,
    "parameters": "<sip:a@b>" + ";a" * 70,
    "parameters of a URI": "<sip:a@b" + ";a" * 70 + ">",
    "headers of a URI": "<sip:a@b?" + "&".join(["a=b"] * 70) + ">",
}


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
def test_what_would_take_long_to_read_is_not_read(value: str) -> None:
    """Refused where the call needs it, ignored elsewhere, and never a list of thousands."""
    line = f"Contact: {value}".encode()
    with pytest.raises(MessageError) as refused:
        parse_message(invite(line, contact=b"X: 1"))
    assert refused.value.status == 400

    assert parse_message(invite(line, method=b"BYE", body=b"", contact=b"X: 1")).contacts == ()


@pytest.mark.parametrize("value", ["," * 2000, "x," * 1500, '"a,' * 1000])
def test_many_lines_of_one_header_count_as_one_list(value: str) -> None:
    lines = [f"Record-Route: {value[at : at + 50]}".encode() for at in range(0, len(value), 50)]
    with pytest.raises(MessageError) as refused:
        parse_message(invite(*lines))
    assert refused.value.status == 400


def test_a_head_is_bounded_in_the_lines_that_are_folded_into_others_too() -> None:
    with pytest.raises(MessageError) as refused:
        parse_message(invite(b"Subject: a" + b"\r\n a" * 3000))
    assert (refused.value.status, refused.value.answerable) == (513, True)
    assert refused.value.request is not None
    assert len(refused.value.request.headers) < 20
