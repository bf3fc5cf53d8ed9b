"""Every message of RFC 4475: refused with the status that the RFC asks for, or read exactly."""

from __future__ import annotations

import pytest

from offhook.sip.messages.headers import NameAddr
from offhook.sip.messages.message import MessageError, Request, Response, respond
from offhook.sip.messages.parser import parse_message
from offhook.sip.messages.uri import Uri
from tests.sip.torture import BY_NAME, MESSAGES, Torture

GOOD = [message for message in MESSAGES if message.refused is None]
BAD = [message for message in MESSAGES if message.refused is not None]


def name(message: Torture) -> str:
    return f"{message.section}-{message.name}"


def request(which: str) -> Request:
    message = parse_message(BY_NAME[which].data)
    assert isinstance(message, Request)
    return message


def response(which: str) -> Response:
    message = parse_message(BY_NAME[which].data)
    assert isinstance(message, Response)
    return message


def test_every_section_of_the_rfc_is_there() -> None:
    chapters = {"3.1.1": 13, "3.1.2": 19, "3.2": 1, "3.3": 15, "3.4": 1}
    expected = {f"{chapter}.{n}" for chapter, count in chapters.items() for n in range(1, count + 1)}
    assert {message.section for message in MESSAGES if message.section} == expected
    assert len(MESSAGES) == 50


@pytest.mark.parametrize("message", BAD, ids=name)
def test_what_is_malformed_is_refused_with_its_status(message: Torture) -> None:
    with pytest.raises(MessageError) as refusal:
        parse_message(message.data)
    assert refusal.value.status == message.refused
    assert refusal.value.answerable == bool(message.answers)


@pytest.mark.parametrize("message", [m for m in BAD if m.answers], ids=name)
def test_a_refusal_can_be_sent_and_read(message: Torture) -> None:
    with pytest.raises(MessageError) as refusal:
        parse_message(message.data)
    broken = refusal.value.request
    assert broken is not None
    answer = respond(broken, refusal.value.status, refusal.value.reason)
    assert answer.to_bytes().startswith(f"SIP/2.0 {message.refused} ".encode())
    assert answer.via.host == broken.via.host


@pytest.mark.parametrize("message", GOOD, ids=name)
def test_what_is_well_formed_comes_back_the_same(message: Torture) -> None:
    first = parse_message(message.data)
    again = parse_message(first.to_bytes())
    assert type(again) is type(first)
    assert again.to_bytes() == first.to_bytes()
    assert again.body == first.body
    assert (again.vias, again.from_, again.to) == (first.vias, first.from_, first.to)
    assert (again.cseq, again.call_id, again.contacts) == (first.cseq, first.call_id, first.contacts)


# -- RFC 4475 §3.1.1: what a well-formed message says ------------------------------------------


