from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offhook.log_context import CALL, working_for
from offhook.speech.jobs import Job, WorkerFailed
from offhook.speech.workers import WorkerLimits, Workers
from tests.machine import PATIENCE
from tests.speech.limits import PATIENT

SCRIPT = Path(__file__).parent / "scripted_worker.py"


def command(mode: str = "well") -> list[str]:
    return [sys.executable, str(SCRIPT), mode]


@asynccontextmanager
async def running(count: int = 1, limits: WorkerLimits | None = None) -> AsyncIterator[Workers]:
    workers = Workers(count, command(), limits or PATIENT)
    async with asyncio.timeout(PATIENCE):
        await workers.start()
        try:
            yield workers
        finally:
            await workers.close()


async def replies(job: Job) -> list[dict[str, Any]]:
    return [dict(frame.head) async for frame in job]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(500):
        if not is_running(pid):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_job_is_answered_with_its_bytes() -> None:
    async with running() as workers:
        job = workers.submit("echo", {"text": "hello"}, b"\0\1\2", owner="call")
        frames = [frame async for frame in job]
    assert [(f.head["text"], f.blob) for f in frames] == [("hello", b"\0\1\2")]


async def test_replies_come_as_they_are_made(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    head: dict[str, Any] = {"to": 3, "gate": str(gate), "name": "a", "log": str(tmp_path / "log")}
    async with running() as workers:
        job = workers.submit("count", head, b"", owner="call")
        assert (await anext(job)).head["number"] == 0
        assert (tmp_path / "log").read_text() == "a0 "
        gate.touch()
        assert [r["number"] for r in await replies(job)] == [1, 2]


async def test_close_leaves_no_process() -> None:
    async with running(2) as workers:
        pids = workers.processes
        assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids)


async def test_a_failing_job_says_why_and_the_next_is_done() -> None:
    async with running() as workers:
        job = workers.submit("fail", {}, b"", owner="call")
        assert (await anext(job)).head["number"] == 0
        with pytest.raises(WorkerFailed, match=r"^it does not work$") as caught:
            await anext(job)
        assert not caught.value.retry
        assert await replies(workers.submit("echo", {"text": "on"}, b"", owner="call"))


async def test_an_unknown_kind_is_an_error_of_the_job_alone() -> None:
    async with running() as workers:
        with pytest.raises(WorkerFailed, match="of the kind paint"):
            await replies(workers.submit("paint", {}, b"", owner="call"))
        assert await replies(workers.submit("echo", {"text": "on"}, b"", owner="call"))


