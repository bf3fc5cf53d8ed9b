"""Telephone numbers over an org's trunk: who brings calls, however the carrier writes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from offhook.calls.admission.entrance import EntranceLimits
from tests.calls.directory import ORG
from tests.calls.house import NUMBER, House, open_house, virtual
from tests.calls.test_entrance import flood
from tests.virtual import run_virtual

TRUNK = "5a3c0e1f-8b52-4a5e-9d53-0d5a4a1c7f10"
OTHER = "7c1f2d3e-1111-4a5e-9d53-0d5a4a1c7f10"
CALLED = "+15552301001"
OF_TRUNK: dict[str, Any] = {
    "id": "number-2", "orgId": ORG, "provider": "byo-phone-number", "number": CALLED, "credentialId": TRUNK,
    "assistantId": "assistant-1", "server": {"url": "http://owner.test/hook"},
}  # fmt: skip
HERE = "10.0.0.2:5060"
AT_TRUNK = f"{TRUNK}.sip.test"


def gateway(ip: str = "10.0.0.0", netmask: int = 24, **more: Any) -> dict[str, Any]:
    return {"ip": ip, "netmask": netmask, **more}


@asynccontextmanager
async def trunk_house(
    folder: Path, *gateways: dict[str, Any], domains: tuple[str, ...] = (), **number: Any
) -> AsyncIterator[House]:
    async with open_house(folder, limits=EntranceLimits(100, domains)) as house:
        house.directory.credentials[TRUNK] = {
            "provider": "byo-sip-trunk", "gateways": list(gateways or (gateway(),)),
        }  # fmt: skip
        house.directory.numbers["by trunk"] = {**OF_TRUNK, **number}
        yield house


URIS = [
    f"sip:{CALLED}@{AT_TRUNK}",
    f"sip:{CALLED[1:]}@{AT_TRUNK}",
    f"sip:{CALLED}@{TRUNK.upper()}.SIP.test:5060;transport=udp;user=phone",
    f"sip:00{CALLED[1:]}@{AT_TRUNK}",
    f"sip:+1-555-230-1001;npdi@{HERE}",
    f"sip:{CALLED}@{HERE}",
    f"sip:{CALLED[1:]}@{HERE}",
    f"sip:5552301001;phone-context=+1@{HERE}",
    f"tel:{CALLED}",
]


@pytest.mark.parametrize("domains", [(), ("other.test", "sip.test")])
@pytest.mark.parametrize("uri", URIS)
def test_a_number_is_reached_however_its_carrier_writes_it(
    tmp_path: Path, uri: str, domains: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path, domains=domains) as house:
            call = (await house.phone()).dial()
            call.target = uri
            await call.connect()
            call.hang_up()
            await call.ended()
        assert house.row["phoneNumberId"] == "number-2"
        assert house.report["phoneNumber"] == {
            name: OF_TRUNK[name]
            for name in ("id", "orgId", "provider", "number", "credentialId", "assistantId")
        } | {"server": {"url": "http://owner.test/hook"}}

    run_virtual(story())


@pytest.mark.parametrize(
    ("to", "headers"),
    [
        (f"<sip:{CALLED}@carrier.test>", []),
        (None, [("P-Called-Party-ID", f'"Desk" <sip:{CALLED[1:]}@carrier.test>')]),
        (
            None,
            [
                ("P-Called-Party-ID", "<sip:account@carrier.test>, junk"),
                ("Diversion", f"<tel:{CALLED}>;reason=unknown"),
            ],
        ),
        (None, [("Diversion", f"<sip:1@x>, <sip:{CALLED};npdi@x>;counter=1")]),
    ],
)
def test_who_is_called_may_stand_beside_our_account(
    tmp_path: Path, to: str | None, headers: list[tuple[str, str]]
) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path) as house:
            call = (await house.phone()).dial()
            call.target = f"sip:account@{HERE}"
            call.to = to or call.to
            await call.connect(headers=headers)
            call.hang_up()
            await call.ended()
        assert house.row["phoneNumberId"] == "number-2"

    run_virtual(story())


@pytest.mark.parametrize(
    ("gateways", "uri", "status"),
    [
        # Not from there.
        ([gateway("10.0.1.0")], f"sip:{CALLED}@{AT_TRUNK}", 401),
        ([gateway("10.0.1.0")], f"sip:{CALLED}@{HERE}", 401),
        ([gateway("10.0.0.3", 32)], f"sip:{CALLED}@{AT_TRUNK}", 401),
        ([gateway(inboundEnabled=False)], f"sip:{CALLED}@{AT_TRUNK}", 401),
        ([gateway("carrier.test", inboundEnabled=False)], f"sip:{CALLED}@{AT_TRUNK}", 401),
        # Nothing is told of numbers to who is no gateway.
        ([gateway("10.0.1.0")], f"sip:+15559999999@{AT_TRUNK}", 401),
        # No such number, trunk or host.
        ([gateway()], f"sip:+15559999999@{AT_TRUNK}", 404),
        ([gateway()], f"sip:desk@{AT_TRUNK}", 404),
        ([gateway()], f"sip:{CALLED}@{OTHER}.sip.test", 404),
        ([gateway("10.0.1.0")], f"sip:{CALLED}@{TRUNK}.else.test", 404),
    ],
)
def test_who_may_not_bring_it(tmp_path: Path, gateways: list[dict[str, Any]], uri: str, status: int) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path, *gateways, domains=("sip.test", "10.0.0.2")) as house:
            phone = await house.phone()
            call = phone.call()
            call.target = uri
            if OTHER in uri:
                house.directory.numbers.pop("by trunk")
            call.invite()
            refused = await phone.response(status)
            assert ("WWW-Authenticate" in refused.headers) is (status == 401)
            call.ack(branch=call.invite_branch)
            assert house.ledger.rows == {}

    run_virtual(story())


def test_a_sip_number_of_another_org_takes_no_call_of_a_trunk(tmp_path: Path) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path) as house:
            house.directory.numbers[CALLED] = {
                **NUMBER,
                "id": "n3",
                "orgId": "org-2",
                "sipUri": f"sip:{CALLED}@x",
            }
            call = (await house.phone()).dial()
            call.target = f"sip:{CALLED}@{HERE}"
            await call.connect()
            call.hang_up()
            await call.ended()
        assert house.row["phoneNumberId"] == "number-2"

    run_virtual(story())


@pytest.mark.parametrize("user", ["jürgen.meier", "дом.1", "a.ü", "a.b"])
def test_a_sip_number_may_have_a_dot_and_any_letter(tmp_path: Path, user: str) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path) as house:
            house.directory.numbers[user] = {**NUMBER, "id": "n4", "sipUri": f"sip:{quote(user)}@x"}
            call = (await house.phone()).dial()
            call.target = f"sip:{quote(user)}@{HERE}"
            await call.connect()
            call.hang_up()
            await call.ended()
        assert house.row["phoneNumberId"] == "n4"

    run_virtual(story())


@pytest.mark.parametrize("source", ["10.0.0.1", "10.9.0.1"])
def test_what_no_database_takes_is_asked_of_none(tmp_path: Path, source: str) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path) as house:
            asked: list[str] = []
            number, trunk_numbers = house.directory.number, house.directory.trunk_numbers

            async def asking(user: str) -> Any:
                asked.append(user)
                return await number(user)

            async def asking_trunks(user: str) -> Any:
                asked.append(user)
                return await trunk_numbers(user)

            house.directory.number = asking  # type: ignore[method-assign]
            house.directory.trunk_numbers = asking_trunks  # type: ignore[method-assign,assignment]
            phone = await house.phone(source)
            call = phone.call()
            call.target, call.to = f"sip:a%00b@{HERE}", "<sip:%00@x>"
            call.invite()
            await phone.response(404)
            call.ack(branch=call.invite_branch)
            assert asked == []

    run_virtual(story())


@virtual
async def test_who_may_not_bring_a_number_keeps_out_nobody_who_may(tmp_path: Path) -> None:
    """The gateway has misdialled too often, so that it gets what it called before only."""
    async with trunk_house(tmp_path) as house:
        pbx = await house.phone("10.0.0.9")
        uri = f"sip:{CALLED}@{HERE}"
        for refused in (False, True):
            if refused:
                stranger = await house.phone("10.9.0.1")
                call = stranger.call()
                call.target = uri
                call.invite()
                await stranger.response(401)
                call.ack(branch=call.invite_branch)
                await flood(pbx, 1, lambda n: f"wrong-{n}")
            brought = pbx.dial()
            brought.target = uri
            await brought.connect()
            brought.hang_up()
            await brought.ended()


@pytest.mark.parametrize("org", [ORG, "org-2"])
def test_a_number_of_another_org_is_not_brought_by_the_trunk(tmp_path: Path, org: str) -> None:
    async def story() -> None:
        async with trunk_house(tmp_path, orgId=org) as house:
            phone = await house.phone()
            call = phone.call()
            call.target = f"sip:{CALLED}@{AT_TRUNK}"
            call.invite()
            await phone.response(200 if org == ORG else 404, within=20)
            call.ack(branch=call.invite_branch)
            house.calls.end_all()

    run_virtual(story())


@pytest.mark.parametrize(
    ("headers", "number", "name"),
    [
        ([("P-Asserted-Identity", '"Ann" <sip:+442079460018@carrier.test>')], "+442079460018", "Ann"),
        ([("P-Asserted-Identity", "<sip:ann@carrier.test>, <tel:00442079460018>")], "+442079460018", "From"),
        ([("P-Asserted-Identity", "<tel:+442079460018>"), ("Privacy", "id")], "+15551230000", "From"),
        ([("P-Asserted-Identity", "junk <")], "+15551230000", "From"),
        ([], "+15551230000", "From"),
    ],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_who_calls_is_who_the_trunk_says(
    tmp_path: Path, headers: list[tuple[str, str]], number: str, name: str, trusted: bool
) -> None:
    """Of anybody else it would be what the caller likes to say."""

    async def story() -> None:
        async with trunk_house(tmp_path) as house:
            call = (await house.phone()).dial()
            call.from_ = '"From" <sip:+15551230000@10.0.0.1>;tag=caller'
            call.target = f"sip:{CALLED if trusted else 'desk'}@{HERE}"
            await call.connect(headers=headers)
            call.hang_up()
            await call.ended()
        customer = house.row["customer"]
        assert (customer["number"], customer["name"]) == (
            (number, name) if trusted else ("+15551230000", "From")
        )

    run_virtual(story())
