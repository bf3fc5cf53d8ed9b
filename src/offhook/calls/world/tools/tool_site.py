"""What of a call its tools may use, and what they give back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from offhook.calls.leg import Leg
from offhook.calls.record.call_record import CallRecord
from offhook.calls.world.tools.parameters import Render
from offhook.calls.world.variables import learn
from offhook.conversation.events import ToolOutcome
from offhook.json_document import Answer as ServerAnswer
from offhook.json_document import ResourceDocument, Variables
from offhook.language.extraction import RESERVED, extracted
from offhook.schema.base import document
from offhook.schema.server import HasServer
from offhook.schema.tools.json_schema import VariableExtractionPlan
from offhook.schema.webhooks.server_message import Body
from offhook.webhooks.client import Answer, OutsideRequest
from offhook.webhooks.receiver import Receiver

Send = Callable[[OutsideRequest, float], Awaitable[Answer]]
"""Send a request, with all of its time in seconds. Raises AskFailed for all but a 2xx."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back, and what variables can be taken from it: its JSON, None if it is none, and the
    answer's headers, with names in lower case."""

    outcome: ToolOutcome
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolSite:
    """`receiver` finds the server that a tool's messages go to, `ask` asks it; `credential` is the org's, by
    its id; `send` makes an owner's request, None: nothing is reached. `fill` fills a template with just the
    variables that it is given. `leg` is the caller's, None where tools do not act on it. `noted`: tools
    without a server, each complained of once."""

    record: CallRecord
    receiver: Callable[[HasServer], Awaitable[Receiver | None]]
    ask: Callable[[Receiver, Body], Awaitable[ServerAnswer]]
    credential: Callable[[str], Awaitable[ResourceDocument | None]]
    send: Send | None
    fill: Render
    leg: Leg | None = None
    noted: set[str] = field(default_factory=set)

    def render(self, text: str, more: Variables) -> str:
        """A template with the call's variables, and with `more`, which comes before all of them but what is
        known of the call."""
        own = {name: value for name, value in more.items() if name not in RESERVED}
        return self._render_over(text, own)

    def learn(self, plan: VariableExtractionPlan | None, result: Result) -> None:
        """Keep the variables that a tool's plan takes from a result."""
        if plan is not None and result.body is not None and result.outcome.error is None:
            learn(self.record, extracted(document(plan), result.body, result.headers, self._render_over))

    def _render_over(self, text: str, more: Variables) -> str:
        """A template with the call's variables, and `more` before them."""
        return self.fill(text, {**self.record.variables, **more})
