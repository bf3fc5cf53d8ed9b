"""`offhook`: the commands. The entry point is `main`."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook import __version__
from offhook.commands import call, call_log, db, demo, doctor, keys, orgs, serve, webhooks

app = typer.Typer(
    name="offhook",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help reads the same in a terminal, a pipe and a page, and keeps examples
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("call")(call.call)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(orgs.app, name="orgs")
app.add_typer(keys.app, name="keys")
app.add_typer(call_log.app, name="calls")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"offhook {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """A self-hosted phone service for AI assistants.

    Settings come from OFFHOOK_... variables; docs/settings.md has them all.

    \b
    Examples:
      offhook demo                     listen in on a call, without a phone
      offhook serve                    run the service
      offhook call sip:demo@127.0.0.1  call it from this machine
      offhook doctor                   what would keep it from working here
    """


def main() -> None:
    app()
