"""Handshakes that wait for their turn, as they do where many come at once."""

from __future__ import annotations

import asyncio

import pytest

from offhook.network.turns import Lane, Work, lane
from offhook.sip.transports.tls import TLS
from tests.authority import Authority
from tests.sip.test_tls import Client, agent, is_closed


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def late(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Each step of a handshake waits for so long."""
    put, handshakes = Lane.put, lane("TLS handshakes")

    def put_later(self: Lane, cost: int, work: Work) -> None:
        if self is handshakes:
            asyncio.get_running_loop().call_later(seconds, work)
        else:
            put(self, cost, work)

    monkeypatch.setattr(Lane, "put", put_later)


async def test_a_handshake_that_waits_for_its_turns_comes_about(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with agent(authority.certificates("127.0.0.1")) as (_, _, _, there):
        late(monkeypatch, 0.01)
        client = await Client.to(there, authority.file)
        assert await client.asks("1") == "SIP/2.0 200 OK"
        assert await client.asks("2") == "SIP/2.0 200 OK"
        client.close()


async def test_no_more_is_taken_in_while_a_handshake_waits(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger would fill the memory meanwhile."""
    async with agent(authority.certificates("127.0.0.1")) as (_, _, transports, there):
        late(monkeypatch, 0.5)
        reader, writer = await asyncio.open_connection(*there)
        writer.write(b"\x16" * 16_000_000)
        most, closed = 0, asyncio.create_task(is_closed(reader))
        while not closed.done():
            for connection in transports.endpoints[TLS]._connections.values():  # type: ignore[attr-defined]
                most = max(most, connection._stream._incoming.pending)
            await asyncio.sleep(0.005)
        assert 0 < most < 1_000_000
        writer.transport.abort()
