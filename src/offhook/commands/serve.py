"""`offhook serve`: the service in the foreground."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from offhook.commands.failure import fail

if TYPE_CHECKING:
    import socket

    from offhook.settings import Settings


def serve(
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="HOST:PORT", help="Where the API listens (127.0.0.1:8080)."),
    ] = None,
    sip: Annotated[
        str | None,
        typer.Option("--sip", metavar="HOST:PORT", help="Where SIP listens, UDP and TCP (0.0.0.0:5060)."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Folder for database and recordings (./data)."),
    ] = None,
) -> None:
    """Run the service until Ctrl-C.

    The first start makes an org with its API key, a demo assistant and a number to dial, and prints them.

    Ctrl-C (or SIGTERM) takes no more calls and lets those that are up end; a second one ends them at once.

    \b
    Examples:
      offhook serve
      offhook serve --http 127.0.0.1:9000 --sip 0.0.0.0:5070 --data /var/lib/offhook
      OFFHOOK_PUBLIC_ADDRESS=203.0.113.7 offhook serve
    """
    from offhook.planes import spec

    # The supervisor hears them, also those of before it is there.
    signal.pthread_sigmask(signal.SIG_BLOCK, spec.LEFT_TO_THE_SUPERVISOR)
    # They load while this process looks for what could keep the node from starting.
    started = {plane: spec.start(plane) for plane in (spec.CALL, spec.API)}
    try:
        _serve(started, {"http": http, "sip": sip, "data": None if data is None else str(data)})
    finally:
        for pid, _ in started.values():
            os.kill(pid, signal.SIGKILL)


def _serve(started: dict[str, tuple[int, socket.socket]], flags: Mapping[str, str | None]) -> None:
    """Find out all that the node is to be, then become its supervisor. Returns only by an exception."""
    from offhook.folder import DataFolder
    from offhook.listening import certificates_of, listen_http, listen_sip, listen_sip_tls
    from offhook.log_lines import configure
    from offhook.network import Address
    from offhook.planes.siblings import KEY_BYTES, Between
    from offhook.planes.spec import CALL, Spec, names
    from offhook.process import StartError, calls_within, file_limit, raise_file_limit
    from offhook.settings import SettingsError, load_settings, unknown_variables
    from offhook.store import IdMaker, StoreError, upgrade

    for slip in unknown_variables():
        typer.echo(f"offhook: {slip}", err=True)
    try:
        settings = load_settings(flags)
    except SettingsError as problem:
        fail(str(problem))
    configure(settings.log_level, settings.log_format, "node")
    raise_file_limit()
    os.umask(0o077)  # whoever made the data folder, what is written there is for its owner alone
    typer.echo("Starting: loading the speech models ...")
    _start_the_others(started, settings.processes)
    try:
        max_calls = calls_within(file_limit(), settings.max_calls)
        folder = DataFolder.take(settings.data, IdMaker(time.time, random.SystemRandom()))
        web = listen_http(settings.http)
        phones = listen_sip(settings.sip)
        secured = [] if settings.sip_tls is None else listen_sip_tls(settings.sip_tls)
        certificates_of(settings)
        asyncio.run(upgrade(settings.database))
    except (StartError, StoreError) as problem:
        fail(str(problem))
    between = Between.made(settings.processes, max_calls)
    calls = [name for name, plane in names(settings.processes).items() if plane == CALL]
    http, sip = (Address(*bound.getsockname()[:2]) for bound in (web, phones[0]))
    sip_tls = Address(*secured[0].getsockname()[:2]) if secured else None
    settings = settings.model_copy(update={"http": http, "sip": sip, "sip_tls": sip_tls})
    given = {name: value for name, value in flags.items() if value is not None}
    state = {
        "spec": asdict(
            Spec(
                "",
                0,
                settings.processes,
                os.urandom(KEY_BYTES).hex(),
                folder.node,
                given,
                http,
                sip,
                max_calls,
                sip_tls,
                len(secured),
            )
        ),
        "lock": folder.lock,
        "http": web.fileno(),
        "sip": [one.fileno() for one in (*phones, *secured)],
        "between": {name: between.of_process(number) for number, name in enumerate(calls, 1)},
        "started": {plane: (pid, link.fileno()) for plane, (pid, link) in started.items()},
        "told": settings.told(),
        "words": words(settings),
        "log_level": settings.log_level,
        "log_format": settings.log_format,
    }
    _become_supervisor(state)


def _start_the_others(started: dict[str, tuple[int, socket.socket]], processes: int) -> None:
    """The call plane that loads already is the first of so many."""
    from offhook.planes import spec

    for name, plane in spec.names(processes).items():
        if plane == spec.CALL:
            started[name] = started.pop(spec.CALL) if spec.CALL in started else spec.start(spec.CALL)


def _become_supervisor(state: dict[str, Any]) -> NoReturn:
    """This process goes on with next to nothing in memory. What it holds open, it hands to itself."""
    held = [
        *(state["lock"], state["http"], *state["sip"]),
        *(number for _, number in state["started"].values()),
        *{number for numbers in state["between"].values() for number in numbers},
    ]
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(state).encode())
        file.seek(0)
        for number in (file.fileno(), *held):
            os.set_inheritable(number, True)
        sys.stdout.flush()
        program = [sys.executable, "-P", "-m", "offhook.planes.supervisor", str(file.fileno())]
        os.execv(sys.executable, program)  # noqa: S606 - this very program


def words(settings: Settings) -> dict[str, str]:
    """What the person who started it wants to know: key, URLs, what to dial, at the real ports."""
    from offhook.planes.supervisor import KEY_HERE

    tls = settings.sip_tls
    host = f"http://{_shown(settings.http.host)}:{settings.http.port}"
    return {
        "head": "\n" + typer.style("Offhook is ready.", bold=True) + "\n\n",
        "key": f"  API key   {typer.style(KEY_HERE, bold=True)}\n            (shown this once; keep it)\n",
        "reach": f"  API       {host}   (documentation: {host}/docs)\n"
        f"  SIP       {_shown(settings.sip.host)}:{settings.sip.port}, UDP and TCP\n"
        + ("" if tls is None else f"            {_shown(tls.host)}:{tls.port}, TLS\n"),
        "dial": "".join(f"{line}\n" for line in _to_dial(settings)),
        "foot": "\nCtrl-C stops it.\n",
    }


def _to_dial(settings: Settings) -> list[str]:
    """The demo number as it is reached now, which need not be how it was once made."""
    from offhook.bootstrap import DEMO_USER
    from offhook.listening import outer_address
    from offhook.network import Address
    from offhook.network.routes import WILDCARDS

    sip = settings.sip
    uri = f"sip:{DEMO_USER}@{settings.sip_host}"
    lines = [f"  Dial      {typer.style(uri, bold=True)}"]
    told = settings.sip_host if settings.domain else settings.public_address
    outer = outer_address()
    if not told and sip.host in WILDCARDS and outer is not None:
        other = f"sip:{DEMO_USER}@{outer if sip.port == 5060 else Address(outer, sip.port)}"
        lines.append(f"            {other} from other machines")
    return [*lines, f"            or try: {_program()} call {uri} --say 'When are you open?'"]


def _shown(host: str) -> str:
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to
    return own.get(host, f"[{host}]" if ":" in host else host)


def _program() -> str:
    """How the command was called, as far as it can be called so again."""
    path = Path(sys.argv[0])
    if path.name != "offhook" or path.parent == Path():
        return "offhook"
    return min(os.path.relpath(path), str(path.absolute()), key=len)
