"""A certificate that nobody would take is said before anybody connects, and names are those of RFC 5922."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from offhook.network.certificates import CertificateFiles, CertificateProblem, Certificates, proves
from tests.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def problem(certificate: Path, key: Path | None, **files: Path) -> str:
    with pytest.raises(CertificateProblem) as found:
        Certificates(CertificateFiles(certificate, key, **files))
    assert "\n" not in str(found.value)
    return str(found.value)


def test_a_certificate_is_good_until_it_says(authority: Authority) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
    certificates = Certificates(CertificateFiles(*authority.issue("sip.example.org", expires=until)))

    assert certificates.expires == until.timestamp()
    assert certificates.serving is not None


def test_key_and_certificate_may_be_one_file(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("sip.example.org")
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())

    assert Certificates(CertificateFiles(both)).expires


def test_an_expired_one(authority: Authority) -> None:
    certificate, key = authority.issue("sip.example.org", expires=datetime.now(UTC) - timedelta(hours=1))

    assert (
        problem(certificate, key)
        == f"the certificate in {certificate} cannot be used: certificate has expired"
    )


def test_an_expired_one_is_shown_where_the_node_serves_already(authority: Authority) -> None:
    until = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    certificate, key = authority.issue("sip.example.org", expires=until)
    certificates = Certificates(CertificateFiles(certificate, key), even_expired=True)

    assert certificates.expires == until.timestamp()
    assert certificates.serving is not None
    with pytest.raises(CertificateProblem, match="has expired"):
        certificates.read()
    with pytest.raises(CertificateProblem):
        Certificates(CertificateFiles(certificate, authority.issue("sip.example.org")[1]), even_expired=True)


def test_the_key_of_another(authority: Authority) -> None:
    certificate, _ = authority.issue("sip.example.org")
    _, other = authority.issue("sip.example.org")

    assert (
        problem(certificate, other) == f"the key in {other} is not that of the certificate in {certificate}"
    )


def test_files_that_are_not_there_or_are_something_else(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("sip.example.org")
    text, missing = tmp_path / "text", tmp_path / "missing"
    text.write_text("-----BEGIN NOTHING-----\n")

    assert problem(missing, key) == f"{missing} cannot be read (No such file or directory)"
    assert problem(certificate, missing) == f"{missing} cannot be read (No such file or directory)"
    assert problem(certificate, tmp_path) == f"{tmp_path} cannot be read (Is a directory)"
    assert problem(text, key) == f"{text} holds no PEM certificate"
    assert problem(certificate, text) == f"{text} holds no PEM key"
    assert problem(certificate, None) == f"{certificate} holds no PEM key"
    assert problem(certificate, key, authorities=text) == f"{text} holds no PEM certificate"
    assert problem(certificate, key, client_authorities=text) == f"{text} holds no PEM certificate"


def test_a_key_with_a_password_is_not_asked_for_on_the_terminal(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("sip.example.org")
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-aes128", "-passout", "pass:secret", "-in", str(key), "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)

    assert problem(certificate, locked) == f"{locked} is locked by a password: store it without"


def test_files_that_cannot_be_used_leave_everything_as_it_was(authority: Authority) -> None:
    files = CertificateFiles(*authority.issue("sip.example.org"))
    certificates = Certificates(files)
    before = certificates.serving, certificates.calling, certificates.expires
    assert files.certificate is not None
    files.certificate.write_text("half a file, as somebody writes it")

    with pytest.raises(CertificateProblem):
        certificates.read()

    assert (certificates.serving, certificates.calling, certificates.expires) == before


def test_without_a_certificate_nobody_is_served() -> None:
    with pytest.raises(CertificateProblem):
        _ = Certificates().serving


def named(*names: tuple[str, str]) -> dict[str, Any]:
    return {"subject": ((("commonName", "common.example.org"),),), "subjectAltName": names}


@pytest.mark.parametrize(
    ("names", "name", "proved"),
    [
        ([("DNS", "sip.example.org")], "sip.example.org", True),
        ([("DNS", "SIP.example.org")], "sip.EXAMPLE.org.", True),
        ([("DNS", "example.org")], "sip.example.org", False),
        ([("DNS", "*.example.org")], "sip.example.org", True),
        ([("DNS", "*.example.org")], "a.sip.example.org", False),
        ([("DNS", "*.example.org")], "example.org", False),
        ([("DNS", "*.org")], "example.org", False),
        ([("DNS", "s*.example.org")], "sip.example.org", False),
        ([("URI", "sip:example.org")], "example.org", True),
        ([("URI", "sip:example.org;transport=tls")], "example.org", True),
        # Where a URI names a domain, the name of the host that serves it is no other one (RFC 5922 §7.1).
        ([("URI", "sip:example.org"), ("DNS", "sip.example.net")], "sip.example.net", False),
        ([("URI", "sip:ann@example.org"), ("DNS", "sip.example.net")], "sip.example.net", True),
        ([("URI", "https://example.org"), ("DNS", "sip.example.net")], "sip.example.net", True),
        ([("IP Address", "192.0.2.7")], "192.0.2.7", True),
        ([("DNS", "192.0.2.7")], "192.0.2.7", False),
        ([("IP Address", "2001:DB8:0:0:0:0:0:7")], "2001:db8::7", True),
        ([("IP Address", "192.0.2.7")], "192.0.2.8", False),
        ([("IP Address", "192.0.2.7")], "sip.example.org", False),
        ([], "common.example.org", False),
    ],
)
def test_whose_a_certificate_is(names: list[tuple[str, str]], name: str, proved: bool) -> None:
    assert proves(named(*names), name) is proved


def test_who_shows_none_proves_nothing() -> None:
    assert not proves({}, "sip.example.org")


async def test_the_loop_goes_on_while_authorities_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[int] = []
    read = ssl.create_default_context

    def noted(*arguments: Any, **named: Any) -> ssl.SSLContext:
        readers.append(threading.get_ident())
        return read(*arguments, **named)

    monkeypatch.setattr(ssl, "create_default_context", noted)
    certificates = Certificates()
    first, second = await asyncio.gather(certificates.to_call(), certificates.to_call())

    assert first is second is certificates.calling is await certificates.to_call()
    assert len(readers) == 1
    assert threading.get_ident() not in readers
