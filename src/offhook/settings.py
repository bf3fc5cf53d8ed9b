"""Every setting, in one place. Each is an environment variable `OFFHOOK_...`; `serve` has flags for some.

`docs/settings.md` is generated from this file (`make docs`).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, create_model
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from offhook.engines.vendors import KEYED
from offhook.network.addresses import Address
from offhook.network.certificates import CertificateFiles
from offhook.process import MOST_CALL_PROCESSES
from offhook.setting_types import (
    HTTP,
    SIP,
    DatabaseUrl,
    Hosts,
    HttpAddress,
    Ip,
    Networks,
    PortRange,
    Ports,
    Prefixes,
    Processes,
    Secret,
    SigningSecret,
    SipAddress,
    SipTlsAddress,
    TrunkUri,
    WebUrl,
)
from offhook.speech.vendor_variables import variable

PREFIX = "OFFHOOK_"


class SettingsError(Exception):
    """A setting is wrong; the text is one line per mistake and says what to write instead."""


TOLD: Final = ("http", "sip", "rtp_ports", "domain", "public_address", "max_calls", "allow_private_urls")
"""What `offhook doctor` judges of a running node."""


def _of_vendors() -> dict[str, Any]:
    """Two settings for each vendor that is reached with a key."""
    fields: dict[str, Any] = {}
    for provider in KEYED:
        fields[variable(provider, "api_key")] = (
            SecretStr | None,
            Field(None, description=f"Key for the provider `{provider}`, for orgs without one of their own."),
        )
        fields[variable(provider, "base_url")] = (
            WebUrl | None,
            Field(
                None,
                description=f"Where the provider `{provider}` is reached, a private address too. "
                "Unset: the vendor's own.",
            ),
        )
    return fields


if TYPE_CHECKING:
    VendorSettings = BaseSettings
else:
    VendorSettings = create_model("VendorSettings", __base__=BaseSettings, **_of_vendors())


class Settings(VendorSettings):
    """What a node runs with. Made by `load_settings`; immutable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )

    http: HttpAddress = Field(HTTP, description="Where the API listens, `HOST:PORT`.")
    sip: SipAddress = Field(SIP, description="Where SIP listens, UDP and TCP, `HOST:PORT`.")
    sip_tls: SipTlsAddress = Field(
        None,
        description="Where SIP over TLS listens, `HOST:PORT`, usually `0.0.0.0:5061`; wants a certificate."
        " Unset: nowhere.",
    )
    tls_certificate: Path | None = Field(
        None,
        description="PEM file of the node's certificate, followed by those that lead to its authority; read"
        " again on SIGHUP.",
    )
    tls_key: Path | None = Field(
        None,
        description="PEM file of the certificate's key, without a password. Unset: it is in the same file.",
    )
    tls_authorities: Path | None = Field(
        None,
        description="PEM file of authorities to trust beside those of the system, where Offhook connects"
        " over TLS to a trunk or a destination.",
    )
    tls_client_authorities: Path | None = Field(
        None,
        description="PEM file of authorities: who connects over TLS must show a certificate of one of them."
        " Unset: nobody is asked for one.",
    )
    srtp: Literal["off", "optional", "required"] = Field(
        "optional",
        description="Audio that nobody on the way hears (SRTP, keys by SDES): `optional` where the other side"
        " has keys for it, `required` always, or `off`. Keys are only told over TLS.",
    )
    srtp_keys_in_clear: bool = Field(
        False,
        description="`1` tells keys of SRTP over UDP and TCP too, where whoever reads along has them: for"
        " networks that are safe by other means.",
    )
    rtp_ports: Ports = Field(
        PortRange(40000, 49999),
        description="UDP ports for audio, `LOW-HIGH`; each call takes two, and two more while it is"
        " joined with whom it was transferred to.",
    )
    data: Path = Field(
        Path("data"), description="Folder for the database, the recordings and the node's own secret."
    )
    database_url: DatabaseUrl | None = Field(
        None,
        repr=False,  # it may hold a password
        description="`postgresql://USER:PASSWORD@HOST/NAME` or `sqlite:///FILE`."
        " Unset: a SQLite file in the data folder.",
    )
    domain: Hosts = Field(
        None,
        description="Host parts of the SIP URIs that are accepted, such as `sip.example.org,example.org`; the"
        " first is given out. Unset: calls to a known user are answered whatever the host.",
    )
    public_address: Ip | None = Field(
        None, description="IP address that phones reach this node at, for SDP and Contact. Unset: found out."
    )
    public_url: WebUrl | None = Field(
        None,
        description="URL that others reach the API at, for links to recordings. Unset: the HTTP address.",
    )
    api_key: Secret | None = Field(
        None, description="The first org's private key. Unset: made on the first start and printed once."
    )
    org_server_url: WebUrl | None = Field(
        None, description="Webhook URL of the first org, used when neither assistant nor number has one."
    )
    webhook_signing_secret: SigningSecret | None = Field(
        None,
        description="Signs every webhook by Standard Webhooks (`webhook-signature`)."
        " May start with `whsec_`, then base64.",
    )
    secret: Secret | None = Field(
        None,
        description="Signs links to recordings; the same on all nodes."
        " Unset: made once and kept in the data folder.",
    )
    allow_private_urls: bool = Field(
        False,
        description="`1` lets webhooks, tools, engines and SIP destinations be on private and loopback"
        " addresses, and audio go to those that a caller from outside names.",
    )
    substitute: Literal["local"] | None = Field(
        None,
        description="`local`: the engines of this machine stand in for those of an assistant that are not"
        " served or have no key. Unset: its calls end with an apology.",
    )
    trunk: TrunkUri | None = Field(
        None,
        description="SIP trunk that numbers are called through in a transfer, `sip:USER@HOST`, with"
        " `:PORT`, `;transport=tcp` or `;transport=tls` if need be. Unset: the peer that sent the call.",
    )
    trunk_password: SecretStr | None = Field(None, description="Password of the trunk's user.")
    trunk_prefixes: Prefixes = Field(
        None,
        description="The trunk calls only numbers that begin with one of these, such as `+1,+4420`."
        " Unset: all numbers.",
    )
    processes: Processes = Field(
        1,
        ge=1,
        le=MOST_CALL_PROCESSES,
        description="Call planes that share the calls, each with a media plane, or `auto`: one for each two"
        " cores that the service may use.",
    )
    workers: int = Field(
        2,
        ge=1,
        le=64,
        description="Processes for the local transcriber and voice; of several call planes each has its part,"
        " one at least.",
    )
    max_calls: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Calls at once on this node; further ones are answered 503. The last eighth of them is"
        " for sources that have few calls.",
    )
    trusted_sources: Networks = Field(
        None,
        description="IP addresses or networks of your PBX or provider, or of the proxy in front of the API,"
        " such as `192.0.2.7,10.0.0.0/8`: no limit per source holds for them. Unset: limits hold for all.",
    )
    media_timeout_seconds: float = Field(
        30, ge=1, le=3600, description="A call that brings no audio for so long is ended."
    )
    retention_webhooks_days: float = Field(
        3,
        ge=0,
        le=3650,
        description="Days that a delivered webhook is kept, to be looked at and replayed, once its call has"
        " ended; `0`: a minute at most. One that was given up is kept for 30 days.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level of what is logged: `debug`, `info`, `warning` or `error`."
    )
    log_format: Literal["text", "json"] = Field("text", description="`text` for people, `json` for machines.")

    @cached_property
    def database(self) -> str:
        """The database's URL with its asynchronous driver."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data.absolute() / 'offhook.db'}"

    @property
    def certificate_files(self) -> CertificateFiles:
        """What SIP over TLS is secured with."""
        return CertificateFiles(
            self.tls_certificate, self.tls_key, self.tls_authorities, self.tls_client_authorities
        )

    def account(self, provider: str) -> tuple[str, str | None]:
        """The node's own key for a vendor ("" without one) and its address (None: the vendor's own)."""
        key: SecretStr | None = getattr(self, variable(provider, "api_key"))
        url: str | None = getattr(self, variable(provider, "base_url"))
        return key.get_secret_value() if key else "", url

    def told(self) -> dict[str, Any]:
        """What whoever may read the data folder can know of a running node: JSON, without anything secret."""
        return self.model_dump(mode="json", include=set(TOLD))

    @property
    def recordings(self) -> Path:
        """The folder of the recordings, one folder a call."""
        return self.data.absolute() / "recordings"

    @property
    def base_url(self) -> str:
        """URL of the API without a slash at its end."""
        return self.public_url or f"http://{_reachable(self.http)}"

    @property
    def reachable_http(self) -> Address:
        """Where the API is reached from this machine."""
        return _reachable(self.http)

    @property
    def sip_host(self) -> str:
        """Host, with port unless 5060, for SIP URIs that Offhook makes up."""
        if self.domain:
            return self.domain[0]
        host = self.sip_realm
        written = f"[{host}]" if ":" in host else host
        return written if self.sip.port in (0, 5060) else f"{written}:{self.sip.port}"

    @property
    def sip_realm(self) -> str:
        """The same host bare: what asks for a password, where a number does not say."""
        return self.domain[0] if self.domain else self.public_address or _reachable(self.sip).host


def _reachable(address: Address) -> Address:
    """An address somebody on this machine can use, where the setting may say "any"."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
    return Address(own.get(address.host, address.host), address.port)


