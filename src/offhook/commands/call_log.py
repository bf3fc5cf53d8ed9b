"""`offhook calls`: an org's calls, those that go on too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from offhook.commands.configured_database import Org, org_meant, reading, settings
from offhook.commands.failure import fail
from offhook.commands.show import Json, show

if TYPE_CHECKING:
    from offhook.store import Record, Transaction

HELP = """An org's calls: see them, read one, follow one while it goes on.

\b
Examples:
  offhook calls list --status in-progress
  offhook calls show ID
  offhook calls watch ID
"""

app = typer.Typer(help=HELP, no_args_is_help=True)

MOST: Final = 1000
CONNECT_SECONDS: Final = 10.0
COMPLETE: Final = '{"type": "end", "complete": true}'
"""What the service says last."""

SILENT_SECONDS: Final = 60.0
"""The service says something every 15 seconds."""

CallId = Annotated[str, typer.Argument(metavar="ID", help="The call's id.")]
Status = Annotated[
    str | None, typer.Option("--status", help="Only those: ringing, in-progress, forwarding, ended.")
]
Key = Annotated[
    str | None, typer.Option("--key", envvar="OFFHOOK_API_KEY", help="A private key of the call's org.")
]
Url = Annotated[
    str | None, typer.Option("--url", help="The service's address; without it, that of this machine's.")
]


@app.command("list")
def list_all(
    org: Org = None,
    status: Status = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="So many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """The newest calls, with why each ended."""

    async def work(tx: Transaction) -> list[Record]:
        equal = {} if status is None else {"status": status}
        return await tx.calls.list(await org_meant(tx, org), limit=limit, equal=equal)

    records = reading(work)
    if as_json:
        typer.echo(json.dumps([_shown(record) for record in records], indent=2))
    else:
        show([_line(record) for record in records], False)


@app.command("show")
def show_one(call_id: CallId, org: Org = None, as_json: Json = False) -> None:
    """One call: what was said, and why it ended."""

    async def work(tx: Transaction) -> Record | None:
        return await tx.calls.get(await org_meant(tx, org), call_id)

    record = reading(work)
    if record is None:
        fail(f"there is no call {call_id} (see: offhook calls list)")
    if as_json:
        typer.echo(json.dumps(_shown(record), indent=2))
        return
    call = _read(record)
    told = {**_line(record), "why": call.ended_message, "recording": call.recording_url}
    show([{name: str(value) for name, value in told.items() if value}], False, one=True)
    for message in call.messages or []:
        if said := message.get("message"):
            when = _of(message, "seconds_from_start") or 0.0
            typer.echo(f"{when:7.1f}  {message.get('role', ''):9}  {said}")


@app.command()
def watch(call_id: CallId, key: Key = None, url: Url = None, as_json: Json = False) -> None:
    """Follow a call until it has ended: who speaks, what is said, what happens.

    It asks the running service, so it needs a private key. Exits with 1 if the call was lost sight of.
    """
    if key is None:
        fail("say a private key of the call's org: set OFFHOOK_API_KEY, or use --key")
    complete = False
    try:
        for event in _events(f"{url or _own_url()}/call/{call_id}/events", key):
            complete = event == COMPLETE
            if line := event if as_json else _told(event):
                typer.echo(line)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if not complete:
        fail("the service tells no more of this call, though it may go on: try again")


def _own_url() -> str:
    """The address of the service that runs with this data folder."""
    from offhook.folder import holder
    from offhook.settings import load_settings

    own = settings()
    running = holder(own.data)
    if running is None or not running.told:
        fail(f"no service runs with the data folder {own.data}: say which one with --url")
    return load_settings(told=running.told).base_url


def _events(url: str, key: str) -> Iterator[str]:
    """Each a JSON object."""
    import httpx2 as httpx

    wait = httpx.Timeout(CONNECT_SECONDS, read=SILENT_SECONDS)
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=wait) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                fail(_refusal(answer))
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield line.removeprefix("data: ")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{url} cannot be followed: {str(error) or type(error).__name__}")


def _refusal(answer: Any) -> str:
    try:
        return f"the service answers {answer.status_code}: {answer.json()['message']}"
    except (ValueError, KeyError, TypeError):
        return f"the service answers {answer.status_code}: is that Offhook's address?"


def _told(event: str) -> str:
    """One line for a person, "" for what needs none."""
    match told := json.loads(event):
        case {"type": "call", "call": {"status": status}}:
            return f"the call is {status}"
        case {"type": "status-update", "status": status}:
            why = _of(told, "ended_reason")
            return f"the call is {status}" + (f": {why}" if why else "")
        case {"type": "transcript", "role": role, "transcript": text}:
            return f"{role}: {text}" if _of(told, "transcript_type") == "final" else ""
        case {"type": "speech-update" | "model-output" | "voice-input" | "end"}:
            return ""
        case {"type": kind}:
            return f"({kind})"
    return ""


def _of(given: Any, attribute: str) -> Any:
    from offhook.schema.written import wire_name

    return given.get(wire_name(attribute))


def _shown(record: Record) -> object:
    from offhook.api.resources.call_routes import shown_call

    return shown_call(record)


def _read(record: Record) -> Any:
    """What it may hold, whether or not that is valid by today's types."""
    from offhook.schema.base import unchecked
    from offhook.schema.calls.call import Call

    return unchecked(Call, record.document)


def _line(record: Record) -> dict[str, str]:
    from offhook.schema.base import format_timestamp, unchecked
    from offhook.schema.calls.call import Caller

    call = _read(record)
    customer = unchecked(Caller, call.customer or {})
    line = {
        "id": record.id,
        "began": format_timestamp(record.created_at),
        "status": call.status,
        "caller": customer.number or customer.sip_uri,
        "number": call.phone_number_id,
        "ended": call.ended_at,
        "reason": call.ended_reason,
    }
    return {name: str(value or "") for name, value in line.items()}