async def test_a_waiting_job_that_is_taken_back_is_never_done(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    async with running() as workers:
        first = workers.submit("count", {"to": 2, "every": 0.1, "name": "a", "log": log}, b"", owner=1)
        second = workers.submit("count", {"to": 1, "name": "b", "log": log}, b"", owner=2)
        second.cancel()
        third = workers.submit("count", {"to": 1, "name": "c", "log": log}, b"", owner=3)
        await replies(first)
        await replies(third)
        assert await replies(second) == []
    assert (tmp_path / "log").read_text().split() == ["a0", "a1", "c0"]


async def test_a_job_under_way_stops_at_its_next_reply(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    async with running() as workers:
        job = workers.submit("count", {"to": 10**6, "every": 0.02, "name": "a", "log": log}, b"", owner=1)
        await anext(job)
        job.cancel()
        # The one worker is free for another, hours before it has counted so far.
        assert await replies(workers.submit("echo", {"text": "next"}, b"", owner=2))
        job.cancel()


async def test_calls_take_turns(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    async with running() as workers:
        jobs = [workers.submit("count", {"to": 1, "every": 0.1, "name": "x", "log": log}, b"", owner="x")]
        jobs += [
            workers.submit("count", {"to": 1, "name": name, "log": log}, b"", owner=name) for name in "aaabc"
        ]
        for job in jobs:
            await replies(job)
    assert (tmp_path / "log").read_text().replace("0", "").split() == ["x", "a", "b", "c", "a", "a"]


async def test_a_killed_worker_is_replaced_and_its_job_fails(tmp_path: Path) -> None:
    async with running() as workers:
        (pid,) = workers.processes
        head: dict[str, Any] = {"to": 10**6, "every": 0.01, "name": "a", "log": str(tmp_path / "log")}
        job = workers.submit("count", head, b"", owner=1)
        await anext(job)
        waiting = workers.submit("echo", {"text": "patience"}, b"", owner=2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed) as caught:
            await replies(job)
        assert caught.value.retry
        assert (await replies(waiting))[0]["text"] == "patience"
        assert workers.processes != [pid]
        assert await gone(pid)


async def test_a_job_that_kills_its_worker_again_and_again_fails_each_time() -> None:
    async with running() as workers:
        for _ in range(3):
            with pytest.raises(WorkerFailed):
                await replies(workers.submit("die", {}, b"", owner=1))
        assert await replies(workers.submit("echo", {"text": "alive"}, b"", owner=1))


async def test_a_worker_that_talks_nonsense_is_replaced() -> None:
    async with running() as workers:
        (pid,) = workers.processes
        with pytest.raises(WorkerFailed):
            await replies(workers.submit("babble", {}, b"", owner=1))
        assert await replies(workers.submit("echo", {"text": "alive"}, b"", owner=1))
        assert workers.processes != [pid]


async def test_a_job_without_end_costs_the_worker_its_life(tmp_path: Path) -> None:
    head: dict[str, Any] = {"to": 10, "every": 3600, "name": "a", "log": str(tmp_path / "log")}
    async with running(limits=replace(PATIENT, job=0.3)) as workers:
        with pytest.raises(WorkerFailed, match="no answer within"):
            await replies(workers.submit("count", head, b"", owner=1))
        workers._limits = PATIENT
        assert await replies(workers.submit("echo", {"text": "alive"}, b"", owner=1))


async def test_the_queue_is_bounded(tmp_path: Path) -> None:
    head: dict[str, Any] = {"to": 1, "every": 0.3, "name": "a", "log": str(tmp_path / "log")}
    async with running(limits=replace(PATIENT, waiting=2)) as workers:
        jobs = [workers.submit("count", head, b"", owner=1) for _ in range(4)]
        assert workers.waiting == 2
        with pytest.raises(WorkerFailed, match="overloaded"):
            await replies(jobs[3])
        assert len(await replies(jobs[2])) == 1


async def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    head: dict[str, Any] = {"to": 1, "every": 3600, "name": "a", "log": str(tmp_path / "log")}
    async with running(limits=replace(PATIENT, wait=0.1)) as workers:
        workers.submit("count", head, b"", owner=1)
        with pytest.raises(WorkerFailed, match="overloaded: no worker"):
            await replies(workers.submit("echo", {}, b"", owner=2))
        assert workers.waiting == 0


async def test_a_worker_that_cannot_load_says_why() -> None:
    workers = Workers(2, command("broken"), PATIENT)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(WorkerFailed, match="the model is missing"):
            await workers.start()
    assert workers.processes == []
    with pytest.raises(WorkerFailed):
        await replies(workers.submit("echo", {}, b"", owner=1))


async def test_a_missing_package_is_named() -> None:
    program = (
        "import sys; sys.modules['moonshine_voice'] = None; from offhook.speech.worker import main; main()"
    )
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(WorkerFailed, match="moonshine_voice"):
            await Workers(1, [sys.executable, "-c", program]).start()


async def test_a_worker_that_takes_too_long_to_load_is_given_up() -> None:
    workers = Workers(1, command("slow"), replace(PATIENT, start=0.5))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(WorkerFailed, match="not ready"):
            await workers.start()
    assert workers.processes == []


async def outcome(workers: Workers) -> str:
    """Of a small job: "done", or why not."""
    try:
        await replies(workers.submit("echo", {"text": "x"}, b"", owner=1))
    except WorkerFailed as error:
        return str(error)
    return "done"


async def outcome_becomes(workers: Workers, words: str) -> None:
    while words not in await outcome(workers):
        await asyncio.sleep(0.02)


async def test_while_no_worker_starts_again_whoever_asks_hears_why_at_once(tmp_path: Path) -> None:
    mode = tmp_path / "mode"
    mode.write_text("well")
    workers = Workers(1, command(str(mode)), replace(PATIENT, restart_first=0.05, restart_last=0.1))
    async with asyncio.timeout(PATIENCE):
        await workers.start()
        mode.write_text("broken")
        os.kill(workers.processes[0], signal.SIGKILL)
        await outcome_becomes(workers, "the model is missing")
        mode.write_text("well")
        await outcome_becomes(workers, "done")
        await workers.close()


async def test_close_while_the_workers_load_leaves_no_process() -> None:
    workers = Workers(2, command("slow"))
    starting = asyncio.create_task(workers.start())
    async with asyncio.timeout(PATIENCE):
        while len(workers.processes) < 2:
            await asyncio.sleep(0.01)
        pids = workers.processes
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert not any(is_running(pid) for pid in pids)


async def test_jobs_that_wait_when_the_pool_is_closed_fail(tmp_path: Path) -> None:
    head: dict[str, Any] = {"to": 1, "every": 3600, "name": "a", "log": str(tmp_path / "log")}
    async with running() as workers:
        jobs = [workers.submit("count", head, b"", owner=1) for _ in range(3)]
        await anext(jobs[0])
    for job in jobs:
        with pytest.raises(WorkerFailed):
            await replies(job)


async def test_a_command_that_does_not_exist_is_an_error_of_start() -> None:
    with pytest.raises(WorkerFailed):
        await Workers(1, ["/nowhere/python"]).start()


async def test_workers_get_none_of_the_nodes_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFHOOK_API_KEY", "secret")
    async with running() as workers:
        (reply,) = await replies(workers.submit("environment", {}, b"", owner=1))
    assert "PATH" in str(reply["names"])
    assert "OFFHOOK" not in str(reply["names"])


async def test_ctrl_c_is_not_for_workers() -> None:
    async with running() as workers:
        (pid,) = workers.processes
        os.kill(pid, signal.SIGINT)
        assert await replies(workers.submit("echo", {"text": "alive"}, b"", owner=1))
        assert workers.processes == [pid]


NODE = """
import asyncio, sys
from offhook.speech.workers import Workers

async def main():
    workers = Workers(2, sys.argv[1:])
    await workers.start()
    print(*workers.processes, flush=True)
    await asyncio.sleep(60)

{run}
"""


@pytest.mark.parametrize(
    "run", ["asyncio.run(main())", "import uvloop; uvloop.run(main())"], ids=["asyncio", "uvloop"]
)
async def test_workers_do_not_outlive_a_killed_node(run: str) -> None:
    program = textwrap.dedent(NODE).format(run=run)
    with subprocess.Popen([sys.executable, "-c", program, *command()], stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await asyncio.to_thread(node.stdout.readline)
        pids = [int(pid) for pid in line.split()]
        assert len(pids) == 2
        assert all(is_running(pid) for pid in pids)
        node.kill()
    for pid in pids:
        assert await gone(pid)


async def test_what_breaks_in_looking_after_a_worker_ends_neither_the_start_nor_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = tmp_path / "mode"
    mode.write_text("well")
    workers = Workers(1, command(str(mode)), replace(PATIENT, restart_first=0.05, restart_last=0.1))
    spawn = Workers._spawn

    async def breaks(self: Workers) -> object:
        raise RuntimeError("broken")

    monkeypatch.setattr(Workers, "_spawn", breaks)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(WorkerFailed, match="broken"):
            await workers.start()
    monkeypatch.setattr(Workers, "_spawn", spawn)
    workers = Workers(1, command(str(mode)), replace(PATIENT, restart_first=0.05, restart_last=0.1))
    async with asyncio.timeout(PATIENCE):
        await workers.start()
        monkeypatch.setattr(Workers, "_spawn", breaks)
        os.kill(workers.processes[0], signal.SIGKILL)
        await outcome_becomes(workers, "broken")
        monkeypatch.setattr(Workers, "_spawn", spawn)
        await outcome_becomes(workers, "done")
        await workers.close()


# workers that hang

SOON = replace(PATIENT, check=0.1, missed=12)


@pytest.mark.parametrize("count", [1, 2])
async def test_workers_that_are_stopped_are_replaced_and_the_jobs_said_to_be_done_again(count: int) -> None:
    async with running(count, SOON) as workers:
        stopped = workers.processes
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        jobs = [workers.submit("echo", {"text": "a"}, b"", owner=number) for number in range(count)]
        for job in jobs:
            with pytest.raises(WorkerFailed) as caught:
                await anext(job)
            assert caught.value.retry
        for pid in stopped:
            assert await gone(pid)
        (answer,) = await replies(workers.submit("echo", {"text": "b"}, b"", owner="call"))
        assert answer["text"] == "b"
        assert answer["pid"] not in stopped


async def test_a_worker_that_is_stopped_while_it_has_nothing_to_do_is_replaced() -> None:
    async with running(1, SOON) as workers:
        (pid,) = workers.processes
        os.kill(pid, signal.SIGSTOP)
        assert await gone(pid)
        (answer,) = await replies(workers.submit("echo", {"text": "b"}, b"", owner="call"))
        assert answer["pid"] != pid


async def test_a_worker_that_is_stopped_in_the_middle_of_a_job(tmp_path: Path) -> None:
    head: dict[str, Any] = {"to": 10**6, "every": 0.05, "name": "a", "log": str(tmp_path / "log")}
    async with running(1, SOON) as workers:
        job = workers.submit("count", head, b"", owner="call")
        await anext(job)
        os.kill(workers.processes[0], signal.SIGSTOP)
        with pytest.raises(WorkerFailed, match="died"):
            await replies(job)


@pytest.mark.parametrize(
    ("kind", "head"), [("count", {"to": 1, "every": 3600}), ("compute", {"seconds": 3600})]
)
async def test_a_long_job_is_no_hanging(kind: str, head: dict[str, Any], tmp_path: Path) -> None:
    """Neither one that waits nor one that computes without a pause: both give signs of life."""
    async with running(1, replace(PATIENT, check=0.1)) as workers:
        workers.submit(kind, {**head, "name": "a", "log": str(tmp_path / "log")}, b"", owner="call")
        (worker,) = workers._live
        for _ in range(3):
            while not worker.missed:
                await asyncio.sleep(0.01)
            while worker.missed:
                await asyncio.sleep(0.01)


async def test_a_node_that_was_held_up_itself_blames_nobody() -> None:
    async with running(1, replace(PATIENT, check=0.1, missed=3)) as workers:
        workers_before = workers.processes
        for worker in workers._live:
            worker.missed = 0
        time.sleep(1.5)
        await asyncio.sleep(0)
        assert workers.processes == workers_before


async def test_jobs_wait_no_longer_than_a_caller_does_while_there_is_no_worker() -> None:
    limits = replace(PATIENT, unattended=0.1, restart_first=3600)
    async with running(1, limits) as workers:
        queued = [workers.submit("count", {"to": 1, "every": 60, "name": "a", "log": os.devnull}, b"", "a")]
        queued += [workers.submit("echo", {"text": "b"}, b"", owner="b")]
        os.kill(workers.processes[0], signal.SIGKILL)
        with pytest.raises(WorkerFailed):
            await replies(queued[0])
        for job in (queued[1], workers.submit("echo", {"text": "c"}, b"", owner="c")):
            with pytest.raises(WorkerFailed, match="no worker runs"):
                await replies(job)


def test_a_hung_worker_and_the_word_after_it_are_within_what_a_caller_waits() -> None:
    limits = WorkerLimits()
    assert limits.check * (limits.missed + 1) + limits.unattended < 7.5


# lines about jobs


async def test_a_line_about_a_job_names_the_call_that_it_is_done_for(tmp_path: Path) -> None:
    """A job that waited is handed over by a worker that has just served another call."""
    named: list[tuple[str | None, str]] = []

    class Names(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            named.append((CALL.get(), record.getMessage()))

    handler = Names()
    logging.getLogger("offhook.speech.workers").addHandler(handler)
    try:
        async with running(1, replace(PATIENT, job=1.0)) as workers:
            jobs = []
            for call in ("c1", "c2"):
                with working_for(call):
                    jobs.append(workers.submit("fail", {}, b"", owner=call))
            with working_for("c3"):
                endless: dict[str, Any] = {"to": 100, "every": 60, "name": "a", "log": str(tmp_path / "log")}
                jobs.append(workers.submit("count", endless, b"", owner="c3"))
            for job in jobs:
                with pytest.raises(WorkerFailed):
                    await replies(job)
    finally:
        logging.getLogger("offhook.speech.workers").removeHandler(handler)
    about_jobs = [(call, message) for call, message in named if "a job " in message]
    assert [call for call, _ in about_jobs] == ["c1", "c2", "c3"]
