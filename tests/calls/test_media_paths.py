"""Whose audio is heard in a call, and to whom it is sent: callers of all sorts, and strangers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from offhook.network import Address, AddressGuard
from offhook.rtp.codecs import PCMA, PCMU
from offhook.rtp.consent import BURST, REFILL, START
from offhook.rtp.packet import build
from offhook.rtp.rtcp import Report, build_compound
from offhook.sip.messages.message import Response
from tests.calls.house import ASSISTANT, SERVER, Document, House, open_house, virtual
from tests.calls.phone import Phone, PhoneCall, media_of
from tests.calls.test_leg import LateOffer
from tests.calls.test_whole_call import ANSWER, QUESTION, ended
from tests.scripted import LOUD

STRANGER = "203.0.113.66"
MEDIA_SERVER = "10.0.0.77"


class Elsewhere(PhoneCall):
    """A phone whose SDP names something else than where its audio comes from."""

    named: Address | None = None
    protocol = "RTP/AVP"
    extra = ""

    def sdp(self, direction: str = "sendrecv", payload_types: str | None = "0 101") -> bytes:
        text = super().sdp(direction, payload_types).decode().replace("RTP/AVP", self.protocol)
        if self.named is not None:
            family = "IP6" if ":" in self.named.host else "IP4"
            text = re.sub(r"c=IN IP4 \S+", f"c=IN {family} {self.named.host}", text)
            text = re.sub(r"m=audio \d+", f"m=audio {self.named.port}", text)
        return (text + self.extra).encode()


def dial(phone: Phone, kind: type[PhoneCall] = Elsewhere) -> Elsewhere:
    call = kind(phone, "desk")
    phone.placed[call.call_id] = call
    return call  # type: ignore[return-value]


def sent_to(house: House, host: str) -> int:
    """Packets of audio that went to a host."""
    return sum(
        1
        for one in house.wire.seen
        if one.to.host == host and one.source.port != 5060 and len(one.data) == 172
    )


async def joins_late(call: PhoneCall) -> None:
    """Its audio begins a second after its ACK."""
    call.muted = True
    await call.connect()
    await asyncio.sleep(1)
    call.muted = False


async def talks(house: House, call: PhoneCall) -> None:
    """A question and its answer, heard at both ends."""
    await call.hears_the_end()
    await call.says(QUESTION)
    await call.hears_the_end()
    assert call.heard_at[-1] > house.loop.time() - 1
    call.hang_up()
    await ended(house)
    assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")


@virtual
async def test_a_caller_whose_sdp_names_an_address_behind_its_nat(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone)
        call.named = Address("192.168.1.7", 4000)
        await call.connect()
        await talks(house, call)
        assert sent_to(house, "192.168.1.7") <= 2


@virtual
async def test_a_private_address_of_a_caller_outside_is_never_sent_to(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        media = replace(house.services.media, may_send=AddressGuard().lets_media)
        house.calls._services = replace(house.services, media=media)
        phone = await house.phone("8.8.8.8")
        call = dial(phone)
        call.named = Address("192.168.1.7", 4000)
        await joins_late(call)
        await talks(house, call)
        assert sent_to(house, "192.168.1.7") == 0


@virtual
async def test_a_caller_whose_audio_comes_from_a_relay_that_nobody_named(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone)
        call.named = Address("192.168.1.7", 4000)
        call._media = await house.wire.open(MEDIA_SERVER, 0, call._hear)
        call.invite(call.sdp())
        await call.until(lambda: call.answer is not None, 60)
        await talks(house, call)


class Sprayer:
    """Somebody who sends to every port there is, all the time, and hears what comes back."""

    def __init__(self, house: House, host: str = STRANGER, ports: tuple[int, int] = (20000, 20009)) -> None:
        self.house, self.host, self.ports = house, host, ports
        self.heard = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Sprayer:
        self.socket = await self.house.wire.open(self.host, 5000, self._hear)
        self._tasks = [asyncio.create_task(self._spray())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.socket.close()

    def _hear(self, data: bytes, source: Address) -> None:
        self.heard += 1

    async def _spray(self) -> None:
        number = 0
        while True:
            number += 1
            for port in range(self.ports[0], self.ports[1] + 1):
                packet = build(0, number & 0xFFFF, 160 * number, 666, PCMU.encode(LOUD))
                self.socket.send(packet, Address(SERVER.host, port))
            await asyncio.sleep(0.02)


def rings_for(house: House, seconds: float) -> None:
    """The owner's server takes that long to say who answers."""

    async def assistant(message: Document) -> Document:
        await asyncio.sleep(seconds)
        return {"assistantId": "assistant-1"}

    del house.number["assistantId"]
    house.answering = assistant


