"""linphonec without a sound card: it plays and records files, and obeys lines on its standard input."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.peers import LOOPBACK, Peer, soon
from tests.machine import installed
from tests.ports import free_port

CONFIG = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=0
guess_hostname=0
contact=sip:lin@{host}
use_ipv6=0
[rtp]
audio_rtp_port={rtp}
[video]
automatically_initiate=0
automatically_accept=0
"""


class Linphone:
    """One phone."""

    def __init__(self, folder: Path) -> None:
        program = installed("linphonec", "linphone-cli")
        (folder / ".local" / "share" / "linphone").mkdir(parents=True)
        (folder / "linphonerc").write_text(CONFIG.format(sip=free_port(), rtp=free_port(), host=LOOPBACK))
        self.peer = Peer(program, "-c", "linphonerc", folder=folder, name="linphonec", HOME=str(folder))
        self.heard = folder / "heard.wav"
        self._wait_for("linphonec>")
        self.peer.say("soundcard use files")
        self._wait_for("wav files instead")

    def __enter__(self) -> Linphone:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.stop()

    def dial(self, uri: str) -> None:
        """Call, and record what is heard as soon as there is something."""
        self.peer.say(f"call {uri}")
        self._wait_for(r"Media streams established")
        self.peer.say(f"record {self.heard}")

    def play(self, wav: Path) -> None:
        self.peer.say(f"play {wav}")

    def hang_up(self) -> None:
        self.peer.say("terminate")

    def wait_for_the_end(self) -> None:
        self._wait_for(r"Call \d+ with .* ended")

    def _wait_for(self, pattern: str) -> None:
        soon(
            lambda: re.search(pattern, self.peer.text),
            why=f"linphonec did not say {pattern!r}; see its log in {self.peer.output}",
        )
