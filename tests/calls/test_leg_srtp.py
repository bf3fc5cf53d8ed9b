"""Two legs of ours with each other, one that offers and one that answers: their audio, keys and reports are
protected on the wire, over new offers too."""

from __future__ import annotations

import asyncio
import random

import pytest

from offhook.calls.leg import Leg, LegEnd, Media
from offhook.calls.srtp_policy import SrtpMode, SrtpPolicy
from offhook.media.engine import Engine
from offhook.media.local_plane import LocalPlane
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.sip.dialogs.handler import Answer
from offhook.sip.errors import SipError
from offhook.sip.messages.message import Request
from tests.virtual import run_virtual
from tests.wire import MemoryWire

LOUD = b"\x00\x20\x00\xe0" * 80
ALL_BUT_HEAD = 12


class End:
    """One side: a leg with an engine of its own. `pressed` is what the other one pressed."""

    def __init__(self, wire: MemoryWire, host: str, seed: int, policy: SrtpPolicy, *, secure: bool) -> None:
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        ports = PortPool(host, 30000, 30099, wire.open, rng)
        self.engine = Engine(Clock(loop), ports, now=lambda: 1e9 + loop.time(), rng=rng, patience=30.0)
        media = Media(LocalPlane(self.engine), lambda peer: host, lambda to, peer: True, rng, policy)
        self.pressed = ""
        self.ended = ""
        self.leg = Leg(media, self, self, peer="10.0.0.9", call_id=host, secure=secure)

    def leg_connected(self) -> None: ...
    def leg_ended(self, end: LegEnd, detail: str) -> None:
        self.ended = detail

    def leg_requested(self, request: Request) -> Answer | None:
        return None

    def digit(self, digit: str, milliseconds: int) -> None:
        self.pressed += digit

    @property
    def received(self) -> tuple[int, int]:
        """Packets that were heard, and those that could not be."""
        assert self.leg.stream is not None
        statistics = self.leg.stream.statistics
        return statistics.packets_received, statistics.invalid + statistics.rejected

    async def close(self) -> None:
        await self.leg.close()
        self.engine.close()


async def up(caller: End, called: End) -> None:
    answer = await called.leg.open(await caller.leg.open(None))
    assert caller.leg.answered(answer)
    called.leg.connect()
    for end in (caller, called):
        assert end.leg.stream is not None
        end.leg.stream.play(LOUD)


def test_audio_keys_and_reports_are_protected_over_new_offers() -> None:
    async def tale() -> None:
        wire = MemoryWire(random.Random(2))
        caller = End(wire, "10.0.0.1", 1, SrtpPolicy(), secure=True)
        called = End(wire, "10.0.0.2", 2, SrtpPolicy(), secure=True)
        await up(caller, called)
        await asyncio.sleep(8)
        again = called.leg.reoffered(caller.leg.reoffered(None))
        assert caller.leg.answered(again)  # the keys are the same: their packets are counted on
        before = caller.received[0], called.received[0]
        await asyncio.sleep(4)
        assert caller.leg.stream is not None
        caller.leg.stream.send_digits("42")
        await asyncio.sleep(2)

        assert called.pressed == "42"
        for end, earlier in ((caller, before[0]), (called, before[1])):
            assert end.received[0] > earlier + 250
            assert end.received[1] == 0
            assert end.leg.agreement is not None
            assert end.leg.agreement.srtp is not None
        # A frame of G.711 in clear is the same few octets over and over.
        loud = [one.data for one in wire.seen if len(one.data) > 160]
        assert {len(one) for one in loud} == {12 + 160 + 10}
        assert all(len(set(one[ALL_BUT_HEAD:])) > 40 for one in loud)
        await caller.close()
        await called.close()
        reports = [one.data for one in wire.seen if one.data[1] in (200, 201)]
        assert len(reports) > 4
        assert not any(b"\x81\xcb\x00\x01" in one for one in reports)  # no BYE that can be read

    run_virtual(tale())


