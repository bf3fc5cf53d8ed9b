"""The party that is called: what goes wrong before and after its answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.calls.transfers.destination import Target, TransferFailed
from offhook.calls.transfers.outgoing import Dialler, Party
from offhook.network import Address
from offhook.sip.uri import Uri
from tests.calls.house import House, open_house, virtual
from tests.calls.transfers.operator import DESK, HOST, open_operator
from tests.wire import ScriptedPhone

TARGET = Target(Uri.parse(DESK), Address(HOST, 5060), "udp")
SERVER = Address("10.0.0.2", 5060)


def party(house: House) -> Party:
    return Party(house.services.dialler, house.services.media, TARGET, "call-1")


@virtual
async def test_a_node_without_a_user_agent_calls_nobody(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        called = Party(Dialler(), house.services.media, TARGET, "call-1")
        with pytest.raises(TransferFailed, match="places no calls"):
            await called.call(None, "ann", (), 5)
        await called.close()


@virtual
async def test_no_port_is_left(tmp_path: Path) -> None:
    async with open_house(tmp_path, ports=(20000, 20001)) as house, open_operator(house):
        first, second = party(house), party(house)
        await first.call(None, "ann", (), 5)
        with pytest.raises(TransferFailed, match="could not be called"):
            await second.call(None, "bob", (), 5)
        await second.close()
        await first.close()


@pytest.mark.parametrize(
    "body", [b"", b"v=0\r\no=- 1 1 IN IP4 10.0.0.3\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n"]
)
def test_an_answer_without_audio_that_we_speak(tmp_path: Path, body: bytes) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.services.dialler.agent = house.agent
            desk = await ScriptedPhone.open(house.wire.open, HOST, SERVER, 5060)
            called = party(house)
            calling = asyncio.create_task(called.call(None, "ann", (), 5))
            desk.reply(await desk.request("INVITE"), 200, body=body)
            with pytest.raises(TransferFailed, match="no audio"):
                await calling
            await called.close()
            desk.reply(await desk.request("BYE"), 200, tag=None)
            desk.close()

    story()


@virtual
async def test_keys_for_somebody_who_takes_none(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        called = party(house)
        await called.dial_extension("12")
        called.press("1", 100)
        await called.call(None, "ann", (), 5)
        await called.dial_extension("1x")
        called.press("?", 100)
        called.press("5", 100)
        await asyncio.sleep(1)
        await called.close()

    assert operator.keys == "5"
