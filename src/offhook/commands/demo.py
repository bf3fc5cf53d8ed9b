"""`offhook demo`: a conversation to listen in on, without a phone."""

from __future__ import annotations

import asyncio

import typer

from offhook.commands.failure import fail


def demo() -> None:
    """Place one real call and print the conversation as it happens.

    A recorded caller dials the demo number and speaks; the local engines hear and answer. Behind each answer
    stands how long the caller waited for it. Takes free ports and a data folder of its own when the usual
    ones are taken. Exits with 0 only if the caller was understood and answered.
    """
    import uvloop

    from offhook.demo.run import hold
    from offhook.log_lines import configure
    from offhook.process import StartError
    from offhook.settings import SettingsError
    from offhook.sip.errors import SipError

    configure("warning", "text")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            wrong = runner.run(hold(typer.echo))
    except (StartError, SettingsError, SipError) as problem:
        fail(str(problem))
    except TimeoutError:
        fail("the demo did not come to its end in time")
    if wrong:
        fail("; ".join(wrong))
    typer.echo("The caller was understood and answered.")
