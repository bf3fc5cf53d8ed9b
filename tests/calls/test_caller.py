"""Which number is called, and who calls, however a telephone number is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offhook.calls.admission.caller import customer
from offhook.calls.admission.entrance import EntranceLimits
from offhook.sip.messages.message import Request
from offhook.sip.messages.parser import parse_message
from offhook.sip.messages.uri import Uri
from tests.calls.house import NUMBER, open_house
from tests.sip.test_telephone import WRITTEN
from tests.virtual import run_virtual

CALLED = "+15550101001"
HERE = "10.0.0.2:5060"


@pytest.mark.parametrize("uri", [one for one in WRITTEN if not one.startswith("sips")])
@pytest.mark.parametrize("domain", [(), ("10.0.0.2", "sip.test")])
def test_a_number_is_found_however_it_is_written(tmp_path: Path, uri: str, domain: tuple[str, ...]) -> None:
    async def story() -> None:
        async with open_house(tmp_path, limits=EntranceLimits(100, domain)) as house:
            house.directory.numbers[CALLED] = {**NUMBER, "id": "n2", "sipUri": f"sip:{CALLED}@10.0.0.2"}
            phone = await house.phone()
            call = phone.dial()
            call.target = uri.replace("@pbx", f"@{HERE}")
            await call.connect()
            call.hang_up()
            await call.ended()
        assert house.row["phoneNumberId"] == "n2"

    run_virtual(story())


def test_one_that_does_not_exist_is_404_in_any_form(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            for uri in ("tel:+1999", f"sip:+1-999;npdi@{HERE}", "tel:;x=1", f"sip:{HERE}"):
                call = phone.call()
                call.target = uri
                call.invite()
                await phone.response(404)
                call.ack(branch=call.invite_branch)
            assert house.ledger.rows == {}

    run_virtual(story())


def called_by(from_: str) -> dict[str, Any]:
    message = parse_message(
        (
            "INVITE sip:desk@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
            f"From: {from_};tag=1\r\nTo: <sip:desk@10.0.0.2>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
            "Contact: <sip:a@10.0.0.1>\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return customer(message)


@pytest.mark.parametrize("uri", WRITTEN)
def test_who_calls_has_the_number_alone(uri: str) -> None:
    found = called_by(f'"Ann" <{uri}>')
    assert (found["number"], found["name"]) == (CALLED, "Ann")
    assert found.get("sipUri") == (None if uri.lower().startswith("tel") else str(Uri.parse(uri)))


def test_a_user_is_told_whole_or_not_at_all() -> None:
    name, long = "a" * 40, "b" * 41
    assert called_by(f"<sip:{name}@pbx>")["number"] == name
    assert called_by(f"<sip:{long}@pbx>") == {"sipUri": f"sip:{long}@pbx"}
    assert called_by("<sip:pbx>") == {"sipUri": "sip:pbx"}
    assert called_by("tel:+1-555") == {"number": "+1555"}
