"""A carrier made of SIPp: telephone numbers over a trunk, from the gateway and from elsewhere, and a
registration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.node import KEY, Node, assistant
from tests.end_to_end.peers import LOOPBACK, soon
from tests.end_to_end.sink import WebhookSink
from tests.end_to_end.test_sipp import SCENARIOS, start
from tests.machine import PATIENCE
from tests.ports import free_port

CALLED = "+15552301001"


def trunk(node: Node, **more: Any) -> str:
    gateways = [{"ip": LOOPBACK, "outboundEnabled": False}]
    return str(node.post("/credential", {"provider": "byo-sip-trunk", "gateways": gateways, **more})["id"])


def number(node: Node, trunk_id: str, sink: WebhookSink, digits: str = CALLED) -> dict[str, Any]:
    answered_by = node.post("/assistant", assistant())["id"]
    made: dict[str, Any] = node.post(
        "/phone-number",
        {
            "provider": "byo-phone-number",
            "number": digits,
            "credentialId": trunk_id,
            "assistantId": answered_by,
            "server": {"url": sink.url},
        },
    )
    return made


def nth_report(sink: WebhookSink, place: int) -> Mapping[str, Any]:
    return soon(lambda: sink.taken("end-of-call-report")[place:])[0].message


def forget(node: Node, path: str) -> None:
    httpx.delete(f"{node.url}{path}", headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE)


def test_a_number_is_called_from_the_gateway_alone(service: Node, sink: WebhookSink, tmp_path: Path) -> None:
    made = number(service, trunk(service), sink)
    for place, called in enumerate((CALLED, CALLED[1:])):
        folder = tmp_path / f"in-{place}"
        start(SCENARIOS / "bye_after_ack.xml", folder, called, service.sip_port).passes()
        report = nth_report(sink, place)
        assert (report["phoneNumber"]["id"], report["phoneNumber"]["number"]) == (made["id"], CALLED)
    text = (SCENARIOS / "refused.xml").read_text()
    for name, value in {
        "@METHOD@": "INVITE", "@HOPS@": "70", "@HEADER@": "X-Nothing: 1", "@PAYLOAD@": "0",
        "@STATUS@": "401", "@SAYS@": "WWW-Authenticate",
    }.items():  # fmt: skip
        text = text.replace(name, value)
    scenario = tmp_path / "stranger.xml"
    scenario.write_text(text)
    start(scenario, tmp_path / "stranger", CALLED, service.sip_port, host="127.0.0.9").passes()
    forget(service, f"/phone-number/{made['id']}")


def test_a_trunk_is_registered_with_its_login(service: Node, tmp_path: Path) -> None:
    port = free_port()
    registrar = start(
        SCENARIOS / "registrar.xml", tmp_path, "nobody", service.sip_port, "-p", str(port), "-trace_msg"
    )
    plan = {
        "authUsername": "account",
        "authPassword": "trunk-secret",
        "sipRegisterPlan": {"domain": "carrier.test", "username": "line1"},
    }
    gateways = [{"ip": LOOPBACK, "port": port, "inboundEnabled": False}]
    made = trunk(service, gateways=gateways, outboundAuthenticationPlan=plan)
    registrar.passes()
    told = f"trunk {made} is registered for 60 s"
    soon(lambda: told in service.log, PATIENCE, service.log[-3000:])
    forget(service, f"/credential/{made}")
