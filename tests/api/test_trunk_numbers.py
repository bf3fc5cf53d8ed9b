"""Telephone numbers and their trunks, over HTTP and by Vapi's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import vapi
from vapi import Vapi

from tests.api.conftest import KEY, House, Served
from tests.api.test_sdk import client as sdk_of
from tests.api.test_sdk import plain

TRUNK = {"provider": "byo-sip-trunk", "name": "Carrier", "gateways": [{"ip": "192.0.2.7"}]}
NUMBER = "+15552301001"


async def made(client: httpx2.AsyncClient, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 201 else answer.json()["message"]


async def test_a_trunk_is_made_read_listed_changed_and_deleted(client: httpx2.AsyncClient) -> None:
    login = {"authUsername": "us", "authPassword": "hush-hush", "sipRegisterPlan": {"domain": "carrier.test"}}
    whole = {
        **TRUNK,
        "gateways": [
            {"ip": "192.0.2.0", "netmask": 28, "port": 5080, "outboundEnabled": False},
            {
                "ip": "sip.carrier.test",
                "inboundEnabled": False,
                "outboundProtocol": "tls/srtp",
                "optionsPingEnabled": True,
            },
        ],
        "outboundAuthenticationPlan": login,
        "outboundLeadingPlusEnabled": True,
        "techPrefix": "77",
        "sipDiversionHeader": NUMBER,
    }
    trunk = await made(client, "/credential", whole)
    path = f"/credential/{trunk['id']}"
    without_password = {name: value for name, value in login.items() if name != "authPassword"}
    shown = {**whole, "outboundAuthenticationPlan": without_password}

    assert {**trunk, **shown} == trunk
    assert (await client.get(path)).json() == trunk
    assert (await client.get("/credential")).json() == [trunk]
    changed = (await client.patch(path, json={"name": "Other", "gateways": TRUNK["gateways"]})).json()
    assert (changed["name"], changed["gateways"]) == ("Other", TRUNK["gateways"])
    assert (await client.delete(path)).json() == changed
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("change", "password"),
    [
        ({"authUsername": "us", "sipRegisterPlan": {}}, "hush-hush"),  # as it is shown
        ({"authUsername": "us", "authPassword": "new"}, "new"),
        ({"authUsername": "us", "authPassword": None}, None),
        ({"authUsername": "others"}, None),
        ({}, None),
        (None, None),
    ],
)
async def test_a_login_that_comes_back_without_its_password_keeps_it(
    client: httpx2.AsyncClient, house: House, change: dict[str, Any] | None, password: str | None
) -> None:
    login = {"authUsername": "us", "authPassword": "hush-hush"}
    made_of = await made(client, "/credential", {**TRUNK, "outboundAuthenticationPlan": login})
    path = f"/credential/{made_of['id']}"
    answer = await client.patch(path, json={"outboundAuthenticationPlan": change})
    assert answer.status_code == 200
    assert "hush-hush" not in answer.text
    async with house.services.database.reading() as tx:
        stored = await tx.credentials.find(made_of["id"])
    assert stored is not None
    plan = stored.document["outboundAuthenticationPlan"] or {}
    assert plan.get("authPassword") == password
    assert {**plan, **(change or {}), "authPassword": password} == {**plan, "authPassword": password}


@pytest.mark.parametrize(
    ("gateway", "says"),
    [
        ({"ip": "sip.carrier.test"}, "Couldn't validate SIP trunk credential. SIP gateway creation failed."),
        ({"ip": "192.0.2.300"}, "Couldn't validate SIP trunk credential. SIP gateway creation failed."),
        ({"ip": "192.0.2.1", "netmask": 16}, "gateways.0.netmask must not be less than 24"),
        ({"ip": "192.0.2.1", "port": 0}, "gateways.0.port must not be less than 1"),
        ({"ip": "192.0.2.1", "outboundProtocol": "sctp"}, "gateways.0.outboundProtocol must be one of"),
        ({}, "gateways.0.ip"),
    ],
)
async def test_a_gateway_that_cannot_be_one(
    client: httpx2.AsyncClient, gateway: dict[str, Any], says: str
) -> None:
    said = await made(client, "/credential", {**TRUNK, "gateways": [gateway]}, 400)
    assert says in (said if isinstance(said, str) else " ".join(said))


@pytest.mark.parametrize(
    ("number", "check", "says"),
    [
        (NUMBER, None, None),
        (NUMBER, True, None),
        ("1234", False, None),
        ("desk", False, None),
        ("+001234567890", False, None),
        (None, None, None),
        ("1234", None, "number must be a valid phone number in the E.164 format"),
        ("+001234567890", True, "number must be a valid phone number in the E.164 format"),
        ("+1 555", False, "number must match"),
        ("12", False, "number must be longer than or equal to 3 characters"),
    ],
)
async def test_what_a_number_may_be(
    client: httpx2.AsyncClient, number: str | None, check: bool | None, says: str | None
) -> None:
    trunk = await made(client, "/credential", TRUNK)
    body = {"provider": "byo-phone-number", "credentialId": trunk["id"]}
    body |= {} if number is None else {"number": number}
    body |= {} if check is None else {"numberE164CheckEnabled": check}
    found = await made(client, "/phone-number", body, 201 if says is None else 400)
    if says is None:
        assert {**found, **body} == found
        assert found["status"] == "active"
        assert "sipUri" not in found
    else:
        assert says in " ".join(found)


async def test_a_number_is_of_a_trunk_of_its_org(client: httpx2.AsyncClient) -> None:
    trunk = await made(client, "/credential", TRUNK)
    other = await made(client, "/credential", {"provider": "openai", "apiKey": "sk-x"})
    body = {"provider": "byo-phone-number", "number": NUMBER}
    assert "no credential of byo-sip-trunk" in await made(
        client, "/phone-number", {**body, "credentialId": other["id"]}, 400
    )
    assert "does not exist" in await made(client, "/phone-number", {**body, "credentialId": "nobody"}, 400)
    assert "credentialId" in " ".join(await made(client, "/phone-number", body, 400))
    number = await made(client, "/phone-number", {**body, "credentialId": trunk["id"]})
    # One number on one trunk, with a plus or without.
    again = {**body, "credentialId": trunk["id"], "number": NUMBER[1:], "numberE164CheckEnabled": False}
    assert await made(client, "/phone-number", again, 400) == "number is taken already"
    for change, says in (
        ({"provider": "vapi"}, "cannot change"),
        ({"credentialId": None}, "credentialId must be a string"),
        ({"number": "12345"}, "E.164"),
        ({"sipUri": "sip:a@b"}, "sipUri should not exist"),
    ):
        answer = await client.patch(f"/phone-number/{number['id']}", json=change)
        assert (answer.status_code, says in str(answer.json()["message"])) == (400, True)


@pytest.mark.parametrize("name", ["front-desk", "1001", "FrontDesk"])
async def test_a_name_of_another_orgs_sip_number_is_taken(
    client: httpx2.AsyncClient, other_client: httpx2.AsyncClient, name: str
) -> None:
    """Else whoever names a network as its gateway would have the calls from there."""
    word = name.replace("-", "")
    await made(client, "/phone-number", {"provider": "vapi", "sipUri": f"sip:{word}@offhook.test"})
    bodies = []
    for one in (client, other_client):
        trunk = await made(one, "/credential", TRUNK)
        bodies.append({"provider": "byo-phone-number", "credentialId": trunk["id"]})
    named = {"number": word.lower(), "numberE164CheckEnabled": False}
    await made(client, "/phone-number", {**bodies[0], **named})
    assert await made(other_client, "/phone-number", {**bodies[1], **named}, 400) == "number is taken already"
    number = await made(other_client, "/phone-number", {**bodies[1], "number": NUMBER})
    path = f"/phone-number/{number['id']}"
    assert (await other_client.patch(path, json=named)).status_code == 400
    assert (await other_client.patch(path, json={"name": "Desk"})).status_code == 200


async def test_the_same_number_on_trunks_of_two_orgs(
    client: httpx2.AsyncClient, other_client: httpx2.AsyncClient
) -> None:
    numbers = []
    for one in (client, other_client):
        trunk = await made(one, "/credential", TRUNK)
        body = {"provider": "byo-phone-number", "number": NUMBER, "credentialId": trunk["id"]}
        numbers.append(await made(one, "/phone-number", body))
    assert numbers[0]["orgId"] != numbers[1]["orgId"]
    assert (await other_client.get(f"/phone-number/{numbers[0]['id']}")).status_code == 404


@pytest.fixture
def sdk(served: Served) -> Iterator[Vapi]:
    with sdk_of(served, KEY) as opened:
        yield opened


@pytest.mark.slow
def test_the_life_of_a_number_by_the_sdk(sdk: Vapi, served: Served) -> None:
    made_of = {"Authorization": f"Bearer {KEY}"}
    trunk = httpx2.post(f"{served.url}/credential", json=TRUNK, headers=made_of).json()
    assistant = sdk.assistants.create(name="Ann")
    number = sdk.phone_numbers.create(
        request=vapi.CreatePhoneNumbersRequest_ByoPhoneNumber(
            number=NUMBER, credential_id=trunk["id"], name="Desk", assistant_id=assistant.id
        )
    )
    read = sdk.phone_numbers.get(number.id)
    changed = sdk.phone_numbers.update(
        number.id,
        request=vapi.UpdatePhoneNumbersRequestBody_ByoPhoneNumber(
            number="1001", number_e_164_check_enabled=False, assistant_id=None
        ),
    )
    listed = sdk.phone_numbers.list()
    paged = sdk.phone_numbers.phone_number_controller_find_all_paginated(search="1001")
    deleted = sdk.phone_numbers.delete(number.id)

    assert (number.provider, number.number, number.credential_id) == ("byo-phone-number", NUMBER, trunk["id"])
    assert (number.name, number.assistant_id, number.status) == ("Desk", assistant.id, "active")
    assert plain(read) == plain(number)
    assert (changed.number, changed.number_e_164_check_enabled, changed.assistant_id) == ("1001", False, None)
    assert [plain(one) for one in listed] == [plain(changed)] == [plain(one) for one in paged.results]
    assert plain(deleted) == plain(changed)
    assert sdk.phone_numbers.list() == []
