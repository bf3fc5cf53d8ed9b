"""A whole node without I/O: the real user agent, media, conversation and calls on a wire in memory and a
clock that jumps. Only what is outside is scripted: engines, webhooks, what is stored, the caller's phone."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from offhook.calls.admission.admission import Admission
from offhook.calls.admission.entrance import EntranceLimits
from offhook.calls.call_services import CallServices
from offhook.calls.calls import Calls
from offhook.calls.leg import Media
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Outgoing
from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.engines.registry import OrgCredentials
from offhook.frames import FRAME_SAMPLES
from offhook.language.template import render
from offhook.log_context import CALL, working_for
from offhook.media.engine import Engine
from offhook.media.local_plane import LocalPlane
from offhook.network import Address, AddressGuard
from offhook.rtp.clock import Clock
from offhook.rtp.interceptors import NewInterceptor
from offhook.rtp.ports import PortPool
from offhook.sip.digest import Nonces
from offhook.sip.transports.transports import Transports
from offhook.sip.transports.udp import UDP
from offhook.sip.user_agent import UserAgent
from offhook.speech.silero import CHUNK_SAMPLES
from offhook.webhooks.receiver import Receiver
from tests.calls.directory import ORG, MemoryDirectory
from tests.calls.phone import Phone
from tests.media.inline_writer import InlineWriter
from tests.scripted import Script, ScriptedModel, ScriptedTranscriber, ScriptedVoice
from tests.virtual import run_virtual
from tests.wire import MemoryWire

Document = dict[str, Any]

SERVER = Address("10.0.0.2", 5060)
EPOCH = 1_790_000_000.0
FIRST = "Thanks for calling."
ASSISTANT: Document = {"name": "Front desk", "firstMessage": FIRST}
NUMBER: Document = {
    "id": "number-1", "orgId": ORG, "provider": "vapi", "sipUri": "sip:desk@10.0.0.2",
    "assistantId": "assistant-1", "server": {"url": "http://owner.test/hook"},
}  # fmt: skip
SETTLED = 70.0
"""Seconds after which no timer of SIP is left."""


def virtual(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on the virtual clock."""

    @functools.wraps(story)
    def run(*arguments: Any, **named: Any) -> None:
        run_virtual(story(*arguments, **named))

    run.__signature__ = inspect.signature(story)  # type: ignore[attr-defined]
    return run


class LoudnessActivity:
    """Voice activity that is sure of itself: a chunk of 32 ms is speech when it is loud."""

    def __init__(self) -> None:
        self.channels: list[_Channel] = []

    def open(self, on_probability: Callable[[float], None]) -> _Channel:
        channel = _Channel(self, on_probability)
        self.channels.append(channel)
        return channel

    def run(self) -> None:
        for channel in tuple(self.channels):
            channel.run()


class _Channel:
    def __init__(self, activity: LoudnessActivity, on_probability: Callable[[float], None]) -> None:
        self._activity = activity
        self._on_probability = on_probability
        self._call = CALL.get()
        self._samples = 0
        self._loud = False

    def push(self, frame: bytes) -> None:
        self._samples += FRAME_SAMPLES
        self._loud = np.abs(np.frombuffer(frame, "<i2").astype(np.int32)).mean() > 500

    def run(self) -> None:
        while self._samples >= CHUNK_SAMPLES:
            self._samples -= CHUNK_SAMPLES
            with working_for(self._call):
                self._on_probability(0.95 if self._loud else 0.02)

    def close(self) -> None:
        if self in self._activity.channels:
            self._activity.channels.remove(self)


@dataclass
class Sent:
    """A server message as it would be delivered."""

    type: str
    body: Document
    receiver: Receiver
    at: float

    @property
    def message(self) -> Document:
        message: Document = self.body["message"]
        return message


