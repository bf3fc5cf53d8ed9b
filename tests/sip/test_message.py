"""Whole messages: from the wire, to the wire, and the answers to them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip.errors import SipError, reason_for
from offhook.sip.messages.fields import Via
from offhook.sip.messages.headers import MAX_HEADERS, Headers
from offhook.sip.messages.message import MessageError, Request, Response, respond
from offhook.sip.messages.parser import MAX_HEAD, parse_message
from offhook.sip.messages.uri import MAX_URI, Uri
from tests.saved import begins_with
from tests.sip.torture import MESSAGES, crlf, sdp

BODY = sdp("192.0.2.10")
INVITE = (
    crlf(f"""\
INVITE sip:bob@biloxi.example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9;rport
Max-Forwards: 70
From: "Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl
To: Bob <sip:bob@biloxi.example.com>
Call-ID: 3848276298220188511@atlanta.example.com
CSeq: 1 INVITE
Contact: <sip:alice@192.0.2.10:5060>
Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>
Timestamp: 54
X-Customer: 42
Content-Type: application/sdp
Content-Length: {len(BODY)}

""")
    + BODY
)


def invite() -> Request:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    return message


def refusal(data: bytes) -> MessageError:
    with pytest.raises(MessageError) as error:
        parse_message(data)
    return error.value


def without(name: str) -> bytes:
    head, _, body = INVITE.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(f"{name}:".encode())]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def replaced(name: str, value: str) -> bytes:
    head, _, body = INVITE.partition(b"\r\n\r\n")
    lines = [
        f"{name}: {value}".encode() if line.startswith(f"{name}:".encode()) else line
        for line in head.split(b"\r\n")
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# -- reading --------------------------------------------------------------------------------------


def test_an_ordinary_invite() -> None:
    message = invite()
    assert (message.method, str(message.uri)) == ("INVITE", "sip:bob@biloxi.example.com")
    assert (message.from_.display_name, message.from_.tag, message.to.tag) == ("Alice", "9fxced76sl", None)
    assert message.call_id == "3848276298220188511@atlanta.example.com"
    assert (message.cseq.number, message.cseq.method, message.max_forwards) == (1, "INVITE", 70)
    assert [str(route.uri) for route in message.record_routes] == [
        "sip:p1.example.com;lr",
        "sip:p2.example.com;lr",
    ]
    assert message.headers.get("x-customer") == "42"
    assert (message.content_length, message.body) == (len(BODY), BODY)


def test_what_is_written_is_what_was_read() -> None:
    assert invite().to_bytes() == INVITE


def test_the_properties_follow_a_change_of_headers() -> None:
    message = invite()
    message.headers.replace_first("Via", Via.parse(f"{message.via};received=203.0.113.9"))
    message.body = b""
    assert message.via.received == "203.0.113.9"
    assert message.to_bytes().endswith(b"Content-Length: 0\r\n\r\n")


def test_a_message_may_be_preceded_by_empty_lines_and_followed_by_anything() -> None:
    message = parse_message(b"\r\n\r\n" + INVITE + b"anything")
    assert message.body == BODY


def test_without_content_length_the_datagram_is_the_body() -> None:
    assert parse_message(without("Content-Length") + b"more").body == BODY + b"more"


def test_a_call_id_is_any_visible_text() -> None:
    assert parse_message(replaced("Call-ID", "YWJj==;a,b@c@d")).call_id == "YWJj==;a,b@c@d"


def test_latin_1_is_read_where_it_is_not_utf_8() -> None:
    message = parse_message(INVITE.replace(b'"Alice"', '"Jörg"'.encode("latin-1")))
    assert message.from_.display_name == "Jörg"
    assert 'From: "Jörg"'.encode() in message.to_bytes()


def test_a_response() -> None:
    message = parse_message(
        INVITE.replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", b"sip/2.0 486 Busy Here")
    )
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (486, "Busy Here")


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_mandatory_headers(name: str) -> None:
    error = refusal(without(name))
    assert (error.status, error.reason) == (400, f"Missing {name}")
    assert error.answerable == (name != "Via")


@pytest.mark.parametrize(
    "name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Content-Length"]
)
def test_headers_that_come_once(name: str) -> None:
    line = next(line for line in INVITE.split(b"\r\n") if line.startswith(f"{name}:".encode()))
    error = refusal(INVITE.replace(line, line + b"\r\n" + line))
    assert (error.status, error.reason, error.answerable) == (400, f"More Than One {name}", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "SIP/2.0/UDP"),
        ("Via", "SIP/2.0/UDP a;received=[x:]"),
        ("Via", ","),
        ("From", "<sip:a@b"),
        ("To", "sip:a@b c"),
        ("Call-ID", "a b"),
        ("Call-ID", ""),
        ("Call-ID", "ö"),
        ("Call-ID", "a" * 1025),
        ("CSeq", "INVITE"),
        ("CSeq", "1 BYE"),
        ("Contact", "<sip:a@b>;;"),
        ("Record-Route", "<sip:a@b>, b c"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
        ("Contact", ", ".join(["<sip:a@b>"] * 129)),
        ("Record-Route", ",".join(["<sip:a@b>"] * 129)),
        ("Content-Type", "sdp"),
        ("Content-Length", "+5"),
        ("Content-Length", "9999999999999999999999"),
        ("X-Customer", "a\x00b"),
        ("X-Customer", "a\rb"),
        ("X-Customer", "a\nVia: b"),
        ("X-Customer", '"open\x07'),
    ],
)
def test_malformed_values_are_answered_400(name: str, value: str) -> None:
    error = refusal(replaced(name, value))
    assert error.status == 400
    if name != "Via":
        assert error.answerable
        assert error.request is not None
        assert error.request.method == "INVITE"
        respond(error.request, error.status).to_bytes()


def test_nothing_forged_comes_back_in_an_answer() -> None:
    error = refusal(replaced("Call-ID", "a\rX-Evil: 1\nX-Worse: 2"))
    assert error.request is not None
    lines = respond(error.request, 400).to_bytes().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"X-")] == []
    assert all(b"\r" not in line and b"\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"INVITE  sip:a@b SIP/2.0", 400),
        (b"INVITE sip:a@b", 400),
        (b"INVITE sip:a@b SIP/2", 400),
        (b"INVITE sip:a@b?X=y SIP/2.0", 400),
        (b"IN/ITE sip:a@b SIP/2.0", 400),
        (b"INVITE sip:a@b SIP/3.0", 505),
        (b"INVITE sip:" + b"a" * MAX_URI + b"@b SIP/2.0", 414),
        (b"FOO sip:a@b SIP/2.0", 501),
        (b"BYE sip:a@b SIP/2.0", 400),
    ],
)
def test_request_lines(line: bytes, status: int) -> None:
    error = refusal(INVITE.replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", line))
    assert (error.status, error.answerable) == (status, True)


@pytest.mark.parametrize(
    "line",
    [
        b"SIP/2.0 99 Low",
        b"SIP/2.0 700 High",
        b"SIP/2.0 20 0",
        b"SIP/2.0",
        b"SIP/3.0 200 OK",
        b"SIP/2.0 2000 OK",
    ],
)
def test_a_broken_response_is_never_answered(line: bytes) -> None:
    error = refusal(INVITE.replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", line))
    assert not error.answerable


def test_a_broken_ack_is_never_answered() -> None:
    error = refusal(INVITE.replace(b"INVITE", b"ACK").replace(b"Call-ID", b"Caller-ID"))
    assert error.request is not None
    assert not error.answerable


def test_a_contact_of_all_is_none() -> None:
    assert parse_message(replaced("Contact", "*")).contacts == ()


def test_a_head_has_bounds() -> None:
    many = refusal(INVITE.replace(b"X-Customer: 42", b"\r\n".join([b"X: y"] * MAX_HEADERS)))
    large = refusal(INVITE.replace(b"X-Customer: 42", b"X: " + b"y" * MAX_HEAD))
    assert [(error.status, error.answerable) for error in (many, large)] == [(513, True), (513, True)]


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"\x00\x00\x00\x00", b"hello", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_what_is_no_sip_is_not_answered(data: bytes) -> None:
    assert not refusal(data).answerable


# -- answering ------------------------------------------------------------------------------------


def test_a_response_repeats_what_it_must() -> None:
    answer = respond(
        invite(), 200, to_tag="8321234356", headers=[("Contact", "<sip:bob@192.0.2.4>")], body=b"v=0\r\n"
    )
    assert answer.to_bytes() == crlf("""\
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK74bf9;rport
From: "Alice" <sip:alice@atlanta.example.com>;tag=9fxced76sl
To: Bob <sip:bob@biloxi.example.com>;tag=8321234356
Call-ID: 3848276298220188511@atlanta.example.com
CSeq: 1 INVITE
Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>
Contact: <sip:bob@192.0.2.4>
Content-Length: 5

