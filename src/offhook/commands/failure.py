"""How a command fails: a line on stderr for each thing that is wrong and what to do, and a non-zero exit."""

from __future__ import annotations

from typing import NoReturn

import typer


def fail(message: str, code: int = 1) -> NoReturn:
    for line in message.splitlines():
        typer.echo(f"offhook: {line}", err=True)
    raise typer.Exit(code)
