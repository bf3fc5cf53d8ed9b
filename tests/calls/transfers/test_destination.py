"""Destinations: which way a caller goes, where to, and what a refusal means."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from offhook.calls.transfers.transfer_destination import (
    Destination,
    Peer,
    Target,
    TransferFailed,
    failure_of,
)
from offhook.calls.transfers.trunk import Trunk, Trunks
from offhook.conversation.tools.tool_messages import content_of
from offhook.network import Address, AddressGuard
from offhook.network.guard import NameNotFound
from offhook.schema.tools.destination import CallDestination, TransferWishes
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.udp import UDP
from tests.documents import transfer_to
from tests.machine import PATIENCE

PEER = Peer(Address("10.0.0.1", 5062))


def sip(uri: str = "sip:ann@10.0.0.3", plan: dict[str, Any] | None = None, **more: Any) -> Destination:
    return Destination(
        transfer_to({"type": "sip", "sipUri": uri, **({"transferPlan": plan} if plan else {}), **more})
    )


def number(text: str = "+14155550123", **more: Any) -> Destination:
    return Destination(transfer_to({"type": "number", "number": text, **more}))


ELSEWHERE = Target(Uri.parse("sip:ann@10.0.0.3"), Address("10.0.0.3", 5060), UDP)
AT_TRUNK = replace(ELSEWHERE, trunk=Trunk(Uri.parse("sip:us@10.0.0.3")))
AT_PEER = replace(AT_TRUNK, address=PEER.address)
"""The caller came through the trunk itself."""
BY_REFER = {"mode": "blind-transfer", "sipVerb": "refer"}


@pytest.mark.parametrize(
    ("destination", "target", "refers"),
    [
        (sip(), ELSEWHERE, True),
        (sip(plan=BY_REFER), ELSEWHERE, True),
        (sip(plan={"mode": "blind-transfer", "sipVerb": "dial"}), ELSEWHERE, False),
        (sip(plan={"mode": "warm-transfer-say-message"}), ELSEWHERE, False),
        (sip(plan={"mode": "warm-transfer-say-message", "sipVerb": "refer"}), ELSEWHERE, False),
        (number(), ELSEWHERE, True),
        (number(extension="12"), ELSEWHERE, False),
        (number(extension="12", transferPlan=BY_REFER), ELSEWHERE, True),
        (number(), AT_TRUNK, False),
        (number(transferPlan=BY_REFER), AT_TRUNK, True),
        (number(), AT_PEER, True),
        (sip(), AT_TRUNK, False),
    ],
)
def test_which_way_a_caller_goes(destination: Destination, target: Target, refers: bool) -> None:
    assert destination.refers(target, PEER) is refers
    assert not destination.hangs_up


def test_bye_only_hangs_up() -> None:
    assert sip(plan={"mode": "blind-transfer", "sipVerb": "bye"}).hangs_up


SUMMARY = "warm-transfer-say-summary"


@pytest.mark.parametrize(
    ("plan", "summarised"),
    [
        ({"mode": "blind-transfer"}, False),
        ({"mode": "blind-transfer-add-summary-to-sip-header"}, True),
        ({"mode": SUMMARY}, True),
        ({"mode": SUMMARY, "summaryPlan": {"enabled": True}}, True),
        ({"mode": SUMMARY, "summaryPlan": {"enabled": False}}, False),
        ({"mode": "warm-transfer-wait-for-operator-to-speak-first-and-then-say-summary"}, True),
        ({"mode": "warm-transfer-say-message", "message": "Hello"}, False),
        ({"mode": "warm-transfer-experimental"}, True),
        ({"mode": "warm-transfer-experimental", "message": "Hello"}, False),
        ({"mode": "warm-transfer-experimental", "transferAssistant": {"model": {}}}, False),
    ],
)
def test_who_gets_a_summary(plan: dict[str, Any], summarised: bool) -> None:
    assert sip(plan=plan).summarised is summarised


@pytest.mark.parametrize(
    ("uri", "address", "transport", "named"),
    [
        ("sip:ann@10.0.0.3", Address("10.0.0.3", 5060), UDP, "sip:ann@10.0.0.3"),
        ("sip:ann@10.0.0.3:5070", Address("10.0.0.3", 5070), UDP, "sip:ann@10.0.0.3:5070"),
        (
            "sip:ann@10.0.0.3;transport=TCP",
            Address("10.0.0.3", 5060),
            TCP,
            "sip:ann@10.0.0.3;transport=TCP",
        ),
        ("sip:ann@10.0.0.3?X-Evil=1", Address("10.0.0.3", 5060), UDP, "sip:ann@10.0.0.3"),
        ("sip:ann@[2001:db8::1]", Address("2001:db8::1", 5060), UDP, "sip:ann@[2001:db8::1]"),
    ],
)
async def test_where_a_sip_uri_leads(uri: str, address: Address, transport: Transport, named: str) -> None:
    target = await sip(uri).target(PEER, AddressGuard(allow_private=True), Trunks())

    assert (target.address, target.transport, str(target.uri)) == (address, transport, named)


async def test_a_name_leads_to_the_addresses_that_were_checked() -> None:
    async def resolver(host: str) -> list[str]:
        return ["198.41.0.4", "198.41.0.5"]

    target = await sip("sip:ann@pbx.test").target(PEER, AddressGuard(resolver=resolver), Trunks())

    assert str(target.uri) == "sip:ann@pbx.test"
    assert target.address == Address("198.41.0.4", 5060)
    assert target.others == (Address("198.41.0.5", 5060),)


@pytest.mark.parametrize("uri", ["sip:ann@127.0.0.1", "sip:ann@10.0.0.3", "sip:ann@169.254.169.254"])
async def test_private_addresses_are_refused(uri: str) -> None:
    with pytest.raises(TransferFailed, match="may not be reached"):
        await sip(uri).target(PEER, AddressGuard(), Trunks())


@pytest.mark.parametrize(
    "uri", ["sip:ann@10.0.0.3;transport=ws", "sips:ann@10.0.0.3;transport=udp", "tel:+1"]
)
async def test_what_we_have_no_transport_for_is_not_called_over_another(uri: str) -> None:
    with pytest.raises(TransferFailed, match="UDP and TCP and TLS"):
        await sip(uri).target(PEER, AddressGuard(allow_private=True), Trunks())


TRUNK = Trunk(Uri.parse("sip:us@10.9.9.9:5080;transport=tcp"), "secret", ("+1", "+4420"))


async def test_a_number_is_at_the_trunk_which_may_be_private() -> None:
    target = await number().target(PEER, AddressGuard(), Trunks(TRUNK))

    assert str(target.uri) == "sip:+14155550123@10.9.9.9:5080;transport=tcp"
    assert (target.address, target.transport) == (Address("10.9.9.9", 5080), TCP)
    assert target.trunk is TRUNK


async def test_a_name_for_the_trunk_leads_to_the_trunk() -> None:
    async def resolver(host: str) -> list[str]:
        return {
            "pbx.test": ["198.41.0.4"],
            "alias.test": ["198.41.0.9", "198.41.0.4"],
            "other.test": ["198.41.0.5"],
        }[host]

    guard = AddressGuard(resolver=resolver)
    trunk = Trunk(Uri.parse("sip:us@pbx.test"), "secret", ("+1",), guard)

    assert (await sip("sip:+1415@alias.test").target(PEER, guard, Trunks(trunk))).trunk is trunk
    assert (await sip("sip:+33415@other.test").target(PEER, guard, Trunks(trunk))).trunk is None
    with pytest.raises(TransferFailed, match="may not call this number"):
        await sip("sip:+33415@alias.test").target(PEER, guard, Trunks(trunk))


@pytest.mark.parametrize("text", ["+4930123456", "+44101234567"])
async def test_the_trunk_calls_only_what_it_may(text: str) -> None:
    with pytest.raises(TransferFailed, match="may not call this number"):
        await number(text).target(PEER, AddressGuard(), Trunks(TRUNK))


async def test_an_orgs_own_trunk_is_preferred_and_is_no_way_round_the_rules_of_the_nodes() -> None:
    guard = AddressGuard(allow_private=True)
    own = Trunk(Uri.parse("sip:org@10.7.7.7"), "secret", guard=guard, plus=False, tech_prefix="99*")

    target = await number("+4930123456").target(PEER, guard, Trunks(TRUNK, [own]))
    assert (str(target.uri), target.trunk) == ("sip:99*4930123456@10.7.7.7", own)

    disguised = replace(own, uri=TRUNK.uri)
    with pytest.raises(TransferFailed, match="may not call this number"):
        await number("+4930123456").target(PEER, guard, Trunks(TRUNK, [disguised]))


async def test_an_orgs_own_trunk_is_not_private_unless_that_is_allowed() -> None:
    own = Trunk(Uri.parse("sip:org@10.7.7.7"), guard=AddressGuard())

    with pytest.raises(TransferFailed, match="may not be reached"):
        await number().target(PEER, AddressGuard(), Trunks(None, [own]))


@pytest.mark.parametrize(
    ("peer", "uri"),
    [
        (Peer(Address("10.0.0.1", 5060)), "sip:+14155550123@10.0.0.1"),
        (PEER, "sip:+14155550123@10.0.0.1:5062"),
        (Peer(Address("10.0.0.1", 49152), TCP), "sip:+14155550123@10.0.0.1"),
        (Peer(Address("2001:db8::1", 5060)), "sip:+14155550123@[2001:db8::1]"),
    ],
)
async def test_a_number_is_at_the_peer_that_called(peer: Peer, uri: str) -> None:
    target = await number().target(peer, AddressGuard(), Trunks())

    assert (str(target.uri), target.address) == (uri, peer.address)


async def test_what_is_no_number_cannot_change_the_host() -> None:
    target = await number("1@evil.test", numberE164CheckEnabled=False).target(PEER, AddressGuard(), Trunks())

    assert target.uri.host == "10.0.0.1"
    assert target.uri.user == "1@evil.test"


@pytest.mark.parametrize(
    ("status", "kept", "reason"),
    [
        (486, "busy", "call.forwarding.operator-busy"),
        (600, "busy", "call.forwarding.operator-busy"),
        (603, "busy", "call.forwarding.operator-busy"),
        (408, "no-answer", "call.forwarding.no-answer"),
        (480, "no-answer", "call.forwarding.no-answer"),
        (487, "no-answer", "call.forwarding.no-answer"),
        (302, "failed", "call.in-progress.error-transfer-failed"),
        (404, "failed", "call.in-progress.error-transfer-failed"),
        (503, "failed", "call.in-progress.error-transfer-failed"),
    ],
)
def test_what_a_refusal_means(status: int, kept: str, reason: str) -> None:
    failed = failure_of(status)

    assert (failed.status, failed.ended_reason) == (kept, reason)


@pytest.mark.parametrize(("hops", "left"), [(None, 60), (255, 60), (70, 60), (20, 10), (11, 1)])
def test_a_transfer_costs_ten_hops(hops: int | None, left: int) -> None:
    assert Destination.hops_left(Peer(PEER.address, UDP, hops)) == left


def test_callers_are_not_sent_round_in_circles() -> None:
    with pytest.raises(TransferFailed, match="too often"):
        Destination.hops_left(Peer(PEER.address, UDP, 10))


def test_headers_are_the_owners_but_for_those_that_are_ours() -> None:
    assert sip(sipHeaders={"X-Good": "1\r\n2", "contact": "<sip:evil@10.0.0.9>"}).headers == [
        ("X-Good", "1 2")
    ]
    assert number().headers == []


def said_of(document: dict[str, Any]) -> tuple[str | None, bool]:
    wishes = TransferWishes.of(transfer_to({"type": "sip", "sipUri": "sip:a@b.test", **document}))
    return content_of(wishes.apology), wishes.ends_call


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (None, (None, True)),
        ({"message": "No."}, ("No.", True)),
        ({"message": "", "endCallEnabled": False}, ("", False)),
        ({"message": {"type": "custom-message", "content": "Nobody."}}, ("Nobody.", True)),
    ],
)
def test_what_the_fallback_plan_says(plan: Any, expected: tuple[str | None, bool]) -> None:
    document = {"transferPlan": {"mode": "blind-transfer", "fallbackPlan": plan}} if plan else {}

    assert said_of(document) == expected


def test_a_plan_that_is_none_says_nothing() -> None:
    assert said_of({"transferPlan": None}) == (None, True)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "sip"},
        {"type": "fax", "number": "1"},
        {"type": "assistant", "assistantName": "Ann"},
        *(
            {"type": "sip", "sipUri": "sip:a@b.test", "transferPlan": plan}
            for plan in (1, [1], "refer", {"fallbackPlan": [1]}, {"mode": "sideways"})
        ),
    ],
)
def test_what_is_no_destination_is_never_one(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CallDestination).validate_python(document)


async def test_gateways_are_looked_up_beside_each_other() -> None:
    """One whose name nobody answers for keeps the caller from no other one."""
    names = ["a.test", "b.test", "c.test"]
    asked: list[str] = []
    all_asked = asyncio.Event()

    async def resolver(name: str) -> list[str]:
        asked.append(name)
        if len(asked) == len(names):
            all_asked.set()
        await all_asked.wait()
        if name == "b.test":
            raise NameNotFound(name)
        return [f"198.41.0.{names.index(name)}"]

    guard = AddressGuard(resolver=resolver)
    own = [Trunk(Uri.parse(f"sip:{name}"), guard=guard) for name in names]
    async with asyncio.timeout(PATIENCE):
        target = await number().target(PEER, guard, Trunks(None, own))
    assert (target.trunk, target.otherwise and target.otherwise.trunk) == (own[0], own[2])
    assert sorted(asked) == names  # each once
