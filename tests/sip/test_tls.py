"""SIP over TLS on loopback: whole calls, whom a certificate proves, and what strangers do to a handshake."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from offhook.network import Address
from offhook.network.certificates import CertificateFiles, Certificates
from offhook.sip import ConnectionLimits, NameAddr, Transports, Uri, UserAgent
from offhook.sip.transports import tls
from offhook.sip.transports.table import TRANSPORTS
from offhook.sip.transports.tcp import TCP
from offhook.sip.transports.tls import TLS
from tests.authority import Authority
from tests.machine import PATIENCE, needs_ipv6
from tests.sip.agents import ANSWER, Desk, Recorder, refusal
from tests.wire import OFFER

ME = NameAddr.parse("<sip:me@127.0.0.1>")
OPTIONS = (
    "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n"
    "From: <sip:b@127.0.0.1>;tag=b\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: {branch}\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def resolve(host: str, port: int, transport: object) -> Address:
    """All names are this machine's."""
    return Address(host if host.startswith("127.") or ":" in host else "127.0.0.1", port)


@asynccontextmanager
async def agent(
    certificates: Certificates, host: str = "127.0.0.1", limits: ConnectionLimits | None = None
) -> AsyncIterator[tuple[UserAgent, Desk, Transports, Address]]:
    desk, transports = Desk(), Transports(limits=limits, certificates=certificates)
    one = UserAgent(desk, transports=transports, rng=random.Random(5), resolve=resolve)
    address = await transports.listen(host, 0, over=(TLS,))
    try:
        async with asyncio.timeout(PATIENCE):
            yield one, desk, transports, address
    finally:
        await one.close()
        assert (one.dialogs, one.transactions, one.tasks, transports.connections) == (0, 0, 0, 0)


class Client:
    """Whoever connects by TLS and writes octets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, address: Address, trusted: Path, **options: Any) -> Client:
        context = options.pop("context", None) or ssl.create_default_context(cafile=str(trusted))
        return cls(*await asyncio.open_connection(*address, ssl=context, **options))

    async def asks(self, branch: str, uri: str = "sip:a@127.0.0.1") -> str:
        """The first line of the answer to OPTIONS."""
        self.writer.write(OPTIONS.format(branch=branch, uri=uri).encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head.partition(b"\r\n")[0].decode()

    def close(self) -> None:
        self.writer.close()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """By a farewell or without one."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
@pytest.mark.parametrize("uri", ["sip:a@{};transport=tls", "sips:a@{}", "sips:a@{};transport=tcp"])
async def test_a_whole_call(authority: Authority, uri: str, host: str) -> None:
    certificates = authority.certificates(host)
    async with (
        agent(certificates, host) as (_, desk, theirs, there),
        agent(certificates, host) as (
            caller,
            _,
            ours,
            here,
        ),
    ):
        recorder = Recorder()
        target = Uri.parse(uri.format(there))
        session = await caller.invite(target, from_=ME, body=OFFER, handler=recorder).wait()
        (invitation,) = desk.invitations

        assert invitation.transport is TLS
        assert invitation.request.via.protocol == "TLS"
        assert (invitation.request.via.host, invitation.request.via.port) == tuple(here)
        secure = uri.startswith("sips")
        for contact in (invitation.request.contact, session.dialog.target):
            assert contact is not None
            found = contact if isinstance(contact, Uri) else contact.uri
            assert (found.scheme, found.param("transport")) == (("sips", None) if secure else ("sip", "tls"))
            assert (found.host, found.port) == tuple(here if contact is invitation.request.contact else there)

        assert (await session.reinvite(OFFER)).body == ANSWER
        assert desk.sessions[0].secure
        assert (await session.reoffer()).body == ANSWER
        assert session.secure
        assert recorder.events == [("reoffered", None), ("acknowledged", ANSWER)]
        recorder.events.clear()
        assert (await desk.sessions[0].request("INFO", body=b"Signal=5", content_type="text/plain")).status
        desk.sessions[0].bye()
        await session.closed.wait()

        assert recorder.events == [("INFO", b"Signal=5"), "hung up"]
        assert (theirs.connections, ours.connections) == (1, 1)


async def test_a_secret_address_is_not_served_over_an_open_transport(authority: Authority) -> None:
    async with agent(authority.certificates("127.0.0.1")) as (_, _, transports, address):
        clear = await transports.listen("127.0.0.1", 0, over=(TCP,))
        reader, writer = await asyncio.open_connection(*clear)
        open_client, secret_client = Client(reader, writer), await Client.to(address, authority.file)

        assert await open_client.asks("1", "sips:a@127.0.0.1") == "SIP/2.0 480 SIPS Not Allowed"
        assert await open_client.asks("2") == "SIP/2.0 200 OK"
        assert await secret_client.asks("3", "sips:a@127.0.0.1") == "SIP/2.0 200 OK"
        open_client.close()
        secret_client.close()


