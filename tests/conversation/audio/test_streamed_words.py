"""From a model's tokens to the voice: what is spoken when, and what an answer without an end costs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.conversation.assistant_reply import SPEECHLESS_SECONDS
from offhook.conversation.text.chunks import LONG_PAUSE, LONGEST_PIECE, PAUSE, Chunker, ChunkingPlan
from offhook.language.language_model import Text, ToolCall
from tests.conversation.stage import on_stage
from tests.scripted import ScriptedModel
from tests.virtual import story

# when the model pauses


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sure.", PAUSE),
        ("Let me look that up. ", PAUSE),
        ("Is that so?", PAUSE),
        ('He said "yes."', PAUSE),
        ("好的。", PAUSE),
        ("It is 3.", LONG_PAUSE),
        ("It is 10:", LONG_PAUSE),
        ("We open at 9 a.m.", LONG_PAUSE),
        ("It is 3. ", PAUSE),
        ("Ask Dr.", None),
        ("1.", None),
        ("First, ", None),
        ("We are open", None),
        ("...", None),
        ("Hello. <flu", None),
        ("", None),
    ],
)
def test_how_long_a_sentence_waits_for_more(text: str, seconds: float | None) -> None:
    chunker = Chunker(ChunkingPlan())
    chunker.feed(text)
    assert chunker.patience() == seconds
    assert chunker.pause() == (None if seconds is None else text.strip())


@story
async def test_a_sentence_before_a_pause_is_spoken_in_it() -> None:
    parts: list[Any] = [
        Text("Let me"),
        Text(" look."),
        3.0,
        Text(" Yes, we are"),
        Text(" open today."),
        0.4,
    ]
    async with on_stage([[*parts, Text(" Bye")]]) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Are you open?")
        await stage.caller.hears()
        assert stage.voice.spoken[2:] == ["Let me look."]
        await stage.caller.hears_the_end(pause=3.5)
        assert stage.voice.spoken[2:] == ["Let me look.", "Yes, we are open today.", "Bye"]
        assert stage.lines[-1] == "AI: Let me look. Yes, we are open today. Bye"


@story
async def test_a_sentence_is_not_cut_where_tokens_come_slowly() -> None:
    model = ScriptedModel([[Text("It costs 3"), Text("."), Text("5 dollars"), Text(".")]], per_token=0.3)
    async with on_stage(model=model) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("How much is it?")
        await stage.caller.hears_the_end()
        assert stage.voice.spoken[2:] == ["It costs three point five dollars."]


@story
async def test_a_sentence_is_spoken_while_the_arguments_of_a_call_are_written() -> None:
    parts: list[Any] = [Text("One moment, please."), 5.0, ToolCall("a", "end", {})]
    tool = {"type": "endCall", "function": {"name": "end"}}
    assistant = {"model": {"provider": "openai", "model": "m", "tools": [tool]}}
    async with on_stage([parts], assistant=assistant) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Goodbye.")
        asked = asyncio.get_running_loop().time()
        await stage.caller.hears()
        assert asyncio.get_running_loop().time() < asked + 3.0
        await stage.caller.hears_the_end()


# what a model says is to be spoken at once

FLUSHED = "Sure <flush /> let me see,<flush/>then<FLUSH> we will call you back. <b>Bye"


@pytest.mark.parametrize("size", range(1, 13))
def test_a_flush_ends_a_piece_wherever_the_tokens_part(size: int) -> None:
    chunker = Chunker(ChunkingPlan(min_characters=20))
    pieces = [p for at in range(0, len(FLUSHED), size) for p in chunker.feed(FLUSHED[at : at + size])]
    assert [*pieces, chunker.flush()] == ["Sure", "let me see,", "then", "we will call you back.", "<b>Bye"]


@pytest.mark.parametrize("before", range(LONGEST_PIECE - 12, LONGEST_PIECE + 12))
def test_a_flush_where_a_piece_would_be_cut(before: int) -> None:
    chunker = Chunker(ChunkingPlan())
    pieces = []
    for character in "a" * before + "<flush />b":
        pieces += chunker.feed(character)
    assert "".join([*pieces, chunker.flush() or ""]) == "a" * before + "b"


@story
async def test_a_flush_is_neither_spoken_nor_written_down() -> None:
    async with on_stage([[Text("Well"), Text(" <flu"), Text("sh />"), 2.0, Text("yes.")]]) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Are you open?")
        await stage.caller.hears_the_end(pause=2.5)
        assert stage.voice.spoken[2:] == ["Well", "yes."]
        assert stage.lines[-1] == "AI: Well yes."


# answers without an end


@pytest.mark.parametrize("token", ["a", "a ", ".", ". ", " ", "\n", "<", "a.m. ", "<flush />", "。", "a."])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_long_text_is_looked_through_once(token: str, at_once: bool) -> None:
    """Whatever it is made of, and in one piece or in many: only the last few hundred characters are kept."""
    chunker, text = Chunker(ChunkingPlan()), token * 20_000
    step = len(text) if at_once else 3
    pieces = []
    for start in range(0, len(text), step):
        pieces += chunker.feed(text[start : start + step])
        assert len(chunker._buffer) <= LONGEST_PIECE + 20
    assert all(len(piece) <= LONGEST_PIECE for piece in pieces)


@pytest.mark.parametrize("token", [".", " ", "…", "\n", "... "])
@story
async def test_a_model_that_writes_without_a_word_is_given_up(token: str) -> None:
    parts = [each for _ in range(200) for each in (Text(token), 1.0)]
    async with on_stage([parts]) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Are you open?")
        said = asyncio.get_running_loop().time()
        await stage.caller.hears_the_end(5 * SPEECHLESS_SECONDS, pause=2 * SPEECHLESS_SECONDS)
        assert stage.ended == ["pipeline-error-scripted-llm-failed"]
        (at, _), *_ = stage.world.ends
        assert at < said + SPEECHLESS_SECONDS + 15
        assert "sorry" in stage.lines[-1]


@story
async def test_a_sentence_without_an_end_is_spoken_in_pieces() -> None:
    async with on_stage(["word " * 2_000]) as stage:
        await stage.caller.hears_the_end()
        await stage.caller.says("Are you open?")
        await stage.caller.hears()
        await asyncio.sleep(30)
        assert all(len(text) <= LONGEST_PIECE for text in stage.voice.spoken)
        assert len(stage.voice.spoken) < 20  # no further ahead than a few seconds


@story
async def test_a_first_message_without_an_end_is_spoken_in_pieces() -> None:
    async with on_stage(assistant={"firstMessage": "." * 1_000 + "word " * 100_000}) as stage:
        await stage.caller.hears(60)
        assert all(len(text) <= LONGEST_PIECE for text in stage.voice.spoken)
        assert len(stage.voice.spoken) < 5
