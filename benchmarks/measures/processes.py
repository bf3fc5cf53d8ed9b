"""Set-ups of a service with one call plane, and with two: the real `offhook serve`, all its processes.

A call plane can use one core, so how many set-ups it carries follows from what one costs it. Cost is told in
CPU time, without that of a plane that only waits: it does not depend on how many cores there are for the
planes, the callers and everything else, nor on the rate. Calls fall evenly to two planes in the long run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2 as httpx

from benchmarks.figure import Figure, percentile
from benchmarks.phones import Order, Phones, running_phones
from benchmarks.service import HOST, KEY, START_SECONDS, Service
from benchmarks.stage import until
from offhook.folder import holder

HOLD_SECONDS: Final = 0.1
RATE: Final = 15.0
"""Set-ups a second, of all planes together: well below what one carries, so that nothing is repeated."""

WARM_UP: Final = 30
LOCAL: Final[Mapping[str, Any]] = {
    "transcriber": {"provider": "vapi"},
    "model": {
        "provider": "vapi",
        "messages": [{"role": "system", "content": "We are open from eight to six."}],
    },
    "voice": {"provider": "vapi", "voiceId": "Elliot"},
    "firstMessageMode": "assistant-waits-for-user",
}
LEAST: Final = 1.8


def measure(quick: bool) -> list[Figure]:
    seconds = 15.0 if quick else 40.0
    one, of_one = _setups(1, seconds)
    two, of_two = _setups(2, seconds)
    figures = [
        Figure("CPU of one call plane for a set-up", 1000 * one, "ms", cause=of_one),
        Figure("CPU of two call planes for a set-up", 1000 * two, "ms", cause=of_two),
    ]
    note = "each with a core of its own"
    ratio = Figure("set-ups of two call planes for one of one", 2 * one / two, "", least=LEAST, cause=note)
    return [*figures, ratio]


def _setups(processes: int, seconds: float) -> tuple[float, str]:
    """CPU seconds of all call planes for each set-up; and what to know about it."""
    with _served(processes) as service, running_phones(service) as phones:
        user = service.number(**LOCAL)
        _place(phones, user, WARM_UP)
        resting = _spent(service, lambda: time.sleep(seconds / 3))
        phones.measure()
        calls = int(RATE * seconds)
        began = time.monotonic()
        working = _spent(service, lambda: _place(phones, user, calls))
        took = time.monotonic() - began
        heard = phones.heard()
    each = {name: took * (one - resting[name]) for name, one in working.items()}
    shares = ", ".join(f"{name} {one / sum(each.values()):.0%}" for name, one in sorted(each.items()))
    p50, p95 = (1000 * percentile(heard.answer_seconds, one) for one in (0.5, 0.95))
    note = f"{shares}; {heard.answered} of {calls} answered, INVITE to 200 p50 {p50:.0f} ms, p95 {p95:.0f} ms"
    return sum(each.values()) / heard.answered, f"{note}, {heard.repeated} repeated"


def _spent(service: Service, during: Callable[[], None]) -> dict[str, float]:
    """What part of a core each call plane takes meanwhile."""
    began, before = time.monotonic(), _cpu(service)
    during()
    after, seconds = _cpu(service), time.monotonic() - began
    return {name: (after[name] - before[name]) / seconds for name in before if name.startswith("call")}


def _place(phones: Phones, user: str, calls: int) -> None:
    phones.place(Order(user, calls, RATE, hold=HOLD_SECONDS, media=False))
    time.sleep(calls / RATE)
    phones.wait_for_end(60)
    time.sleep(2)  # what is written down after a call is part of its cost


def _cpu(service: Service) -> Mapping[str, float]:
    """CPU seconds of each plane so far, user and system, all threads (proc(5))."""
    held = holder(service.data)
    assert held is not None
    found = {}
    for plane in held.planes:
        fields = Path(f"/proc/{plane['process']}/stat").read_text().rpartition(")")[2].split()
        found[str(plane["plane"])] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


@contextmanager
def _served(processes: int) -> Iterator[Service]:
    """`offhook serve` with so many call planes, until the block is left."""
    with tempfile.TemporaryDirectory(prefix="offhook-benchmark-") as folder:
        data, http, sip = Path(folder) / "data", _free_port(), _free_port()
        settings = {
            "OFFHOOK_HTTP": f"{HOST}:{http}",
            "OFFHOOK_SIP": f"{HOST}:{sip}",
            "OFFHOOK_DATA": str(data),
            "OFFHOOK_API_KEY": KEY,
            "OFFHOOK_ALLOW_PRIVATE_URLS": "1",
            "OFFHOOK_PROCESSES": str(processes),
            "OFFHOOK_WORKERS": "1",
            "OFFHOOK_LOG_LEVEL": "warning",
        }
        with (Path(folder) / "service.log").open("wb") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("offhook")), "serve"],
                env={**os.environ, **settings}, stdout=log, stderr=log,
            )  # fmt: skip
        pipe, _ = multiprocessing.Pipe()
        service = Service(pipe, process.pid, f"http://{HOST}:{http}", (HOST, sip), data)
        try:
            if not until(lambda: _is_ready(service.http), 3 * START_SECONDS):
                raise RuntimeError("the service did not start")
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _is_ready(http: str) -> bool:
    try:
        return bool(httpx.get(f"{http}/health/ready", timeout=2, trust_env=False).status_code == 200)
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
