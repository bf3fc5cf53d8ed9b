from __future__ import annotations

import asyncio
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.network import Address, AddressGuard, AddressRefused, ConnectFailed, NameNotFound, host_names
from offhook.network.guard import parse_host, why_refused
from tests.machine import PATIENCE
from tests.network.servers import always, reply, serving


class Names:
    """A resolver that gives the next list of answers each time it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, name: str) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


PUBLIC = ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "198.18.0.1", "::1", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1", "100::1", "64:ff9b:1::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
    "2002:7f00:1::1", "2002:c0a8:101::1", "fc00::5efe:8.8.8.8", "2606:4700::5efe:10.0.0.1",
]  # fmt: skip

NEVER = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255",
    "240.0.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "::", "fe80::1", "ff02::1",
    "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1", "2001::5601:5601",
]  # fmt: skip


@pytest.mark.parametrize("literal", PUBLIC)
async def test_a_public_address_is_let_through(literal: str) -> None:
    assert await AddressGuard().resolve(literal, 443) == [Address(str(ip_address(literal)), 443)]


@pytest.mark.parametrize("literal", PRIVATE + NEVER)
async def test_what_is_not_public_is_refused(literal: str) -> None:
    with pytest.raises(AddressRefused):
        await AddressGuard().resolve(literal, 443)
    with pytest.raises(AddressRefused):
        await AddressGuard(resolver=Names([literal])).resolve("innocent.example.com", 443)


@pytest.mark.parametrize("literal", PRIVATE)
async def test_private_addresses_are_a_setting(literal: str) -> None:
    assert await AddressGuard(allow_private=True).resolve(literal, 81)


@pytest.mark.parametrize("literal", NEVER)
async def test_metadata_and_link_local_addresses_are_no_setting(literal: str) -> None:
    with pytest.raises(AddressRefused):
        await AddressGuard(allow_private=True).resolve(literal, 443)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "127.0.0x1", "0x",
        "fe80::1%eth0", "[::1%25lo]", "a%2eb", "exa mple.com", "", ".", "a..b", "-a.com", "a" * 64 + ".com",
        ".".join(["a" * 60] * 5), "user@host", "host:80", "host/", "[::1", "b\u00fccher.de", "\u2460.com",
    ],
)  # fmt: skip
async def test_odd_spellings_are_refused(host: str) -> None:
    resolver = Names(["93.184.216.34"])
    with pytest.raises(AddressRefused):
        await AddressGuard(allow_private=True, resolver=resolver).resolve(host, 443)
    assert resolver.asked == 0


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "foo.localhost", "ip6-loopback"])
async def test_the_machines_own_names_are_refused_unasked(host: str) -> None:
    resolver = Names(["93.184.216.34"])
    with pytest.raises(AddressRefused):
        await AddressGuard(resolver=resolver).resolve(host, 443)
    assert resolver.asked == 0


async def test_every_answer_is_checked_not_only_the_first() -> None:
    guard = AddressGuard(resolver=Names(["93.184.216.34", "10.0.0.1"]))
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1 is private"):
        await guard.resolve("mixed.example.com", 443)


async def test_a_name_without_an_address_is_not_found() -> None:
    with pytest.raises(NameNotFound):
        await AddressGuard(resolver=Names([])).resolve("nothing.example.com", 443)


async def test_a_resolver_that_answers_rubbish_is_refused() -> None:
    with pytest.raises(AddressRefused):
        await AddressGuard(resolver=Names(["not-an-address"])).resolve("a.example.com", 443)


@pytest.mark.parametrize(
    ("port", "private"), [(0, True), (65536, True), (-1, True), (25, False), (22, False)]
)
async def test_ports_have_a_policy(port: int, private: bool) -> None:
    with pytest.raises(AddressRefused, match="port"):
        await AddressGuard(allow_private=private).resolve("93.184.216.34", port)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_what_passes_is_global_by_the_standard_library_too(address: IPv4Address | IPv6Address) -> None:
    if why_refused(address, allow_private=False) is None and not getattr(address, "ipv4_mapped", None):
        assert address.is_global or address in PUBLIC_BY_TRANSLATION
        assert not address.is_multicast


class _Translated:
    def __contains__(self, address: object) -> bool:
        return isinstance(address, IPv6Address) and int(address) >> 32 in (0, 0x0064FF9B << 64)


PUBLIC_BY_TRANSLATION = _Translated()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(host: str) -> None:
    try:
        parsed = parse_host(host)
    except AddressRefused:
        return
    if isinstance(parsed, str):
        assert parsed.isascii()
        assert parsed == parse_host(parsed)


async def test_connecting_goes_to_the_first_address_that_answers() -> None:
    async with serving(always(reply(200))) as server:
        resolver = Names(["127.0.0.9", "127.0.0.1"])
        sock = await AddressGuard(allow_private=True, resolver=resolver).connect("a.example.com", server.port)
        with sock:
            assert sock.getpeername() == ("127.0.0.1", server.port)
            assert not sock.getblocking()


async def test_connecting_to_nobody_says_what_was_tried() -> None:
    async with serving(always(reply(200))) as server:
        port = server.port
    with pytest.raises(ConnectFailed, match=f"127.0.0.1:{port}"):
        await AddressGuard(allow_private=True).connect("127.0.0.1", port)


async def test_connecting_is_guarded() -> None:
    with pytest.raises(AddressRefused):
        await AddressGuard().connect("127.0.0.1", 5060)


async def test_the_systems_resolver_asks_once_for_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    go = threading.Event()

    def look_up(name: str) -> list[str]:
        asked.append(name)
        go.wait(PATIENCE)
        return ["93.184.216.34"]

    monkeypatch.setattr(host_names, "_look_up", look_up)
    guard = AddressGuard()
    waiting = [asyncio.ensure_future(guard.resolve("slow.example.com", 443)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # who gives up takes nothing from the others
    go.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert asked == ["slow.example.com"]
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [[Address("93.184.216.34", 443)]] * 4


async def test_the_systems_resolver_knows_this_machine_and_not_the_invalid() -> None:
    found = await AddressGuard(allow_private=True).resolve("localhost", 80)
    assert Address("127.0.0.1", 80) in found
    with pytest.raises(NameNotFound):
        await AddressGuard().resolve("nobody.invalid", 80)


async def test_a_name_that_is_never_answered_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(host_names, "_look_up", lambda name: [str(go.wait(PATIENCE))])
    monkeypatch.setattr(host_names, "RESOLVE_TIMEOUT", 0.01)
    with pytest.raises(NameNotFound, match="no answer"):
        await AddressGuard().resolve("slow.example.com", 443)
    go.set()


@pytest.mark.parametrize(
    ("to", "port", "signalling", "private", "allowed"),
    [
        # Who signals is answered wherever it is.
        ("203.0.114.7", 4000, "203.0.114.7", False, True),
        ("192.168.1.7", 80, "192.168.1.7", False, True),
        ("127.0.0.1", 4000, "127.0.0.1", False, True),
        ("8.8.4.4", 4000, "::ffff:8.8.4.4", False, True),
        # A provider's media server beside its signalling, a PBX's phones beside the PBX.
        ("8.8.4.4", 4000, "8.8.8.8", False, True),
        ("2600::4", 4000, "2600::8", False, True),
        ("192.168.1.50", 4000, "192.168.1.7", False, True),
        ("127.0.0.2", 4000, "127.0.0.1", False, True),
        # A private address in the SDP of somebody outside: a host of ours, or nobody.
        ("192.168.1.50", 4000, "8.8.8.8", False, False),
        ("10.0.0.1", 4000, "8.8.8.8", False, False),
        ("127.0.0.1", 4000, "8.8.8.8", False, False),
        ("::1", 4000, "2600::8", False, False),
        ("::ffff:10.0.0.1", 4000, "8.8.8.8", False, False),
        ("fd00::1", 4000, "2600::8", False, False),
        ("192.168.1.50", 4000, "8.8.8.8", True, True),
        # The node's own loopback is not of its network.
        ("127.0.0.1", 4000, "192.168.1.7", False, False),
        # Services, which are nobody's audio.
        ("8.8.4.4", 53, "8.8.8.8", False, False),
        # Nobody, everybody, and what hands out secrets.
        ("0.0.0.1", 4000, "8.8.8.8", True, False),
        ("224.0.0.1", 4000, "8.8.8.8", True, False),
        ("239.1.1.1", 4000, "192.168.1.7", True, False),
        ("255.255.255.255", 4000, "192.168.1.7", True, False),
        ("240.0.0.1", 4000, "8.8.8.8", True, False),
        ("169.254.169.254", 4000, "8.8.8.8", True, False),
        ("::ffff:169.254.169.254", 4000, "8.8.8.8", True, False),
        ("fe80::1", 4000, "2600::8", True, False),
        ("2600::1%eth0", 4000, "2600::8", True, False),
        ("ff02::1", 4000, "fd00::8", True, False),
        ("::", 4000, "2600::8", True, False),
    ],
)
def test_where_audio_may_be_sent_before_any_came_from_there(
    to: str, port: int, signalling: str, private: bool, allowed: bool
) -> None:
    assert AddressGuard(allow_private=private).lets_media(Address(to, port), signalling) is allowed
