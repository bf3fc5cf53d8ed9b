from __future__ import annotations

from offhook.conversation.context import Context
from offhook.conversation.transcript import ConversationTranscript
from offhook.language.language_model import ToolCall

CALL = ToolCall("c1", "lookup", {"q": "hours"})


def conversation() -> ConversationTranscript:
    record = ConversationTranscript()
    record.add_system("Be kind.", 10.0)
    record.add_bot(10.5).extend("Hello.", 11.5)
    record.add_user("What are", 12.0, 12.5)
    record.add_user("your hours?", 13.0, 14.0)
    record.add_tool_calls([CALL], 14.5)
    record.add_tool_result(CALL, "nine to five", 15.0)
    record.add_bot(15.5).extend("Nine to five.", 17.0)
    return record


def test_the_api_s_form() -> None:
    messages = conversation().to_messages(offset_epoch=1_000_000.0, started_at=10.0)
    assert [message["role"] for message in messages] == [
        "system", "bot", "user", "tool_calls", "tool_call_result", "bot",
    ]  # fmt: skip
    assert messages[1] == {
        "role": "bot",
        "message": "Hello.",
        "time": 1_000_010_500,
        "secondsFromStart": 0.5,
        "endTime": 1_000_011_500,
        "duration": 1000,
        "source": "",
    }
    assert messages[2]["message"] == "What are your hours?"
    assert (messages[2]["time"], messages[2]["endTime"], messages[2]["duration"]) == (
        1_000_012_000,
        1_000_014_000,
        2000,
    )
    assert "endTime" not in messages[0]
    function = {"name": "lookup", "arguments": '{"q": "hours"}'}
    assert messages[3]["toolCalls"] == [{"id": "c1", "type": "function", "function": function}]
    assert messages[4] == {
        "role": "tool_call_result",
        "toolCallId": "c1",
        "name": "lookup",
        "result": "nine to five",
        "time": 1_000_015_000,
        "secondsFromStart": 5.0,
    }


def test_the_openai_form() -> None:
    messages = conversation().to_openai()
    assert [message["role"] for message in messages] == [
        "system",
        "assistant",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert messages[4] == {"role": "tool", "tool_call_id": "c1", "content": "nine to five"}


def test_the_text() -> None:
    assert conversation().to_text() == "AI: Hello.\nUser: What are your hours?\nAI: Nine to five.\n"
    assert conversation().to_text("Ann", "Bob").startswith("Bob: Hello.\nAnn: What")


def test_entries_stand_in_the_order_of_their_beginning() -> None:
    record = ConversationTranscript()
    record.add_bot(1.0).extend("A long sentence.", 6.0)
    record.add_bot(7.0).extend("Another.", 8.0)
    record.add_user("Mm hmm.", 3.0, 3.5)
    assert record.to_text() == "AI: A long sentence.\nUser: Mm hmm.\nAI: Another.\n"


def test_what_was_said_over_the_assistant_is_not_joined_to_what_comes_after_it() -> None:
    record = ConversationTranscript()
    bot = record.add_bot(1.0)
    record.add_user("Mm hmm.", 3.0, 3.5)
    bot.extend("A long sentence.", 6.0)
    record.add_user("And Sunday?", 7.0, 8.0)
    assert record.to_text() == "AI: A long sentence.\nUser: Mm hmm.\nUser: And Sunday?\n"


def test_an_entry_of_which_nothing_was_heard_is_dropped() -> None:
    record = ConversationTranscript()
    entry = record.add_bot(1.0)
    record.drop_empty(entry)
    assert record.entries == []


def test_the_context_keeps_one_message_for_all_that_is_unanswered() -> None:
    context = Context([{"role": "system", "content": "Be kind."}])
    context.hear("A table")
    context.hear("A table for two.")
    context.say().add("Sure.")
    context.answered()
    context.hear("And wine.")
    assert [message["content"] for message in context.messages()] == [
        "Be kind.",
        "A table for two.",
        "Sure.",
        "And wine.",
    ]


def test_every_tool_call_has_its_answer_right_after_it() -> None:
    context = Context([])
    said = context.say()
    said.calls = [CALL, ToolCall("c2", "other", {})]
    context.hear("Hello?")
    said.results["c2"] = "two"
    first, *answers, last = context.messages()
    assert first["content"] is None
    assert [(answer["tool_call_id"], answer["content"]) for answer in answers] == [
        ("c1", "No result yet."),
        ("c2", "two"),
    ]
    assert last == {"role": "user", "content": "Hello?"}


def test_what_was_never_heard_is_forgotten() -> None:
    context = Context([])
    said = context.say()
    assert context.messages() == []
    said.add("Hello.")
    context.forget(said)
    assert context.messages() == []
