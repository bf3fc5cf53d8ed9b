from __future__ import annotations

from offhook.conversation.context import Context
from offhook.language.language_model import ToolCall

CALL = ToolCall("c1", "report", {})


def asked(text: str) -> Context:
    context = Context([{"role": "system", "content": "Be kind."}])
    context.hear(text)
    return context


def users(context: Context) -> list[str]:
    return [message["content"] for message in context.messages() if message["role"] == "user"]


def test_what_is_said_before_a_reply_is_heard_is_one_message() -> None:
    context = asked("A table")
    context.hear("A table for two")
    context.answered()
    context.hear("And wine")
    assert users(context) == ["A table for two", "And wine"]


def test_a_reply_of_which_nothing_was_heard_leaves_the_question_open() -> None:
    context = asked("A table")
    said = context.say()
    said.add("Gladly.")
    context.answered()
    said.text = ""
    context.forget(said)
    context.unanswered()
    context.hear("A table for two")
    assert users(context) == ["A table for two"]


def test_tools_and_added_messages_do_not_close_it() -> None:
    context = asked("A table")
    context.answered()
    context.say().calls = [CALL]
    context.add({"role": "system", "content": "He is in a hurry."})
    context.unanswered()
    context.hear("A table for two")
    assert users(context) == ["A table for two"]


def test_other_words_do_not_take_its_place() -> None:
    context = asked("A table")
    context.answered()
    context.say().calls = [CALL]
    context.unanswered()
    context.hear("For two")
    context.hear("For two, outside")
    assert users(context) == ["A table", "For two, outside"]


def test_words_that_were_heard_close_it() -> None:
    context = asked("A table")
    context.say().add("For how many?")
    context.answered()
    context.unanswered()
    context.hear("For two")
    assert users(context) == ["A table", "For two"]


def test_words_that_are_written_otherwise_with_more_behind_them_go_on_all_the_same() -> None:
    context = Context([])
    context.hear("Four one five.", "415.")
    context.answered()
    context.unanswered()
    context.hear("Four one five. Five five five.", "415555.")
    assert users(context) == ["415555."]
