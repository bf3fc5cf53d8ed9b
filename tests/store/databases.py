"""Fixtures: a fresh database of either kind for each test. PostgreSQL is a cluster of our own on loopback,
for as long as the tests run; without its server programs those tests fail."""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from offhook.store import Database, IdMaker, upgrade
from tests.machine import PATIENCE, installed
from tests.ports import free_port


def _programs() -> Path | None:
    """The folder of the server's programs: Debian keeps it out of the PATH."""
    in_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found += [Path(in_path).resolve()] if in_path else []
    return next((program.parent for program in found if (program.parent / "postgres").exists()), None)


class Cluster:
    """A PostgreSQL server in a folder of its own. It refuses root, so then the user postgres runs it."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="offhook-postgres-"))
        self.port = free_port()
        self.has_newest = False
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self._as = [installed("runuser", "util-linux"), "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres")

    def start(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", self.user, "--no-sync", "-E", "UTF8")
        command = [*self._as, str(self.programs / "postgres"), "-D", str(data), "-h", "127.0.0.1"]
        command += ["-p", str(self.port), "-k", str(self.folder), "-F"]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            ready = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, check=False, timeout=PATIENCE).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def url(self, name: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        data = str(self.folder / "data")
        self._run("pg_ctl", "stop", "-D", data, "-m", "immediate")
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as, str(self.programs / program), *arguments],
            cwd=self.folder,
            check=True,
            timeout=PATIENCE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = _programs()
    if programs is None:
        pytest.fail("PostgreSQL's server is missing: apt-get install postgresql", False)
    running = Cluster(programs)
    running.start()
    yield running
    running.stop()


async def _ask(cluster: Cluster, *statements: str) -> None:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=cluster.port, user=cluster.user, database="postgres"
    )
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@contextlib.asynccontextmanager
async def created(cluster: Cluster, template: str) -> AsyncIterator[str]:
    """The URL of a database of the cluster."""
    name = f"t{random.getrandbits(48):012x}"
    await _ask(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield cluster.url(name)
    await _ask(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def postgres_url(cluster: Cluster) -> AsyncIterator[str]:
    async with created(cluster, "template1") as url:
        yield url


@pytest.fixture
async def newest_postgres_url(cluster: Cluster) -> AsyncIterator[str]:
    """A copy of one that was migrated once for all tests of this process."""
    if not cluster.has_newest:
        await _ask(cluster, "CREATE DATABASE newest")
        await upgrade(cluster.url("newest"))
        cluster.has_newest = True
    async with created(cluster, "newest") as url:
        yield url


_newest: list[bytes] = []
"""A SQLite file of the newest revision, once this process has made one."""


async def make_newest(url: str) -> None:
    """What `upgrade` does, for all tests but those of migrations: a SQLite file that is not there yet is a
    copy of the first that this process made."""
    file = Path(str(make_url(url).database))
    is_new = url.startswith("sqlite") and not file.exists()
    if is_new and _newest:
        file.touch(0o600)
        file.write_bytes(_newest[0])
        return
    await upgrade(url)
    if is_new:
        _newest.append(file.read_bytes())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.foreign)])
def database_kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def empty_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path}/offhook.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def newest_sqlite_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/offhook.db"
    await make_newest(url)
    return url


@pytest.fixture
def newest_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database of the newest revision, without rows."""
    url: str = request.getfixturevalue(f"newest_{'sqlite' if database_kind == 'sqlite' else 'postgres'}_url")
    return url


class Clock:
    """A wall clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_767_225_600.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(newest_url: str, clock: Clock) -> AsyncIterator[Database]:
    opened = await Database.open(newest_url, now=clock, new_id=IdMaker(clock, random.Random(7)))
    yield opened
    await opened.close()
