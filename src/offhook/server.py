"""The composition root: builds the rooms of a node, opens the doors, and closes them again in order."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from offhook.api import create_app
from offhook.api.links import RecordingLinks, ShortSecret, signing_key
from offhook.api.services import Services as ApiServices
from offhook.bootstrap import FirstStart, first_start
from offhook.calls.admission import Admission
from offhook.calls.entrance import Limits
from offhook.calls.known import KnownDirectory
from offhook.calls.leg import Media
from offhook.calls.presence import Presence
from offhook.calls.recording import WriterThread
from offhook.calls.recovery import end_orphans
from offhook.calls.registry import Calls
from offhook.calls.services import Services
from offhook.calls.stored import StoredDirectory, StoredLedger
from offhook.calls.transfers.hold_audio import sounds_by
from offhook.calls.transfers.outgoing import Dialler
from offhook.calls.transfers.trunk import Trunk
from offhook.conversation.failures import rehearse
from offhook.conversation.member import EngineFactory, Engines
from offhook.conversation.profile import profile_of
from offhook.folder import DataFolder
from offhook.language.models import LanguageModels, ModelSettings
from offhook.language.template import render
from offhook.listening import cannot_listen, check_sip, listen_http, serve_http
from offhook.network import Address, AddressGuard, AddressRefused, Outside, open_datagrams
from offhook.network.sources import Sources
from offhook.process import StartError, calls_within, file_limit, sip_connections_within
from offhook.rtp.clock import Clock
from offhook.rtp.ports import PortPool
from offhook.schema.assistant import Assistant, AssistantOverrides
from offhook.settings import Settings
from offhook.sip.digest import Nonces
from offhook.sip.tcp import Limits as TcpLimits
from offhook.sip.transport import WILDCARDS, Transports, source_towards
from offhook.sip.uri import Uri
from offhook.sip.user_agent import UserAgent
from offhook.speech.activity import VoiceActivity
from offhook.speech.base import EngineError
from offhook.speech.engines import SpeechEngines, missing
from offhook.speech.jobs import WorkerFailed
from offhook.speech.local import LocalVoice, SpeechCache
from offhook.speech.remote import CallContext
from offhook.speech.workers import Workers
from offhook.store import Database, IdMaker, StoreError, upgrade
from offhook.vital import Vital
from offhook.webhooks import Client, Outbox

DRAIN_SECONDS: Final = 30.0
"""For calls to end by themselves after Ctrl-C or SIGTERM; then they are hung up on."""

SIP_GRACE_SECONDS: Final = 2.0
WEBHOOK_GRACE_SECONDS: Final = 5.0

EnginesOf = Callable[[CallContext], EngineFactory]

EMERGENCY_BYTES = 4 * 1024 * 1024
"""Of sound that the voice for emergencies keeps; the apology is in it from the start."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node: where it is reached, and what its first start made."""

    settings: Settings
    http: Address
    sip: Address
    calls: Calls
    clock: Clock
    ports: PortPool
    agent: UserAgent
    started: FirstStart
    vital: Vital


@asynccontextmanager
async def running_node(settings: Settings, engines: EnginesOf | None = None) -> AsyncIterator[Node]:
    """A node that serves until the block ends; then it drains, closes what it opened, and is gone.

    `engines` replaces the speech engines and models (benchmarks and tests). Raises StartError."""
    async with AsyncExitStack() as stack:
        try:
            node = await _start(settings, engines, stack)
        except StoreError as error:
            raise StartError(str(error)) from error
        yield node


