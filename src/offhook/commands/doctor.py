"""`offhook doctor`: what would keep the service from working here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from offhook.commands.failure import fail

if TYPE_CHECKING:
    from offhook.settings import Settings


def doctor() -> None:
    """Check settings, folder, database, ports and speech models; say what to do about each problem.

    Exits with 0 if nothing is wrong. Ports count as taken while the service itself runs.
    """
    from offhook.settings import SettingsError, load_settings, unknown_variables

    try:
        settings = load_settings()
    except SettingsError as problem:
        fail(str(problem))
    failed = False
    for what, check in _checks(settings):
        found = check()
        failed = failed or bool(found)
        typer.echo(f"{'WRONG' if found else 'ok':6}{what}")
        for line in found:
            typer.echo(f"      {line}")
    for slip in unknown_variables():
        typer.echo(f"note  {slip}")
    if failed:
        raise typer.Exit(1)


def _checks(settings: Settings) -> list[tuple[str, Callable[[], list[str]]]]:
    return [
        (f"data folder {settings.data.absolute()}", lambda: _folder(settings)),
        ("database", lambda: _database(settings)),
        (f"HTTP port {settings.http.port}", lambda: _port(settings.http, socket.SOCK_STREAM, "--http")),
        (f"SIP port {settings.sip.port} UDP", lambda: _port(settings.sip, socket.SOCK_DGRAM, "--sip")),
        (f"SIP port {settings.sip.port} TCP", lambda: _port(settings.sip, socket.SOCK_STREAM, "--sip")),
        (f"media ports {settings.rtp_ports}", lambda: _media_ports(settings)),
        ("speech models", _speech),
    ]


def _folder(settings: Settings) -> list[str]:
    from offhook.server import StartError, check_folder

    try:
        check_folder(settings)
    except StartError as problem:
        return [str(problem)]
    return []


def _database(settings: Settings) -> list[str]:
    import random
    import time

    from offhook.store import Database, IdMaker, StoreError, upgrade

    async def look() -> None:
        await upgrade(settings.database)
        new_id = IdMaker(time.time, random.SystemRandom())
        database = await Database.open(settings.database, now=time.time, new_id=new_id)
        await database.close()

    try:
        asyncio.run(look())
    except StoreError as problem:
        return [str(problem)]
    return []


def _port(address: tuple[str, int], kind: socket.SocketKind, flag: str) -> list[str]:
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return [f"{host}:{port} cannot be had ({error.strerror}): stop what uses it or give {flag}"]
    return []


def _media_ports(settings: Settings) -> list[str]:
    from offhook.server import RTP_PORTS_PER_CALL

    room = (settings.rtp_ports.high - settings.rtp_ports.low + 1) // RTP_PORTS_PER_CALL
    if room < settings.max_calls:
        return [
            f"they hold {room} calls, OFFHOOK_MAX_CALLS allows {settings.max_calls}:"
            " widen OFFHOOK_RTP_PORTS or lower OFFHOOK_MAX_CALLS"
        ]
    return []


def _speech() -> list[str]:
    from offhook.speech.engines import SpeechEngines

    return [problem.text for problem in asyncio.run(SpeechEngines.check())]
