"""Who may listen to a live call and steer it, by its assistant's monitorPlan (vapi-wire §5)."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.schema.assistants.plan import MonitorPlan


@dataclass(frozen=True, slots=True)
class MonitoredCall:
    """`listens`, `controls`: whether it may be done at all; `listen_key`, `control_key`: only with a key of
    the org's."""

    org_id: str
    listens: bool = False
    listen_key: bool = False
    controls: bool = False
    control_key: bool = False

    @classmethod
    def of(cls, org_id: str, plan: MonitorPlan | None) -> MonitoredCall:
        """None: no plan, since there is no assistant; nothing may be done then."""
        if plan is None:
            return cls(org_id)
        return cls(
            org_id,
            listens=plan.listen_enabled is not False,
            listen_key=plan.listen_authentication_enabled is True,
            controls=plan.control_enabled is not False,
            control_key=plan.control_authentication_enabled is True,
        )
