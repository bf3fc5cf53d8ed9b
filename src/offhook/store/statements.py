"""What repositories work on: the statements of one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, Row
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.json_document import ColumnValues
from offhook.store.ids import IdMaker
from offhook.store.records import Duplicate


class Statements:
    """All or nothing. What is read in it belongs together."""

    __slots__ = ("_after_commit", "_connection", "_now", "erased", "new_id", "reconfigured")

    def __init__(self, connection: AsyncConnection, now: Callable[[], float], new_id: IdMaker) -> None:
        self._connection = connection
        self._now = now
        self._after_commit: list[Callable[[], None]] = []
        self.new_id = new_id
        self.reconfigured = False
        """Whether something was written that decides how calls are answered."""
        self.erased = False
        """Whether words were erased that are to be found nowhere any more."""

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call it once what was written is durable; not at all if it is rolled back. It must not raise."""
        if callback not in self._after_commit:
            self._after_commit.append(callback)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return round(self._now() * 1000)

    async def execute(
        self,
        statement: Executable,
        values: ColumnValues | None = None,
        *,
        unique: Mapping[str, str] | None = None,
    ) -> Sequence[Row[Any]]:
        """The rows, if it gives any. `values` are parameters of one that was made beforehand. `unique` maps
        columns to the API's properties: a value of theirs that is taken raises Duplicate, after which the
        transaction can only be left."""
        try:
            result = await self._connection.execute(statement, values)
        except IntegrityError as error:
            field = duplicate_field(error, unique or {})
            if field is None:
                raise
            raise Duplicate(field) from None
        except StatementError as error:
            # A document that is not JSON: the caller's mistake, not the database's.
            if isinstance(error.orig, ValueError):
                raise error.orig from None
            raise
        return result.all() if result.returns_rows else ()

    async def changed(self, statement: Executable, values: ColumnValues) -> int:
        """Run a statement that was made beforehand, which is cheaper than to make it for each row; `values`
        are its parameters and the columns to be set. How many rows it wrote."""
        result = await self._connection.execute(statement, values)
        return result.rowcount

    async def scalar(self, statement: Executable) -> Any:
        """The first column of the first row."""
        return await self._connection.scalar(statement)

    def committed(self) -> None:
        for callback in self._after_commit:
            callback()


def duplicate_field(error: IntegrityError, fields: Mapping[str, str]) -> str | None:
    """Which property of the API a broken uniqueness is about; `fields` maps columns to properties."""
    # SQLite names the column at the end, PostgreSQL the constraint in quotes.
    text = str(error.orig)
    for column, field in fields.items():
        constraint = "_pkey" if column == "id" else f"_{column}_key"
        if text.endswith(f".{column}") or f'{constraint}"' in text:
            return field
    return None
