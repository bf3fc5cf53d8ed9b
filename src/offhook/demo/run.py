"""One real call to the demo number, with everything in it: SIP and RTP over loopback, the local engines, the
webhook, the recording."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from offhook import demo
from offhook.bootstrap import DEMO_USER
from offhook.demo.demo_transcript import DemoTranscript, problems
from offhook.demo.sink import receiving
from offhook.listening import check_sip, listen_http
from offhook.network import Address
from offhook.node import running_node
from offhook.phone import PhoneCall, open_line, read_wav
from offhook.process import StartError
from offhook.schema.calls.artifact import PerformanceMetrics
from offhook.settings import Settings, load_settings

TURN_SECONDS: Final = 20.0
REPORT_SECONDS: Final = 15.0

Say = Callable[[str], None]


async def hold(say: Say) -> list[str]:
    """Holds the conversation and prints it with `say`. Returns what went wrong, nothing if all went well.

    Raises StartError if the service cannot start, SipError if it does not answer."""
    folder = Path(tempfile.mkdtemp(prefix="offhook-demo-"))
    replies: dict[int, float | None] = {}
    told = DemoTranscript(say, replies.get)
    async with receiving(told.received) as url:
        settings = _settings(folder, url)
        say(f"Starting Offhook (data in {folder}) ...")
        async with running_node(settings) as node:
            target = f"sip:{DEMO_USER}@127.0.0.1:{node.sip.port}"
            say(f"Calling {target}\n")
            async with open_line(target, user="caller", name="Demo Caller") as line:
                phone = PhoneCall(line.media, line.remote.host)
                try:
                    await phone.dial(line)
                    await _converse(phone, replies)
                finally:
                    await phone.hang_up()
            async with asyncio.timeout(REPORT_SECONDS):
                await told.reported.wait()
    return _conclude(told, say, settings)


async def _converse(phone: PhoneCall, replies: dict[int, float | None]) -> None:
    """Says each phrase when the assistant has finished, and notes how long its answer took."""
    await phone.quiet(timeout=TURN_SECONDS)
    for turn, (name, _) in enumerate(demo.PHRASES, start=1):
        if phone.ended.is_set():
            return
        spoken = await phone.play(read_wav(demo.phrase_path(name)))
        heard = await phone.reply_started(timeout=TURN_SECONDS)
        replies[turn] = None if heard is None else heard - spoken
        await phone.quiet(timeout=TURN_SECONDS)
    async with asyncio.timeout(TURN_SECONDS):
        await phone.ended.wait()


def _settings(folder: Path, url: str) -> Settings:
    """The usual ports if they are free, else any; always a data folder, a database and a public address of
    the demo's own. The settings of the service must neither be touched nor lead the caller elsewhere."""
    chosen = load_settings(
        {
            "http": _free(Address("127.0.0.1", 8080), lambda address: listen_http(address).close()),
            "sip": _free(Address("127.0.0.1", 5060), check_sip),
            "data": folder,
            "public_address": "127.0.0.1",
            "org_server_url": url,
            "allow_private_urls": True,
        }
    )
    return chosen.model_copy(update={"database_url": None, "domain": None, "public_url": None})


def _free(address: Address, check: Callable[[Address], None]) -> Address:
    try:
        check(address)
    except StartError:
        return Address(address.host, 0)
    return address


def _conclude(told: DemoTranscript, say: Say, settings: Settings) -> list[str]:
    report = told.report
    if report is None:
        return ["no report came"]
    say("\nEnd-of-call report, as the webhook got it:")
    say(f"  ended      {report.get('endedReason')} after {report.get('durationSeconds')} s")
    measured = PerformanceMetrics.model_validate(report["artifact"]["performanceMetrics"])
    for turn in measured.turn_latencies or ():
        stages = ("endpointing", "transcriber", "model", "voice", "platform")
        parts = ", ".join(f"{stage} {getattr(turn, f'{stage}_latency'):.0f}" for stage in stages)
        say(f"  turn       {turn.turn_latency or 0:.0f} ms ({parts})")
    call_id = report["call"]["id"]
    say(f"  recording  {settings.recordings / f'{call_id}-stereo.wav'}")
    say("             (caller left, assistant right)\n")
    return problems(report, [words for _, words in demo.PHRASES])
