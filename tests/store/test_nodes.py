"""A node of several call processes: each holds calls of its own, and all are the node's."""

from __future__ import annotations

import pytest

from offhook.store import Database, is_beyond, name_of_process
from offhook.store.nodes import node_of


def test_the_first_process_goes_by_the_name_of_the_node() -> None:
    assert [name_of_process("one", number) for number in (1, 2, 3)] == ["one", "one/2", "one/3"]
    assert {node_of(name_of_process("one", number)) for number in (1, 2, 3)} == {"one"}


@pytest.mark.parametrize(
    ("name", "beyond"),
    [
        ("one", False),
        ("one/2", False),
        ("one/3", True),
        ("other/3", False),
        ("one/x", False),
        ("one/", False),
    ],
)
def test_whose_process_is_there_no_more(name: str, beyond: bool) -> None:
    assert is_beyond(name, "one", 2) is beyond


async def test_calls_of_a_process_are_its_own_and_its_node_has_them(database: Database) -> None:
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "one"})
        for number in (1, 2):
            name = name_of_process("node", number)
            await tx.nodes.enter(name)
            await tx.calls.begin(org.id, {"status": "ringing"}, status="ringing", node=name, id=f"c{number}")
    async with database.reading() as tx:
        assert [one.id for one in await tx.calls.unfinished("node/2")] == ["c2"]
        assert [await tx.calls.node_of(one) for one in ("c1", "c2", "c3")] == ["node", "node", None]
        assert set(await tx.nodes.holders()) == {"node", "node/2"}


async def test_a_node_is_there_while_one_of_its_processes_is(database: Database) -> None:
    async with database.transaction() as tx:
        beats = {name: await tx.nodes.enter(name) for name in ("node", "node/2", "node2", "no_e/2")}
        assert await tx.nodes.is_there("node")
        await tx.nodes.leave("node", beats["node"])
        assert await tx.nodes.is_there("node")
        await tx.nodes.leave("node/2", beats["node/2"])
        assert not await tx.nodes.is_there("node")
        assert not await tx.nodes.is_there("no%")
