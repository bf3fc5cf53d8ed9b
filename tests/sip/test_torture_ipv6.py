"""The messages of RFC 5118: IPv6 wherever an address may stand.

Where the RFC's Content-Length does not fit its own body (RFC 5118 §4.6, §4.8, §4.9), the true one stands
here."""

from __future__ import annotations

import ipaddress

import pytest

from offhook.sip.messages.message import MessageError, Request
from offhook.sip.messages.parser import parse_message
from offhook.sip.messages.sdp import SessionDescription
from tests.sip.torture import crlf


def parse(text: str, body: str = "") -> Request:
    octets = crlf(body)
    message = parse_message(crlf(f"{text}Content-Length: {len(octets)}\n\n") + octets)
    assert isinstance(message, Request)
    assert parse_message(message.to_bytes()).to_bytes() == message.to_bytes()
    return message


def register(uri: str) -> str:
    """RFC 5118 §4.1 to §4.4 differ in their Request-URI."""
    return f"""\
REGISTER {uri} SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
Contact: "Caller" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
"""


def test_4_1_an_ipv6_reference() -> None:
    message = parse(register("sip:[2001:db8::10]"))
    assert (message.uri.host, message.uri.port, str(message.uri)) == (
        "2001:db8::10",
        None,
        "sip:[2001:db8::10]",
    )
    assert (message.via.host, message.via.branch) == ("2001:db8::9:1", "z9hG4bKas3-111")
    assert message.contact is not None
    assert message.contact.uri.host == "2001:db8::1"


def test_4_2_an_address_without_brackets_is_refused() -> None:
    with pytest.raises(MessageError) as refusal:
        parse(register("sip:2001:db8::10"))
    assert (refusal.value.status, refusal.value.answerable) == (400, True)


def test_4_3_a_port_within_the_brackets_is_part_of_the_address() -> None:
    message = parse(register("sip:[2001:db8::10:5070]"))
    assert (message.uri.host, message.uri.port) == ("2001:db8::10:5070", None)


def test_4_4_a_port_after_the_brackets_is_a_port() -> None:
    message = parse(register("sip:[2001:db8::10]:5070"))
    assert (message.uri.host, message.uri.port) == ("2001:db8::10", 5070)


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_4_5_received_with_and_without_brackets(received: str) -> None:
    message = parse(f"""\
BYE sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
""")
    assert message.via.received == "2001:db8::9:255"
    assert message.via.host == "2001:db8::9:1"


def test_4_6_ipv6_in_sdp() -> None:
    message = parse(
        """\
INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:caller@[2001:db8::20]>
CSeq: 8612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
""",
        """\
v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""",
    )
    description = SessionDescription.parse(message.body)
    assert (description.address, description.origin.address) == ("2001:db8::20", "2001:db8::20")
    assert description.to_bytes() == message.body


def test_4_7_ipv4_and_ipv6_in_one_via_list() -> None:
    message = parse("""\
BYE sip:user@host.example.net SIP/2.0
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
""")
    assert [(via.host, via.port, via.received) for via in message.vias] == [
        ("2001:db8::9:1", 6050, None),
        ("192.0.2.1", None, None),
        ("2001:db8::9:255", None, "192.0.2.200"),
    ]


def test_4_8_ipv4_and_ipv6_in_one_description() -> None:
    message = parse(
        """\
INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "Caller" <sip:caller@[2001:db8::9:1]>
Max-Forwards: 70
CSeq: 8912 INVITE
Content-Type: application/sdp
""",
        """\
v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
""",
    )
    description = SessionDescription.parse(message.body)
    assert [description.address_of(media) for media in description.media] == ["192.0.2.1", "2001:db8::1"]


def test_4_9_ipv4_mapped_addresses() -> None:
    message = parse(
        """\
INVITE sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:user@east.example.com;tag=81x2
Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19
Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: "T. desk phone" <sip:ted@[::ffff:192.0.2.2]>
CSeq: 612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
""",
        """\
v=0
o=assistant 971731711378798081 0 IN IP6 ::ffff:192.0.2.2
s=Call me soon, please!
c=IN IP6 ::ffff:192.0.2.2
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
""",
    )
    assert (message.via.host, message.via.port) == ("::ffff:192.0.2.10", 19823)
    assert message.contact is not None
    assert message.contact.display_name == "T. desk phone"
    assert SessionDescription.parse(message.body).address == "::ffff:192.0.2.2"


@pytest.mark.parametrize("host", ["2001:db8:::192.0.2.1", "2001:db8::192.0.2.1"])
def test_4_10_three_colons_before_ipv4_are_two(host: str) -> None:
    message = parse(f"""\
OPTIONS sip:user@[{host}] SIP/2.0
To: sip:user@[{host}]
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
""")
    assert ipaddress.ip_address(message.uri.host) == ipaddress.ip_address("2001:db8::192.0.2.1")
    assert message.to.uri == message.uri


@pytest.mark.parametrize(
    "host",
    ["2001:db8:::10", "2001:db8::::192.0.2.1", "2001:db8::1:::192.0.2.1", "::1::", "fe80::1%eth0", "12345::"],
)
def test_other_slips_are_no_addresses(host: str) -> None:
    with pytest.raises(MessageError):
        parse(register(f"sip:user@[{host}]"))