def load_settings(
    flags: Mapping[str, object] | None = None, told: Mapping[str, object] | None = None
) -> Settings:
    """Settings from the environment, with `flags` (field name to value; None is unset) above it, and above
    both what a running node has `told`, also where it has none.

    Raises SettingsError.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        settings = Settings(**{**given, **(told or {})})  # type: ignore[arg-type]
    except ValidationError as problem:
        lines = (_sentence(error) for error in problem.errors(include_input=False))
        raise SettingsError("\n".join(lines)) from None
    if settings.sip_tls is not None and settings.tls_certificate is None:
        raise SettingsError(f"{PREFIX}SIP_TLS: set {PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY too")
    return settings


_WRITE: Final[Mapping[str, str]] = {
    "too_short": "write at least {min_length} characters",
    "too_long": "write at most {max_length} characters",
    "bool_parsing": "write 1 or 0",
    "int_parsing": "write a whole number",
    "float_parsing": "write a number",
    "greater_than_equal": "write at least {ge}",
    "less_than_equal": "write at most {le}",
    "literal_error": "write {expected}",
}
"""What to do about a mistake, by pydantic's name for it; ours bring their own sentence."""


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    said = _WRITE.get(error["type"])
    message = said.format_map(error.get("ctx") or {}) if said else error["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{name.upper()}: {message}"


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """One sentence for each variable that looks like a setting and is none, most likely a slip."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    found = sorted(name for name in environment or os.environ if name.startswith(PREFIX))
    return [_slip(name, known) for name in found if name not in known]


def _slip(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else "")
