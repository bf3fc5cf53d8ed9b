"""A caller who pauses in the middle of a turn is let finish; one turn is one line and one message."""

from __future__ import annotations

import asyncio

import pytest

from offhook.conversation.events import TranscriptHeard
from tests.conversation.stage import FIRST, Stage, on_stage
from tests.conversation.test_conversation import LONG, greeted
from tests.scripted import ScriptedTranscriber
from tests.virtual import run_virtual, story


async def said_in_pieces(stage: Stage, pieces: list[str], pause: float) -> None:
    await greeted(stage)
    for number, piece in enumerate(pieces):
        if number:
            await asyncio.sleep(pause)
        await stage.caller.says(piece, 0.8)
    await stage.caller.hears_the_end(pause=3)


PHONE = "What is your phone number?"
PIECES: list[tuple[str, list[str], str | None]] = [
    (FIRST, ["I would like to.", "Book a table."], None),
    (FIRST, ["Can I?", "Bring my dog?"], None),
    (FIRST, ["I have two questions.", "Are you open on Sunday?"], None),
    (FIRST, ["It was last Tuesday and.", "I waited for an hour."], None),
    (FIRST, ["My account number is five five one.", "Zero nine three."], "My account number is 551093."),
    (FIRST, ["Let me see.", "Wednesday."], None),
    (PHONE, ["Four one five.", "Five five five.", "Zero one nine two."], "415-555-0192."),
    (PHONE, ["Sure.", "415-555-0192."], None),
    ("Could you spell your last name?", ["C A R.", "T E R."], "C-A-R-T-E-R."),
    (
        "What is your e-mail address?",
        ["Daniel dot Carter at.", "Example dot com."],
        "daniel.carter@example.com.",
    ),
]


@pytest.mark.parametrize(("provider", "written"), [("vapi", "415-555-0192"), ("google", "415 555 0192")])
def test_only_what_the_local_transcriber_hears_is_put_in_form(provider: str, written: str) -> None:
    """Others of whole phrases have done so themselves."""

    async def tell() -> None:
        transcriber = ScriptedTranscriber(provider=provider)
        async with on_stage(assistant={"firstMessage": PHONE}, transcriber=transcriber) as stage:
            await said_in_pieces(stage, ["415 555 0192"], 0.7)
            assert stage.lines[1] == f"User: {written}"

    run_virtual(tell())


@pytest.mark.parametrize("pause", [0.7, 1.2])
@pytest.mark.parametrize(("asked", "pieces", "written"), PIECES)
def test_pieces_of_one_turn_are_answered_once(
    asked: str, pieces: list[str], written: str | None, pause: float
) -> None:
    """`written`: what was dictated, as one would write it, where that is not what was heard."""

    async def tell() -> None:
        async with on_stage(["Very well."], assistant={"firstMessage": asked}) as stage:
            await said_in_pieces(stage, pieces, pause)
            whole = written or " ".join(pieces)
            assert stage.lines == [f"AI: {asked}", f"User: {whole}", "AI: Very well."]
            assert stage.model.requests[-1][-1] == {"role": "user", "content": whole}

    run_virtual(tell())


@pytest.mark.parametrize("after", [0.0, 0.1, 0.2, 0.28])
def test_an_answer_over_which_the_caller_goes_on_at_once_was_never_given(after: float) -> None:
    async def tell() -> None:
        async with on_stage([LONG, "Booked."]) as stage:
            await greeted(stage)
            await stage.caller.says("I need a table.")
            await stage.caller.hears()
            await asyncio.sleep(after)
            await stage.caller.says("For tomorrow evening.")
            await stage.caller.hears_the_end()
            whole = "I need a table. For tomorrow evening."
            assert stage.lines == [f"AI: {FIRST}", f"User: {whole}", "AI: Booked."]
            assert [message["content"] for message in stage.model.requests[-1]] == [FIRST, whole]
            heard = [one.text for one in stage.told(TranscriptHeard) if one.role == "assistant"]
            assert heard == [
                FIRST.partition("? ")[0].partition(". ")[0] + ".",
                "How can I help you today?",
                "Booked.",
            ]

    run_virtual(tell())


@story
async def test_an_answer_that_was_heard_for_longer_was_given() -> None:
    async with on_stage([LONG, "Booked."]) as stage:
        await greeted(stage)
        await stage.caller.says("I need a table.")
        await stage.caller.hears()
        await asyncio.sleep(0.9)
        await stage.caller.says("For tomorrow evening.")
        await stage.caller.hears_the_end()
        assert [line[:9] for line in stage.lines[1:]] == ["User: I n", "AI: We ar", "User: For", "AI: Booke"]


@story
async def test_whoever_pauses_behind_whole_sentences_is_let_finish_the_third_time() -> None:
    async with on_stage(["Very well."]) as stage:
        await greeted(stage)
        for piece in ["My heating is broken.", "It is cold.", "I called on Monday."]:
            await stage.caller.says(piece)
            await asyncio.sleep(0.38)
        await stage.caller.says("Nobody came.")
        await stage.caller.hears_the_end()
        known = len(stage.caller.played)
        await stage.caller.says("I am still cold.")
        await asyncio.sleep(0.48)
        assert len(stage.caller.played) == known
        await stage.caller.says("Please come.")
        await stage.caller.hears_the_end()
        assert stage.lines[-2] == "User: I am still cold. Please come."


@story
async def test_yes_over_the_end_of_a_first_message_is_answered() -> None:
    question = "Thank you for calling back. Am I speaking with Daniel Carter from Springfield?"
    async with on_stage(["Hello Daniel."], assistant={"firstMessage": question}) as stage:
        await asyncio.sleep(len(question) * 0.06 - 1.0)
        await stage.caller.says("Yes.", 0.4)
        await stage.caller.hears_the_end(pause=2)
        assert stage.lines == [f"AI: {question}", "User: Yes.", "AI: Hello Daniel."]