@pytest.mark.parametrize("named", [None, Address("192.168.1.7", 4000)], ids=["named", "behind NAT"])
def test_who_sprays_all_ports_hears_and_says_nothing(tmp_path: Path, named: Address | None) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path, ports=(20000, 20009)) as house, Sprayer(house) as sprayer:
            rings_for(house, 3)
            phone = await house.phone()
            call = dial(phone)
            call.named = named
            await joins_late(call)
            await talks(house, call)
            assert sprayer.heard == 0

    story()


@virtual
async def test_one_packet_before_the_callers_gains_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        heard: list[bytes] = []
        socket = await house.wire.open(STRANGER, 5000, lambda data, source: heard.append(data))
        phone = await house.phone()
        call = dial(phone)
        call.muted = True
        await call.connect()
        assert call.answer is not None
        for _ in range(3):
            socket.send(build(0, 1, 160, 666, PCMU.encode(LOUD)), media_of(call.answer.body))
            await asyncio.sleep(0.02)
        call.muted = False
        await talks(house, call)
        assert heard == []


@virtual
async def test_a_caller_whose_media_server_is_elsewhere(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone)
        call._media = await house.wire.open(MEDIA_SERVER, 0, call._hear)
        call.invite(call.sdp())
        await call.until(lambda: call.answer is not None, 60)
        await talks(house, call)