# -- whom we connect to ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "host", "status"),
    [
        (["127.0.0.1"], "127.0.0.1", 200),
        (["pbx.test"], "pbx.test", 200),
        (["*.pbx.test"], "sip.pbx.test", 200),
        (["other.test"], "pbx.test", 503),
        (["pbx.test"], "127.0.0.1", 503),
        (["127.0.0.1"], "pbx.test", 503),
    ],
)
async def test_who_is_called_proves_its_name(
    authority: Authority, names: list[str], host: str, status: int
) -> None:
    async with (
        agent(authority.certificates(*names)) as (_, desk, _, there),
        agent(authority.certificates("127.0.0.1")) as (caller, *_),
    ):
        target = Uri.parse(f"sips:a@{host}:{there.port}")
        call = caller.invite(target, from_=ME, body=OFFER, handler=Recorder())
        if status == 200:
            (await call.wait()).bye()
        else:
            assert await refusal(call.wait()) == status
            assert desk.invitations == []  # nothing was told to who is somebody else


async def test_an_address_that_was_looked_up_proves_the_name(authority: Authority) -> None:
    """As a destination is called: its address was checked before."""
    async with (
        agent(authority.certificates("pbx.test")) as (_, _, _, there),
        agent(authority.certificates("127.0.0.1")) as (caller, *_),
    ):
        for host, status in (("pbx.test", 200), ("other.test", 503)):
            target = Uri.parse(f"sip:a@{host}:{there.port};transport=tls")
            call = caller.invite(target, from_=ME, body=OFFER, handler=Recorder(), via=there, transport=TLS)
            if status == 200:
                (await call.wait()).bye()
            else:  # the connection that is still there is another's
                assert await refusal(call.wait()) == status


async def test_a_stranger_s_authority_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    async with (
        agent(stranger.certificates("127.0.0.1")) as (_, desk, _, there),
        agent(authority.certificates("127.0.0.1")) as (caller, *_),
    ):
        call = caller.invite(Uri.parse(f"sips:a@{there}"), from_=ME, body=OFFER, handler=Recorder())
        assert await refusal(call.wait()) == 503
        assert desk.invitations == []


async def test_calls_to_one_place_share_a_connection(authority: Authority) -> None:
    certificates = authority.certificates("pbx.test")
    async with agent(certificates) as (_, _, theirs, there), agent(certificates) as (caller, _, ours, _):
        target = Uri.parse(f"sips:a@pbx.test:{there.port}")
        calls = [caller.invite(target, from_=ME, body=OFFER, handler=Recorder()) for _ in range(5)]
        sessions = [await call.wait() for call in calls]

        assert (theirs.connections, ours.connections) == (1, 1)
        for session in sessions:
            session.bye()
            await session.closed.wait()


# -- certificates ---------------------------------------------------------------------------------


async def test_who_calls_shows_a_certificate_where_it_is_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    files = authority.files("127.0.0.1")
    asking = authority.certificates("127.0.0.1", client_authorities=authority.file)
    async with agent(asking) as (_, desk, _, there):
        callers = {
            200: Certificates(files),
            503: Certificates(CertificateFiles(*stranger.issue("127.0.0.1"), authority.file)),
            # without any
            504: Certificates(CertificateFiles(authorities=authority.file)),
        }
        for status, certificates in callers.items():
            transports = Transports(certificates=certificates)
            caller = UserAgent(Desk(), transports=transports, rng=random.Random(6), resolve=resolve)
            await transports.listen("127.0.0.1", 0)
            call = caller.invite(Uri.parse(f"sips:a@{there}"), from_=ME, body=OFFER, handler=Recorder())
            if status == 200:
                (await call.wait()).bye()
            else:
                assert await refusal(call.wait()) == 503
            await caller.close(1.0)
        assert len(desk.invitations) == 1


async def test_a_new_certificate_is_for_new_connections(authority: Authority) -> None:
    files = authority.files("127.0.0.1")
    certificates = Certificates(files)
    async with agent(certificates) as (_, _, _, there):

        def serial(of: Client) -> object:
            return of.writer.get_extra_info("peercert")["serialNumber"]

        old = await Client.to(there, authority.file)
        for there_file, new in zip((files.certificate, files.key), authority.issue("127.0.0.1"), strict=True):
            assert there_file is not None
            there_file.write_bytes(new.read_bytes())
        certificates.read()
        new_one = await Client.to(there, authority.file)

        assert serial(old) != serial(new_one)
        assert await old.asks("1") == "SIP/2.0 200 OK"
        assert await new_one.asks("2") == "SIP/2.0 200 OK"
        old.close()
        new_one.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_that_are_safe_are_spoken(authority: Authority, version: ssl.TLSVersion) -> None:
    async with agent(authority.certificates("127.0.0.1")) as (_, _, _, there):
        context = ssl.create_default_context(cafile=str(authority.file))
        context.minimum_version = context.maximum_version = version
        client = await Client.to(there, authority.file, context=context)
        assert await client.asks("1") == "SIP/2.0 200 OK"
        client.writer.write(b"\r\n\r\n")
        assert await client.reader.readexactly(2) == b"\r\n"
        client.close()


