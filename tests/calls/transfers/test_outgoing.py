"""The party that is called: what goes wrong before and after its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.calls.transfers.called_party import Dialler, Party
from offhook.calls.transfers.transfer_destination import Target, TransferFailed, target_of
from offhook.calls.transfers.trunk import Trunk, Trunks
from offhook.media.bridge import EarlyMedia
from offhook.network import Address, AddressGuard
from offhook.rtp.codecs import PCMA, PCMU, Codec
from offhook.rtp.consent import START
from offhook.rtp.packet import build
from offhook.sip.digest import Credentials, verify
from offhook.sip.messages.message import Request, respond
from offhook.sip.messages.sdp import SessionDescription
from offhook.sip.messages.uri import Uri
from offhook.sip.transports.udp import UDP
from tests.calls.house import House, open_house, virtual
from tests.calls.transfers.operator import DESK, HOST, open_operator
from tests.wire import ScriptedPhone

TARGET = Target(Uri.parse(DESK), Address(HOST, 5060), UDP)
SERVER = Address("10.0.0.2", 5060)


SDP = b"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 30000 RTP/AVP %d\r\na=sendrecv\r\n"


def sdp(host: str = HOST, payload_type: int = 0) -> bytes:
    return SDP % (host.encode(), host.encode(), payload_type)


def party(house: House, **more: Any) -> Party:
    return Party(house.services.dialler, house.services.media, TARGET, "call-1", **more)


@asynccontextmanager
async def desks(folder: Path, *hosts: str) -> AsyncIterator[tuple[House, list[ScriptedPhone]]]:
    """Telephones that do what the test says, and a node that calls them."""
    async with open_house(folder) as house:
        house.services.dialler.agent = house.agent
        phones = [await ScriptedPhone.open(house.wire.open, host, SERVER, 5060) for host in hosts]
        yield house, phones
        await asyncio.sleep(40)
        for phone in phones:
            phone.close()


async def refused_by(phone: ScriptedPhone, status: int, *contacts: str) -> None:
    headers = [("Contact", contact) for contact in contacts]
    invite = await phone.request("INVITE")
    phone.send(respond(invite, status, to_tag="no", headers=headers).to_bytes())


async def follow(uri: Uri) -> Target:
    return await target_of(uri, AddressGuard(allow_private=True), Trunks())


@virtual
async def test_a_node_without_a_user_agent_calls_nobody(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        called = Party(Dialler(), house.services.media, TARGET, "call-1")
        with pytest.raises(TransferFailed, match="places no calls"):
            await called.call(None, "ann", [], 5)
        await called.close()


@virtual
async def test_no_port_is_left(tmp_path: Path) -> None:
    async with open_house(tmp_path, ports=(20000, 20001)) as house, open_operator(house):
        first, second = party(house), party(house)
        await first.call(None, "ann", [], 5)
        with pytest.raises(TransferFailed, match="no audio ports"):
            await second.call(None, "bob", [], 5)
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
            calling = asyncio.create_task(called.call(None, "ann", [], 5))
            desk.reply(await desk.request("INVITE"), 200, body=body)
            with pytest.raises(TransferFailed, match="no audio"):
                await calling
            await called.close()
            desk.reply(await desk.request("BYE"), 200, tag=None)
            desk.close()

    story()


@virtual
async def test_bodies_that_are_no_sdp(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house)
        calling = asyncio.create_task(called.call(None, "ann", [], 5))
        invite = await desk.request("INVITE")
        headers = [("Contact", f"<{DESK}>"), ("Content-Type", "text/plain")]
        for status in (183, 200):
            desk.send(respond(invite, status, to_tag="x", headers=headers, body=b"hello").to_bytes())
        with pytest.raises(TransferFailed, match="no audio"):
            await calling
        await called.close()
        desk.reply(await desk.request("BYE"), 200, tag=None)


@virtual
async def test_keys_for_somebody_who_takes_none(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_operator(house) as operator:
        called = party(house)
        await called.dial_extension("12")
        called.press("1", 100)
        await called.call(None, "ann", [], 5)
        await called.dial_extension("1x")
        called.press("?", 100)
        called.press("5", 100)
        await asyncio.sleep(1)
        await called.close()

    assert operator.keys == "5"


@virtual
async def test_a_redirection_is_followed_to_who_answers(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST, "10.0.0.4") as (house, (desk, other)):
        called = party(house, follow=follow)
        calling = asyncio.create_task(called.call("Ann", "ann", [("X-Ticket", "12")], 30))
        await refused_by(desk, 302, "<sip:bob@10.0.0.4>")
        invite = await other.request("INVITE")
        other.reply(invite, 200, body=sdp("10.0.0.4"))
        await calling
        await called.close()
        other.reply(await other.request("BYE"), 200, tag=None)

    assert str(invite.uri) == "sip:bob@10.0.0.4"
    assert str(invite.to.uri) == DESK
    assert (invite.from_.display_name, invite.headers.get("X-Ticket")) == ("Ann", "12")
    assert desk.count("ACK") == 1
    assert house.ports.in_use == 0


@pytest.mark.parametrize(
    ("contacts", "detail"),
    [
        ([], "answered 302"),
        ([f"<{DESK}>"], "answered 302"),
        (["<sip:bob@169.254.169.254>"], "may not be reached"),
        (["<tel:+14155550123>"], "answered 302"),
    ],
)
def test_a_redirection_to_nowhere_is_a_refusal(tmp_path: Path, contacts: list[str], detail: str) -> None:
    @virtual
    async def story() -> None:
        async with desks(tmp_path, HOST) as (house, (desk,)):
            called = party(house, follow=follow)
            calling = asyncio.create_task(called.call(None, "ann", [], 30))
            await refused_by(desk, 302, *contacts)
            with pytest.raises(TransferFailed, match=detail) as failure:
                await calling
            await called.close()
        assert failure.value.status == "failed"

    story()


@virtual
async def test_who_is_sent_on_for_ever_gives_up(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house, follow=follow)
        calling = asyncio.create_task(called.call(None, "ann", [], 600))
        for number in range(5):
            await refused_by(desk, 302, f"<sip:{number}@{HOST}>")
        with pytest.raises(TransferFailed, match="answered 302"):
            await calling
        await called.close()

    assert desk.count("INVITE") == 5


@virtual
async def test_the_next_contact_is_tried_when_one_is_busy_but_none_after_a_decline(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house, follow=follow)
        calling = asyncio.create_task(called.call(None, "ann", [], 600))
        await refused_by(desk, 300, f"<sip:a@{HOST}>;q=0.9", f"<sip:b@{HOST}>", f"<sip:c@{HOST}>;q=0.1")
        await refused_by(desk, 486)
        await refused_by(desk, 603)
        with pytest.raises(TransferFailed) as failure:
            await calling
        await called.close()

    tried = [one.uri.user for one in desk.heard if isinstance(one, Request) and one.method == "INVITE"]
    assert tried == ["desk", "b", "a"]
    assert failure.value.status == "busy"


@pytest.mark.parametrize(("status", "tries"), [(503, 2), (None, 2), (408, 1), (486, 1)])
def test_another_address_is_tried_when_nobody_is_at_the_first(
    tmp_path: Path, status: int | None, tries: int
) -> None:
    @virtual
    async def story() -> None:
        target = replace(TARGET, others=(Address("10.0.0.4", 5060),))
        async with desks(tmp_path, HOST, "10.0.0.4") as (house, (desk, other)):
            called = Party(house.services.dialler, house.services.media, target, "call-1")
            calling = asyncio.create_task(called.call(None, "ann", [], 60))
            if status is not None:
                await refused_by(desk, status)
            if tries == 2:
                invite = await other.request("INVITE")
                assert str(invite.uri) == DESK
                other.reply(invite, 200, body=sdp("10.0.0.4"))
                await calling
                await called.close()
                other.reply(await other.request("BYE"), 200, tag=None)
            else:
                with pytest.raises(TransferFailed, match=str(status)):
                    await calling
                await called.close()
                assert other.heard == []

    story()


@virtual
async def test_redirections_do_not_make_more_time(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house, follow=follow)
        began = house.loop.time()
        calling = asyncio.create_task(called.call(None, "ann", [], 10))
        invite = await desk.request("INVITE")
        desk.reply(invite, 180)
        await asyncio.sleep(6)
        desk.send(respond(invite, 302, to_tag="no", headers=[("Contact", f"<sip:b@{HOST}>")]).to_bytes())
        second = await desk.request("INVITE")
        desk.reply(second, 180)
        cancel = await desk.request("CANCEL")
        took = house.loop.time() - began
        desk.reply(cancel, 200)
        desk.reply(second, 487)
        with pytest.raises(TransferFailed) as failure:
            await calling
        await called.close()

    assert took == pytest.approx(10, abs=0.1)
    assert failure.value.status == "no-answer"


@pytest.mark.parametrize(
    ("status", "asks", "says"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_the_trunk_gets_our_login_and_nobody_else(tmp_path: Path, status: int, asks: str, says: str) -> None:
    @virtual
    async def story() -> None:
        trunk = Trunk(Uri.parse(f"sip:account@{HOST}"), "secret")
        target = replace(TARGET, uri=trunk.uri_of("+14155550123"), trunk=trunk)
        challenge = [(asks, 'Digest realm="trunk", nonce="n1", algorithm=MD5, qop="auth"')]
        async with desks(tmp_path, HOST, "10.0.0.4") as (house, (desk, other)):
            called = Party(house.services.dialler, house.services.media, target, "call-1", follow=follow)
            calling = asyncio.create_task(called.call("Ann", "+15551230000", [], 30))
            desk.send(respond(await desk.request("INVITE"), status, to_tag="x", headers=challenge).to_bytes())
            invite = await desk.request("INVITE")
            contact = ("Contact", "<sip:bob@10.0.0.4>")
            desk.send(respond(invite, 302, to_tag="y", headers=[contact]).to_bytes())
            stranger = await other.request("INVITE")
            other.send(respond(stranger, status, to_tag="x", headers=challenge).to_bytes())
            with pytest.raises(TransferFailed, match=f"answered {status}"):
                await calling
            await called.close()

        given = Credentials.parse(invite.headers.get(says) or "")
        assert given.username == "account"
        assert verify(given, password="secret", method="INVITE")
        assert invite.headers.get("P-Asserted-Identity") == f"<sip:+15551230000@{HOST}>"
        assert invite.from_.uri.user == "+15551230000"
        assert other.count("INVITE") == 1
        assert "P-Asserted-Identity" not in stranger.headers

    story()


@virtual
async def test_a_header_of_the_owners_takes_the_place_of_ours(tmp_path: Path) -> None:
    trunk = Trunk(Uri.parse(f"sip:account@{HOST}"))
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = Party(house.services.dialler, house.services.media, replace(TARGET, trunk=trunk), "call-1")
        own = ("P-Asserted-Identity", "<sip:+15557770000@trunk.test>")
        calling = asyncio.create_task(called.call(None, "+15551230000", [own], 30))
        invite = await desk.request("INVITE")
        desk.reply(invite, 486)
        with pytest.raises(TransferFailed):
            await calling
        await called.close()

    assert invite.headers.get_all("P-Asserted-Identity") == [own[1]]


def tones(sequence: int) -> bytes:
    """An RTP packet of a loud tone, in the mu-law."""
    return build(0, sequence, 160 * sequence, 7, PCMU.encode(b"\x00\x20\x00\xe0" * 80))


@virtual
async def test_early_media_are_heard_before_the_answer_which_may_leave_its_sdp_out(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house)
        sound = await house.wire.open(HOST, 30000, lambda data, source: None)
        calling = asyncio.create_task(called.call(None, "ann", [], 30))
        invite = await desk.request("INVITE")
        offered = SessionDescription.parse(invite.body)
        desk.reply(invite, 183, body=sdp())
        await asyncio.sleep(0.5)
        assert called.line is not None
        early = house.engine.legs[called.line.number].audio
        assert isinstance(early, EarlyMedia)
        before = early.take()
        for sequence in range(50):
            sound.send(tones(sequence), Address(SERVER.host, offered.media[0].port))
            await asyncio.sleep(0.02)
        heard = early.take()
        desk.reply(invite, 200)
        await calling
        await called.close()
        desk.reply(await desk.request("BYE"), 200, tag=None)
        sound.close()

    assert before is None
    assert heard is not None
    assert int(np.frombuffer(heard, "<i2").max()) > 4000
    assert called.statistics is not None
    assert called.statistics["packetsReceived"] == 50
    assert called.statistics["codec"] == "PCMU"


@virtual
async def test_the_answer_of_another_branch_brings_its_own_audio(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house)
        calling = asyncio.create_task(called.call(None, "ann", [], 30))
        invite = await desk.request("INVITE")
        for status, tag, body in (
            (183, "one", sdp()),
            (183, "broken", b"v=nothing"),
            (200, "two", sdp(payload_type=8)),
            (200, "one", sdp()),
        ):
            desk.reply(invite, status, tag=tag, body=body)
            await asyncio.sleep(0.1)
        await calling
        late = await desk.request("BYE")
        desk.reply(late, 200, tag=None)
        await called.close()
        desk.reply(await desk.request("BYE"), 200, tag=None)

    assert late.to.tag == "one"
    assert called.statistics is not None
    assert called.statistics["codec"] == "PCMA"


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_the_callers_codec_is_offered_first(tmp_path: Path, codec: str) -> None:
    @virtual
    async def story() -> None:
        async with desks(tmp_path, HOST) as (house, (desk,)):
            called = party(house, codec=codec)
            calling = asyncio.create_task(called.call(None, "ann", [], 30))
            invite = await desk.request("INVITE")
            desk.reply(invite, 486)
            with pytest.raises(TransferFailed):
                await calling
            await called.close()
        formats = SessionDescription.parse(invite.body).media[0].formats
        assert formats[:2] == {"PCMU": ("0", "8"), "PCMA": ("8", "0")}[codec]

    story()


class Listening:
    """Audio of a party that keeps what it heard."""

    def __init__(self) -> None:
        self.loudest = 0
        self.keys = ""

    def next_frame(self) -> bytes | None:
        return None

    def exchanged(self, heard: bytes, said: bytes) -> None:
        self.loudest = max(self.loudest, int(np.frombuffer(heard, "<i2").max()))

    def digit(self, digit: str, milliseconds: int) -> None:
        self.keys += digit


TWO_NUMBERS = sdp(payload_type=8).replace(
    b"RTP/AVP 8\r\n", b"RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n"
)


@pytest.mark.parametrize("events", [101, 96], ids=["our number", "its own"])
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["not chosen", "chosen"])
def test_whatever_was_offered_to_the_party_is_heard(tmp_path: Path, codec: Codec, events: int) -> None:
    """Its answer names one codec, and another payload type for keys than our offer."""

    @virtual
    async def story() -> None:
        async with desks(tmp_path, HOST) as (house, (desk,)):
            called = party(house)
            sent: list[bytes] = []
            sound = await house.wire.open(HOST, 30000, lambda data, source: sent.append(data))
            calling = asyncio.create_task(called.call(None, "ann", [], 30))
            invite = await desk.request("INVITE")
            desk.reply(invite, 200, body=TWO_NUMBERS)
            await calling
            called.keys = ear = Listening()
            assert called.line is not None
            house.engine.lend(called.line.number, ear)
            ours = Address(SERVER.host, SessionDescription.parse(invite.body).media[0].port)
            for number in range(20):
                loud = codec.encode(b"\x00\x20\x00\xe0" * 80)
                sound.send(build(codec.payload_type, number, 160 * number, 7, loud), ours)
                await asyncio.sleep(0.02)
            for number in range(20, 24):
                pressed = bytes((5, 0x8A if number > 21 else 10, 0, 160))
                sound.send(build(events, number, 3200, 7, pressed), ours)
                await asyncio.sleep(0.02)
            called.press("7", 100)
            await asyncio.sleep(0.5)
            await called.close()
            desk.reply(await desk.request("BYE"), 200, tag=None)
            sound.close()
        assert ear.loudest > 4000
        assert ear.keys == "5"
        assert {data[1] & 0x7F for data in sent if len(data) < 200 and data[1] < 192} == {8, 96}

    story()


@virtual
async def test_a_party_whose_media_server_is_elsewhere_and_silent_is_sent_a_short_start(
    tmp_path: Path,
) -> None:
    async with desks(tmp_path, HOST) as (house, (desk,)):
        called = party(house)
        calling = asyncio.create_task(called.call(None, "ann", [], 30))
        invite = await desk.request("INVITE")
        desk.reply(invite, 200, body=sdp("10.0.0.99"))
        await calling
        await asyncio.sleep(15)
        sent = [one for one in house.wire.seen if one.to == Address("10.0.0.99", 30000)]
        await called.close()
        desk.reply(await desk.request("BYE"), 200, tag=None)

    assert 0 < len(sent) <= START * 50 + 2


@virtual
async def test_a_party_of_another_family_than_ours_cannot_be_called(tmp_path: Path) -> None:
    async with desks(tmp_path, HOST) as (house, _):

        def address_for(peer: str) -> str:
            raise OSError(101, "Network is unreachable")

        media = replace(house.services.media, address_for=address_for)
        called = Party(house.services.dialler, media, TARGET, "call-1")
        with pytest.raises(TransferFailed, match="could not be called"):
            await called.call(None, "ann", [], 30)
        await called.close()
