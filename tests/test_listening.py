"""Ports and addresses that cannot be had are said with what to set instead."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from offhook.listening import check_sip, listen_http, listen_sip
from offhook.network import Address
from offhook.process import StartError

LOOPBACK = "127.0.0.1"


@pytest.fixture
def taken(request: pytest.FixtureRequest) -> Iterator[Address]:
    """A port that is taken for UDP or for TCP alone."""
    with socket.socket(socket.AF_INET, request.param) as other:
        other.bind((LOOPBACK, 0))
        if request.param is socket.SOCK_STREAM:
            other.listen()
        yield Address(*other.getsockname())


@pytest.mark.parametrize(
    ("taken", "what"),
    [(socket.SOCK_DGRAM, "SIP over UDP"), (socket.SOCK_STREAM, "SIP over TCP")],
    indirect=["taken"],
)
def test_sip_needs_its_port_for_both_transports(taken: Address, what: str) -> None:
    with pytest.raises(StartError, match=rf"{what} cannot listen on {taken} .*OFFHOOK_SIP"):
        check_sip(taken)


@pytest.mark.parametrize("taken", [socket.SOCK_STREAM], indirect=True)
def test_http_needs_its_port(taken: Address) -> None:
    with pytest.raises(StartError, match=rf"HTTP cannot listen on {taken} .*OFFHOOK_HTTP"):
        listen_http(taken)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nobody.invalid"])
def test_an_address_that_is_not_ours(host: str) -> None:
    address = Address(host, 15060)

    for refused in (check_sip, listen_http):
        with pytest.raises(StartError) as problem:
            refused(address)
        assert str(address) in str(problem.value)
        assert "\n" not in str(problem.value)


@pytest.mark.parametrize(("host", "families"), [("::", 2), ("0.0.0.0", 1), ("::1", 1), (LOOPBACK, 1)])
def test_each_family_has_sockets_of_its_own(host: str, families: int) -> None:
    """One of UDP and one of TCP, all on one port: a caller over IPv4 is one in both transports."""
    sockets = listen_sip(Address(host, 0))
    kinds = [(one.family, one.type) for one in sockets]
    ports = {one.getsockname()[1] for one in sockets}
    alone = {
        one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        for one in sockets
        if one.family is socket.AF_INET6
    }
    for one in sockets:
        one.close()

    assert len(kinds) == len(set(kinds)) == 2 * families
    assert len(ports) == 1
    assert alone <= {1}


def test_what_is_free_is_had() -> None:
    check_sip(Address(LOOPBACK, 0))

    with listen_http(Address(LOOPBACK, 0)) as listening:
        assert listening.getsockname()[1] > 0
