"""A worker process with engines that do what a test asks of them."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from offhook.speech.framing import Handler, Head, Reply
from offhook.speech.worker import serve


def echo(head: Head, blob: bytes) -> Iterator[Reply]:
    yield {"text": head.get("text"), "pid": os.getpid()}, blob


def count(head: Head, blob: bytes) -> Iterator[Reply]:
    """`to` replies, `every` seconds apart, the second once there is a file `gate`; each is also in the file
    `log`."""
    for number in range(int(str(head["to"]))):
        with open(str(head["log"]), "a") as log:
            log.write(f"{head['name']}{number} ")
        yield {"number": number}, b""
        while "gate" in head and not os.path.exists(str(head["gate"])):
            time.sleep(0.01)
        time.sleep(float(str(head.get("every", 0))))


def compute(head: Head, blob: bytes) -> Iterator[Reply]:
    ends = time.monotonic() + float(str(head["seconds"]))
    while time.monotonic() < ends:
        pass
    yield {}, b""


def fail(head: Head, blob: bytes) -> Iterator[Reply]:
    yield {"number": 0}, b""
    raise ValueError("it does not work")


def die(head: Head, blob: bytes) -> Iterator[Reply]:
    os.kill(os.getpid(), 9)
    yield {}, b""


def environment(head: Head, blob: bytes) -> Iterator[Reply]:
    yield {"names": " ".join(os.environ)}, b""


def babble(head: Head, blob: bytes) -> Iterator[Reply]:
    os.write(int(sys.argv[-1]), b"\xff" * 64)
    time.sleep(5)
    yield {}, b""


def load() -> Mapping[str, Handler]:
    mode = sys.argv[1]
    if os.path.isfile(mode):
        mode = Path(mode).read_text()
    if mode == "broken":
        raise FileNotFoundError("the model is missing")
    if mode == "slow":
        time.sleep(60)
    return {
        "echo": echo,
        "count": count,
        "compute": compute,
        "fail": fail,
        "die": die,
        "environment": environment,
        "babble": babble,
    }


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[-1])), load)
