"""The table of parts, which the messages of a call and its row are put together from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, exists, insert, select

from offhook.store.parts import Part
from offhook.store.statements import Statements
from offhook.store.tables import call_parts, outbox

_PUT: Final = insert(call_parts)


def put_parts(connection: Connection, call_id: str, parts: Iterable[Part]) -> None:
    """Inserts parts. Blocks."""
    rows: list[dict[str, Any]] = [
        {"call_id": call_id, "number": one.number, "base": one.base, "keep": one.keep, "value": one.value}
        for one in parts
    ]
    if rows:
        connection.execute(_PUT, rows)


async def parts_of(tx: Statements, call_id: str, numbers: Collection[int]) -> list[Part]:
    """These parts of a call, and all parts that they build on."""
    of_call = call_parts.c.call_id == call_id
    chain = (
        select(call_parts.c.number, call_parts.c.base)
        .where(of_call, call_parts.c.number.in_(numbers))
        .cte("chain", recursive=True)
    )
    before = select(call_parts.c.number, call_parts.c.base)
    chain = chain.union(before.where(of_call, call_parts.c.number == chain.c.base))
    columns = (call_parts.c.number, call_parts.c.base, call_parts.c.keep, call_parts.c.value)
    wanted = select(*columns).where(of_call, call_parts.c.number.in_(select(chain.c.number)))
    return [Part(*tuple(row)) for row in await tx.execute(wanted)]


_NEEDED: Final = exists().where(outbox.c.call_id == call_parts.c.call_id, outbox.c.parts.is_not(None))

FORGET_PASSED: Final = delete(call_parts).where(
    call_parts.c.call_id.in_(
        select(outbox.c.call_id).where(
            outbox.c.id.in_(bindparam("ids", expanding=True)), outbox.c.passing.is_(True)
        )
    ),
    ~_NEEDED,
)
"""Deletes the parts of these messages' calls, if nothing of the calls is kept but what still has to be
sent."""


FORGET: Final = delete(call_parts).where(call_parts.c.call_id == bindparam("of_call"), ~_NEEDED)
"""Deletes the parts of the call `of_call`, which has ended or whose words are not stored, unless a message
still needs them. The statement is made once: every call runs it at its end, and making it costs more than
running it."""
