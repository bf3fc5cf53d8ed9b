"""The worker process: takes one job after the other from its socket, until the socket closes.

Started by `workers.py` as `python -P -m offhook.speech.worker FD`. It reads nothing but that socket and
the model files, and writes nothing but that socket and stderr. The kernel closes the socket when the node
dies, however it dies, so a worker never outlives it by more than the job at hand.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from offhook.speech.framing import Frame, FrameReader, Handler, Value, pack

BEAT_SECONDS = 0.4
_READ = 65536
_NICENESS = 5


class _NodeGone(Exception):
    pass


class _Link:
    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._sending = threading.Lock()
        self._unpacker = FrameReader()
        self._frames: deque[Frame] = deque()

    def send(self, head: Mapping[str, Value], blob: bytes = b"") -> None:
        try:
            with self._sending:
                self._socket.sendall(pack(head, blob))
        except OSError:
            raise _NodeGone from None

    def next(self) -> Frame:
        while not self._frames:
            self._read()
        return self._frames.popleft()

    def cancelled(self, job: Value) -> bool:
        """Whether the node has taken back the job at hand. It sends nothing else meanwhile."""
        while select.select([self._socket], [], [], 0)[0]:
            self._read()
        return any(frame.head.get("cancel") == job for frame in self._frames)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except OSError:
            raise _NodeGone from None
        if not data:
            raise _NodeGone
        self._frames.extend(self._unpacker.feed(data))


def serve(sock: socket.socket, load: Callable[[], Mapping[str, Handler]]) -> None:
    """Load the engines, say so, and do jobs until the node closes the socket."""
    _leave_to_the_node()
    sock.setblocking(True)
    link = _Link(sock)
    try:
        try:
            handlers = load()
        except Exception as error:
            link.send({"ready": False, "error": _in_words(error)})
            return
        link.send({"ready": True})
        threading.Thread(target=_beat, args=(link,), daemon=True).start()
        while True:
            _do(link, handlers, link.next())
    except _NodeGone:
        return


def _beat(link: _Link) -> None:
    """Tell the node that this process lives, also in the middle of a job."""
    try:
        while True:
            link.send({"alive": True})
            time.sleep(BEAT_SECONDS)
    except _NodeGone:
        return


def _do(link: _Link, handlers: Mapping[str, Handler], frame: Frame) -> None:
    head, blob = frame
    job = head.get("job")
    if job is None:
        return  # a cancellation that came after its job had ended
    handler = handlers.get(str(head.get("kind")))
    if handler is None:
        link.send({"job": job, "error": f"there is no job of the kind {head.get('kind')!s:.40}"})
        return
    try:
        for reply, data in handler(head, blob):
            if link.cancelled(job):
                break
            link.send({**reply, "job": job}, data)
    except _NodeGone:
        raise
    except Exception as error:
        link.send({"job": job, "error": _in_words(error)})
    else:
        link.send({"job": job, "end": True})


def _in_words(error: Exception) -> str:
    """One line for the owner, without the name of a class. (`network/error_words.py` would bring an HTTP
    client.)"""
    return next(iter(str(error).strip().splitlines()), "it broke off without a word")[:500]


def _leave_to_the_node() -> None:
    """Ctrl-C and a service manager's SIGTERM reach the whole process group; the node finishes its calls
    first, with these workers, and ends them by closing their sockets."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    _leave_to_the_node()
    # The 20 ms clock of the node comes first when cores are scarce.
    os.nice(_NICENESS)
    serve(socket.socket(fileno=int(sys.argv[1])), _local_engines)


def _local_engines() -> Mapping[str, Handler]:
    from offhook.speech.local_engines import load  # here, so that a missing package is told to the node

    return load()


if __name__ == "__main__":
    main()
