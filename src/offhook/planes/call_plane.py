"""The half of a node that carries calls: its rooms are built, its doors opened, and closed again in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from offhook.calls.admission.admission import Admission
from offhook.calls.admission.entrance import EntranceLimits
from offhook.calls.call_services import CallServices
from offhook.calls.calls import Calls
from offhook.calls.directory.directory_cache import DirectoryCache
from offhook.calls.directory.stored_directory import StoredDirectory
from offhook.calls.ledger.presence import Presence
from offhook.calls.ledger.recovery import end_orphans
from offhook.calls.ledger.stored_ledger import StoredLedger
from offhook.calls.leg import Media
from offhook.calls.srtp_policy import SrtpPolicy
from offhook.calls.transfers.called_party import Dialler
from offhook.calls.transfers.hold_audio import sounds_by
from offhook.calls.transfers.trunk import Trunk
from offhook.calls.trunks.trunk_requests import TrunkRequests
from offhook.calls.trunks.watch import TrunkWatch
from offhook.conversation.active_assistant import EngineFactory, Engines
from offhook.conversation.engine_failures import prepare_apology
from offhook.conversation.profile import profile_of
from offhook.conversation.tools import tool_kinds
from offhook.engines.registry import EngineRegistry, OrgCredentials
from offhook.engines.vendors import KEYED
from offhook.language.template import render
from offhook.listening import certificates_of
from offhook.media.line import MediaFailed, MediaPlane
from offhook.network import Address, AddressGuard, AddressRefused
from offhook.network.certificates import Certificates
from offhook.network.outside import Outside
from offhook.network.routes import WILDCARDS, source_towards
from offhook.network.sources import Sources
from offhook.planes.dispatch import Dispatch
from offhook.planes.ground import Ground
from offhook.planes.siblings import ONLY, Siblings
from offhook.planes.sip_listening import BoundSip, listen
from offhook.process import StartError, file_limit, sip_connections_within
from offhook.schema.assistants.assistant import Assistant, AssistantOverrides
from offhook.schema.stored import build_types
from offhook.settings import Settings
from offhook.sip.dialogs.session_timer import SessionTimer
from offhook.sip.digest import Nonces
from offhook.sip.messages.uri import Uri
from offhook.sip.request_sender import Resolve
from offhook.sip.transports.places import ConnectionLimits
from offhook.sip.transports.transport import Transport
from offhook.sip.transports.transports import Transports
from offhook.sip.user_agent import UserAgent
from offhook.speech.engine_protocols import EngineError, Voice
from offhook.speech.engine_request import Account, EngineNode
from offhook.speech.installation import missing
from offhook.speech.jobs import WorkerFailed
from offhook.speech.providers.local import LocalVoice, SpeechCache
from offhook.speech.remote import CallContext
from offhook.speech.sentence_voice import sound_of
from offhook.speech.workers import Workers
from offhook.store import is_beyond, name_of_process
from offhook.webhooks import Client, LaneLimits, Outbox

SIP_GRACE_SECONDS: Final = 2.0
WEBHOOK_GRACE_SECONDS: Final = 5.0

LOST: Final = "We are sorry, but this call cannot go on. Goodbye."
"""What callers hear from the media plane when the call plane is gone."""

EnginesOf = Callable[[CallContext, OrgCredentials, str], EngineFactory]

OpenMedia = Callable[[Ground, AsyncExitStack], MediaPlane]
"""The media plane, until the stack is closed; see `MediaPlane.start`."""

EMERGENCY_BYTES = 4 * 1024 * 1024
"""Of sound that the voice for emergencies keeps; the apology is in it from the start."""


@dataclass(frozen=True, slots=True)
class CallPlane:
    """A call plane that serves. `vital` is told when it can go on no more."""

    calls: Calls
    outbox: Outbox
    media: MediaPlane
    agent: UserAgent
    sip: Address
    certificates: Certificates


def check_engines() -> None:
    """What is missing here for calls with the local engines is said before anything is made. Raises
    StartError."""
    if problems := missing():
        raise StartError(problems[0].text)


async def call_plane(
    ground: Ground,
    open_media: OpenMedia,
    max_calls: int,
    stack: AsyncExitStack,
    engines: EnginesOf | None = None,
    sockets: BoundSip | None = None,
    siblings: Siblings = ONLY,
) -> CallPlane:
    """Serve calls until `stack` is closed, on SIP's `sockets` if they are bound already, with its `siblings`.
    What the process before left behind is ended and reported first.

    `engines` replaces the speech engines and models (benchmarks and tests). Raises StartError, StoreError."""
    build_types()
    settings, database, parts = ground.settings, ground.database, siblings.count
    node = name_of_process(ground.node, siblings.number)
    plane = open_media(ground, stack)
    now, rng, new_id = ground.now, ground.rng, database.new_id
    outside = Outside(AddressGuard(settings.allow_private_urls))
    stack.push_async_callback(outside.aclose)
    secret = settings.webhook_signing_secret
    signing_secret = secret.get_secret_value() if secret else None
    client = Client(outside, now=now, new_id=new_id.random, signing_secret=signing_secret)
    outbox = Outbox(
        database,
        client,
        node=node,
        now=now,
        rng=rng,
        limits=LaneLimits().part(parts),
        keep_seconds=settings.retention_webhooks_days * 86400,
    )
    links = ground.links()

    async def end_calls_of(name: str) -> int:
        return await end_orphans(database, outbox, name, now, settings.recordings, links.lasting)

    for name in await left_behind(ground, siblings):
        await end_calls_of(name)

    emergency = None
    if engines is None:
        workers = max(1, settings.workers // parts)
        engines, emergency = await _engines(settings, workers, outside, now, stack)

    await outbox.start()
    stack.push_async_callback(_close_outbox, outbox)
    ledger = StoredLedger(database, outbox, node, lambda call_id: calls.taken(call_id))
    ledger.start()
    stack.push_async_callback(ledger.close)
    try:
        await plane.start()
    except MediaFailed as error:
        raise StartError(f"the media process does not start: {error}") from error
    if plane.keeper is not None:
        ground.vital.watch("the task that keeps the media process running", plane.keeper)
    if emergency is not None:
        plane.keep_sentence(await _last_words(emergency))
    srtp = SrtpPolicy(settings.srtp, settings.srtp_keys_in_clear)
    media = Media(plane, _address_for(settings), outside.guard.lets_media, rng, srtp)
    dialler, trunk, contacts = Dialler(), _trunk(settings), ground.contacts()
    directory = DirectoryCache(StoredDirectory(database), database)
    services = CallServices(
        ledger=ledger,
        directory=directory,
        media=media,
        engines=engines,
        emergency=emergency,
        render=lambda text, variables: render(text, variables, now()),
        ask=client.ask,
        guard=outside.guard,
        recordings=settings.recordings,
        recording_urls=links.lasting,
        live_url=f"{links.base_url}/call",
        now=now,
        new_id=new_id,
        rng=rng,
        dialler=dialler,
        trunk=trunk,
        contacts=contacts,
        gateway_is_down=lambda gateway: watch.is_down(gateway),
        sounds=sounds_by(outside.fetch),
        send=client.fetch,
    )
    sources = Sources(settings.trusted_sources or (), parts)
    nonces = Nonces(os.urandom(32), now, os.urandom)
    loop_time = asyncio.get_running_loop().time
    admission = Admission(nonces, lambda: settings.sip_realm, sources, loop_time)
    limits = EntranceLimits(max_calls, settings.domain or (), sources, siblings.common)
    calls = Calls(services, limits, admission)
    presence = Presence(database, node, end_calls_of=end_calls_of, held=calls.held, hang_up=calls.taken)
    await presence.start()
    stack.push_async_callback(presence.close)
    calls.ready, calls.doubt = lambda: presence.is_ready() and plane.is_up, presence.doubt
    for what, task in (
        ("the task that writes calls down", ledger.task),
        ("the task that delivers webhooks", outbox.task),
        ("the task that looks after the other nodes", presence.task),
    ):
        assert task is not None
        ground.vital.watch(what, task)
    _build_before_the_first_call()
    connections = sip_connections_within(file_limit(), max_calls)
    # The node does not start with one that has expired. But who is started anew in a node that serves would
    # take all calls with it, those over UDP too.
    certificates = certificates_of(settings, even_expired=True)
    transports = Transports(
        limits=ConnectionLimits(connections=connections),
        sources=sources,
        common=siblings.common,
        certificates=certificates,
    )
    dispatch = None if siblings.inbox is None else Dispatch(transports, siblings)
    agent = UserAgent(
        calls,
        transports=dispatch or transports,
        rng=rng,
        advertised=None if settings.public_address is None else Address(settings.public_address, 0),
        resolve=_resolver(outside.guard, trunk),
        sources=sources,
        is_ours=siblings.is_ours,
        extensions=(SessionTimer,),
    )
    stack.push_async_callback(agent.close, SIP_GRACE_SECONDS)
    sip = await listen(transports, settings, sockets)
    if dispatch is not None:
        dispatch.open()
    dialler.agent = agent
    asking = TrunkRequests(agent, outside.guard, media.address_for)
    watch = TrunkWatch(directory, asking, contacts, rng, registers=siblings.number == 1)
    stack.push_async_callback(watch.close)
    ground.vital.watch("the task that keeps trunks reachable", watch.start())
    return CallPlane(calls, outbox, plane, agent, sip, certificates)


def _build_before_the_first_call() -> None:
    """Validators, patterns and templates are built at their first use, an assistant's for half a second:
    no caller should wait for that, nor those who are already talking."""
    profile_of(AssistantOverrides.model_validate({"name": "nobody"}))
    tool_kinds.load()
    render("{{ now }}", {}, 0.0)


async def _engines(
    settings: Settings,
    processes: int,
    outside: Outside,
    now: Callable[[], float],
    stack: AsyncExitStack,
) -> tuple[EnginesOf, LocalVoice]:
    """What assistants hear, think and speak with, and the voice that apologises when theirs fails."""
    workers = Workers(processes)
    emergency = LocalVoice(workers, "", 1.0, SpeechCache(EMERGENCY_BYTES))
    try:
        await workers.start()
        stack.push_async_callback(workers.close)
        await emergency.start()
        await prepare_apology(emergency)
    except (WorkerFailed, EngineError) as error:
        raise StartError(
            f"the local speech engines do not start ({error}): `offhook doctor` says what is missing"
        ) from error
    accounts = {provider: Account(*settings.account(provider)) for provider in KEYED}
    node = EngineNode(workers, outside, accounts, now)
    registry = EngineRegistry(node, substitute=settings.substitute == "local")
    registry.load()
    return engines_of(registry), emergency


async def _last_words(voice: Voice) -> bytes:
    """Raises StartError."""
    try:
        return b"".join([part async for part in sound_of(voice, LOST)])
    except EngineError as error:
        raise StartError(f"the voice for emergencies does not speak: {error}") from error


def engines_of(registry: EngineRegistry) -> EnginesOf:
    def of_call(context: CallContext, credentials: OrgCredentials, org: str) -> EngineFactory:
        async def of_assistant(assistant: Assistant) -> Engines:
            return Engines(
                transcriber=await registry.transcriber(assistant, credentials, org),
                model=await registry.model(assistant, credentials, context, org),
                voice=await registry.voice(assistant, credentials, context, org),
            )

        return of_assistant

    return of_call


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


async def left_behind(ground: Ground, siblings: Siblings) -> list[str]:
    """Whose calls have nobody any more: those of the process before, and, for the first process, of those
    that this node had beside it and has no more. Raises StoreError."""
    own = name_of_process(ground.node, siblings.number)
    if siblings.number > 1:
        return [own]
    async with ground.database.reading() as tx:
        holders = await tx.nodes.holders()
    return [own, *(name for name in holders if is_beyond(name, ground.node, siblings.count))]


def _resolver(guard: AddressGuard, trunk: Trunk | None) -> Resolve:
    async def resolve(host: str, port: int, transport: Transport) -> Address:
        """A peer's Contact or Record-Route must not lead us where it could not go itself."""
        try:
            return (await guard.resolve(host, port))[0]
        except AddressRefused as refused:
            own = None if trunk is None else await trunk.own(host, port)
            if own is None:
                raise OSError(str(refused)) from refused
            return own

    return resolve


async def _close_outbox(outbox: Outbox) -> None:
    """Let what was just written be delivered; what is not goes out after the next start."""
    await outbox.drain(WEBHOOK_GRACE_SECONDS)
    await outbox.close()
