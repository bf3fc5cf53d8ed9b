"""Nodes, and who of them still holds calls. Each counts on; one whose count stands still is gone.

A node of several call processes has a name for each: its own for the first, `NAME/2` and so on for others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import delete, insert, select, update

from offhook.store.statements import Statements
from offhook.store.tables import calls, nodes

FORGOTTEN_SECONDS: Final = 30 * 86400
"""After so long a node that is gone and holds nothing needs no row any more."""


def name_of_process(node: str, number: int) -> str:
    """What call process `number` (from 1) of a node goes by."""
    return node if number == 1 else f"{node}/{number}"


def node_of(name: str) -> str:
    """The node whose process goes by that name."""
    return name.partition("/")[0]


def is_beyond(name: str, node: str, processes: int) -> bool:
    """Whether it is that of a process of the node which has no more than so many now."""
    of, _, number = name.partition("/")
    return of == node and number.isdecimal() and int(number) > processes


class Nodes:
    def __init__(self, tx: Statements) -> None:
        self._tx = tx

    async def enter(self, name: str) -> int:
        """The node is there; its first beat. Whoever went by its name before is not any more."""
        now = self._tx.now_ms()
        old = nodes.c.beaten_at < now - FORGOTTEN_SECONDS * 1000
        await self._tx.execute(delete(nodes).where((nodes.c.name == name) | old))
        await self._tx.execute(insert(nodes).values(name=name, beat=now, beaten_at=now))
        return now

    async def beat(self, name: str, last: int) -> int | None:
        """The node is still there; its next beat. None if others have taken it for dead since the last. One
        more may have been written than the node knows of, whose answer was lost."""
        values = {"beat": nodes.c.beat + 1, "beaten_at": self._tx.now_ms()}
        mine = update(nodes).where(nodes.c.name == name, nodes.c.beat >= last).values(values)
        rows = await self._tx.execute(mine.returning(nodes.c.beat))
        return int(rows[0].beat) if rows else None

    async def leave(self, name: str, last: int | None) -> bool:
        """Take the node off, if this still is its last beat: it has gone, or is taken for dead. None: it has
        no row. False if it has beaten since."""
        if last is None:
            return not await self._tx.execute(select(nodes.c.beat).where(nodes.c.name == name))
        gone = delete(nodes).where(nodes.c.name == name, nodes.c.beat == last)
        return bool(await self._tx.execute(gone.returning(nodes.c.beat)))

    async def holders(self) -> dict[str, int | None]:
        """The nodes that hold calls which have not ended, and the last beat of each; None for one that
        nobody knows."""
        wanted = (
            select(calls.c.node, nodes.c.beat)
            .select_from(calls.outerjoin(nodes, nodes.c.name == calls.c.node))
            .where(calls.c.ended_at.is_(None), calls.c.node.is_not(None))
            .distinct()
        )
        return {row.node: row.beat for row in await self._tx.execute(wanted)}

    async def is_there(self, name: str) -> bool:
        """Whether a node has not left, and nobody has taken all of its processes for dead."""
        its = (nodes.c.name == name) | nodes.c.name.startswith(f"{name}/", autoescape=True)
        return bool(await self._tx.execute(select(nodes.c.beat).where(its).limit(1)))

    async def taken(self, ids: Collection[str]) -> list[str]:
        """Those of these calls that somebody has ended."""
        wanted = select(calls.c.id).where(calls.c.id.in_(sorted(ids)), calls.c.ended_at.is_not(None))
        return [row.id for row in await self._tx.execute(wanted)]