class MemoryLedger:
    """What was written, as JSON would give it back."""

    def __init__(self) -> None:
        self.rows: dict[str, Document] = {}
        self.statuses: dict[str, list[str]] = {}
        self.sent: dict[str, list[Sent]] = {}

    def begin(self, record: CallRecord) -> asyncio.Future[None]:
        assert record.id not in self.rows
        self.statuses[record.id] = []
        self.sent[record.id] = []
        return self._write(record)

    def save(self, record: CallRecord, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        now = asyncio.get_running_loop().time()
        for one in outgoing:
            body = json.loads(json.dumps(one.body, allow_nan=False))
            self.sent[record.id].append(Sent(one.type, body, one.receiver, now))
        return self._write(record)

    def _write(self, record: CallRecord) -> asyncio.Future[None]:
        resource = record.resource(EPOCH)
        self.rows[record.id] = json.loads(json.dumps({**resource, **record.document()}, allow_nan=False))
        statuses = self.statuses[record.id]
        if not statuses or statuses[-1] != record.status:
            statuses.append(record.status)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.002, done.set_result, None)
        return done


@dataclass
class Asked:
    receiver: Receiver
    message: Document
    seconds: float


Answering = Callable[[Document], Awaitable[Mapping[str, Any]]]
"""The owner's server: gets `message`, gives the answer's JSON, or raises AskFailed."""

Answers = Sequence[Script] | Callable[..., Script]


async def nothing_known(message: Document) -> Mapping[str, Any]:
    return {}


