"""Which way responses and requests go (RFC 3261 §12.2, §18.2, RFC 3581)."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from offhook.network import Address
from offhook.sip import Uri
from offhook.sip.messages.message import respond
from offhook.sip.messages.parser import parse_message
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.udp import UDP
from tests.sip.agents import ANSWER, ME, SERVER, Recorder, house, refusal, talking
from tests.virtual import story
from tests.wire import OFFER, ScriptedPhone

ROUTED = [("Record-Route", "<sip:edge.example;lr>")]

RESPONSES = [
    ("behind a translation: source", "192.168.1.5:7000", "", 6000, b"received=10.0.0.7"),
    ("and without a port", "192.168.1.5", "", 6000, b"received=10.0.0.7"),
    ("a name", "phone.local:7000", "", 6000, b"received=10.0.0.7"),
    ("a name that means nothing", "xyz.invalid", "", 6000, b"received=10.0.0.7"),
    ("no address", "0.0.0.0:7000", "", 6000, b"received=10.0.0.7"),
    ("another address family", "[2001:db8::1]:7000", "", 6000, b"received=10.0.0.7"),
    ("what others have noted before", "192.168.1.5:7000", ";received=9.9.9.9", 6000, b"received=10.0.0.7"),
    ("rport: source port", "192.168.1.5:7000", ";rport", 6000, b"rport=6000"),
    ("rport at its own address", "10.0.0.7:7000", ";rport", 6000, b"rport=6000"),
    ("rport with a value of its own", "10.0.0.7:7000", ";rport=9", 6000, b"rport=6000"),
    ("who names its own address chooses the port", "10.0.0.7:7000", "", 7000, b"10.0.0.7:7000"),
    ("and without one has the usual", "10.0.0.7", "", 5060, b"10.0.0.7;"),
    ("maddr aims nothing at a third party", "10.0.0.7:6000", ";maddr=10.0.0.66", 6000, b"maddr=10.0.0.66"),
]


@pytest.mark.parametrize(
    ("sent_by", "parameters", "port", "says"),
    [row[1:] for row in RESPONSES],
    ids=[row[0] for row in RESPONSES],
)
@story
async def test_a_response_goes_back_to_where_its_request_came_from(
    sent_by: str, parameters: str, port: int, says: bytes
) -> None:
    async with house() as h:
        stranger = await ScriptedPhone.open(h.wire.open, "10.0.0.7", SERVER, 6000)
        via = f"SIP/2.0/UDP {sent_by};branch=z9hG4bK1{parameters}"
        stranger.call().request("OPTIONS", headers=[("Via", via)])
        await asyncio.sleep(1)
        stranger.close()
        (sent,) = [one for one in h.wire.seen if one.source == SERVER]
        assert sent.to == Address("10.0.0.7", port)
        assert says in sent.data


@story
async def test_a_phone_behind_a_translation_is_reached_where_it_is_seen() -> None:
    async with house() as h:
        call = h.phone.call()
        call.contact = "<sip:caller@192.168.1.5:5060>"
        call.invite(headers=[("Via", "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKnat;rport")])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        assert str((await h.hangs_up()).uri) == "sip:caller@192.168.1.5:5060"


@story
async def test_a_response_to_ipv6_compares_addresses_and_not_their_spelling() -> None:
    async with house() as h:
        phone = await ScriptedPhone.open(h.wire.open, "2001:db8::7", SERVER, 6000)
        via = "SIP/2.0/UDP [2001:DB8:0:0::7]:7000;branch=z9hG4bK1"
        phone.call().request("OPTIONS", headers=[("Via", via)])
        await asyncio.sleep(1)
        phone.close()
        (sent,) = [one for one in h.wire.seen if one.source == SERVER]
        assert sent.to == Address("2001:db8::7", 7000)
        assert b"received" not in sent.data


@story
async def test_the_answer_of_a_call_reaches_a_phone_behind_a_translation() -> None:
    """Its final response and the repetitions, from a transaction."""
    async with house() as h:
        call = h.phone.call()
        call.invite(headers=[("Via", "SIP/2.0/UDP 192.168.1.5:7000;branch=z9hG4bKnat")])
        await call.answered()
        await h.phone.response(200)
        call.ack()
        await asyncio.sleep(1)
        await h.hangs_up()


SEEN = "8.8.4.9"
"""Not one of the addresses for examples, which count as private."""
PEERS = [
    # Where the phone is seen, its Via, its Contact, and where our BYE goes.
    ("public", "8.8.4.9:5060", "8.8.4.9:5060", ";rport", 7000),
    ("its port is another outside", "8.8.4.9:5060", "8.8.4.9", ";rport", 7000),
    ("it listens elsewhere than it sends from", "8.8.4.9:5070", "8.8.4.9:5070", "", 5070),
    ("a contact that is no via", "8.8.4.9:7000", "8.8.4.9:5070", ";rport", 5070),
    ("via and contact of the inside", "192.168.1.5:5060", "192.168.1.5:5060", "", 7000),
    ("a contact of another inside", "192.168.1.5:5060", "10.1.1.1:5060", "", 7000),
    ("a contact of the inside only", "8.8.4.9:7000", "192.168.1.5:5060", "", 7000),
    ("a shared address", "8.8.4.9:7000", "100.64.3.4:5060", "", 7000),
    ("loopback", "8.8.4.9:7000", "127.0.0.1:5060", "", 7000),
    ("nothing", "8.8.4.9:7000", "0.0.0.0:5060", "", 7000),
    ("a browser", "8.8.4.9:7000", "df7jal23ls0d.invalid", "", 7000),
]


@pytest.mark.parametrize(("via", "contact", "parameters", "port"), [one[1:] for one in PEERS])
@story
async def test_a_request_in_a_dialog_reaches_the_phone(
    via: str, contact: str, parameters: str, port: int
) -> None:
    async with house() as h:
        phone = await ScriptedPhone.open(h.wire.open, SEEN, SERVER, 7000)
        call = phone.call()
        call.contact = f"<sip:caller@{contact}>"
        call.invite(headers=[("Via", f"SIP/2.0/UDP {via};branch=z9hG4bK1{parameters}")])
        await asyncio.sleep(0.5)
        (answer,) = {one.data for one in h.wire.seen if one.start_line == "SIP/2.0 200 OK"}
        call.learn(parse_message(answer))
        call.ack()
        await asyncio.sleep(0.5)
        h.session.bye()
        await asyncio.sleep(0.5)
        assert {one.to for one in h.wire.seen if one.start_line.startswith("BYE")} == {Address(SEEN, port)}
        call.bye()
        await h.settle()
        phone.close()


@story
async def test_a_route_of_the_inside_leads_back_to_the_proxy_that_wrote_it() -> None:
    async with house() as h:
        proxy = await ScriptedPhone.open(h.wire.open, SEEN, SERVER, 7000)
        call = proxy.call()
        call.invite(headers=[("Record-Route", "<sip:192.168.1.1;lr>")])
        await call.answered()
        call.ack()
        await asyncio.sleep(0.5)
        h.session.bye()
        bye = await proxy.request("BYE")
        assert bye.headers.get("Route") == "<sip:192.168.1.1;lr>"
        proxy.reply(bye, 200)
        await h.settle()
        proxy.close()


@story
async def test_a_phone_that_gets_another_port_outside_is_followed() -> None:
    async with house() as h:
        call = h.phone.call()
        call.contact = "<sip:caller@192.168.1.5:5060>"
        nat = "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bKnat{};rport"
        call.invite(headers=[("Via", nat.format(1))])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        moved = await ScriptedPhone.open(h.wire.open, "10.0.0.1", SERVER, 40123)
        call.phone = moved
        call.invite(headers=[("Via", nat.format(2))])
        await call.answered()
        call.ack()
        await asyncio.sleep(1)
        h.session.bye()
        moved.reply(await moved.request("BYE"), 200)
        await h.session.closed.wait()
        moved.close()


@story
async def test_a_route_is_followed_and_its_name_resolved() -> None:
    asked: list[tuple[str, int, Transport]] = []

    async def resolve(host: str, port: int, transport: Transport) -> Address:
        asked.append((host, port, transport))
        return Address("10.0.0.1", 5060)

    async with talking(ROUTED, resolve=resolve) as (h, _):
        bye = await h.hangs_up()
        assert bye.headers.get("Route") == "<sip:edge.example;lr>"
        assert asked == [("edge.example", 5060, UDP)]
        await h.settle()


async def by_number(host: str, port: int, transport: Transport) -> Address:
    ip_address(host)
    return Address(host, port)


async def nowhere(host: str, port: int, transport: Transport) -> Address:
    raise OSError("no such host")


@pytest.mark.parametrize(
    "header",
    [
        *ROUTED,
        ("Record-Route", "<sip:10.0.0.9;transport=tls;lr>"),
        ("Contact", "<sip:a@laptop.local>"),
        ("Contact", "<sips:a@10.0.0.9>"),
        ("Contact", "<sip:a@10.0.0.9:5061;transport=TLS>"),
        ("Contact", "<sip:a@10.0.0.9;transport=ws>"),
    ],
)
@story
async def test_a_peer_that_names_what_cannot_be_reached_is_reached_where_it_is_seen(
    header: tuple[str, str],
) -> None:
    async with talking([header], resolve=nowhere) as (h, _):
        asking, info = await h.asking(h.session.request("INFO"), "INFO")
        h.phone.reply(info, 200)
        assert (await asking).status == 200
        await h.hangs_up()
        await h.settle()


@pytest.mark.parametrize(
    "header",
    [
        # A phone behind NAT64 knows its IPv6 address alone.
        ("Contact", "<sip:a@[2001:db8::5]:5060>"),
        ("Record-Route", "<sip:[2001:db8::5];lr>"),
        ("Contact", "<sips:a@10.0.0.1:5061>"),
    ],
)
@story
async def test_a_peer_that_names_what_no_socket_of_ours_leads_to_is_reached_where_it_is_seen(
    header: tuple[str, str],
) -> None:
    async with talking([header]) as (h, _):
        await h.hangs_up()
        await h.settle()


@pytest.mark.parametrize(
    "contact", ["<sip:a@laptop.local>", "<sip:a@[2001:db8::5]>", "<sips:a@10.0.0.1>", "<sip:a@x.invalid>"]
)
@story
async def test_an_answer_that_names_what_cannot_be_reached_is_acknowledged_where_the_call_went(
    contact: str,
) -> None:
    async with house(resolve=by_number) as h:
        call, _ = h.dial()
        headers = [("Contact", contact), ("Content-Type", "application/sdp")]
        invite = await h.phone.request("INVITE")
        h.phone.send(respond(invite, 200, to_tag="callee", headers=headers, body=OFFER).to_bytes())
        session = await call.wait()
        await h.phone.request("ACK")
        await h.hangs_up(session)
        await h.settle()


@story
async def test_a_call_to_what_no_socket_leads_to_fails_at_once() -> None:
    async with house() as h:
        uri = Uri.parse("sip:b@[2001:db8::5]")
        call = h.agent.invite(uri, from_=ME, body=OFFER, handler=Recorder())
        assert await refusal(call.wait()) == 503


@story
async def test_a_session_whose_next_hop_is_lost_is_gone() -> None:
    async with talking(ROUTED, resolve=nowhere) as (h, _):
        h.phone.close()
        assert await refusal(h.session.request("INFO")) == 408
        assert h.events[-1] == ("gone", "no answer")
        await h.session.closed.wait()


@story
async def test_the_advertised_address_is_in_contact_and_via() -> None:
    async with house(advertised=Address("203.0.113.5", 0)) as h:
        response = await h.phone.call().connected()
        assert str(response.contact) == "<sip:assistant@203.0.113.5:5060>"
        await asyncio.sleep(1)
        bye = await h.hangs_up()
        assert (bye.via.host, bye.via.port) == ("203.0.113.5", 5060)


@story
async def test_a_call_goes_where_it_is_told_to_whatever_its_uri() -> None:
    async with house() as h:
        uri = Uri.parse("sip:ann@elsewhere.example")
        call = h.agent.invite(
            uri, from_=ME, body=OFFER, handler=Recorder(), via=Address("10.0.0.1", 5060), ring_limit=30
        )
        invite = await h.phone.request("INVITE")
        assert str(invite.uri) == "sip:ann@elsewhere.example"
        h.phone.reply(invite, 200, body=ANSWER, headers=[("Contact", "<sip:ann@10.9.9.9>")])
        await h.hangs_up(await call.wait())


@story
async def test_a_call_whose_way_is_still_looked_for_can_be_taken_back() -> None:
    async def resolve(host: str, port: int, transport: Transport) -> Address:
        await asyncio.sleep(4)
        return Address("10.0.0.1", 5060)

    async with house(resolve=resolve) as h:
        call = h.agent.invite(Uri.parse("sip:a@slow.example"), from_=ME, body=OFFER, handler=Recorder())
        await asyncio.sleep(1)
        call.cancel()
        assert await refusal(call.wait()) == 487
        await h.settle()
        assert h.phone.heard == []


@story
async def test_a_name_that_takes_too_long_is_a_503() -> None:
    async def resolve(host: str, port: int, transport: Transport) -> Address:
        await asyncio.sleep(1000)
        return Address("10.0.0.1", 5060)

    async with house(resolve=resolve) as h:
        call = h.agent.invite(Uri.parse("sip:a@slow.example"), from_=ME, body=OFFER, handler=Recorder())
        assert await refusal(call.wait()) == 503


@story
async def test_a_resolver_that_breaks_fails_the_request_and_leaves_no_dialog() -> None:
    async def resolve(host: str, port: int, transport: Transport) -> Address:
        raise UnicodeError("label too long")

    async with house(resolve=resolve) as h:
        uri = Uri.parse(f"sip:a@{'x' * 63}.example")
        call = h.agent.invite(uri, from_=ME, body=OFFER, handler=Recorder())
        assert await refusal(call.wait()) == 503
        await h.settle()