async def _start(settings: Settings, engines: EnginesOf | None, stack: AsyncExitStack) -> Node:
    now, rng = time.time, random.SystemRandom()
    new_id = IdMaker(now, rng)
    # Before anything slow: what the machine does not give should be said at once.
    max_calls = calls_within(file_limit(), settings.max_calls)
    folder = DataFolder.take(settings.data, new_id)
    stack.callback(folder.close)
    listening = listen_http(settings.http)
    stack.callback(listening.close)
    check_sip(settings.sip)
    activity = _voice_activity()
    if engines is None and (problems := missing()):
        raise StartError(problems[0].text)
    # Links need the real port.
    settings = settings.model_copy(update={"http": Address(*listening.getsockname()[:2])})
    await upgrade(settings.database)
    database = await Database.open(settings.database, now=now, new_id=new_id)
    stack.push_async_callback(database.close)

    outside = Outside(AddressGuard(settings.allow_private_urls))
    stack.push_async_callback(outside.aclose)
    secret = settings.webhook_signing_secret
    signing_secret = secret.get_secret_value() if secret else None
    client = Client(outside, now=now, new_id=new_id.random, signing_secret=signing_secret)
    outbox = Outbox(
        database,
        client,
        node=folder.node,
        now=now,
        rng=rng,
        keep_seconds=settings.retention_webhooks_days * 86400,
    )
    links = RecordingLinks(_link_key(settings), settings.base_url, now)

    async def end_calls_of(name: str) -> int:
        return await end_orphans(database, outbox, name, now, settings.recordings, links.lasting)

    await end_calls_of(folder.node)
    vital = Vital()

    emergency = None
    if engines is None:
        engines, emergency = await _engines(settings, activity, outside, now, stack)

    await outbox.start()
    stack.push_async_callback(_close_outbox, outbox)
    ledger = StoredLedger(database, outbox, folder.node, lambda call_id: calls.taken(call_id))
    ledger.start()
    stack.push_async_callback(ledger.close)
    writer = WriterThread()
    stack.push_async_callback(asyncio.to_thread, writer.close)

    media = _media(settings, activity, outside.guard, now, rng)
    dialler, trunk = Dialler(), _trunk(settings)
    services = Services(
        ledger=ledger,
        directory=KnownDirectory(StoredDirectory(database), database),
        media=media,
        activity=activity,
        engines=engines,
        emergency=emergency,
        render=lambda text, variables: render(text, variables, now()),
        ask=client.ask,
        guard=outside.guard,
        recordings=settings.recordings,
        recording_urls=links.lasting,
        writer=writer,
        now=now,
        new_id=new_id,
        rng=rng,
        dialler=dialler,
        trunk=trunk,
        sounds=sounds_by(outside.fetch),
        send=client.fetch,
    )
    sources = Sources(settings.trusted_sources or ())
    nonces = Nonces(os.urandom(32), now, os.urandom)
    loop_time = asyncio.get_running_loop().time
    admission = Admission(nonces, lambda: settings.sip_realm, sources, loop_time)
    calls = Calls(services, Limits(max_calls, settings.domain, sources), admission)
    presence = Presence(
        database, folder.node, end_calls_of=end_calls_of, held=calls.held, hang_up=calls.taken
    )
    await presence.start()
    stack.push_async_callback(presence.close)
    calls.ready, calls.doubt = presence.is_ready, presence.doubt
    for what, task in (
        ("the task that writes calls down", ledger.task),
        ("the task that delivers webhooks", outbox.task),
        ("the task that looks after the other nodes", presence.task),
    ):
        assert task is not None
        vital.watch(what, task)
    _build_before_the_first_call()
    connections = sip_connections_within(file_limit(), max_calls)
    agent, sip = await _sip(settings, calls, sources, connections, outside.guard, trunk, rng, stack)
    dialler.agent = agent
    # What is told of addresses needs the real port.
    settings = settings.model_copy(update={"sip": sip})
    # Not before all that can fail: a key is made and told once.
    started = await first_start(database, settings)
    folder.tell(settings.told())
    api = ApiServices(
        database=database,
        settings=settings,
        live=_Live(calls),
        links=links,
        now=now,
        rng=rng,
        deliver=outbox.nudge,
        node=folder.node,
        forget=outbox.forget,
    )
    vital.watch("the task that serves the API", await serve_http(listening, create_app(api), stack))
    stack.push_async_callback(calls.drain, DRAIN_SECONDS)
    stack.callback(vital.close)
    return Node(settings, settings.http, sip, calls, media.clock, media.ports, agent, started, vital)


def _voice_activity() -> VoiceActivity:
    try:
        return VoiceActivity()
    except Exception as error:  # whatever the native library makes of a damaged file
        raise StartError(
            f"the voice activity model cannot be loaded ({' '.join(str(error).split())}): reinstall offhook"
            " (pip install --force-reinstall offhook)"
        ) from error


def _build_before_the_first_call() -> None:
    """Validators, patterns and templates are built at their first use, an assistant's for half a second:
    no caller should wait for that, nor those who are already talking."""
    profile_of(AssistantOverrides.model_validate({"name": "nobody"}))
    render("{{ now }}", {}, 0.0)


def _link_key(settings: Settings) -> bytes:
    configured = settings.secret.get_secret_value() if settings.secret else None
    try:
        return signing_key(configured, settings.data.absolute())
    except ShortSecret as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"the node's secret cannot be kept in {settings.data}: {error.strerror}") from error