@pytest.mark.parametrize(
    ("ours", "theirs", "secure", "protected"),
    [
        ("optional", "optional", True, True),
        ("required", "optional", True, True),
        ("optional", "required", True, True),
        ("optional", "off", True, False),
        ("off", "optional", True, False),
        ("optional", "optional", False, False),
        ("required", "off", True, None),
        ("off", "required", True, None),
        ("required", "required", False, None),
    ],
)
def test_what_two_policies_come_to(
    ours: SrtpMode, theirs: SrtpMode, secure: bool, protected: bool | None
) -> None:
    async def tale() -> None:
        wire = MemoryWire(random.Random(2))
        caller = End(wire, "10.0.0.1", 1, SrtpPolicy(ours), secure=secure)
        called = End(wire, "10.0.0.2", 2, SrtpPolicy(theirs), secure=secure)
        if protected is None:
            offer = await caller.leg.open(None)
            with pytest.raises(SipError, match="488"):
                await called.leg.open(offer)
        else:
            await up(caller, called)
            await asyncio.sleep(2)
            for end in (caller, called):
                assert end.received[0] > 90
                assert end.leg.agreement is not None
                assert (end.leg.agreement.srtp is not None) is protected
        await caller.close()
        await called.close()

    run_virtual(tale())


def crypto(description: bytes) -> list[bytes]:
    return [line for line in description.splitlines() if line.startswith(b"a=crypto")]


def test_after_a_while_in_clear_audio_is_protected_by_another_key() -> None:
    """The packets in clear were not counted, so the old one could not go on (RFC 3711 §3.3.1)."""

    async def tale() -> None:
        wire = MemoryWire(random.Random(2))
        caller = End(wire, "10.0.0.1", 1, SrtpPolicy(), secure=True)
        called = End(wire, "10.0.0.2", 2, SrtpPolicy(), secure=True)
        await up(caller, called)
        offers = [caller.leg.reoffered(None)]
        answers = [called.leg.reoffered(offers[0])]
        assert caller.leg.answered(answers[0])
        clear = b"\r\n".join(line for line in offers[0].splitlines() if line not in crypto(offers[0]))
        assert not crypto(called.leg.reoffered(clear + b"\r\n"))
        answers.append(called.leg.reoffered(offers[0]))
        assert len({crypto(one)[0] for one in answers}) == 2

        # The same for who offers.
        caller.leg.reoffered(None)
        bare = b"\r\n".join(line for line in answers[0].splitlines() if line not in crypto(answers[0]))
        assert caller.leg.answered(bare + b"\r\n")
        assert not {*crypto(offers[0])} & {*crypto(caller.leg.reoffered(None))}
        await caller.close()
        await called.close()

    run_virtual(tale())


class OnTheWay:
    """As much of a session as a leg asks for."""

    def __init__(self, secure: bool) -> None:
        self.secure = secure
        self.peer = None


@pytest.mark.parametrize("offers", [False, True])
@pytest.mark.parametrize("in_clear", [False, True])
def test_keys_are_told_by_signalling_that_is_secure_now(offers: bool, in_clear: bool) -> None:
    async def tale() -> None:
        wire, policy = MemoryWire(random.Random(2)), SrtpPolicy(in_clear=in_clear)
        caller = End(wire, "10.0.0.1", 1, policy, secure=True)
        called = End(wire, "10.0.0.2", 2, policy, secure=True)
        await up(caller, called)
        called.leg.session = OnTheWay(secure=True)  # type: ignore[assignment]
        offer = None if offers else caller.leg.reoffered(None)
        assert crypto(called.leg.reoffered(offer))
        called.leg.session = OnTheWay(secure=False)  # type: ignore[assignment]
        if in_clear:
            assert crypto(called.leg.reoffered(offer))
        else:
            before = called.leg.agreement
            with pytest.raises(SipError, match="488"):
                called.leg.reoffered(offer)
            assert called.leg.agreement is before
        called.leg.session = None
        await caller.close()
        await called.close()

    run_virtual(tale())


def test_audio_in_clear_goes_on_over_signalling_that_is_not_secure() -> None:
    async def tale() -> None:
        wire = MemoryWire(random.Random(2))
        caller = End(wire, "10.0.0.1", 1, SrtpPolicy("off"), secure=True)
        called = End(wire, "10.0.0.2", 2, SrtpPolicy(), secure=True)
        await up(caller, called)
        called.leg.session = OnTheWay(secure=False)  # type: ignore[assignment]
        assert not crypto(called.leg.reoffered(None))
        called.leg.session = None
        await caller.close()
        await called.close()

    run_virtual(tale())
