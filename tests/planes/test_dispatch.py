"""Each call is one process's alone, whoever reads its messages."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import pytest

from offhook.network import Address
from offhook.planes import dispatch as dispatch_module
from offhook.planes.dispatch import MOST_WAITING, Way
from offhook.planes.handing import LARGEST, Handed, HandedKind, packed_far_ends
from offhook.planes.siblings import ONLY, Siblings
from offhook.sip import Flow, Uri
from offhook.sip.messages.message import Request
from offhook.sip.transports import stream_endpoint
from offhook.sip.transports.places import ConnectionLimits
from offhook.sip.transports.tcp import TCP
from tests.machine import PATIENCE
from tests.planes.pair import KEY, node, phone_of, until, waits
from tests.sip.agents import ANSWER, ME, Recorder
from tests.sip.test_transport import Line
from tests.wire import OFFER, ScriptedPhone


@pytest.mark.parametrize("owner", [1, 2])
async def test_a_call_over_udp_is_its_process_s_from_end_to_end(owner: int) -> None:
    async with node() as on, phone_of(on) as phone:
        call = phone.call()
        call.call_id = on.call_id(owner)
        mine, other = on.processes[owner - 1], on.processes[2 - owner]
        await call.connected()
        await until(lambda: mine.desk.recorder.events)
        call.invite(OFFER)  # once more, within
        await call.answered()
        call.ack()
        call.bye()
        await phone.response(200)
        assert mine.desk.recorder.events == [("acknowledged", b""), ("reoffered", OFFER), "hung up"]
        assert not other.desk.invitations


@pytest.mark.parametrize("owner", [1, 2])
@pytest.mark.parametrize("written", [b"Call-ID: ", b"i:", b"CALL-id \t:\r\n  "])
async def test_whatever_form_the_call_id_comes_in(owner: int, written: bytes) -> None:
    """A CANCEL and repetitions find their INVITE, and no second call begins."""
    async with node(waits) as on, phone_of(on) as phone:
        call = phone.call()
        call.call_id = on.call_id(owner)
        invite = call.make("INVITE", 1, phone.branch(), OFFER)
        for _ in range(3):
            phone.send(invite.replace(b"Call-ID: ", written))
        mine, other = on.processes[owner - 1], on.processes[2 - owner]
        await until(lambda: mine.desk.invitations)
        cancel = invite.replace(b"INVITE", b"CANCEL").replace(OFFER, b"")
        cancel = cancel.replace(b"Content-Length: %d" % len(OFFER), b"Content-Length: 0")
        phone.send(cancel.replace(b"Content-Type: application/sdp\r\n", b""))
        await phone.response(487)
        assert (len(mine.desk.invitations), mine.desk.cancelled) == (1, 1)
        assert not other.desk.invitations


async def test_calls_of_both_share_a_connection() -> None:
    """What the other process sends goes by it too: responses, and its own BYE."""
    async with node() as on:
        line = await Line.to(on.address)
        for owner in (1, 2):
            call_id = on.call_id(owner)
            line.send(line.request("INVITE", 1, OFFER, call=call_id))
            answered = await line.status(200)
            assert answered.call_id == call_id
            line.send(line.request("ACK", 1, to=str(answered.to), call=call_id))
            mine = on.processes[owner - 1]
            await until(partial(getattr, mine.desk.recorder, "events"))
            mine.desk.sessions[-1].bye()
            bye = await line.message()
            assert (bye.method, bye.call_id, bye.via.protocol) == ("BYE", call_id, "TCP")
        assert [one.transports.connections for one in on] == [1, 0]  # who accepted it still has it
        line.close()


async def test_a_connection_that_is_gone_is_gone_for_all() -> None:
    async with node() as on:
        line = await Line.to(on.address)
        call_id = on.call_id(2)
        line.send(line.request("INVITE", 1, OFFER, call=call_id))
        line.send(line.request("ACK", 1, to=str((await line.status(200)).to), call=call_id))
        second = on.processes[1]
        await until(lambda: second.desk.recorder.events)
        assert second.dispatch.is_open(Flow(TCP, line.local))
        assert (await second.dispatch.connect(TCP, line.local)).remote == line.local
        line.close()
        await until(lambda: not second.dispatch.is_open(Flow(TCP, line.local)))


async def test_what_is_sent_by_a_connection_that_has_just_gone_is_told_to_be_lost() -> None:
    async with node() as on:
        first, second = on
        gone = Flow(TCP, Address("127.0.0.1", 9), on.address)
        second.dispatch._handed(Handed(HandedKind.ARRIVED, 1, gone, b"\r\n"))
        lost: list[Flow] = []
        second.dispatch._lost = lost.append
        second.dispatch.send(b"SIP/2.0 200 OK\r\n\r\n", gone)
        await until(lambda: lost)
        assert not second.dispatch.is_open(gone)
        assert first.transports.connections == 0


async def test_a_message_whose_connection_broke_before_its_turn_leaves_nothing_behind() -> None:
    async with node() as on:
        first, second = on
        gone = Flow(TCP, Address("127.0.0.1", 9), on.address)
        message = f"OPTIONS sip:x SIP/2.0\r\nCall-ID: {on.call_id(2)}\r\n\r\n".encode()
        came: list[bytes] = []
        second.dispatch._received = lambda data, flow: came.append(data)
        first.dispatch._admitted(message, gone)
        await until(lambda: came == [message])
        assert first.dispatch._handed_on == {}
        await until(lambda: not second.dispatch.is_open(gone))


async def test_a_request_by_a_connection_that_its_process_has_no_room_for_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once and for a while; what wants no answer gets none, and the connection serves on."""
    async with node() as on:
        line = await Line.to(on.address)
        monkeypatch.setattr(stream_endpoint, "may_wait", lambda data: 0)
        theirs, own = on.call_id(2), on.call_id(1)
        line.send(line.request("ACK", 1, call=theirs))
        line.send(b"SIP/2.0 200 OK\r\nCall-ID: %s\r\nContent-Length: 0\r\n\r\n" % theirs.encode())
        for method in ("INVITE", "BYE", "OPTIONS"):
            line.send(line.request(method, 1, call=theirs))
            refused = await line.status(503)
            assert (refused.call_id, refused.headers.get("Retry-After")) == (theirs, "10")
        line.send(line.request("OPTIONS", 1, call=own))
        assert (await line.status(200)).call_id == own
        assert not on.processes[1].desk.invitations
        line.close()