class House:
    def __init__(self, folder: Path, wire: MemoryWire) -> None:
        self.wire = wire
        self.loop = asyncio.get_running_loop()
        self.ledger = MemoryLedger()
        self.directory = MemoryDirectory({"desk": dict(NUMBER)}, {"assistant-1": dict(ASSISTANT)})
        self.activity = LoudnessActivity()
        self.clock = Clock(self.loop)
        self.clock.after_tick.append(self.activity.run)
        self.recordings = folder
        self.asked: list[Asked] = []
        self.answering: Answering = nothing_known
        self.answers: Answers = ("We are open until five.",)
        self.build: Callable[[Any], Engines] = self.usual_engines
        self.engines: dict[str, list[Any]] = {}  # `Engines`, with all that scripted ones have
        self.emergency: ScriptedVoice | None = ScriptedVoice()
        self.phones: list[Phone] = []
        self.services: CallServices
        self.calls: Calls
        self.agent: UserAgent
        self.ports: PortPool
        self.engine: Engine
        self._ids = iter(range(1, 10**9))

    def now(self) -> float:
        return EPOCH + self.loop.time()

    def usual_engines(self, assistant: Any) -> Engines:
        return Engines(ScriptedTranscriber(), ScriptedModel(self.answers), ScriptedVoice())

    # what a test looks at

    @property
    def number(self) -> Document:
        return self.directory.numbers["desk"]

    @property
    def assistant(self) -> Document:
        return self.directory.assistants["assistant-1"]

    @property
    def call_id(self) -> str:
        """Of the only call."""
        (call_id,) = self.ledger.rows
        return call_id

    @property
    def row(self) -> Document:
        return self.ledger.rows[self.call_id]

    @property
    def sent(self) -> list[Sent]:
        return self.ledger.sent[self.call_id]

    def messages(self, kind: str) -> list[Document]:
        return [one.message for one in self.sent if one.type == kind]

    @property
    def report(self) -> Document:
        (report,) = self.messages("end-of-call-report")
        return report

    # what a test does

    async def phone(self, host: str = "10.0.0.1", **options: Any) -> Phone:
        phone = await Phone.open(self.wire.open, host, SERVER, self._transcriber_of, **options)
        self.phones.append(phone)
        return phone

    def _transcriber_of(self, sip_call_id: str) -> ScriptedTranscriber | None:
        """What hears the caller now; None when nobody listens."""
        engines = self.engines.get(sip_call_id)
        return None if not engines else cast("ScriptedTranscriber", engines[-1].transcriber)

    async def ask(self, receiver: Receiver, body: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        message = json.loads(json.dumps(body))["message"]
        self.asked.append(Asked(receiver, message, seconds))
        return await self.answering(message)

    def engines_of(
        self, context: Callable[[], Mapping[str, Any]], credentials: OrgCredentials, org: str
    ) -> EngineFactory:
        call: Any = context()["call"]
        built = self.engines.setdefault(call["transport"]["sbcCallSid"], [])

        async def build(assistant: Any) -> Engines:
            engines = self.build(assistant)
            built.append(engines)
            return engines

        return build

    def check_nothing_is_left(self) -> None:
        """After `settle`: no call, no port, no dialog, no timer of a leg, no engine at work."""
        assert (len(self.calls), self.ports.in_use, len(self.clock)) == (0, 0, 0)
        assert self.activity.channels == []
        assert (self.engine.legs, self.engine.talks, self.engine.recorders) == ({}, {}, {})
        plane = self.services.media.plane
        assert (plane.lines, plane.channels) == ({}, {})
        assert (self.agent.dialogs, self.agent.transactions, self.agent.tasks) == (0, 0, 0)
        for engines in (each for built in self.engines.values() for each in built):
            assert cast("ScriptedModel", engines.model).running == 0
            assert cast("ScriptedVoice", engines.voice).speaking == 0


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    wire: MemoryWire | None = None,
    ports: tuple[int, int] = (20000, 20999),
    limits: EntranceLimits | None = None,
    media_timeout: float = 20.0,
    settle: float | None = SETTLED,
    seed: int = 7,
    interceptors: Sequence[NewInterceptor] = (),
) -> AsyncIterator[House]:
    """At the end everybody has hung up and nothing may be left; with `settle` None, on a clock that does not
    jump, the timers of SIP are not waited for."""
    before = asyncio.all_tasks()
    house = House(folder, wire or MemoryWire(random.Random(seed), keep=10**6))
    rng = random.Random(seed + 1)
    house.ports = PortPool(SERVER.host, *ports, house.wire.open, rng)
    house.engine = Engine(
        house.clock,
        house.ports,
        now=house.now,
        rng=rng,
        patience=media_timeout,
        activity=house.activity,
        recordings=folder,
        writer=InlineWriter(),
        interceptors=interceptors,
    )
    house.services = services = CallServices(
        ledger=house.ledger,
        directory=house.directory,
        media=Media(
            plane=LocalPlane(house.engine),
            address_for=lambda peer: SERVER.host,
            may_send=AddressGuard(allow_private=True).lets_media,
            rng=rng,
        ),
        engines=house.engines_of,
        emergency=house.emergency,
        render=lambda text, variables: render(text, variables, house.now()),
        ask=house.ask,
        guard=AddressGuard(allow_private=True),
        recordings=folder,
        recording_urls=lambda call_id: {
            kind: f"http://api.test/{call_id}/{kind}" for kind in ("mono", "stereo", "customer", "assistant")
        },
        now=house.now,
        new_id=lambda: f"call-{next(house._ids)}",
        rng=rng,
        live_url="http://api.test/call",
    )
    nonces = Nonces(b"n" * 32, house.now, rng.randbytes)
    limits = limits or EntranceLimits(100)
    admission = Admission(nonces, lambda: "10.0.0.2", limits.sources, house.loop.time)
    house.calls = Calls(services, limits, admission)
    transports = Transports(opener=house.wire.open)
    await transports.listen(*SERVER, over=(UDP,))
    house.agent = UserAgent(house.calls, transports=transports, rng=random.Random(seed + 2))
    try:
        yield house
        for phone in house.phones:
            await phone.hang_up_all()
        if settle is not None:
            await asyncio.sleep(settle)
            house.check_nothing_is_left()
    finally:
        for phone in house.phones:
            await phone.close()
        await house.calls.drain(0.0)
        await house.agent.close()
    left = asyncio.all_tasks() - before
    assert not left, left