async def _engines(
    settings: Settings,
    activity: VoiceActivity,
    outside: Outside,
    now: Callable[[], float],
    stack: AsyncExitStack,
) -> tuple[EnginesOf, LocalVoice]:
    """What assistants hear, think and speak with, and the voice that apologises when theirs fails."""
    workers = Workers(settings.workers)
    emergency = LocalVoice(workers, "", 1.0, SpeechCache(EMERGENCY_BYTES))
    try:
        await workers.start()
        stack.push_async_callback(workers.close)
        await emergency.start()
        await rehearse(emergency)
    except (WorkerFailed, EngineError) as error:
        raise StartError(
            f"the local speech engines do not start ({error}): `offhook doctor` says what is missing"
        ) from error
    speech = SpeechEngines(workers, outside, now=now)
    return _engines_of(speech, LanguageModels(outside, _model_settings(settings))), emergency


def _model_settings(settings: Settings) -> ModelSettings:
    key = settings.openai_api_key
    return ModelSettings(
        openai_base_url=settings.openai_base_url, openai_api_key=key.get_secret_value() if key else ""
    )


def _engines_of(speech: SpeechEngines, models: LanguageModels) -> EnginesOf:
    def of_call(context: CallContext) -> EngineFactory:
        def of_assistant(assistant: Assistant) -> Engines:
            return Engines(
                transcriber=speech.transcriber(assistant.transcriber),
                model=models.model(assistant.model, context),
                voice=speech.voice(assistant.voice, context),
            )

        return of_assistant

    return of_call


def _media(
    settings: Settings,
    activity: VoiceActivity,
    guard: AddressGuard,
    now: Callable[[], float],
    rng: random.Random,
) -> Media:
    clock = Clock(asyncio.get_running_loop())
    clock.after_tick.append(activity.run)
    return Media(
        clock=clock,
        ports=PortPool(settings.sip.host, *settings.rtp_ports, open_datagrams, rng),
        address_for=_address_for(settings),
        may_send=guard.lets_media,
        now=now,
        rng=rng,
        timeout=settings.media_timeout_seconds,
    )


def _address_for(settings: Settings) -> Callable[[str], str]:
    """Our address for the SDP, by who asks: the configured one, else the one this peer's packets come to. For
    a peer of another family than the configured one the latter too; raises OSError for one of a family that
    the node does not listen in."""
    bound, public = settings.sip.host, settings.public_address

    def address_for(peer: str) -> str:
        version_6 = ":" in peer
        if bound != "::" and (":" in bound) != version_6:
            raise OSError(f"this node has no address for {peer}: it listens on {bound}")
        if public is not None and (":" in public) == version_6:
            return public
        return source_towards(peer) if bound in WILDCARDS else bound

    return address_for


def _trunk(settings: Settings) -> Trunk | None:
    if settings.trunk is None:
        return None
    password = settings.trunk_password
    return Trunk(
        Uri.parse(settings.trunk),
        None if password is None else password.get_secret_value(),
        settings.trunk_prefixes or ("",),
    )


async def _sip(
    settings: Settings,
    calls: Calls,
    sources: Sources,
    connections: int,
    guard: AddressGuard,
    trunk: Trunk | None,
    rng: random.Random,
    stack: AsyncExitStack,
) -> tuple[UserAgent, Address]:
    async def resolve(host: str, port: int, transport: str) -> Address:
        """A peer's Contact or Record-Route must not lead us where it could not go itself."""
        try:
            return (await guard.resolve(host, port))[0]
        except AddressRefused as refused:
            own = None if trunk is None else await trunk.own(host, port)
            if own is None:
                raise OSError(str(refused)) from refused
            return own

    transports = Transports(limits=TcpLimits(connections=connections), sources=sources)
    advertised = None if settings.public_address is None else Address(settings.public_address, 0)
    agent = UserAgent(
        calls,
        transports=transports,
        rng=rng,
        advertised=advertised,
        resolve=resolve,
        sources=sources,
    )
    stack.push_async_callback(agent.close, SIP_GRACE_SECONDS)
    try:
        return agent, await transports.listen(*settings.sip)
    except OSError as error:
        raise cannot_listen("SIP", "--sip or OFFHOOK_SIP", settings.sip, error) from error


class _Live:
    """What the API asks of the calls that are up."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def is_ready(self) -> bool:
        return self._calls.takes_calls()

    async def end_call(self, call_id: str) -> None:
        await self._calls.end_call(call_id)


async def _close_outbox(outbox: Outbox) -> None:
    """Let what was just written be delivered; what is not goes out after the next start."""
    await outbox.drain(WEBHOOK_GRACE_SECONDS)
    await outbox.close()