async def test_a_connection_waits_for_no_process_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept for it is bounded; each request beyond that is refused, none is lost."""
    monkeypatch.setattr(dispatch_module, "MOST_WAITING", 100_000)
    async with node() as on:
        line = await Line.to(on.address)
        first, second = on
        assert second.siblings.inbox is not None
        asyncio.get_running_loop().remove_reader(second.siblings.inbox.fileno())
        first.siblings.ways[2].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        count = 40
        for number in range(count):
            line.send(line.request("OPTIONS", number + 1, b"x" * 20_000, call=on.call_id(2)))
        refused = await line.message()
        assert refused.status == 503
        line.send(line.request("OPTIONS", 1, call=(own := on.call_id(1))))
        answers = [refused]
        while answers[-1].call_id != own:
            answers.append(await line.message())
        second.dispatch.open()
        while len(answers) < count + 1:
            answers.append(await line.message())
        assert {one.status for one in answers} == {200, 503}
        line.close()


async def test_what_cannot_be_handed_back_for_a_connection_tells_that_it_is_lost() -> None:
    async with node() as on:
        second = on.processes[1]
        line = await Line.to(on.address)
        line.send(line.request("OPTIONS", 1, call=on.call_id(2)))
        await line.status(200)  # what the first said when it began has been heard
        there = Flow(TCP, Address("127.0.0.1", 9), on.address)
        second.dispatch._handed(Handed(HandedKind.ARRIVED, 1, there, b"\r\n"))
        lost: list[Flow] = []
        second.dispatch._lost = lost.append
        second.dispatch.send(b"x" * 10_000_000, there)
        await until(lambda: lost)
        assert not second.dispatch.is_open(there)
        line.close()


async def test_a_connection_that_a_call_of_another_needs_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it closes one that nobody needs for a newer one, and none of the calls'."""
    monkeypatch.setattr(dispatch_module, "TOLD_SECONDS", 0.01)
    async with node(limits=ConnectionLimits(connections=2, per_source=2)) as on:
        needed, idle = await Line.to(on.address), await Line.to(on.address)
        call_id = on.call_id(2)
        needed.send(needed.request("INVITE", 1, OFFER, call=call_id))
        needed.send(needed.request("ACK", 1, to=str((await needed.status(200)).to), call=call_id))
        idle.send(idle.request("OPTIONS", 1, call=on.call_id(2)))
        await idle.status(200)
        await until(lambda: on.processes[0].dispatch._needed.get(2) == frozenset({(TCP, needed.local)}))
        third = await Line.to(on.address)
        assert await idle.ended()
        on.processes[1].desk.sessions[-1].bye()
        assert (await needed.message()).method == "BYE"
        for line in (needed, idle, third):
            line.close()


