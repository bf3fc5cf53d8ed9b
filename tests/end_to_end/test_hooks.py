"""What happens while the phone rings: hooks of the number, callers that give up, servers out of bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.answers import drips, late, receiving, says
from tests.end_to_end.callers import Told, call, exchange
from tests.end_to_end.node import Node, assistant, new_number
from tests.end_to_end.orgs import another_org
from tests.end_to_end.peers import LOOPBACK
from tests.machine import PATIENCE

DESK = {"type": "sip", "sipUri": f"sip:night@{LOOPBACK}:5096", "message": ""}
SAY = {"type": "say", "exact": "The garden is closed in winter."}
TRANSFER = {"type": "transfer", "destination": DESK}
SWISS = [{"type": "startsWith", "key": "number", "startsWith": ["+41", "+423"]}]
INSIDE = [LOOPBACK, "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0", "169.254.169.254"]
GAVE_UP = "call.ringing.sip-inbound-caller-hungup-before-call-connect"


def ringing(*do: dict[str, Any], filters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"on": "call.ringing", "do": list(do), **({"filters": filters} if filters else {})}


async def ring(
    node: Node, hooks: list[dict[str, Any]], user: str = "+15551230000", answered: bool = True
) -> tuple[Told, dict[str, Any]]:
    """One call to a number with these hooks and, unless told otherwise, an assistant."""
    number = await asyncio.to_thread(
        new_number, node, answered_by=assistant() if answered else None, hooks=hooks
    )
    async with exchange(LOOPBACK, node.sip_port) as line:
        told = await call(line, number.uri(), user=user, listens=True)
    return told, await asyncio.to_thread(number.call)


async def test_a_hook_speaks_instead_of_the_assistant(service: Node) -> None:
    told, shown = await ring(service, [ringing(SAY)])

    assert "garden is closed in winter" in told.words
    assert told.hung_up_on
    assert shown["endedReason"] == "call.ringing.hook-executed-say"
    assert shown.get("assistantId") is None


async def test_a_hook_transfers_instead_of_the_assistant(service: Node) -> None:
    told, shown = await ring(service, [ringing(TRANSFER)])

    assert told.refer_to == f"<{DESK['sipUri']}>"
    assert told.hung_up_on
    assert shown["endedReason"] == "call.ringing.hook-executed-transfer"
    assert shown["destination"] == DESK


async def test_only_the_first_action_of_a_hook_runs(service: Node) -> None:
    told, shown = await ring(service, [ringing(TRANSFER, SAY), ringing(SAY)])

    assert told.refer_to == f"<{DESK['sipUri']}>"
    assert told.speech < 0.5
    assert shown["endedReason"] == "call.ringing.hook-executed-transfer"


async def test_a_filter_lets_the_hook_run_for_those_it_names_and_leaves_all_others(service: Node) -> None:
    named, others = ["+41445551234", "+4235551234"], ["+15551230000", "41445551234", "anonymous"]

    seen = await asyncio.gather(
        *(ring(service, [ringing(SAY, filters=SWISS)], user) for user in named + others)
    )

    for told, shown in seen[: len(named)]:
        assert "garden is closed" in told.words
        assert shown["endedReason"] == "call.ringing.hook-executed-say"
    for told, shown in seen[len(named) :]:
        assert "harbor shop" in told.words
        assert shown["endedReason"] == "customer-ended-call"


async def test_the_first_hook_that_fits_runs(service: Node) -> None:
    hooks = [ringing(TRANSFER, filters=SWISS), ringing(SAY)]

    told, shown = await ring(service, hooks)

    assert "garden is closed" in told.words
    assert shown["endedReason"] == "call.ringing.hook-executed-say"


async def test_a_hook_runs_before_any_server_is_asked(service: Node) -> None:
    async with receiving() as receiver, exchange(LOOPBACK, service.sip_port) as line:
        number = await asyncio.to_thread(
            new_number, service, answered_by=None, hooks=[ringing(SAY)], server={"url": receiver.url("hook")}
        )
        told = await call(line, number.uri())
        ended = await receiver.wait_for("hook", "status-update", status="ended")

    assert "garden is closed" in told.words
    assert ended.message["endedReason"] == "call.ringing.hook-executed-say"
    assert receiver.of("hook", "assistant-request") == []


@pytest.mark.parametrize("act", [late(60, says({})), drips], ids=["no-answer", "half-an-answer"])
async def test_a_caller_who_gives_up_ends_everything_at_once(act: Any, service: Node) -> None:
    async with receiving() as receiver, exchange(LOOPBACK, service.sip_port) as line:
        receiver.acts["slow"] = act
        number = await asyncio.to_thread(
            new_number, service, answered_by=None, server={"url": receiver.url("slow")}
        )
        told = await call(line, number.uri(), cancel_after=1.0)
        report = await receiver.wait_for("slow", "end-of-call-report")
        async with asyncio.timeout(PATIENCE):
            while "slow" not in receiver.gone:
                await asyncio.sleep(0.02)
    shown = await asyncio.to_thread(number.call)
    (asked,) = receiver.of("slow", "assistant-request")

    assert told.refused == 487
    assert told.progress[-1:] == [180]
    # Before the 7.5 seconds were over.
    assert receiver.gone["slow"] - asked.at < 7
    assert report.message["endedReason"] == shown["endedReason"] == GAVE_UP
    assert shown["status"] == "ended"
    assert shown["startedAt"] is None
    assert shown["artifact"]["messages"] == []


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that lets nobody reach private addresses: the default."""
    node = Node(tmp_path_factory.mktemp("strict"), OFFHOOK_ALLOW_PRIVATE_URLS="0").start()
    yield node
    node.crash()
    assert "Traceback" not in node.log, node.log