v=0
""")


def test_only_trying_has_no_tag_and_the_timestamp() -> None:
    answer = respond(invite(), 100, to_tag="1")
    assert answer.to.tag is None
    assert answer.headers.get("Timestamp") == "54"
    assert "Record-Route" not in answer.headers
    assert "Timestamp" not in respond(invite(), 180).headers


def test_a_refusal_makes_no_dialog() -> None:
    assert "Record-Route" not in respond(invite(), 486).headers


def test_nothing_breaks_out_of_a_response() -> None:
    with pytest.raises(ValueError, match="line break"):
        respond(invite(), 480, "Gone\r\nX-Evil: 1")
    with pytest.raises(ValueError, match="line break"):
        respond(invite(), 480, headers=[("Reason", "a\nb")])


def test_a_tag_that_is_there_stays() -> None:
    message = parse_message(replaced("To", "Bob <sip:bob@biloxi.example.com>;tag=old"))
    assert isinstance(message, Request)
    assert respond(message, 200, to_tag="new").to.tag == "old"


def test_a_tag_can_be_put_on_a_bare_address() -> None:
    message = parse_message(replaced("To", "sip:bob@biloxi.example.com"))
    assert isinstance(message, Request)
    assert respond(message, 200, to_tag="new").to.tag == "new"


def test_a_request_made_here_is_read_there() -> None:
    headers = Headers([(name, value) for name, value in invite().headers.items() if name != "Content-Length"])
    ours = Request("INVITE", Uri.parse("sip:x@y.z"), headers, b"hello")
    theirs = parse_message(ours.to_bytes())
    assert isinstance(theirs, Request)
    assert (theirs.uri, theirs.body) == (ours.uri, b"hello")


def test_a_message_made_without_a_header_says_so() -> None:
    with pytest.raises(SipError, match="400 Missing Via"):
        _ = Request("OPTIONS", Uri.parse("sip:a@b"), Headers()).via


def test_errors_know_their_answer() -> None:
    assert (SipError(486).reason, str(SipError(404))) == ("Busy Here", "404 Not Found")
    assert (reason_for(499), reason_for(799)) == ("Bad Request", "Unknown")
    assert SipError(405, headers=[("Allow", "ACK")]).headers == (("Allow", "ACK"),)


# -- anything at all --------------------------------------------------------------------------------


def accepts_or_refuses(data: bytes) -> None:
    """No other error, and what is accepted can be used and written, and is accepted again."""
    try:
        message = parse_message(data)
    except MessageError as error:
        refused(error)
    else:
        accepted(message)


def refused(error: MessageError) -> None:
    assert 400 <= error.status <= 699
    if error.answerable:
        assert error.request is not None
        respond(error.request, error.status, error.reason, to_tag="t").to_bytes()


def accepted(message: Request | Response) -> None:
    assert None not in (message.via, message.from_, message.to, message.call_id, message.cseq)
    assert all(via.received is None or via.received for via in message.vias)
    assert message.contact is None or str(message.contact)
    assert parse_message(message.to_bytes()).to_bytes() == message.to_bytes()
    if isinstance(message, Request):
        assert parse_message(respond(message, 200, to_tag="t").to_bytes()).cseq == message.cseq


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
@begins_with("sip")
def test_any_octets(data: bytes) -> None:
    accepts_or_refuses(data)


SEEDS = [INVITE, *(message.data for message in MESSAGES)]
MORSELS = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b"\x00", b'"', b"<", b">", b";", b",", b"=", b"[", b":", b" ", b"\xff", b"%"]
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_messages(data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(octets)))
        end = data.draw(st.integers(start, min(len(octets), start + 20)))
        octets[start:end] = data.draw(MORSELS | st.binary(max_size=3))
    accepts_or_refuses(bytes(octets))
