"""Prints rows: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def show(rows: Sequence[Mapping[str, str]], as_json: bool, *, one: bool = False) -> None:
    """Print `rows`, which have the same keys. `one` prints a single row as an object instead of a list."""
    if as_json:
        typer.echo(json.dumps(rows[0] if one else list(rows), indent=2))
    elif one:
        typer.echo("\n".join(f"{name}: {value}" for name, value in rows[0].items()))
    elif rows:
        _table(rows)
    else:
        typer.echo("none")


def _table(rows: Sequence[Mapping[str, str]]) -> None:
    lines = [list(rows[0]), *([*row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(map(str.ljust, line, widths)).rstrip())
