"""What `offhook demo` runs with."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from offhook.demo import run
from offhook.listening import check_sip
from offhook.network import Address

pytestmark = pytest.mark.slow


def test_the_demo_leaves_alone_what_is_set_for_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFHOOK_DATABASE_URL", "postgresql://me:pw@db.example.org/phones")
    monkeypatch.setenv("OFFHOOK_DATA", "/var/lib/offhook")
    monkeypatch.setenv("OFFHOOK_DOMAIN", "sip.example.org")
    monkeypatch.setenv("OFFHOOK_PUBLIC_ADDRESS", "203.0.113.7")
    monkeypatch.setenv("OFFHOOK_PUBLIC_URL", "https://api.example.org")

    settings = run._settings(tmp_path, "http://127.0.0.1:9/")

    assert settings.database == f"sqlite+aiosqlite:///{tmp_path}/offhook.db"
    assert settings.recordings.parent == tmp_path
    assert settings.domain is None
    assert settings.public_address == "127.0.0.1"
    assert settings.base_url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_a_sip_port_that_is_taken_for_one_transport_is_not_used(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        taken = Address("127.0.0.1", other.getsockname()[1])

        assert run._free(taken, check_sip) == Address("127.0.0.1", 0)
