"""What a person may write into the environment, and what they are told when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from offhook.network.addresses import Address
from offhook.setting_types import PortRange, parse_host_port, parse_port_range
from offhook.settings import PREFIX, Settings, SettingsError, load_settings, unknown_variables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings()

    assert settings.http == Address("127.0.0.1", 8080)
    assert settings.sip == Address("0.0.0.0", 5060)
    assert settings.rtp_ports == PortRange(40000, 49999)
    assert settings.allow_private_urls is False
    assert settings.database == f"sqlite+aiosqlite:///{Path('data').absolute()}/offhook.db"
    assert settings.base_url == "http://127.0.0.1:8080"


def test_the_environment_is_read_and_flags_win_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_HTTP", "[::1]:9000")
    monkeypatch.setenv("OFFHOOK_SIP", "127.0.0.1:5070")
    monkeypatch.setenv("OFFHOOK_RTP_PORTS", "20000-20099")
    monkeypatch.setenv("OFFHOOK_ALLOW_PRIVATE_URLS", "1")
    monkeypatch.setenv("OFFHOOK_DATABASE_URL", "postgresql://me:pw@db/phones")

    settings = load_settings({"sip": "127.0.0.2:5080", "data": None})

    assert settings.http == Address("::1", 9000)
    assert settings.base_url == "http://[::1]:9000"
    assert settings.sip == Address("127.0.0.2", 5080)
    assert settings.rtp_ports == PortRange(20000, 20099)
    assert settings.allow_private_urls is True
    assert settings.database == "postgresql+asyncpg://me:pw@db/phones"
    assert settings.data == Path("data")


def test_a_trunk_with_the_numbers_it_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_TRUNK", "sip:me@sip.example.org:5070;transport=tcp")
    monkeypatch.setenv("OFFHOOK_TRUNK_PASSWORD", "a-password")
    monkeypatch.setenv("OFFHOOK_TRUNK_PREFIXES", "+1, +4420")
    monkeypatch.setenv("OFFHOOK_TRUSTED_SOURCES", "192.0.2.7, 2001:db8::/32")

    settings = load_settings()

    assert settings.trunk == "sip:me@sip.example.org:5070;transport=tcp"
    assert settings.trunk_prefixes == ("+1", "+4420")
    assert [str(one) for one in settings.trusted_sources or ()] == ["192.0.2.7/32", "2001:db8::/32"]
    assert "a-password" not in repr(settings)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_DOMAIN", "")

    assert load_settings().domain is None


@pytest.mark.parametrize(
    ("flags", "host"),
    [
        ({}, "127.0.0.1"),
        ({"sip": "0.0.0.0:5070"}, "127.0.0.1:5070"),
        ({"public_address": "203.0.113.9"}, "203.0.113.9"),
        ({"public_address": "2001:db8::9", "sip": "[::]:5070"}, "[2001:db8::9]:5070"),
        ({"domain": "SIP.Example.org., other.example"}, "sip.example.org"),
    ],
)
def test_made_up_sip_uris_name_a_host_that_can_be_dialled(flags: dict[str, object], host: str) -> None:
    assert load_settings(flags).sip_host == host


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HTTP", "8080", "is not HOST:PORT"),
        ("HTTP", "localhost:99999", "port from 0 to 65535"),
        ("HTTP", "::1:8080", "[::1]:8080"),
        ("SIP", "5070", "such as 0.0.0.0:5060"),
        ("SIP", "::1:5060", "[::1]:5060"),
        ("SIP", "[127.0.0.1]:5060", "[::1]:5060"),
        ("SIP_TLS", "5070", "such as 0.0.0.0:5061"),
        ("SIP_TLS", "::1:5061", "[::1]:5061"),
        ("RTP_PORTS", "50000-40000", "such as 40000-49999"),
        ("RTP_PORTS", "80-90", "from 1024"),
        ("API_KEY", "short", "at least 16 characters"),
        ("WEBHOOK_SIGNING_SECRET", "whsec_no-base64-at-all", "not Base64"),
        ("ALLOW_PRIVATE_URLS", "maybe", "write 1 or 0"),
        ("MAX_CALLS", "0", "write at least 1"),
        ("MEDIA_TIMEOUT_SECONDS", "soon", "write a number"),
        ("WORKERS", "65", "write at most 64"),
        ("WORKERS", "none", "write a whole number"),
        ("PUBLIC_ADDRESS", "phone.example.org", "is not an IP address"),
        ("PUBLIC_URL", "ftp://example.org", "http://"),
        ("DATABASE_URL", "mysql://db/phones", "postgresql://"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("DOMAIN", "sip:example.org", "host name"),
        ("TRUNK", "sip.example.org", "sip:USER@HOST"),
        ("TRUNK", "sip:me@sip.example.org;transport=ws", "sip:USER@HOST"),
        ("SIP_TLS", "0.0.0.0:5061", "set OFFHOOK_TLS_CERTIFICATE and OFFHOOK_TLS_KEY too"),
        ("TRUNK", "sip:me:pw@sip.example.org", "the password has a setting of its own"),
        ("TRUNK_PREFIXES", "+1,abroad", "+4420"),
        ("TRUSTED_SOURCES", "10", "'10' is no IP address"),
        ("TRUSTED_SOURCES", "192.0.2.7,pbx.example.org", "'pbx.example.org' is no IP address"),
        ("TRUSTED_SOURCES", "10.1.0.0/8", "10.0.0.0/8"),
    ],
)
def test_a_wrong_value_gets_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(PREFIX + name, value)

    with pytest.raises(SettingsError) as problem:
        load_settings()

    text = str(problem.value)
    assert text.startswith(f"OFFHOOK_{name}: ")
    assert says in text
    assert "\n" not in text


def test_secrets_are_shown_by_neither_repr_nor_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_API_KEY", "a-key-nobody-must-see")
    monkeypatch.setenv("OFFHOOK_DATABASE_URL", "postgresql://me:a-password@db/phones")
    shown = repr(load_settings())
    monkeypatch.setenv("OFFHOOK_API_KEY", "too-short-key")

    with pytest.raises(SettingsError) as problem:
        load_settings()

    assert "a-key-nobody-must-see" not in shown
    assert "a-password" not in shown
    assert "too-short-key" not in str(problem.value)


def test_a_signing_secret_may_be_any_text_or_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ("sixteen characters", "whsec_c2l4dGVlbiBjaGFyYWN0ZXJz"):
        monkeypatch.setenv("OFFHOOK_WEBHOOK_SIGNING_SECRET", secret)

        kept = load_settings().webhook_signing_secret

        assert kept is not None
        assert kept.get_secret_value() == secret


@pytest.mark.parametrize(("ports", "calls"), [("40000-49999", 5000), ("40000-40001", 1), ("40000-40002", 1)])
def test_a_call_takes_two_ports(ports: str, calls: int) -> None:
    assert parse_port_range(ports).calls == calls


def test_a_slip_in_a_name_is_noticed() -> None:
    environment = {"OFFHOOK_HTPP": "x", "OFFHOOK_DATA": "x", "PATH": "x"}

    assert unknown_variables(environment) == ["OFFHOOK_HTPP is not a setting; did you mean OFFHOOK_HTTP?"]


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.ip_addresses(), st.from_regex(r"([a-z][a-z0-9]{0,8}\.){0,3}[a-z0-9]", fullmatch=True)),
    st.integers(0, 65535),
)
def test_an_address_written_out_is_read_back(host: object, port: int) -> None:
    address = Address(str(host), port)

    assert parse_host_port(str(address)) == address


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.text(alphabet="[]:.-0123456789abcz \n٣", max_size=24))
def test_anything_else_is_refused_with_a_sentence_that_quotes_it(text: str) -> None:
    for parse in (parse_host_port, parse_port_range):
        refusal = _refusal(parse, text)

        assert refusal is None or repr(text) in refusal


def _refusal(parse: Callable[[str], object], text: str) -> str | None:
    try:
        parse(text)
    except ValueError as problem:
        return str(problem)
    return None


def test_a_single_prefix_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_TRUNK_PREFIXES", "49")

    assert load_settings().trunk_prefixes == ("49",)