def test_wsinv() -> None:
    invite = request("wsinv")
    assert invite.uri == Uri.parse("sip:vivekg@chair-dnrc.example.com;unknownparam")
    assert invite.to.uri == Uri("sip", "vivekg", host="chair-dnrc.example.com")
    assert invite.to.tag == "1918181833n"
    assert invite.from_.display_name == 'J Rosenberg \\"'
    assert invite.from_.uri == Uri("sip", "jdrosen", host="example.com")
    assert invite.from_.tag == "98asjd8"
    assert invite.max_forwards == 68
    assert str(invite.cseq) == "9 INVITE"
    assert [(v.protocol, v.host, v.branch) for v in invite.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert invite.headers.get("subject") == ""
    assert invite.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert invite.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (route,) = invite.headers.all("route", NameAddr.parse)
    assert route.uri.params == (("lr", None), ("unknownwith", "value"), ("unknown-no-value", None))
    contact = invite.contact
    assert contact is not None
    assert contact.display_name == 'Quoted string ""'
    assert contact.params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert len(invite.body) == 150


def test_intmeth() -> None:
    odd = request("intmeth")
    assert odd.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert odd.cseq.method == odd.method
    assert odd.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert odd.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert odd.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert odd.to.uri.user == odd.uri.user
    assert odd.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert odd.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert odd.from_.tag == "_token~1'+`*%!-."
    assert odd.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert odd.via.branch == "z9hG4bK-.!%66*_+`'~"
    assert odd.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"
    assert odd.max_forwards == 255


def test_esc01() -> None:
    invite = request("esc01")
    assert (invite.uri.user, invite.uri.host) == ("sips:user@example.com", "example.net")
    assert str(invite.uri) == "sip:sips%3Auser%40example.com@example.net"
    assert invite.to.uri == Uri.parse("sip:user@example.com")
    assert invite.from_.uri.user == "I have spaces"
    assert invite.contact is not None
    assert invite.contact.uri.user == "caller"
    assert invite.contact.uri.params == (("lr", None), ("name", "value%41"))


def test_escnull() -> None:
    register = request("escnull")
    assert register.to.uri.user == "null-\x00-null"
    assert [contact.uri.user for contact in register.contacts] == ["\x00", "\x00\x00"]
    assert str(register.contacts[1].uri) == "sip:%00%00@host5.example.com"


def test_esc02() -> None:
    unknown = request("esc02")
    assert unknown.method == "RE%47IST%45R"
    assert unknown.to.display_name == "%Z%45"
    assert unknown.via.branch == "z9hG4bK209%fzsnel234"
    assert [contact.uri.user for contact in unknown.contacts] == ["alias1", "alias3"]
    assert unknown.headers.get("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_lwsdisp() -> None:
    options = request("lwsdisp")
    assert options.from_.display_name == "caller"
    assert options.from_.uri == Uri("sip", "caller", host="example.com")
    assert options.from_.tag == "323"


def test_longreq() -> None:
    invite = request("longreq")
    assert len(invite.vias) == 34
    assert [via.host for via in invite.vias[:33]] == [f"sip{n}.example.com" for n in range(33, 0, -1)]
    assert invite.vias[-1].received == "192.0.2.5"
    assert invite.vias[-1].branch == f"very{'long' * 50}branchvalue"
    assert invite.to.display_name == f"I have a user name of {'extreme' * 10} proportion"
    assert invite.to.uri.port == 6000
    assert invite.to.uri.params[1] == (f"longparam{'name' * 25}", "shortvalue")
    assert invite.from_.tag == f"1{'298' * 50}2424"
    assert invite.call_id == f"longreq.one{'really' * 20}longcallid"
    assert invite.contact is not None
    assert invite.contact.uri.user == "amazinglylongcallername" * 5
    assert len(invite.body) == 150


def test_dblreq() -> None:
    register = request("dblreq")
    assert (register.method, register.body) == ("REGISTER", b"")
    assert register.call_id == "dblreq.0ha0isndaksdj99sdfafnl3lk233412"


def test_semiuri() -> None:
    options = request("semiuri")
    assert (options.uri.user, options.uri.host) == ("user;par=u@example.net", "example.com")
    assert options.uri.params == ()
    assert str(options.uri) == "sip:user;par=u%40example.net@example.com"
    assert options.headers.get_all("accept") == [
        "application/sdp",
        "application/pkcs7-mime",
        "multipart/mixed",
        "multipart/signed",
        "message/sip",
        "message/sipfrag",
    ]


def test_transports() -> None:
    assert [via.protocol for via in request("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01() -> None:
    message = request("mpart01")
    assert len(message.body) == 553
    assert message.content_type is not None
    assert message.content_type.kind == "multipart/mixed"
    assert message.content_type.param("boundary") == "7a9cbec02ceef655"
    assert message.body.endswith(b"\xd0\x05\r\n--7a9cbec02ceef655--\r\n")


def test_unreason() -> None:
    answer = response("unreason")
    assert answer.status == 200
    assert answer.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    assert len(answer.body) == 154


def test_noreason() -> None:
    answer = response("noreason")
    assert (answer.status, answer.reason) == (100, "")


# -- RFC 4475 §3.1.2, where a peer in the field would send the same without the slip of the file -


def test_baddn_is_refused_for_its_display_name_too() -> None:
    with pytest.raises(MessageError, match="400 Malformed From"):
        parse_message(BY_NAME["baddn"].data + b"\r\n")


def test_baddate_is_left_to_who_needs_the_date() -> None:
    assert request("baddate").headers.get("date") == "Fri, 01 Jan 2010 16:00:00 EST"


def test_badinv01_is_answered_to_the_host_of_its_broken_via() -> None:
    with pytest.raises(MessageError, match="400 Malformed Via") as refusal:
        parse_message(BY_NAME["badinv01"].data)
    assert refusal.value.request is not None
    assert [str(via) for via in refusal.value.request.vias] == ["SIP/2.0/UDP 192.0.2.15"]


# -- RFC 4475 §3.2-3.4: what the layers above are told -------------------------------------------


def test_badbranch() -> None:
    assert request("badbranch").via.branch == "z9hG4bK"


def test_insuf_is_answered_with_what_there_is() -> None:
    with pytest.raises(MessageError, match="400 Missing From") as refusal:
        parse_message(BY_NAME["insuf"].data)
    assert refusal.value.request is not None
    answer = respond(refusal.value.request, 400)
    assert answer.headers.get("CSeq") == "193942 INVITE"
    assert [name for name in ("From", "To", "Call-ID") if name in answer.headers] == []


def test_unknown_schemes_are_kept() -> None:
    assert request("unkscm").uri == Uri("nobodyknowsthisscheme", opaque="totallyopaquecontent")
    assert request("novelsc").uri == Uri("soap.beep", opaque="//192.0.2.103:3002")
    register = request("unksm2")
    assert register.to.uri == Uri("isbn", opaque="2983792873")
    assert register.from_.uri == Uri("http", opaque="//www.example.com")
    assert register.from_.tag == "3234233"
    assert register.contacts[0].uri == Uri("name", opaque="John_Smith")


def test_bext01() -> None:
    options = request("bext01")
    assert options.headers.get_all("require") == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert options.headers.get_all("Proxy-Require") == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


def test_invut() -> None:
    invite = request("invut")
    assert str(invite.content_type) == "application/unknownformat"


def test_regaut01() -> None:
    assert request("regaut01").headers.get("authorization") == "NoOneKnowsThisScheme opaque-data=here"


def test_bcast() -> None:
    assert [via.host for via in response("bcast").vias] == ["192.0.2.198", "255.255.255.255"]


def test_zeromf() -> None:
    assert request("zeromf").max_forwards == 0


def test_a_parameter_belongs_to_the_header_or_to_the_uri() -> None:
    (of_header,) = request("cparam01").contacts
    (of_uri,) = request("cparam02").contacts
    assert (of_header.params, of_header.uri.params) == ((("unknownparam", None),), ())
    assert (of_uri.params, of_uri.uri.params) == ((), (("unknownparam", None),))
    assert of_header.uri.user == of_uri.uri.user == "+19725552222"


def test_regescrt() -> None:
    (contact,) = request("regescrt").contacts
    assert contact.uri.headers == (("Route", "<sip:sip.example.com>"),)
    assert str(contact) == "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"


def test_sdp01() -> None:
    assert request("sdp01").headers.get_all("accept") == ["text/nobodyKnowsThis"]


def test_inv2543() -> None:
    invite = request("inv2543")
    assert invite.from_.tag is None
    assert invite.via.branch is None
    assert (invite.max_forwards, invite.contact, invite.content_length) == (None, None, None)
    assert invite.record_routes[0].uri.param("maddr") == "ss1.example.com"
    assert invite.to.param("user") == "phone"
    assert invite.body.endswith(b"m=audio 49217 RTP/AVP 0\r\n")
