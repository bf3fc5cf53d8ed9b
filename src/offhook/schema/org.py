"""The organisation that everything belongs to (vapi-wire §10)."""

from __future__ import annotations

from pydantic import Field

from offhook.schema.assistants.plan import CompliancePlan
from offhook.schema.base import Model, Number, Timestamp
from offhook.schema.server import LegacyServer, Server


class UpdateOrgDTO(LegacyServer):
    """What an owner may set. `server` is the last resort for messages: after tool, assistant and
    phone number."""

    name: str | None = Field(default=None, max_length=40)
    server: Server | None = None
    hipaa_enabled: bool | None = None
    billing_limit: Number | None = Field(default=None, ge=0, le=1000)
    concurrency_limit: Number | None = Field(default=None, ge=1)
    compliance_plan: CompliancePlan | None = None


class _Kept(Model):
    id: str
    created_at: Timestamp
    updated_at: Timestamp


class Org(UpdateOrgDTO, _Kept):
    """An organisation as shown. What the API shows of subscriptions and bills has no place here."""