@virtual
async def test_calls_aimed_at_a_third_party_bring_it_little(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        calls = []
        for number in range(20):
            call = dial(phone)
            call.named = Address(STRANGER, 7000 + 2 * number)
            call.muted = True
            await call.place()
            calls.append(call)
        await asyncio.sleep(60)
        assert 0 < sent_to(house, STRANGER) <= BURST + 60 * REFILL
        assert all(not call.is_up for call in calls)


@pytest.mark.parametrize("direction", ["sendrecv", "recvonly"])
def test_a_call_aimed_at_a_third_party_is_a_short_start(tmp_path: Path, direction: str) -> None:
    """One that only listens need not send, and so would be sent to for as long as a call lasts."""

    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = dial(phone)
            call.named = Address(STRANGER, 7000)
            call.muted = True
            await call.place(sdp=None)
            await call.until(lambda: call.is_up, 5)
            await call.reoffer(direction)
            await asyncio.sleep(15)
            assert 0 < sent_to(house, STRANGER) <= START * 50 + 2

    story()


@pytest.mark.parametrize("host", ["169.254.169.254", "0.0.0.9", "240.1.1.1"])
def test_addresses_of_no_host_are_sent_nothing_and_their_callers_heard(tmp_path: Path, host: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = dial(phone)
            call.named = Address(host, 4000)
            await joins_late(call)
            await talks(house, call)
            assert sent_to(house, host) == 0

    story()


@pytest.mark.parametrize(
    "named",
    [
        Address("2001:db8::1", 4000),
        Address("224.2.2.2", 4000),
        Address("255.255.255.255", 4000),
        Address("media.example.com", 4000),
    ],
    ids=lambda named: named.host,
)
def test_an_offer_from_where_no_audio_can_flow_is_488_and_costs_no_port(
    tmp_path: Path, named: Address
) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = dial(phone)
            call.named = named
            await call.place()
            assert await call.ended() == "488"
            assert house.ports.in_use == 0
            assert sent_to(house, named.host) == 0

    story()


class Silent(Elsewhere):
    """Acknowledges what it gets and sends no audio."""

    def told(self, response: Response) -> None:
        if response.cseq.method == "INVITE" and response.status == 200:
            self.learn(response)
            self.ack(cseq=response.cseq.number)
            self.answer, self.is_up = response, True


@virtual
async def test_each_family_is_answered_in_its_own_where_the_node_has_both(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:

        def address_for(peer: str) -> str:
            return "fd00::2" if ":" in peer else SERVER.host

        media = replace(house.services.media, address_for=address_for)
        house.calls._services = replace(house.services, media=media)
        phone = await house.phone()
        call = dial(phone, Silent)
        call.named = Address("fd00::7", 4000)
        await call.place()
        await call.until(lambda: call.answer is not None, 5)
        assert call.answer is not None
        assert b"c=IN IP6 fd00::2\r\n" in call.answer.body
        # A call does not change its family: its port has one.
        call.named = None
        assert (await call.reoffer()).status == 488


@virtual
async def test_no_way_to_the_family_is_488(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:

        def address_for(peer: str) -> str:
            if ":" in peer:
                raise OSError(101, "Network is unreachable")
            return SERVER.host

        media = replace(house.services.media, address_for=address_for)
        house.calls._services = replace(house.services, media=media)
        phone = await house.phone()
        call = dial(phone)
        call.named = Address("fd00::7", 4000)
        await call.place()
        assert await call.ended() == "488"


@virtual
async def test_feedback_is_answered_in_its_profile(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone)
        call.protocol, call.extra = "RTP/AVPF", "a=rtcp-fb:* nack\r\n"
        await call.connect()
        assert call.answer is not None
        assert re.search(rb"m=audio \d+ RTP/AVPF 0 101\r\n", call.answer.body)
        assert b"rtcp-fb" not in call.answer.body
        # And so does what we offer within the call.
        call.invite(b"")
        await phone.response(200)
        offered = await phone.response(200)
        assert re.search(rb"m=audio \d+ RTP/AVPF 0 8 101\r\n", offered.body)
        call.hang_up()


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF", "RTP/UNHEARD"])
def test_other_profiles_are_488(tmp_path: Path, protocol: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = dial(phone)
            call.protocol = protocol
            await call.place()
            assert await call.ended() == "488"

    story()


async def mute(house: House, call: PhoneCall, seconds: float, *, reports: bool) -> None:
    """Send no audio for so long; reports every five seconds."""
    assert call._media is not None
    assert call._remote is not None
    call.muted = True
    data = build_compound(Report(77, None, 0, 0, 0, ()), "phone")
    for _ in range(round(seconds / 5)):
        if reports:
            call._media.send(data, call._remote._replace(port=call._remote.port + 1))
        await asyncio.sleep(5)


@virtual
async def test_a_muted_caller_whose_reports_go_on_is_not_hung_up_on(tmp_path: Path) -> None:
    async with open_house(tmp_path, media_timeout=20) as house:
        house.assistant.update(ASSISTANT | {"silenceTimeoutSeconds": 600})
        phone = await house.phone()
        call = await dial(phone).connect()
        await call.hears_the_end()
        await mute(house, call, 60, reports=True)
        assert call.is_up
        call.muted = False
        await call.says(QUESTION)
        await call.hears_the_end()
        await mute(house, call, 30, reports=False)
        assert call.ended_by == "BYE from the node"

    assert house.report["endedReason"].endswith("did-not-receive-customer-audio")


@virtual
async def test_a_nat_that_gives_the_caller_another_port_in_mid_call(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone)
        call.named = Address("192.168.1.7", 4000)
        await call.connect()
        await call.hears_the_end()
        assert call._media is not None
        assert call._sending is not None
        call._media.close()
        call._sending.cancel()
        call._media = await house.wire.open(phone.socket.local.host, 0, call._hear)
        call._sending = asyncio.create_task(call._send_on(call._media))
        await asyncio.sleep(1)
        await call.says(QUESTION)
        await call.hears_the_end()
        assert call.heard_at[-1] > house.loop.time() - 1
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")


@virtual
async def test_a_peer_that_moves_to_another_network_is_followed_by_its_reinvite(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone)
        call.named = Address("192.168.1.7", 4000)
        await call.connect()
        await call.hears_the_end()
        phone.socket.close()
        phone.socket = await house.wire.open("10.0.0.99", 5060, phone._receive)
        assert call._media is not None
        assert call._sending is not None
        call._media.close()
        call._sending.cancel()
        call._media = await house.wire.open("10.0.0.99", 0, call._hear)
        call._sending = asyncio.create_task(call._send_on(call._media))
        call.named = Address("192.168.7.7", 4000)
        assert (await call.reoffer()).status == 200
        await call.says(QUESTION)
        await call.hears_the_end()
        assert call.heard_at[-1] > house.loop.time() - 1
        call.hang_up()
        await ended(house)

    assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")


async def speak(call: PhoneCall, payload_type: int, encode: Callable[[bytes], bytes], text: str) -> None:
    """Say something under that payload type."""
    assert call._media is not None
    assert call._remote is not None
    listener = call.phone.transcriber_of(call.call_id)
    assert listener is not None
    listener.words.append(text)
    call.muted = True
    for _ in range(100):
        number = call._sequence = call._sequence + 1
        packet = build(payload_type, number & 0xFFFF, 160 * number, 77, encode(LOUD))
        call._media.send(packet, call._remote)
        await asyncio.sleep(0.02)
    call.muted = False


@pytest.mark.parametrize("way", ["offer", "late offer", "re-INVITE without SDP"])
def test_the_other_codec_is_heard_whoever_made_the_offer(tmp_path: Path, way: str) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            phone = await house.phone()
            call = dial(phone, PhoneCall if way == "offer" else LateOffer)
            if way == "late offer":
                await call.place(sdp=b"")
            elif way == "offer":
                await call.place(sdp=None)
            else:
                call.answer_body = b""  # type: ignore[attr-defined]
                await call.place()
            await call.until(lambda: call.is_up, 5)
            await call.hears_the_end()
            if way == "offer":
                assert (await call.reoffer(payload_types="0 8 101")).status == 200
            elif way == "re-INVITE without SDP":
                call.answer_body = None  # type: ignore[attr-defined]
                call.invite(b"")
                await phone.response(200)
                await phone.response(200)
            await speak(call, 8, PCMA.encode, QUESTION)
            await call.hears_the_end()
            assert call.heard_at[-1] > house.loop.time() - 1
            call.hang_up()
            await ended(house)

        assert house.report["transcript"].endswith(f"AI: {ANSWER}\n")

    story()


class OtherNumber(LateOffer):
    """Answers with a payload type of its own for telephone events."""

    def sdp(self, direction: str = "sendrecv", payload_types: str | None = "0 96") -> bytes:
        return super().sdp(direction, payload_types).replace(b"rtpmap:101", b"rtpmap:96")


@pytest.mark.parametrize("number", [101, 96], ids=["our number", "its own"])
def test_keys_are_heard_under_either_number_and_sent_under_the_answers(tmp_path: Path, number: int) -> None:
    @virtual
    async def story() -> None:
        async with open_house(tmp_path) as house:
            house.assistant.update(
                ASSISTANT | {"keypadInputPlan": {"enabled": True, "timeoutSeconds": 1, "delimiters": "#"}}
            )
            phone = await house.phone()
            call = dial(phone, OtherNumber)
            await call.place(sdp=b"")
            await call.until(lambda: call.is_up, 5)
            await call.hears_the_end()
            leg = next(iter(house.calls._active.values())).leg
            assert leg.agreement is not None
            assert leg.agreement.telephone_event_payload_type == 96
            assert call._media is not None
            assert call._remote is not None
            call.muted = True
            for step in range(5):
                sequence = call._sequence = call._sequence + 1
                payload = bytes((5, 0x8A if step > 1 else 10)) + (160 * min(step + 1, 3)).to_bytes(2, "big")
                call._media.send(build(number, sequence & 0xFFFF, 777, 77, payload), call._remote)
                await asyncio.sleep(0.02)
            call.muted = False
            await asyncio.sleep(5)
            assert leg.stream is not None
            assert leg.stream.statistics.invalid == 0
            call.hang_up()
            await ended(house)
        assert any("5" in one.get("message", "") for one in house.report["artifact"]["messages"])

    story()


@virtual
async def test_a_number_that_was_agreed_on_is_kept_in_what_we_offer_later(tmp_path: Path) -> None:
    """RFC 3264 §8.3.2: within a session a payload type does not change its meaning."""
    async with open_house(tmp_path) as house:
        phone = await house.phone()
        call = dial(phone, OtherNumber)
        await call.place(sdp=b"")
        await call.until(lambda: call.is_up, 5)
        call.invite(b"")
        await phone.response(200)
        offered = await phone.response(200)
        assert re.search(rb"m=audio \d+ RTP/AVP 0 8 96\r\n", offered.body)
        assert b"a=rtpmap:96 telephone-event/8000\r\n" in offered.body
        call.hang_up()
