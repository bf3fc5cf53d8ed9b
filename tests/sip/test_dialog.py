"""Dialogs: made by either side, followed by their requests (RFC 3261 §12)."""

from __future__ import annotations

import pytest

from offhook.sip.dialogs.dialog import Dialog, DialogKey, key_of
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request, Response, respond
from offhook.sip.messages.parser import parse_message


def invite(extra: str = "", contact: str = "<sip:caller@192.0.2.1:5070>", tag: str = ";tag=them") -> Request:
    contact_line = f"Contact: {contact}\r\n" if contact else ""
    message = parse_message(
        "INVITE sip:desk@offhook.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        f'Max-Forwards: 70\r\nFrom: "Ann" <sip:ann@192.0.2.1>{tag}\r\nTo: <sip:desk@offhook.example>\r\n'
        f"Call-ID: call\r\nCSeq: 7 INVITE\r\n{contact_line}{extra}\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


def accepted(headers: list[tuple[str, str]]) -> Response:
    return respond(invite(), 200, to_tag="us", headers=headers)


def later(number: int, method: str = "INFO", contact: str = "") -> Request:
    message = parse_message(
        f"{method} sip:desk@offhook.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:ann@192.0.2.1>;tag=them\r\nTo: <sip:desk@offhook.example>;tag=us\r\n"
        f"Call-ID: call\r\nCSeq: {number} {method}\r\n{contact}\r\n".encode()
    )
    assert isinstance(message, Request)
    return message


def test_the_called_side_knows_its_dialog_by_the_callers_later_requests() -> None:
    dialog = Dialog.accepting(invite(), "us")
    assert dialog.key == DialogKey("call", "us", "them") == key_of(later(8))


def test_a_request_of_the_called_side_goes_to_the_contact_with_from_and_to_exchanged() -> None:
    request = Dialog.accepting(invite(), "us").request("BYE")
    assert request.to_bytes().decode().split("\r\n")[:6] == [
        "BYE sip:caller@192.0.2.1:5070 SIP/2.0",
        "Max-Forwards: 70",
        "From: <sip:desk@offhook.example>;tag=us",
        'To: "Ann" <sip:ann@192.0.2.1>;tag=them',
        "Call-ID: call",
        "CSeq: 1 BYE",
    ]


def test_the_called_side_follows_the_record_route_in_its_order() -> None:
    dialog = Dialog.accepting(invite("Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n"), "us")
    request = dialog.request("BYE")
    assert request.headers.get_all("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]
    assert str(dialog.next_hop) == "sip:p2;lr"


def test_the_calling_side_follows_the_record_route_backwards() -> None:
    response = accepted([("Contact", "<sip:desk@192.0.2.9>"), ("Record-Route", "<sip:p2;lr>, <sip:p1;lr>")])
    dialog = Dialog.accepted(invite(), response)
    request = dialog.request("BYE")
    assert request.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert str(request.uri) == "sip:desk@192.0.2.9"
    assert request.cseq.number == 8


def test_a_strict_router_gets_the_request_uri_and_the_target_goes_last() -> None:
    dialog = Dialog.accepting(invite("Record-Route: <sip:strict>, <sip:p1;lr>\r\n"), "us")
    request = dialog.request("BYE")
    assert str(request.uri) == "sip:strict"
    assert request.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:caller@192.0.2.1:5070>"]


def test_numbers_of_the_peer_may_jump_but_not_fall() -> None:
    dialog = Dialog.accepting(invite(), "us")
    dialog.accept(later(20))
    with pytest.raises(SipError) as refused:
        dialog.accept(later(19))
    assert refused.value.status == 500
    dialog.accept(later(21))


def test_our_own_numbers_rise_by_one_and_an_ack_repeats_its_invites() -> None:
    dialog = Dialog.accepted(invite(), accepted([("Contact", "<sip:desk@192.0.2.9>")]))
    assert [dialog.request("INFO").cseq.number for _ in range(3)] == [8, 9, 10]
    ack = dialog.ack(7, ())
    assert (ack.cseq.number, ack.cseq.method) == (7, "ACK")
    assert dialog.request("BYE").cseq.number == 11


def test_a_target_refresh_moves_the_peer_but_not_its_route() -> None:
    dialog = Dialog.accepting(invite("Record-Route: <sip:p1;lr>\r\n"), "us")
    dialog.refresh(later(8, "UPDATE", "Contact: <sip:ann@198.51.100.7>\r\nRecord-Route: <sip:p9;lr>\r\n"))
    request = dialog.request("BYE")
    assert str(request.uri) == "sip:ann@198.51.100.7"
    assert request.headers.get_all("Route") == ["<sip:p1;lr>"]


def test_a_refresh_without_a_usable_contact_changes_nothing() -> None:
    dialog = Dialog.accepting(invite(), "us")
    dialog.refresh(later(8, "UPDATE", "Contact: <tel:+123>\r\n"))
    dialog.refresh(later(9, "UPDATE"))
    assert str(dialog.target) == "sip:caller@192.0.2.1:5070"


@pytest.mark.parametrize("contact", ["", "<tel:+15551234>"])
def test_an_invite_that_cannot_be_called_back_makes_no_dialog(contact: str) -> None:
    with pytest.raises(SipError) as refused:
        Dialog.accepting(invite(contact=contact), "us")
    assert refused.value.status == 400


def test_an_rfc_2543_peer_without_a_tag_has_a_dialog_too() -> None:
    dialog = Dialog.accepting(invite(tag=""), "us")
    assert dialog.key == DialogKey("call", "us", None)
    assert dialog.request("BYE").to.tag is None
