"""baresip without a sound card: it plays files, records what it hears, and obeys over a socket."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any

from tests.end_to_end.peers import LOOPBACK, Peer, soon
from tests.end_to_end.sound import silence
from tests.machine import PATIENCE, installed
from tests.ports import free_port

MODULES = Path("/usr/lib/baresip/modules")

CONFIG = """\
poll_method epoll
net_interface 127.0.0.1
sip_listen 127.0.0.1:{sip}
call_local_timeout 60
call_max_calls 4
audio_source aufile,{source}
audio_player aubridge,nowhere
audio_channels 1-1
rtp_ports {rtp}-{rtp_end}
snd_path {folder}
module_path {modules}
module g711.so
module srtp.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip:
    """One phone. It is silent until told what to play. `answers`: `manual`, `auto`, or `early`: it describes
    its audio while it rings (183). `authorities`: whom it trusts over TLS.
    `mediaenc`: how its audio is protected (`srtp`, `srtp-mand`)."""

    def __init__(
        self,
        folder: Path,
        transport: str = "udp",
        codec: str = "PCMU",
        answers: str = "manual",
        *,
        authorities: Path | None = None,
        mediaenc: str | None = None,
    ) -> None:
        program = installed("baresip", "baresip")
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._control = free_port()
        rtp, sip = free_port(), free_port()
        self.uri = f"sip:ann@{LOOPBACK}:{sip}"
        config = CONFIG.format(
            sip=sip,
            source=silence(folder),
            rtp=rtp,
            rtp_end=rtp + 10,
            folder=folder,
            modules=MODULES,
            control=self._control,
        )
        if authorities is not None:
            config += f"sip_cafile {authorities}\n"
        (folder / "config").write_text(config)
        (folder / "accounts").write_text(
            f'"Ann Caller" <sip:ann@{LOOPBACK};transport={transport}>'
            f";regint=0;audio_codecs={codec};answermode={answers}"
            + (f";mediaenc={mediaenc}\n" if mediaenc else "\n")
        )
        (folder / "contacts").write_text("")
        self.events: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = []
        self.peer = Peer(program, "-f", str(folder), "-v", folder=folder, name="baresip")
        self._socket = soon(self._connect, why="baresip did not start")
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Baresip:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.peer.stop()

    def _connect(self) -> socket.socket | None:
        assert self.peer.process.poll() is None, self.peer.text
        try:
            return socket.create_connection((LOOPBACK, self._control), timeout=PATIENCE)
        except OSError:
            return None

    def _read(self) -> None:
        """Netstrings of JSON: `12:{...},`."""
        held = b""
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65536):
                held += data
                while b":" in held:
                    size, _, rest = held.partition(b":")
                    if len(rest) <= int(size):
                        break
                    message = json.loads(rest[: int(size)])
                    (self.events if message.get("event") else self._answers).append(message)
                    held = rest[int(size) + 1 :]

    def do(self, command: str, parameters: str = "") -> str:
        """A command of its menu; returns what it says to it."""
        before = len(self._answers)
        text = json.dumps({"command": command, "params": parameters, "token": "t"}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))
        answer = soon(lambda: self._answers[before:], why=f"baresip did not answer {command}")[0]
        assert answer["ok"], answer
        return str(answer.get("data", ""))

    def dial(self, uri: str) -> None:
        self.do("dial", uri)

    def play(self, wav: Path) -> None:
        """From now on this is what the microphone hears."""
        self.do("ausrc", f"aufile,{wav}")

    def wait_for(self, event: str, seconds: float = PATIENCE) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            return next((one for one in self.events if one["type"] == event), None)

        return soon(find, seconds, f"no {event} came:\n{self.peer.text[-3000:]}")

    @property
    def call_id(self) -> str:
        return str(self.wait_for("CALL_ESTABLISHED")["id"])

    def heard(self) -> Path:
        """What it heard in its first call, once that is over."""
        (file,) = sorted(self.folder.glob("dump-*-dec.wav"))[:1]
        return file