async def test_a_server_out_of_bounds_is_refused_when_it_is_given(strict: Node) -> None:
    async with receiving() as receiver:
        for host in INSIDE:
            body = {"provider": "vapi", "serverUrl": receiver.url("inside").replace(LOOPBACK, host)}
            with pytest.raises(AssertionError, match="serverUrl cannot be reached"):
                await asyncio.to_thread(strict.post, "/phone-number", body)
    assert receiver.taken == []


async def test_a_number_with_nobody_behind_it_says_so(service: Node) -> None:
    number = await asyncio.to_thread(new_number, service, answered_by=None)
    async with exchange(LOOPBACK, service.sip_port) as line:
        told = await call(line, number.uri())
    shown = await asyncio.to_thread(number.call)

    assert "cannot take your call" in told.words
    assert told.hung_up_on
    assert shown["endedReason"] == "call-start-error-neither-assistant-nor-server-set"


async def test_a_number_is_found_in_any_case(service: Node) -> None:
    number = await asyncio.to_thread(new_number, service, answered_by=assistant())
    async with exchange(LOOPBACK, service.sip_port) as line:
        told = await call(line, number.uri().replace(number.user, number.user.upper()), hang_up_after=1)

    assert told.refused is None
    assert (await asyncio.to_thread(number.call))["phoneNumberId"] == number.id


async def test_a_deleted_number_cannot_be_called(service: Node) -> None:
    number = await asyncio.to_thread(new_number, service, answered_by=assistant())
    await asyncio.to_thread(service.delete, f"/phone-number/{number.id}")
    async with exchange(LOOPBACK, service.sip_port) as line:
        told = await call(line, number.uri())

    assert told.refused == 404


async def test_the_caller_s_name_number_and_address_are_told(service: Node) -> None:
    number = await asyncio.to_thread(new_number, service, answered_by=assistant())
    async with exchange(LOOPBACK, service.sip_port) as line:
        await call(line, number.uri(), user="+15559876543", name="Ann Caller", hang_up_after=1)
    customer = (await asyncio.to_thread(number.call))["customer"]

    assert (customer["number"], customer["name"]) == ("+15559876543", "Ann Caller")
    assert customer["sipUri"].startswith(f"sip:+15559876543@{LOOPBACK}")


async def test_templates_know_the_caller_the_number_and_the_time(service: Node) -> None:
    names = "{{customer.number}} | {{phoneNumber.name}} | {{assistant.name}} | {{call.type}} | {{year}}"
    number = await asyncio.to_thread(
        new_number, service, answered_by=assistant(firstMessage=names), name="Front desk"
    )
    async with exchange(LOOPBACK, service.sip_port) as line:
        await call(line, number.uri(), user="5559876", hang_up_after=10)
    shown = await asyncio.to_thread(number.call)
    (said, *_) = [one["message"] for one in shown["artifact"]["messages"] if one["role"] == "bot"]
    year = shown["createdAt"][:4]

    assert said.split(" | ") == ["5559876", "Front desk", "Harbor", "inboundPhoneCall", year]


async def test_calls_beyond_the_orgs_limit_are_refused_and_reported(service: Node) -> None:
    org = await asyncio.to_thread(another_org, service)
    org_id = (await asyncio.to_thread(org.get, "/org"))[0]["id"]
    await asyncio.to_thread(org.patch, f"/org/{org_id}", {"concurrencyLimit": 1})
    async with receiving() as receiver, exchange(LOOPBACK, service.sip_port) as line:
        number = await asyncio.to_thread(
            new_number, org, answered_by=assistant(), server={"url": receiver.url("limit")}
        )
        first = asyncio.create_task(call(line, number.uri(), hang_up_after=4))
        await receiver.wait_for("limit", "status-update", status="in-progress")
        second = await call(line, number.uri())
        ended = await receiver.wait_for("limit", "end-of-call-report")

        assert second.refused is not None
        assert ended.message["endedReason"] == "call.start.error-subscription-concurrency-limit-reached"
        assert (await first).refused is None
