"""Trunks that are kept reachable: registered as their plan says, and asked whether they are there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from offhook.calls.transfers.trunk import trunks_of
from offhook.calls.trunks.contact_names import ContactNames
from offhook.calls.trunks.registration import Registration
from offhook.calls.trunks.stored_trunks import StoredTrunk
from offhook.calls.trunks.trunk_requests import TrunkRequests
from offhook.calls.trunks.watch import LOOK_SECONDS, TrunkWatch
from offhook.network import AddressGuard
from offhook.schema.credential import ByoSipTrunkCredential
from offhook.sip.digest import Credentials, verify
from offhook.sip.messages.headers import Headers
from offhook.sip.messages.message import Request, Response
from tests.calls.directory import ORG
from tests.calls.house import House, open_house, virtual
from tests.calls.phone import Phone
from tests.virtual import run_virtual

TRUNK = "5a3c0e1f-8b52-4a5e-9d53-0d5a4a1c7f10"
CALLED = "+15552301001"
LOGIN = {
    "authUsername": "account",
    "authPassword": "hush-hush",
    "sipRegisterPlan": {"domain": "carrier.test", "username": "line1"},
}
CHALLENGE = ("WWW-Authenticate", 'Digest realm="carrier.test", nonce="{}", algorithm=MD5, qop="auth"')


def trunk(*gateways: dict[str, Any], **more: Any) -> dict[str, Any]:
    reached = list(gateways or ({"ip": "10.0.0.9"},))
    return {"provider": "byo-sip-trunk", "gateways": reached, **{"outboundAuthenticationPlan": LOGIN, **more}}


@asynccontextmanager
async def watched(
    folder: Path, credential: dict[str, Any] | None = None, *, registers: bool = True
) -> AsyncIterator[tuple[House, TrunkWatch, Phone]]:
    """A house with a trunk, and the carrier at 10.0.0.9, which answers nothing by itself."""
    async with open_house(folder) as house:
        house.directory.credentials[TRUNK] = credential or trunk()
        asking = TrunkRequests(house.agent, AddressGuard(allow_private=True), lambda host: "10.0.0.2")
        contacts = house.services.contacts
        watch = TrunkWatch(house.directory, asking, contacts, random.Random(3), registers=registers)
        carrier = await house.phone("10.0.0.9")
        carrier.answers |= {"REGISTER": None, "OPTIONS": None}
        watch.start()
        try:
            yield house, watch, carrier
        finally:
            carrier.answers |= {"REGISTER": 200}
            await watch.close()


async def asked(carrier: Phone, method: str = "REGISTER", within: float = 5.0) -> Request:
    """The next one, which is no repetition."""
    request = await carrier.request(method, within=within)
    carrier.heard.clear()
    return request


def granted(carrier: Phone, request: Request, seconds: int = 600) -> None:
    contact = request.headers.get("Contact")
    others = [("Contact", "<sip:else@10.7.7.7>;expires=5"), ("Contact", f"{contact};expires={seconds}")]
    carrier.reply(request, 200, headers=others)


@virtual
async def test_it_is_registered_refreshed_and_taken_back(tmp_path: Path) -> None:
    async with watched(tmp_path) as (house, watch, carrier):
        first = await asked(carrier)
        assert str(first.uri) == "sip:carrier.test"
        assert str(first.to.uri) == str(first.from_.uri) == "sip:line1@carrier.test"
        assert first.headers.get("Expires") == "600"
        contact = first.contact
        assert contact is not None
        assert (contact.uri.host, contact.uri.port) == ("10.0.0.2", 5060)
        assert house.services.contacts.trunk_of(contact.uri.user or "") == TRUNK
        carrier.reply(first, 401, headers=[(CHALLENGE[0], CHALLENGE[1].format("one"))])
        second = await asked(carrier)
        proof = Credentials.parse(second.headers.get("Authorization") or "")
        assert proof.username == "account"
        assert verify(proof, password="hush-hush", method="REGISTER")
        assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
        granted(carrier, second)
        await asyncio.sleep(1)
        assert watch.registered == [TRUNK]

        # The registrar challenges each time, with the nonce that it had.
        for _ in range(3):
            carrier.heard.clear()
            again = await asked(carrier, within=575)
            carrier.reply(again, 401, headers=[(CHALLENGE[0], CHALLENGE[1].format("one"))])
            granted(carrier, await asked(carrier))
            assert again.call_id == first.call_id
            assert again.contact == contact
        await asyncio.sleep(1)
        assert watch.registered == [TRUNK]
        del house.directory.credentials[TRUNK]
        gone = await asked(carrier)
        assert gone.headers.get("Expires") == "0"
        assert gone.contact == contact
        carrier.reply(gone, 200)
        await asyncio.sleep(3)
        assert watch.registered == []


@virtual
async def test_what_the_registrar_wants_is_done(tmp_path: Path) -> None:
    async with watched(tmp_path) as (_, watch, carrier):
        first = await asked(carrier)
        carrier.reply(first, 423, headers=[("Min-Expires", "1800")])
        longer = await asked(carrier)
        assert longer.headers.get("Expires") == "1800"
        carrier.reply(longer, 200, headers=[("Expires", "60")])
        again = await asked(carrier, within=41)
        granted(carrier, again, 0)
        await asyncio.sleep(1)
        assert watch.registered == []


@pytest.mark.parametrize("status", [403, 404, 503, 500])
def test_who_is_refused_asks_more_and_more_rarely(tmp_path: Path, status: int) -> None:
    async def tale() -> None:
        async with watched(tmp_path) as (_, watch, carrier):
            pauses: list[float] = []
            loop = asyncio.get_running_loop()
            for _ in range(9):
                request = await asked(carrier, within=2000)
                carrier.reply(request, status)
                pauses.append(loop.time())
            between = [later - earlier for earlier, later in pairwise(pauses)]
            assert between[0] < 80
            assert 900 <= between[-1] <= 1900
            granted(carrier, await asked(carrier, within=2000))
            await asyncio.sleep(1)
            assert watch.registered == [TRUNK]

    run_virtual(tale())


@virtual
async def test_an_outage_of_hours_is_asked_about_now_and_then(tmp_path: Path) -> None:
    async with watched(tmp_path) as (_, watch, carrier):
        await asyncio.sleep(3 * 3600)
        attempts = {(one.call_id, one.cseq.number) for one in carrier.heard}
        assert 8 <= len(attempts) <= 24
        carrier.answers["REGISTER"] = 200
        await asyncio.sleep(1900)
        assert watch.registered == [TRUNK]


@virtual
async def test_the_next_gateway_is_asked_when_one_is_silent(tmp_path: Path) -> None:
    both = trunk({"ip": "10.0.0.8"}, {"ip": "10.0.0.7", "outboundEnabled": False}, {"ip": "10.0.0.9"})
    async with watched(tmp_path, both) as (_, watch, carrier):
        granted(carrier, await asked(carrier, within=40))
        await asyncio.sleep(1)
        assert watch.registered == [TRUNK]


@virtual
async def test_one_process_of_a_node_registers(tmp_path: Path) -> None:
    async with watched(tmp_path, registers=False) as (_, watch, carrier):
        await asyncio.sleep(100)
        assert carrier.heard == []
        assert watch.registered == []


@virtual
async def test_a_private_registrar_is_asked_only_where_that_is_allowed(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.directory.credentials[TRUNK] = trunk()
        carrier = await house.phone("10.0.0.9")
        asking = TrunkRequests(house.agent, AddressGuard(), lambda host: "10.0.0.2")
        watch = TrunkWatch(house.directory, asking, ContactNames(b""), random.Random(3), registers=True)
        watch.start()
        await asyncio.sleep(200)
        assert carrier.heard == []
        await watch.close()


@pytest.mark.parametrize(
    ("uri", "to", "row"),
    [
        ("sip:{}@10.0.0.2:5060", f"<sip:{CALLED}@carrier.test>", "number-2"),
        ("sip:{}@10.0.0.2:5060", "<sip:line1@carrier.test>", "number-2"),  # it has one number only
        ("sip:{}x@10.0.0.2:5060", f"<sip:{CALLED}@carrier.test>", None),
        ("sip:line1@10.0.0.2:5060", f"<sip:{CALLED}@carrier.test>", None),
    ],
)
def test_calls_come_to_the_contact_that_was_registered(
    tmp_path: Path, uri: str, to: str, row: str | None
) -> None:
    """From wherever: whoever knows it has it from the registrar."""

    async def tale() -> None:
        only_out = trunk({"ip": "10.0.0.9", "inboundEnabled": False})
        async with watched(tmp_path, only_out) as (house, _, carrier):
            house.directory.numbers["by trunk"] = {
                "id": "number-2", "orgId": ORG, "provider": "byo-phone-number", "number": CALLED,
                "credentialId": TRUNK, "assistantId": "assistant-1",
            }  # fmt: skip
            register = await asked(carrier)
            granted(carrier, register)
            assert register.contact is not None
            phone = await house.phone("10.0.0.3")
            call = phone.dial()
            call.target, call.to = uri.format(register.contact.uri.user), to
            if row is None:
                call.invite()
                await phone.response(404)
                call.ack(branch=call.invite_branch)
                return
            await call.connect()
            call.hang_up()
            await call.ended()
            assert house.row["phoneNumberId"] == row
            contacts = [one.contact for one in phone.heard if isinstance(one, Response) and one.status > 100]
            # A proxy passes it on to whoever calls.
            assert {one and one.uri.user for one in contacts if one is not None} == {CALLED}

    run_virtual(tale())


@virtual
async def test_all_that_is_not_wanted_any_more_is_taken_back_beside_each_other(tmp_path: Path) -> None:
    """A registrar that is silent holds up no other trunk."""
    async with watched(tmp_path) as (house, watch, carrier):
        others = [TRUNK.replace("5a3c", f"{number}a3c") for number in range(3)]
        house.directory.credentials |= {name: trunk() for name in others}
        carrier.answers |= {"REGISTER": 200}
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert sorted(watch.registered) == sorted([TRUNK, *others])
        carrier.heard.clear()
        carrier.answers |= {"REGISTER": None}
        house.directory.credentials.clear()
        await asyncio.sleep(LOOK_SECONDS + 1)
        ended = {one.call_id for one in carrier.heard if one.headers.get("Expires") == "0"}
        assert len(ended) == 4


class Refused:
    """A request that is refused, over a connection."""

    flow = None

    def __init__(self) -> None:
        self.released = False

    async def send(self, headers: Any) -> Response:
        return Response(403, "Forbidden", Headers())

    def release(self) -> None:
        self.released = True


@virtual
async def test_the_connection_to_who_refuses_is_kept_for_nobody(tmp_path: Path) -> None:
    asked: list[Refused] = []

    class Asking:
        async def outside(self, *_: Any, **__: Any) -> Refused:
            asked.append(Refused())
            return asked[-1]

    settings = ByoSipTrunkCredential.model_validate(trunk())
    registration = Registration(
        StoredTrunk(TRUNK, ORG, settings), "contact", cast(TrunkRequests, Asking()), random.Random(3)
    )
    await asyncio.sleep(100)
    await registration.take_back()
    assert len(asked) > 1
    assert all(one.released for one in asked)


@virtual
async def test_a_gateway_that_does_not_answer_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pinged = trunk(
        {"ip": "10.0.0.9", "optionsPingEnabled": True}, {"ip": "10.0.0.8"}, outboundAuthenticationPlan=None
    )
    async with watched(tmp_path, pinged) as (_, watch, carrier):

        def down() -> list[bool]:
            return [one.is_down for one in trunks_of([pinged], AddressGuard(), watch.is_down)]

        options = await asked(carrier, "OPTIONS")
        assert str(options.uri) == "sip:10.0.0.9:5060"
        carrier.reply(options, 405)  # whoever refuses is there
        await asyncio.sleep(1)
        assert down() == [False, False]
        await asyncio.sleep(100)
        assert down() == [True, False]
        carrier.answers["OPTIONS"] = 200
        await asyncio.sleep(60)
        assert down() == [False, False]
        carrier.answers["OPTIONS"] = 503
        await asyncio.sleep(60)
        assert down() == [True, False]
    told = [one.getMessage() for one in caplog.records if one.getMessage().startswith("gateway ")]
    assert told == [
        "gateway sip:10.0.0.9:5060 does not answer: nobody answers",
        "gateway sip:10.0.0.9:5060 answers again",
        "gateway sip:10.0.0.9:5060 does not answer: 503 Service Unavailable",
    ]


@pytest.mark.parametrize("domain", ["carrier.test SIP/2.0\r\nX-Evil: 1", "a b", "<x>", "x" * 5000, "a@b;c"])
def test_a_domain_is_a_host_and_no_more(
    tmp_path: Path, domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def tale() -> None:
        plan = {**LOGIN, "sipRegisterPlan": {"domain": domain}}
        async with watched(tmp_path, trunk(outboundAuthenticationPlan=plan)) as (_, watch, carrier):
            await asyncio.sleep(100)
            assert watch.registered == []
            for one in carrier.heard:
                assert "X-Evil" not in one.headers
                assert isinstance(one, Request)
                assert str(one.uri) == "sip:b"
        assert any(" is not registered: " in one.getMessage() for one in caplog.records)

    run_virtual(tale())
