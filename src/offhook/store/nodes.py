"""Nodes, and which of them still hold calls. Each node counts up; a node whose count stands still is dead.

A node of several call processes has a name for each: its own for the first, `NAME/2` and so on for the
others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import delete, insert, select, update

from offhook.store.statements import Statements
from offhook.store.tables import calls, nodes

FORGOTTEN_SECONDS: Final = 30 * 86400
"""Seconds after which the row of a dead node that holds nothing is deleted."""


def name_of_process(node: str, number: int) -> str:
    """The name of call process `number` (from 1) of a node."""
    return node if number == 1 else f"{node}/{number}"


def node_of(name: str) -> str:
    """The node whose process has that name."""
    return name.partition("/")[0]


def is_beyond(name: str, node: str, processes: int) -> bool:
    """Whether the name is that of a further process of a node that has only so many now."""
    of, _, number = name.partition("/")
    return of == node and number.isdecimal() and int(number) > processes


class Nodes:
    def __init__(self, tx: Statements) -> None:
        self._tx = tx

    async def enter(self, name: str) -> int:
        """Registers the node with its first beat. It replaces whichever node had its name before."""
        now = self._tx.now_ms()
        old = nodes.c.beaten_at < now - FORGOTTEN_SECONDS * 1000
        await self._tx.execute(delete(nodes).where((nodes.c.name == name) | old))
        await self._tx.execute(insert(nodes).values(name=name, beat=now, beaten_at=now))
        return now

    async def beat(self, name: str, last: int) -> int | None:
        """Writes the node's next beat. None if others have taken the node for dead since the last one. The
        database may hold one beat more than the node knows of, whose answer was lost."""
        values = {"beat": nodes.c.beat + 1, "beaten_at": self._tx.now_ms()}
        mine = update(nodes).where(nodes.c.name == name, nodes.c.beat >= last).values(values)
        rows = await self._tx.execute(mine.returning(nodes.c.beat))
        return int(rows[0].beat) if rows else None

    async def leave(self, name: str, last: int | None) -> bool:
        """Removes the node, because it stops or is taken for dead, if this is still its last beat. None: it
        has no row. False: it has beaten since."""
        if last is None:
            return not await self._tx.execute(select(nodes.c.beat).where(nodes.c.name == name))
        gone = delete(nodes).where(nodes.c.name == name, nodes.c.beat == last)
        return bool(await self._tx.execute(gone.returning(nodes.c.beat)))

    async def holders(self) -> dict[str, int | None]:
        """The nodes that hold calls which have not ended, and the last beat of each; None for a node without
        a row."""
        wanted = (
            select(calls.c.node, nodes.c.beat)
            .select_from(calls.outerjoin(nodes, nodes.c.name == calls.c.node))
            .where(calls.c.ended_at.is_(None), calls.c.node.is_not(None))
            .distinct()
        )
        return {row.node: row.beat for row in await self._tx.execute(wanted)}

    async def is_there(self, name: str) -> bool:
        """Whether the node has not left, and not all of its processes were taken for dead."""
        its = (nodes.c.name == name) | nodes.c.name.startswith(f"{name}/", autoescape=True)
        return bool(await self._tx.execute(select(nodes.c.beat).where(its).limit(1)))

    async def taken(self, ids: Collection[str]) -> list[str]:
        """Which of these calls somebody has ended."""
        wanted = select(calls.c.id).where(calls.c.id.in_(sorted(ids)), calls.c.ended_at.is_not(None))
        return [row.id for row in await self._tx.execute(wanted)]
