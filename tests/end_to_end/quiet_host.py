"""A host without neighbours: a network namespace whose resolver and whose only way out write down what a
program asks of them.

    unshare --net --mount python quiet_host.py REPORT COMMAND [ARGUMENT ...]

The command runs in a home of its own, inside the namespace. REPORT becomes JSON: `names` that were looked up,
`packets` that left for another host (as "protocol address"), `files` that lie in the home afterwards, and the
command's exit `code`. Needs root, and Debian's iproute2."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

LINKS: Final = """\
link set lo up
link add name out type veth peer name wire
link set dev out addrgenmode none
link set dev wire addrgenmode none
address add 192.0.2.1/24 dev out
link set out up
link set wire up
route add default via 192.0.2.2
neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev out
"""
"""Everything but loopback leaves by `out`, and ends at `wire`, where nobody answers."""

BEFORE: Final = "203.0.113.1"
AFTER: Final = "203.0.113.2"
"""Where packets of our own go: once the tap has seen one, what left before it has been written down."""

NO_SUCH_NAME: Final = 3
_IPV4: Final = 0x0800


def set_up(folder: Path) -> None:
    subprocess.run(["ip", "-batch", "-"], input=LINKS, text=True, check=True)
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(resolver), "/etc/resolv.conf"], check=True)


def name_asked(query: bytes) -> str:
    """The name in the first question of a DNS query (RFC 1035 §4.1.2)."""
    labels, position = [], 12
    while query[position]:
        labels.append(query[position + 1 : position + 1 + query[position]].decode("latin-1"))
        position += 1 + query[position]
    return ".".join(labels)


def resolve(names: list[str], server: socket.socket) -> None:
    while True:
        query, asker = server.recvfrom(4096)
        names.append(name_asked(query))
        server.sendto(query[:2] + bytes([0x81, 0x80 | NO_SUCH_NAME]) + query[4:], asker)


def watch(packets: list[str], marks: dict[str, threading.Event], tap: socket.socket) -> None:
    while True:
        packet, (_, protocol, *_) = tap.recvfrom(65535)
        if protocol != _IPV4:
            packets.append(f"{protocol:#06x}")
        elif (address := str(ipaddress.ip_address(packet[16:20]))) in marks:
            marks[address].set()
        else:
            packets.append(f"{packet[9]} {address}")


def settle(mark: str, seen: threading.Event, tries: int = 600) -> None:
    """Wait until the tap has seen a packet to `mark`: the way out is open (a link comes up by and by), and no
    earlier packet is still to be read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(tries):
            out.sendto(b"", (mark, 9))
            if seen.wait(0.05):
                return
    raise SystemExit("the tap does not see what leaves")


def main(report: Path, command: list[str]) -> None:
    names: list[str] = []
    packets: list[str] = []
    marks = {BEFORE: threading.Event(), AFTER: threading.Event()}
    with (
        tempfile.TemporaryDirectory() as made,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as tap,
    ):
        folder = Path(made)
        set_up(folder)
        server.bind(("127.0.0.1", 53))
        tap.bind(("wire", 3))
        for task, arguments in ((resolve, (names, server)), (watch, (packets, marks, tap))):
            threading.Thread(target=task, args=arguments, daemon=True).start()
        settle(BEFORE, marks[BEFORE])
        home = folder / "home"
        home.mkdir()
        xdg = {"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}
        inherited = {name: value for name, value in os.environ.items() if name not in xdg}
        code = subprocess.run(command, env={**inherited, "HOME": str(home)}, check=False).returncode
        settle(AFTER, marks[AFTER])
        files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
        report.write_text(json.dumps({"code": code, "names": names, "packets": packets, "files": files}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
    os._exit(0)  # the two watchers wait for ever