async def test_messages_may_be_cut_anywhere(authority: Authority) -> None:
    async with agent(authority.certificates("127.0.0.1")) as (_, _, _, there):
        client = await Client.to(there, authority.file)
        for octet in OPTIONS.format(branch="c", uri="sip:a@127.0.0.1").encode():
            client.writer.write(bytes([octet]))
        assert (await client.reader.readline()).startswith(b"SIP/2.0 200")
        client.close()


def test_the_same_on_uvloop(authority: Authority) -> None:
    async def story() -> None:
        certificates = authority.certificates("pbx.test")
        async with agent(certificates) as (_, _, _, there), agent(certificates) as (caller, *_):
            target = Uri.parse(f"sips:a@pbx.test:{there.port}")
            session = await caller.invite(target, from_=ME, body=OFFER, handler=Recorder()).wait()
            assert (await session.reinvite(OFFER)).body == ANSWER
            session.bye()
            await session.closed.wait()
            for junk in (b"", b"x" * 100_000):
                reader, writer = await asyncio.open_connection(*there)
                writer.write(junk)
                writer.write_eof()
                assert await is_closed(reader)
                writer.close()

    uvloop.run(story())


# -- strangers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    [
        b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\x16\x03\x01\xff\xff" + b"\0" * 70_000,
        b"\0" * 1000,
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
    ],
)
async def test_what_is_no_handshake_ends_the_connection(authority: Authority, junk: bytes) -> None:
    async with agent(authority.certificates("127.0.0.1")) as (_, _, transports, there):
        reader, writer = await asyncio.open_connection(*there)
        writer.write(junk)
        assert await is_closed(reader)
        writer.close()
        client = await Client.to(there, authority.file)
        assert await client.asks("1") == "SIP/2.0 200 OK"
        client.close()
        while transports.connections:
            await asyncio.sleep(0.01)


async def test_who_never_shakes_hands_is_let_go(authority: Authority) -> None:
    limits = ConnectionLimits(first=0.2)
    async with agent(authority.certificates("127.0.0.1"), limits=limits) as (_, _, _, there):
        reader, writer = await asyncio.open_connection(*there)
        assert await is_closed(reader)
        writer.close()


async def test_who_shakes_hands_and_says_nothing_is_let_go(authority: Authority) -> None:
    limits = ConnectionLimits(first=0.5)
    async with agent(authority.certificates("127.0.0.1"), limits=limits) as (_, _, _, there):
        client = await Client.to(there, authority.file)
        assert await is_closed(client.reader)
        client.close()


async def test_half_a_handshake_has_a_place_of_its_source(authority: Authority) -> None:
    limits = ConnectionLimits(per_source=8)
    async with agent(authority.certificates("127.0.0.1"), limits=limits) as (_, _, transports, there):
        silent = [await asyncio.open_connection(*there) for _ in range(20)]
        client = await Client.to(there, authority.file)

        assert await client.asks("1") == "SIP/2.0 200 OK"
        assert transports.connections <= 8
        client.close()
        for _, writer in silent:
            writer.close()


async def test_one_source_does_not_begin_handshakes_without_end(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKES", (0.001, 3))
    async with agent(authority.certificates("127.0.0.1")) as (_, _, _, there):
        for _ in range(3):
            (await Client.to(there, authority.file)).close()
        with pytest.raises((OSError, ssl.SSLError)):
            await Client.to(there, authority.file)


async def test_who_does_not_answer_our_handshake_is_given_up(authority: Authority) -> None:
    limits = ConnectionLimits(connect=0.2)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, agent(authority.certificates("127.0.0.1"), limits=limits) as (caller, *_):
        target = Uri.parse(f"sips:a@127.0.0.1:{port}")
        call = caller.invite(target, from_=ME, body=OFFER, handler=Recorder())
        assert await refusal(call.wait()) == 503


def test_it_is_in_the_table() -> None:
    assert TRANSPORTS["tls"] is TLS
    assert (TLS.secure, TLS.reliable, TLS.default_port, TLS.protocol) == (True, True, 5061, "TLS")
