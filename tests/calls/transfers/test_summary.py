"""The digest of a call whose assistant has no language model."""

from __future__ import annotations

from offhook.calls.transfers.summary import LONGEST, PROMPT, digest, summary_of
from offhook.conversation.transcript import ConversationTranscript


def transcript(*said: str) -> ConversationTranscript:
    """The caller's words, with the assistant's between them."""
    made = ConversationTranscript()
    for at, text in enumerate(said):
        made.add_user(text, at, at + 0.5)
        bot = made.add_bot(at + 0.6)
        bot.extend("I see.", at + 0.8)
    return made


def test_the_callers_last_words_are_quoted() -> None:
    assert digest(transcript("My name is Ann.")) == "The caller said: My name is Ann."
    assert (
        digest(transcript("One.", "Two.", "Three.", "Four.")) == "The caller said: Two. ... Three. ... Four."
    )


def test_somebody_who_said_nothing() -> None:
    assert digest(ConversationTranscript()) == "The caller has not said anything yet."


async def test_nobody_spoke_with_the_caller() -> None:
    assert await summary_of(None, None, "call-1") == "The caller has not said anything yet."


def test_it_stays_short() -> None:
    made = digest(transcript(*["word " * 500] * 3))

    assert len(made) <= LONGEST
    assert made.count("word") < 150


def test_a_language_model_is_asked_in_plain_words() -> None:
    assert [message["content"] for message in PROMPT[1:]] == ["Transcript:\n{{transcript}}"]
