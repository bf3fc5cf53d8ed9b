"""The trunk: who calls through it, as it sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from offhook.calls.transfers.trunk import Trunk, trunks_of
from offhook.network import Address, AddressGuard
from offhook.network.guard import NameNotFound
from offhook.sip.messages.uri import Uri

Document = dict[str, Any]
TRUNK = Trunk(Uri.parse("sip:account@trunk.test:5080;transport=tcp"), "secret")
OWN = "<sip:account@trunk.test>"


@pytest.mark.parametrize(
    ("name", "user", "from_", "asserted"),
    [
        ("Ann", "+15551230000", '"Ann" <sip:+15551230000@trunk.test>', "<sip:+15551230000@trunk.test>"),
        (None, "15551230000", "<sip:15551230000@trunk.test>", "<sip:15551230000@trunk.test>"),
        (None, "+1 (555) 123-0000", "<sip:+15551230000@trunk.test>", "<sip:+15551230000@trunk.test>"),
        ("Ann", "ann", f'"Ann" {OWN}', OWN),
        (None, "+15551230000;npdi", "<sip:+15551230000@trunk.test>", "<sip:+15551230000@trunk.test>"),
        (None, "ann;evil=1", OWN, OWN),
    ],
)
def test_the_number_is_shown_or_else_the_account(
    name: str | None, user: str, from_: str, asserted: str
) -> None:
    caller, headers = TRUNK.caller(name, user)

    assert str(caller) == from_
    assert headers == [("P-Asserted-Identity", asserted)]


def test_who_withheld_a_number_stays_unknown() -> None:
    caller, headers = TRUNK.caller("Ann", "anonymous")

    assert str(caller) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert headers == [("P-Asserted-Identity", OWN), ("Privacy", "id")]


def test_a_login_needs_user_and_password() -> None:
    assert TRUNK.credentials == ("account", "secret")
    assert Trunk(Uri.parse("sip:account@trunk.test")).credentials is None
    assert Trunk(Uri.parse("sip:trunk.test"), "secret").credentials is None
    assert "secret" not in repr(TRUNK)


def test_no_parameter_leads_a_number_past_the_rule() -> None:
    ruled = Trunk(Uri.parse("sip:account@trunk.test"), prefixes=("+1555", "+44"))

    assert ruled.allows("+15551230000")
    assert not ruled.allows("+15551230000;rn=+19005550000")
    assert not ruled.allows("+1900")
    assert TRUNK.allows("+15551230000;ext=2")


async def test_its_host_is_its_own_by_name_and_by_address() -> None:
    async def resolver(host: str) -> list[str]:
        if host != "trunk.test":
            raise NameNotFound(host)
        return ["10.0.0.9"]

    trunk = Trunk(Uri.parse("sip:account@trunk.test"), guard=AddressGuard(True, resolver))
    lost = Trunk(Uri.parse("sip:account@gone.test"), guard=AddressGuard(True, resolver))

    assert await trunk.own("trunk.test", 5070) == Address("10.0.0.9", 5070)
    assert await trunk.own("10.0.0.9", 5070) == Address("10.0.0.9", 5070)
    assert await trunk.own("10.0.0.8", 5070) is None
    assert await trunk.is_among([Address("10.0.0.8", 5060), Address("10.0.0.9", 5060)])
    assert not await trunk.is_among([Address("10.0.0.9", 5070)])
    assert await lost.own("gone.test", 5060) is None


GUARD = AddressGuard()


def first(trunks: Sequence[Trunk]) -> Trunk | None:
    return trunks[0] if trunks else None


def credential(*gateways: Document, **more: Any) -> Document:
    return {"provider": "byo-sip-trunk", "gateways": list(gateways), **more}


@pytest.mark.parametrize(
    ("gateways", "uri"),
    [
        ([{"ip": "198.41.0.4"}], "sip:org@198.41.0.4:5060"),
        ([{"ip": "sip.carrier.test", "port": 5080}], "sip:org@sip.carrier.test:5080"),
        ([{"ip": "198.41.0.4", "outboundProtocol": "tcp"}], "sip:org@198.41.0.4:5060;transport=tcp"),
        (
            [
                {"ip": "198.41.0.4", "outboundEnabled": False},
                {"ip": "not a host"},
                {"ip": "198.41.0.7"},
            ],
            "sip:org@198.41.0.7:5060",
        ),
        ([{"ip": "198.41.0.4", "outboundProtocol": "tls"}], "sip:org@198.41.0.4:5061;transport=tls"),
        ([{"ip": "198.41.0.4", "outboundProtocol": "tls/srtp"}], "sip:org@198.41.0.4:5061;transport=tls"),
        ([], None),
    ],
)
def test_an_orgs_trunk_is_its_first_gateway_for_calls_out(gateways: list[Document], uri: str | None) -> None:
    login = {"authUsername": "org", "authPassword": "hush-hush"}
    found = first(trunks_of([{}, credential(*gateways, outboundAuthenticationPlan=login)], GUARD))

    assert (None if found is None else str(found.uri)) == uri
    assert found is None or found.credentials == ("org", "hush-hush")
    assert found is None or found.guard is GUARD


@pytest.mark.parametrize(("protocol", "srtp"), [("tls/srtp", True), ("tls", False), (None, False)])
def test_a_gateway_with_srtp_has_no_audio_without(protocol: str | None, srtp: bool) -> None:
    found = first(trunks_of([credential({"ip": "198.41.0.4", "outboundProtocol": protocol})], GUARD))

    assert found is not None
    assert found.srtp is srtp


def test_how_an_org_writes_its_numbers() -> None:
    gateway = {"ip": "198.41.0.4"}
    plain = first(trunks_of([credential(gateway)], GUARD))
    written = first(trunks_of([credential(gateway, outboundLeadingPlusEnabled=True, techPrefix="77")], GUARD))

    assert plain is not None
    assert written is not None
    assert plain.credentials is None
    assert plain.uri_of("+14155550123").user == "14155550123"
    assert written.uri_of("+14155550123").user == "77+14155550123"
