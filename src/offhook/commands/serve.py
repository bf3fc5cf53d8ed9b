"""`offhook serve`: the service in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from offhook.commands.failure import fail

if TYPE_CHECKING:
    from offhook.server import Node
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
    """
    from offhook.commands.logs import configure
    from offhook.settings import SettingsError, load_settings, unknown_variables

    try:
        settings = load_settings({"http": http, "sip": sip, "data": data})
    except SettingsError as problem:
        fail(str(problem))
    configure(settings.log_level, settings.log_format)
    for slip in unknown_variables():
        typer.echo(f"offhook: {slip}", err=True)
    _run(settings)


def _run(settings: Settings) -> None:
    import uvloop

    from offhook.process import raise_file_limit
    from offhook.server import StartError

    raise_file_limit()
    typer.echo("Starting: loading the speech models ...")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except StartError as problem:
        fail(str(problem))


async def _serve(settings: Settings) -> None:
    from offhook.process import settle_memory
    from offhook.server import running_node

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with running_node(settings) as node:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stopper(stop, node))
        settle_memory()
        typer.echo(welcome(node))
        await stop.wait()
        if len(node.calls):
            typer.echo(f"Stopping: {len(node.calls)} calls are up; Ctrl-C again ends them at once.")
    typer.echo("Stopped.")


def _stopper(stop: asyncio.Event, node: Node) -> Callable[[], None]:
    def signalled() -> None:
        if stop.is_set():
            node.calls.end_all("worker-shutdown")
        stop.set()

    return signalled


def welcome(node: Node) -> str:
    """What the person who started it wants to know: key, URLs, what to dial."""
    host = f"http://{_shown(node.http.host)}:{node.http.port}"
    lines = ["", "Offhook is ready.", ""]
    if node.started.key is not None:
        lines += [f"  API key   {node.started.key}", "            (shown this once; keep it)"]
    lines += [
        f"  API       {host}   (documentation: {host}/docs)",
        f"  SIP       {_shown(node.sip.host)}:{node.sip.port}, UDP and TCP",
    ]
    if node.started.sip_uri is not None:
        lines += [
            f"  Dial      {node.started.sip_uri}",
            f"            or try: {_program()} call {node.started.sip_uri} --say 'When are you open?'",
        ]
    return "\n".join([*lines, "", "Ctrl-C stops it.", ""])


def _shown(host: str) -> str:
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not bound to
    return own.get(host, f"[{host}]" if ":" in host else host)


def _program() -> str:
    """How the command was called, as far as it can be called so again."""
    import sys

    path = Path(sys.argv[0])
    return os.path.relpath(path) if path.name == "offhook" and path.parent != Path() else "offhook"
