"""Parts of the credential `byo-sip-trunk`: where a carrier or PBX is, and how we prove ourselves there
(vapi-wire §2.3)."""

from __future__ import annotations

import ipaddress
from typing import Final, Literal

from pydantic import Field

from offhook.schema.base import Model, Number

SIP_TRUNK: Final = "byo-sip-trunk"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SipTrunkGateway(Model):
    """One address of a carrier. `ip` is IPv4, or a host name where it is for calls out only."""

    ip: str
    port: Number | None = Field(default=None, ge=1, le=65535)
    netmask: Number | None = Field(default=None, ge=24, le=32)
    inbound_enabled: bool | None = None
    outbound_enabled: bool | None = None
    outbound_protocol: Literal["tls/srtp", "tcp", "tls", "udp"] | None = None
    options_ping_enabled: bool | None = None

    @property
    def network(self) -> Network | None:
        """Where its calls come from; None where none do, or `ip` is no address."""
        if self.inbound_enabled is False:
            return None
        try:
            address = ipaddress.ip_address(self.ip)
        except ValueError:
            return None
        bits = 128 if address.version == 6 else int(self.netmask or 32)
        return ipaddress.ip_network((address, bits), strict=False)


class SipTrunkOutboundSipRegisterPlan(Model):
    domain: str | None = None
    username: str | None = None
    realm: str | None = None


class SipTrunkOutboundAuthenticationPlan(Model):
    auth_username: str | None = None
    auth_password: str | None = None
    sip_register_plan: SipTrunkOutboundSipRegisterPlan | None = None
