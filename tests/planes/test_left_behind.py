"""Whose calls a call plane ends when it starts: its own of before, and those of planes that are no more."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.planes.call_plane import left_behind
from offhook.planes.ground import Ground
from offhook.planes.siblings import Siblings
from offhook.settings import load_settings
from offhook.store import Database, IdMaker, upgrade
from offhook.vital import Vital


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    settings = load_settings({"data": tmp_path})
    await upgrade(settings.database)
    rng = random.Random(1)
    database = await Database.open(settings.database, now=lambda: 1.0, new_id=IdMaker(lambda: 1.0, rng))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "one"})
        for name in ("node", "node/2", "node/3", "node/4", "other/4"):
            await tx.calls.begin(org.id, {"status": "ringing"}, status="ringing", node=name)
    yield Ground(settings, "node", database, lambda: 1.0, rng, Vital())
    await database.close()


@pytest.mark.parametrize(
    ("number", "count", "names"),
    [
        (1, 4, ["node"]),
        (2, 4, ["node/2"]),
        (1, 2, ["node", "node/3", "node/4"]),
        (2, 2, ["node/2"]),
        (1, 1, ["node", "node/2", "node/3", "node/4"]),
    ],
)
async def test_each_ends_what_nobody_has_any_more_and_nothing_of_the_others(
    ground: Ground, number: int, count: int, names: list[str]
) -> None:
    assert sorted(await left_behind(ground, Siblings(number, count))) == names
