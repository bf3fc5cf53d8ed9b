"""`offhook doctor`: what would keep the service from working here."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Annotated, Final

import typer

from offhook.commands.failure import fail
from offhook.commands.show import Json
from offhook.json_document import PlaneMessage

if TYPE_CHECKING:
    from offhook.folder import Holder
    from offhook.settings import Settings

ASK_SECONDS: Final = 5.0

Check = Callable[[], list[str]]


Engines = Annotated[
    bool,
    typer.Option("--engines", help="Try each vendor's key, the node's and the orgs', and nothing else."),
]


def doctor(as_json: Json = False, engines: Engines = False) -> None:
    """Say what would keep the service from working here.

    Settings, data folder, database, ports, open files and speech models are checked, and for each problem it
    says what to do. Nothing is changed or made. While the service runs on that folder, it is asked, and its
    settings are judged instead of those given here. Exits with 0 if nothing is wrong, else with 1.

    \b
    Examples:
      offhook doctor
      OFFHOOK_DATA=/var/lib/offhook offhook doctor --json
      offhook doctor --engines
    """
    from offhook.folder import holder
    from offhook.process import raise_file_limit
    from offhook.settings import SettingsError, load_settings

    try:
        settings = load_settings()
        running = holder(settings.data)
        if running is not None:
            settings = load_settings(told=running.told)
    except SettingsError as problem:
        fail(str(problem))
    if engines:
        from offhook.commands.engine_keys import try_engines

        try_engines(settings, as_json)
        return
    raise_file_limit()
    found: dict[str, list[str]] = {}
    for what, check in _checks(settings, running):
        found[what] = check()
        if not as_json:
            _print("WRONG" if found[what] else "ok", what)
            for line in found[what]:
                _print("", line)
    notes = list(_notes(settings))
    if as_json:
        checks = [
            {"check": what, "ok": not problems, "problems": problems} for what, problems in found.items()
        ]
        typer.echo(json.dumps({"checks": checks, "notes": notes}, indent=2))
    else:
        for note in notes:
            _print("note", note)
    if any(found.values()):
        raise typer.Exit(1)


def _print(mark: str, text: str) -> None:
    colour = {"WRONG": "red", "ok": "green"}.get(mark)
    typer.echo(f"{typer.style(f'{mark:6}', fg=colour)}{text}")


def _checks(settings: Settings, running: Holder | None) -> Iterator[tuple[str, Check]]:
    from offhook.listening import check_sip, listen_http

    yield f"data folder {settings.data.absolute()}", lambda: _folder(settings)
    yield "database", lambda: _database(settings)
    if running is not None:
        yield f"the service runs as process {running.process}", lambda: _service(settings, running)
        for plane in running.planes:
            yield _plane(plane), partial(_up, plane)
    else:
        yield f"HTTP at {settings.http}", lambda: _starts(lambda: listen_http(settings.http).close())
        yield f"SIP at {settings.sip}", lambda: _starts(lambda: check_sip(settings.sip))
    yield f"media ports {settings.rtp_ports}", lambda: _media_ports(settings)
    yield "open files", lambda: _files(settings, running)
    yield "speech models", _speech


def _starts(step: Callable[[], None]) -> list[str]:
    """What a step of the start says against going on."""
    from offhook.process import StartError

    try:
        step()
    except StartError as problem:
        return [str(problem)]
    return []


def _folder(settings: Settings) -> list[str]:
    from offhook.folder import check

    return _starts(lambda: check(settings.data, make=False))


def _service(settings: Settings, running: Holder) -> list[str]:
    """What the service itself says; nothing while it starts."""
    import http.client

    if not running.told:
        return []
    address = settings.reachable_http
    connection = http.client.HTTPConnection(*address, timeout=ASK_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as problem:
        return [f"it does not answer at http://{address} ({problem}): its log says why"]
    finally:
        connection.close()
    return [] if status == 200 else [f"it takes no new calls (/health/ready says {status}): its log says why"]


def _plane(plane: PlaneMessage) -> str:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(plane["since"]))
    restarts = f", restarts: {plane['restarts']}" if plane["restarts"] else ""
    calls = f", calls: {plane['calls']}" if "calls" in plane else ""
    return f"{plane['plane']} plane, process {plane['process']} since {since}{restarts}{calls}"


def _up(plane: PlaneMessage) -> list[str]:
    return [] if plane["up"] else ["it is being started anew: the log says why it ended"]


def _database(settings: Settings) -> list[str]:
    import random
    import time

    from offhook.store import Database, IdMaker, StoreError

    if settings.database_url is None and not os.path.exists(settings.database.partition(":///")[2]):
        return []  # the first start makes it; or the folder cannot be seen, which has been said

    async def look() -> None:
        new_id = IdMaker(time.time, random.SystemRandom())
        database = await Database.open(settings.database, now=time.time, new_id=new_id, writes=False)
        await database.close()

    try:
        asyncio.run(look())
    except StoreError as problem:
        return [str(problem)]
    return []


def _media_ports(settings: Settings) -> list[str]:
    if settings.rtp_ports.calls < settings.max_calls:
        return [
            f"they hold {settings.rtp_ports.calls} calls, OFFHOOK_MAX_CALLS allows {settings.max_calls}:"
            " widen OFFHOOK_RTP_PORTS or lower OFFHOOK_MAX_CALLS"
        ]
    return []


def _files(settings: Settings, running: Holder | None) -> list[str]:
    from offhook.process import RAISE_FILES, file_limit, file_limit_of, room_for_calls

    limit = file_limit() if running is None else file_limit_of(running.process)
    if limit is None:
        return []
    room = room_for_calls(limit)
    if room < settings.max_calls:
        return [f"enough for {room} calls, OFFHOOK_MAX_CALLS allows {settings.max_calls}: {RAISE_FILES}"]
    return []


def _speech() -> list[str]:
    from offhook.speech.installation import check

    return [problem.text for problem in asyncio.run(check())]


def _notes(settings: Settings) -> Iterator[str]:
    """What is not wrong, but may not be what was meant."""
    from offhook.listening import outer_address
    from offhook.network.routes import WILDCARDS
    from offhook.settings import unknown_variables

    yield from unknown_variables()
    own = outer_address() if settings.sip.host in WILDCARDS else settings.sip.host
    told = settings.public_address or own
    ip = None if told is None else _ip(told)
    if told is None or (ip is not None and ip.is_loopback):
        yield "phones are told a loopback address for their audio: only those on this machine can call"
    elif settings.public_address is None and ip is not None and not ip.is_global:
        yield (
            f"phones are told {told} for their audio: right within this network; for callers from outside"
            " set OFFHOOK_PUBLIC_ADDRESS"
        )
    api = _ip(settings.http.host)
    if api is not None and not api.is_loopback:
        yield f"the API listens on {settings.http} without TLS: put a proxy with TLS in front of it"
    if settings.allow_private_urls:
        yield "OFFHOOK_ALLOW_PRIVATE_URLS is on: whoever has a key can reach this machine's network"


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    """None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
