"""What the process of a plane says when it is asked, and when it begins."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.planes.api_process import ApiProcess
from offhook.planes.call_process import CallProcess
from offhook.planes.child import Child
from offhook.planes.link import Frame
from offhook.planes.spec import Spec
from offhook.process import Lowered

SPEC = Spec("", 1, 2, "", "node", {}, ("127.0.0.1", 1), ("127.0.0.1", 2), 5)


def saying(process: Child) -> list[Frame]:
    """What it says from now on."""
    said: list[Frame] = []
    process.tell = lambda **frame: said.append(frame)  # type: ignore[method-assign]
    return said


class Calls:
    """Two calls: the end of the one is known, that of the other breaks."""

    def get(self, call_id: str) -> object | None:
        return call_id if call_id in ("good", "bad") else None

    async def end_call(self, call_id: str) -> bool:
        if call_id == "bad":
            raise RuntimeError("nobody thought of this")
        return self.get(call_id) is not None


@pytest.mark.parametrize(
    ("call", "has_it", "ended"), [("good", True, True), ("bad", True, None), ("x", False, False)]
)
async def test_who_asks_for_the_end_of_a_call_has_an_answer_whatever_happens(
    call: str, has_it: bool, ended: bool | None
) -> None:
    process = CallProcess(SPEC, [], Lowered(0))
    process.serving = True
    process.plane = type("Plane", (), {"calls": Calls()})()
    said = saying(process)
    for number, what in enumerate(("has_call", "end_call")):
        process.received({"from": "api", "ask": number, "what": what, "call": call})
    for task in tuple(process._tasks):
        await task
    assert said == [
        {"to": "api", "answer": 0, "value": has_it},
        {"to": "api", "answer": 1, "value": ended},
    ]


@pytest.mark.parametrize(
    ("told", "starts"),
    [
        ({"up": ["call-1"], "of": 2, "served": False}, False),
        ({"up": ["call-1", "call-2"], "of": 2, "served": False}, True),
        ({"up": [], "of": 2, "served": True}, True),
    ],
)
async def test_the_api_waits_for_call_planes_until_the_node_has_served_once(
    told: dict[str, Any], starts: bool
) -> None:
    """One that is started anew while a call plane stands still answers all the same."""
    process = ApiProcess(SPEC, [], Lowered(0))
    saying(process)
    process.received(told)
    assert process._may_start.is_set() is starts
