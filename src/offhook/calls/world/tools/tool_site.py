"""What tools may use of a call, and what they return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from offhook.calls.leg import Leg
from offhook.calls.record.call_record import CallRecord
from offhook.calls.world.variables import learn
from offhook.conversation.events import ToolOutcome
from offhook.json_document import Answer as ServerAnswer
from offhook.json_document import ResourceDocument, Variables
from offhook.language.extraction import RESERVED, Render, extracted
from offhook.schema.server import HasServer
from offhook.schema.tools.json_schema import VariableExtractionPlan
from offhook.schema.webhooks.server_message import Body
from offhook.webhooks.client import Answer, OutsideRequest
from offhook.webhooks.receiver import Receiver

Send = Callable[[OutsideRequest, float], Awaitable[Answer]]
"""Sends a request, within the seconds given. Raises AskFailed for every status but 2xx."""


@dataclass(frozen=True, slots=True)
class Result:
    """A tool's outcome, and what variables can be extracted from: its JSON (None if it has none) and the
    answer's headers, with names in lower case."""

    outcome: ToolOutcome
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolSite:
    """`receiver` finds the server for a tool's messages and `ask` asks it. `credential` finds the org's by
    its id. `send` makes an owner's request; None: no request leaves the node. `fill` fills a template with
    only the variables that it is given. `leg` is the caller's; None where tools do not act on it. `noted`:
    tools without a server, each of which is logged once."""

    record: CallRecord
    receiver: Callable[[HasServer], Awaitable[Receiver | None]]
    ask: Callable[[Receiver, Body], Awaitable[ServerAnswer]]
    credential: Callable[[str], Awaitable[ResourceDocument | None]]
    send: Send | None
    fill: Render
    leg: Leg | None = None
    noted: set[str] = field(default_factory=set)

    def render(self, text: str, more: Variables) -> str:
        """Fills a template with the call's variables and with `more`. `more` takes precedence, except over
        what is known of the call."""
        own = {name: value for name, value in more.items() if name not in RESERVED}
        return self._render_over(text, own)

    def learn(self, plan: VariableExtractionPlan | None, result: Result) -> None:
        """Stores the variables that a tool's plan extracts from a result."""
        if plan is not None and result.body is not None and result.outcome.error is None:
            learn(self.record, extracted(plan, result.body, result.headers, self._render_over))

    def _render_over(self, text: str, more: Variables) -> str:
        """Fills a template with the call's variables and with `more`, which takes precedence."""
        return self.fill(text, {**self.record.variables, **more})
