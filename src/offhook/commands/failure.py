"""How a command fails: one line on stderr that says what to do, and a non-zero exit."""

from __future__ import annotations

from typing import NoReturn

import typer


def fail(message: str, code: int = 1) -> NoReturn:
    typer.echo(f"offhook: {message}", err=True)
    raise typer.Exit(code)
