"""`offhook call`: a phone on the command line."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from offhook.commands.failure import fail

if TYPE_CHECKING:
    from offhook.phone import PhoneCall, PhoneLine
    from offhook.sip.transports.transport import Transport
    from offhook.speech.workers import Workers

NOT_ANSWERED = 2

_KEYS = re.compile(r"[0-9*#A-Da-d]{1,64}")
_ADVICE: Final = {
    401: "this number asks who calls: give --auth USER:PASSWORD",
    403: "the user name or password is wrong",
    404: "there is no such number there",
    407: "a proxy asks who calls: give --auth USER:PASSWORD",
    408: "nothing answers at this address",
    503: "nothing listens there, it takes no more calls, or over TLS its certificate is not trusted",
}
"""What a caller can do about a status."""

Kind = Literal["say", "play", "dtmf"]


@dataclass(frozen=True, slots=True)
class CallerAction:
    """One thing that the caller does, in the order of the command line."""

    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class Plan:
    uri: str
    steps: Sequence[CallerAction]
    record: Path | None
    transport: Transport | None
    authorities: Path | None
    headers: Sequence[tuple[str, str]]
    login: tuple[str, str] | None
    name: str | None
    seconds: float


def call(
    uri: Annotated[str, typer.Argument(metavar="SIP_URI", help="Whom to call, sip:user@host[:port].")],
    say: Annotated[
        list[str] | None, typer.Option("--say", metavar="TEXT", help="Say this, in the local voice.")
    ] = None,
    play: Annotated[
        list[Path] | None, typer.Option("--play", metavar="WAV", help="Play a WAV file (16-bit PCM).")
    ] = None,
    dtmf: Annotated[
        list[str] | None, typer.Option("--dtmf", metavar="DIGITS", help="Press these keys (0-9*#A-D).")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="FILE", help="Keep what is heard as a WAV file.")
    ] = None,
    transport: Annotated[
        str | None,
        typer.Option(metavar="[udp|tcp|tls]", help="How SIP travels; else as the URI says."),
    ] = None,
    authorities: Annotated[
        Path | None,
        typer.Option("--authorities", metavar="FILE", help="PEM file of whom to trust over TLS, too."),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="'X-NAME: VALUE'", help="Add a SIP header.")
    ] = None,
    auth: Annotated[
        str | None, typer.Option("--auth", metavar="USER:PASSWORD", help="For a number that asks who calls.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The caller's name that is shown.")] = None,
    seconds: Annotated[
        float, typer.Option("--max-seconds", min=1, help="Hang up after so long at the latest.")
    ] = 300.0,
) -> None:
    """Call somebody, speak, print what is heard, hang up.

    --say, --play and --dtmf may be given several times; they are done in the order given, each when the
    other side has finished speaking. Without any, it listens until the other side hangs up or Ctrl-C.

    What is said and heard goes to stdout, how the call goes to stderr. Exits with 0 after an answered call, 2
    when nobody answered, 1 for everything else.

    \b
    Examples:
      offhook call sip:demo@127.0.0.1 --say "When are you open?" --say "Thanks, goodbye."
      offhook call sip:frontdesk@127.0.0.1:5070 --name Ada --header "X-Account: 42" --record heard.wav
      offhook call sip:locked@127.0.0.1 --auth ada:a-long-password-of-hers --dtmf 12#
    """
    plan = Plan(
        uri=uri,
        steps=in_order(sys.argv, {"say": say, "play": play, "dtmf": [_digits(one) for one in dtmf or ()]}),
        record=record,
        transport=None if transport is None else _transport(transport),
        authorities=authorities,
        headers=[_header(one) for one in header or ()],
        login=_login(auth),
        name=name,
        seconds=seconds,
    )
    try:
        asyncio.run(_place(plan))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def in_order(arguments: Sequence[str], given: dict[Kind, Sequence[object] | None]) -> list[CallerAction]:
    """The steps as they stand on the command line; click keeps the order within one option only."""
    left = {kind: [str(value) for value in values or ()] for kind, values in given.items()}
    steps = []
    for argument in arguments:
        for kind, values in left.items():
            if values and (argument == f"--{kind}" or argument.startswith(f"--{kind}=")):
                steps.append(CallerAction(kind, values.pop(0)))
    return steps


def _digits(text: str) -> str:
    if not _KEYS.fullmatch(text):
        fail(f"--dtmf {text!r} is not made of the keys 0-9, *, # and A-D")
    return text.upper()


def _transport(name: str) -> Transport:
    from offhook.sip.transports.table import TRANSPORTS

    if name not in TRANSPORTS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, TRANSPORTS))}.")
    return TRANSPORTS[name]


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not value.strip():
        fail(f"--header {text!r} is not written as 'X-Name: value'")
    return name.strip(), value.strip()


def _login(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    user, colon, password = text.partition(":")
    if not colon:
        fail("--auth is written as USER:PASSWORD")
    return user, password


async def _place(plan: Plan) -> None:
    from offhook.phone import AudioFileError, destination, open_line, write_wav
    from offhook.sip.errors import SipError
    from offhook.speech.jobs import WorkerFailed
    from offhook.speech.workers import Workers

    workers = Workers(1)
    try:
        destination(plan.uri)
        if plan.record is not None:
            write_wav(plan.record, b"")
        audio = {step.value: _read(step) for step in plan.steps if step.kind == "play"}
        typer.echo("Loading the speech models ...", err=True)
        await workers.start()
        for step in plan.steps:
            if step.kind == "say":
                audio[step.value] = await _speak(workers, step.value)
        async with open_line(
            plan.uri,
            transport=plan.transport,
            authorities=plan.authorities,
            name=plan.name,
        ) as line:
            await _talk(plan, line, workers, audio)
    except AudioFileError as error:
        fail(str(error))
    except SipError as error:
        advice = _ADVICE.get(error.status)
        fail(f"{plan.uri}: {error}" + (f"; {advice}" if advice else ""), NOT_ANSWERED)
    except OSError as error:
        fail(f"{plan.uri} cannot be called: {error.strerror or error}")
    except ValueError as error:
        fail(f"{plan.uri} cannot be called: {error}")
    except WorkerFailed as error:
        fail(f"the local speech engines do not start: {error}; `offhook doctor` says what is missing")
    finally:
        await workers.close()


def _read(step: CallerAction) -> bytes:
    from offhook.phone import read_wav

    return read_wav(Path(step.value))


async def _speak(workers: Workers, text: str) -> bytes:
    from offhook.speech.providers.local import LocalVoice

    voice = LocalVoice(workers, "", 1.0, None)
    await voice.start()
    try:
        return b"".join([piece async for piece in voice.say(text)])
    finally:
        await voice.close()


async def _talk(plan: Plan, line: PhoneLine, workers: Workers, audio: dict[str, bytes]) -> None:
    from offhook.phone import CallTranscriber, PhoneCall, write_wav

    phone = PhoneCall(line.media, line.remote.host, line.activity, secure=line.transport.secure)
    phone.on_progress = lambda status, reason: typer.echo(f"{status} {reason}", err=True)
    transcriber = CallTranscriber(phone, workers, lambda words: typer.echo(f"Heard: {words}"))
    await transcriber.start()
    try:
        async with asyncio.timeout(plan.seconds):
            await phone.dial(line, headers=plan.headers, login=plan.login)
            typer.echo("answered", err=True)
            for step in plan.steps:
                await phone.quiet(timeout=15.0)
                await transcriber.caught_up()
                await _do(phone, step, audio)
            await _wait_for_the_end(phone, bool(plan.steps))
    except TimeoutError:
        typer.echo(f"hanging up after {plan.seconds:g} s", err=True)
    finally:
        await phone.hang_up()
        await transcriber.close()
        if plan.record is not None:
            write_wav(plan.record, bytes(phone.heard))
    typer.echo(phone.end_reason, err=True)
    if not phone.answered.is_set():
        fail(f"{plan.uri}: not answered within {plan.seconds:g} s", NOT_ANSWERED)


async def _do(phone: PhoneCall, step: CallerAction, audio: dict[str, bytes]) -> None:
    if phone.ended.is_set():
        return
    if step.kind == "dtmf":
        typer.echo(f"Pressed: {step.value}")
        await phone.press(step.value)
        return
    typer.echo(f"Said: {step.value}")
    await phone.play(audio[step.value])
    await phone.reply_started(timeout=15.0)


async def _wait_for_the_end(phone: PhoneCall, spoke: bool) -> None:
    """Waits, after the last words, until the other side has answered and is silent, or hangs up."""
    if spoke:
        await phone.quiet(timeout=60.0, seconds=2.0)
    else:
        await phone.ended.wait()
