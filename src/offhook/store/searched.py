"""What statements look for inside of documents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement, Table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Readable(FunctionElement[Any]):
    """A column of JSON; null where SQLite, which takes any text for JSON, has something else there: it would
    fail the whole statement."""

    type = JSON()
    inherit_cache = True


@compiles(_Readable)
def _as_it_is(element: _Readable, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_Readable, "sqlite")
def _where_valid(element: _Readable, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"CASE WHEN json_valid({column}) THEN {column} END"


def text_in(table: Table, name: str) -> ColumnElement[str]:
    """The text of a property of the table's documents; null where there is none."""
    found: ColumnElement[str] = _Readable(table.c.document)[name].as_string()
    return found


def number_in(table: Table, name: str) -> ColumnElement[float]:
    """The number of a property of the table's documents; null where there is none."""
    found: ColumnElement[float] = _Readable(table.c.document)[name].as_float()
    return found
