from offhook.calls.tools import MAX_RESULT_CHARACTERS, read_results, tool_calls
from offhook.language.base import ToolCall

CALL = ToolCall("t1", "look_up", {"city": "Paris"})


def test_the_call_goes_out_in_every_shape_that_consumers_read() -> None:
    fields = tool_calls(
        {"type": "function", "server": {"url": "x", "secret": "s"}, "async": False}, CALL
    ).properties()
    item = fields["toolCallList"][0]
    assert fields["toolCalls"] == [item]
    assert item["id"] == "t1"
    assert item["function"] == {"name": "look_up", "arguments": {"city": "Paris"}}
    assert item["arguments"] == item["parameters"] == {"city": "Paris"}
    assert fields["toolWithToolCallList"] == [{"type": "function", "async": False, "toolCall": item}]


def test_the_result_for_this_call_is_taken() -> None:
    answer = {"results": [{"toolCallId": "t0", "result": "no"}, {"toolCallId": "t1", "result": {"a": 1}}]}
    assert read_results(answer, CALL).result == '{"a": 1}'


def test_an_error_is_an_outcome() -> None:
    assert read_results({"results": [{"toolCallId": "t1", "error": "closed"}]}, CALL).error == "closed"
    assert read_results({"error": "all of it"}, CALL).error == "all of it"


def test_a_message_is_spoken_and_may_end_the_call() -> None:
    message = {"type": "request-complete", "content": "Done.", "endCallAfterSpokenEnabled": True}
    outcome = read_results({"results": [{"toolCallId": "t1", "result": "ok", "message": message}]}, CALL)
    assert outcome.message == "Done."
    assert outcome.end_call_after


def test_a_message_for_the_model_alone_is_not_spoken() -> None:
    message = {"type": "request-complete", "content": "hint", "role": "system"}
    assert read_results({"results": [{"result": "ok", "message": message}]}, CALL).message is None


def test_answers_of_another_shape_become_errors_the_model_hears() -> None:
    for answer in (
        {},
        {"results": "yes"},
        {"results": []},
        {"results": [5]},
        {"results": [{"toolCallId": "x"}]},
    ):
        outcome = read_results(answer, CALL)
        assert outcome.result is None
        assert outcome.error


def test_a_result_is_bounded() -> None:
    outcome = read_results({"results": [{"toolCallId": "t1", "result": "x" * 10**6}]}, CALL)
    assert outcome.result is not None
    assert len(outcome.result) == MAX_RESULT_CHARACTERS
