"""`offhook serve`: the service in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
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

    \b
    Examples:
      offhook serve
      offhook serve --http 127.0.0.1:9000 --sip 0.0.0.0:5070 --data /var/lib/offhook
      OFFHOOK_PUBLIC_ADDRESS=203.0.113.7 offhook serve
    """
    from offhook.commands.logs import configure
    from offhook.settings import SettingsError, load_settings, unknown_variables

    for slip in unknown_variables():
        typer.echo(f"offhook: {slip}", err=True)
    try:
        settings = load_settings({"http": http, "sip": sip, "data": data})
    except SettingsError as problem:
        fail(str(problem))
    configure(settings.log_level, settings.log_format)
    _run(settings)


def _run(settings: Settings) -> None:
    import uvloop

    from offhook.process import StartError, raise_file_limit, share_python

    raise_file_limit()
    share_python()
    os.umask(0o077)  # whoever made the data folder, what is written there is for its owner alone
    typer.echo("Starting: loading the speech models ...")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except StartError as problem:
        fail(str(problem))
    except asyncio.CancelledError:
        pass  # asked to stop before it had started
    typer.echo("Stopped.")


async def _serve(settings: Settings) -> None:
    from offhook.process import StartError, settle_memory
    from offhook.server import DRAIN_SECONDS, running_node

    stop = _Stop()
    stop.listen()
    async with running_node(settings) as node:
        stop.node = node
        settle_memory()
        typer.echo(welcome(node))
        await _either(stop.asked, node.vital.lost)
        if calls := len(node.calls):
            up = "1 call is up and has" if calls == 1 else f"{calls} calls are up and have"
            typer.echo(f"Stopping: {up} {DRAIN_SECONDS:g} s to end; Ctrl-C again ends them at once.")
    if node.vital.reason:
        raise StartError(node.vital.reason)


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


class _Stop:
    """What SIGINT, SIGTERM and SIGHUP ask for: to stop starting, else to drain, then to end what is left."""

    def __init__(self) -> None:
        """Made in the task that starts the node."""
        self.node: Node | None = None
        self.asked = asyncio.Event()
        self._starting = asyncio.current_task()

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # `nohup` has it ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if self.node is not None and self.asked.is_set():
            self.node.calls.end_all()
        elif self.node is None and not self.asked.is_set() and self._starting is not None:
            self._starting.cancel()
        self.asked.set()


def welcome(node: Node) -> str:
    """What the person who started it wants to know: key, URLs, what to dial."""
    host = f"http://{_shown(node.http.host)}:{node.http.port}"
    lines = ["", typer.style("Offhook is ready.", bold=True), ""]
    if node.started.key is not None:
        lines += [
            f"  API key   {typer.style(node.started.key, bold=True)}",
            "            (shown this once; keep it)",
        ]
    lines += [
        f"  API       {host}   (documentation: {host}/docs)",
        f"  SIP       {_shown(node.sip.host)}:{node.sip.port}, UDP and TCP",
    ]
    if node.started.demo:
        lines += _to_dial(node)
    return "\n".join([*lines, "", "Ctrl-C stops it.", ""])


def _to_dial(node: Node) -> list[str]:
    """The demo number as it is reached now, which need not be how it was once made."""
    from offhook.bootstrap import DEMO_USER
    from offhook.listening import outer_address
    from offhook.network import Address
    from offhook.sip.transport import WILDCARDS

    uri = f"sip:{DEMO_USER}@{node.settings.model_copy(update={'sip': node.sip}).sip_host}"
    lines = [f"  Dial      {typer.style(uri, bold=True)}"]
    told = node.settings.domain or node.settings.public_address
    outer = outer_address()
    if not told and node.sip.host in WILDCARDS and outer is not None:
        other = f"sip:{DEMO_USER}@{outer if node.sip.port == 5060 else Address(outer, node.sip.port)}"
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
