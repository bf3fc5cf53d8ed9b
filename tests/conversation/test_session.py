"""Whole conversations with scripted engines."""

from __future__ import annotations

import asyncio

from offhook.conversation.events import SpeechStarted, TranscriptHeard, TurnMeasured, UserInterrupted
from tests.conversation.stage import FIRST, on_stage
from tests.virtual import run_virtual


def test_a_question_is_answered() -> None:
    async def story() -> None:
        async with on_stage(["We are open from nine to five."]) as stage:
            await stage.caller.hears_the_end()
            await stage.caller.says("What are your opening hours?")
            spoke_until = asyncio.get_running_loop().time()
            await stage.caller.hears_the_end()
            assert stage.lines == [
                f"AI: {FIRST}",
                "User: What are your opening hours?",
                "AI: We are open from nine to five.",
            ]
            assert stage.model.requests[-1] == [
                {"role": "assistant", "content": FIRST},
                {"role": "user", "content": "What are your opening hours?"},
            ]
            reply = stage.told(SpeechStarted)[-1]
            assert 0.38 <= reply.at - spoke_until <= 0.46
            (turn,) = stage.told(TurnMeasured)
            parts = turn.endpointing + turn.transcriber + turn.model + turn.voice + turn.platform
            assert abs(parts - turn.total) < 0.01
            assert turn.platform <= 40

    run_virtual(story())


def test_the_caller_interrupts_and_the_context_keeps_what_was_heard() -> None:
    long = "We are open from nine to five on weekdays, from ten to two on Saturdays, but never on Sundays."

    async def story() -> None:
        async with on_stage([long, "Yes, we do."]) as stage:
            await stage.caller.hears_the_end()
            await stage.caller.says("What are your opening hours?")
            await stage.caller.hears()
            await asyncio.sleep(2.0)
            await stage.caller.says("And do you take insurance?")
            await stage.caller.hears_the_end()
            (interrupted,) = stage.told(UserInterrupted)
            assert long.startswith(interrupted.heard)
            assert 0 < len(interrupted.heard) < len(long)
            assert stage.model.requests[-1][-2:] == [
                {"role": "assistant", "content": interrupted.heard},
                {"role": "user", "content": "And do you take insurance?"},
            ]
            assert stage.lines[-1] == "AI: Yes, we do."
            assert stage.told(TranscriptHeard)[-1].text == "Yes, we do."

    run_virtual(story())
