"""The real service with engines that take no time: it starts in a second, and many calls cost little.

As a program it serves with the settings of its environment until it is told to stop or is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.engines.registry import OrgCredentials
from offhook.node import running_node
from offhook.planes.media_apart import media_apart
from offhook.schema.assistants.assistant import Assistant
from offhook.settings import load_settings
from offhook.speech.remote import CallContext
from tests.end_to_end.node import Node
from tests.end_to_end.peers import Peer
from tests.scripted import ScriptedModel, ScriptedTranscriber, ScriptedVoice

ROOT = Path(__file__).parent.parent.parent


class ScriptedNode(Node):
    """`Node`, with `serve` below instead of `offhook serve`."""

    def launch(self) -> Peer:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self._peer = Peer(
            sys.executable, "-m", __spec__.name if __spec__ else __name__,
            folder=self.folder, name="offhook", **{**self.settings, "PYTHONPATH": path},
        )  # fmt: skip
        return self._peer


def engines(context: CallContext, credentials: OrgCredentials, org: str) -> EngineFactory:
    """A voice whose sound is plain noise, a transcriber that hears nothing, a model with one answer."""

    async def of_assistant(assistant: Assistant) -> Engines:
        return Engines(ScriptedTranscriber(), ScriptedModel(["Certainly."]), ScriptedVoice())

    return of_assistant


async def serve() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with running_node(load_settings(), engines, media_apart):
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(serve())