@pytest.mark.parametrize("maker", [1, 2])
async def test_a_call_of_our_own_falls_to_who_makes_it(maker: int) -> None:
    """And so do the answers, whoever reads them, and what the called side sends later."""
    async with node() as on, phone_of(on) as phone:
        mine = on.processes[maker - 1]
        recorder = Recorder()
        uri = Uri.parse(f"sip:phone@{phone.socket.local}")
        calls = [mine.agent.invite(uri, from_=ME, body=OFFER, handler=recorder) for _ in range(20)]
        assert {mine.siblings.owner(one.call_id.encode()) for one in calls} == {maker}
        for one in calls[1:]:
            one.cancel()
        invite = await phone.request("INVITE")
        while invite.call_id != calls[0].call_id:
            invite = await phone.request("INVITE")
        phone.reply(invite, 200, body=ANSWER)
        await calls[0].wait()
        phone.send(_bye_of(phone, invite))
        await until(lambda: "hung up" in recorder.events)


def _bye_of(phone: ScriptedPhone, invite: Request) -> bytes:
    from tests.wire import ScriptedCall

    call = ScriptedCall.of(phone, invite)
    return call.make("BYE", 1, phone.branch())


async def test_a_successor_has_none_of_the_connections_of_who_was_before() -> None:
    async with node() as on:
        first, second = on
        there = Flow(TCP, Address("127.0.0.1", 9), on.address)
        second.dispatch._handed(Handed(HandedKind.ARRIVED, 1, there, b"\r\n"))
        second.dispatch._handed(
            Handed(HandedKind.IN_USE, 1, there, packed_far_ends(frozenset({there.far_end})))
        )
        assert second.dispatch.is_open(there)
        first.dispatch.open()  # as it does when it has been started
        await until(lambda: not second.dispatch.is_open(there))
        assert second.dispatch._needed == {}


async def test_what_is_no_message_is_for_whoever_reads_it() -> None:
    async with node() as on, phone_of(on) as phone:
        for keep_alive in (b"\r\n\r\n", b"\0", b"\r\n"):
            phone.send(keep_alive)
        phone.send(b"OPTIONS sip:x SIP/2.0\r\nFrom: nobody\r\n\r\n")
        call = phone.call()
        call.request("OPTIONS")
        await phone.response(200)
        assert [len(one.desk.invitations) for one in on] == [0, 0]


# -- what one process hands another ----------------------------------------------------------------


class Reader:
    """The other end of a way, which is read when it is asked for."""

    def __init__(self) -> None:
        self.socket, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        ours.setblocking(False)
        self.way = Way(asyncio.get_running_loop(), ours)
        self._ours = ours

    async def frames(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < count:
            try:
                found.append(self.socket.recv(LARGEST))
            except BlockingIOError:
                await asyncio.sleep(0.001)
        return found

    def close(self) -> None:
        self.way.close()
        self._ours.close()
        self.socket.close()


async def test_messages_of_connections_wait_in_their_order_for_who_stands_still() -> None:
    reader = Reader()
    frames = [b"%d " % number + b"x" * 1000 for number in range(2000)]
    for frame in frames:
        reader.way.send(frame, keep=True)
    async with asyncio.timeout(PATIENCE):
        assert await reader.frames(2000) == frames
    reader.close()


async def test_what_waits_for_who_stands_still_is_bounded() -> None:
    """And a datagram does not wait at all: it overtakes nothing, and is lost."""
    reader = Reader()
    for _ in range(3 * MOST_WAITING // 10_000):
        reader.way.send(b"x" * 10_000, keep=True)
    reader.way.send(b"datagram", keep=False)
    assert reader.way._octets <= MOST_WAITING
    async with asyncio.timeout(PATIENCE):
        found = await reader.frames(len(reader.way._waiting))
    assert b"datagram" not in found
    reader.close()


async def test_who_is_gone_is_written_to_without_harm() -> None:
    reader = Reader()
    reader.socket.close()
    reader.way.send(b"x", keep=True)
    reader.way.send(b"x" * 10_000_000, keep=True)
    reader.close()


# -- whose a call is --------------------------------------------------------------------------------


def test_calls_are_spread_evenly_whatever_they_are_called() -> None:
    siblings = Siblings(1, 4, KEY)
    owners = [siblings.owner(f"{number}@host".encode()) for number in range(4000)]
    assert all(900 < owners.count(number) < 1100 for number in (1, 2, 3, 4))


def test_nobody_knows_beforehand_whose_a_call_will_be() -> None:
    one, other = Siblings(1, 2, KEY), Siblings(1, 2, KEY[::-1])
    ids = [str(number).encode() for number in range(100)]
    assert [one.owner(call_id) for call_id in ids] != [other.owner(call_id) for call_id in ids]


def test_who_is_alone_has_all_calls() -> None:
    assert {ONLY.owner(str(number).encode()) for number in range(100)} == {1}
    assert ONLY.is_ours("any")
