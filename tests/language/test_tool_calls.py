from __future__ import annotations

from typing import Any

import pytest

from offhook.language.language_model import Message, ToolCall
from offhook.language.tool_calls import ToolCalls
from tests.engines.making import model_of
from tests.language.test_openai import event, stream
from tests.speech.servers import http_server, outside

NO = object()
RED, BLUE = '{"colour": "red"}', '{"colour": "blue"}'


def piece(
    index: object = NO, call_id: object = NO, name: object = NO, arguments: object = NO
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    made = {"index": index, "id": call_id, "function": {k: v for k, v in function.items() if v is not NO}}
    return {key: value for key, value in made.items() if value is not NO}


def streamed(index: object, call_id: str, arguments: str, each: bool = False, name: object = NO) -> list[Any]:
    """A call in pieces; `each`: the id stands in every one of them."""
    parts = [arguments[at : at + 4] for at in range(0, len(arguments), 4)]
    first = piece(index, call_id, "paint", "")
    return [first, *(piece(index, call_id if each else NO, name, part) for part in parts)]


TWO = [("a", {"colour": "red"}), ("b", {"colour": "blue"})]
SHAPES = {
    "as the API has it": [*streamed(0, "a", RED), *streamed(1, "b", BLUE)],
    "numbered from 1": [*streamed(1, "a", RED), *streamed(2, "b", BLUE)],
    "all numbered 0, whole": [piece(0, "a", "paint", RED), piece(0, "b", "paint", BLUE)],
    "all numbered 0, in pieces": [*streamed(0, "a", RED), *streamed(0, "b", BLUE)],
    "all numbered 0, the id in each": [*streamed(0, "a", RED, True), *streamed(0, "b", BLUE, True)],
    "the id and the name in each": [
        *streamed(0, "a", RED, True, "paint"),
        *streamed(1, "b", BLUE, True, "paint"),
    ],
    "id and name in each, all numbered 0": [
        *streamed(0, "a", RED, True, "paint"),
        *streamed(0, "b", BLUE, True, "paint"),
    ],
    "not numbered": [*streamed(NO, "a", RED), *streamed(NO, "b", BLUE)],
    "numbered null": [*streamed(None, "a", RED, True), *streamed(None, "b", BLUE, True)],
    "interleaved": [
        piece(0, "a", "paint", RED[:4]),
        piece(1, "b", "paint", BLUE[:4]),
        piece(0, NO, NO, RED[4:]),
        piece(1, NO, NO, BLUE[4:]),
    ],
    "interleaved by id alone": [
        piece(NO, "a", "paint", RED[:4]),
        piece(NO, "b", "paint", BLUE[:4]),
        piece(NO, "a", NO, RED[4:]),
        piece(NO, "b", NO, BLUE[4:]),
    ],
    "parsed": [piece(0, "a", "paint", {"colour": "red"}), piece(0, "b", "paint", {"colour": "blue"})],
    "id and name apart": [
        piece(0, "a"),
        piece(0, NO, "paint"),
        piece(0, NO, NO, RED),
        piece(1, "b"),
        piece(1, NO, "paint", BLUE),
    ],
    "nulls for what is not there": [
        piece(0, "a", "paint", None),
        piece(0, None, None, RED),
        piece(1, "b", "paint", None),
        piece(1, None, None, BLUE),
    ],
    "empty texts for what is not there": [
        piece(0, "a", "paint", ""),
        piece(0, "", "", RED),
        piece(0, "b", "paint", ""),
        piece(0, "", "", BLUE),
    ],
    "numbered by piece": [
        piece(0, "a", "paint", ""),
        piece(1, NO, NO, RED),
        piece(2, "b", "paint", ""),
        piece(3, NO, NO, BLUE),
    ],
}


def put_together(pieces: list[dict[str, Any]]) -> list[ToolCall]:
    calls = ToolCalls()
    for each in pieces:
        calls.add(each)
    return calls.calls()


@pytest.mark.parametrize("shape", SHAPES)
def test_two_calls_in_every_shape(shape: str) -> None:
    assert put_together(SHAPES[shape]) == [ToolCall(name, "paint", arguments) for name, arguments in TWO]


@pytest.mark.parametrize("index", [0, NO, None])
def test_calls_without_ids(index: object) -> None:
    pieces = [piece(index, NO, "paint", RED), piece(index, "", "paint", BLUE), piece(index, None, "mix", "")]
    assert put_together(pieces) == [
        ToolCall("call_0", "paint", {"colour": "red"}),
        ToolCall("call_1", "paint", {"colour": "blue"}),
        ToolCall("call_2", "mix", {}),
    ]


def test_the_same_id_for_two_numbered_calls() -> None:
    pieces = [*streamed(0, "x", RED), *streamed(1, "x", BLUE)]
    assert [call.arguments for call in put_together(pieces)] == [{"colour": "red"}, {"colour": "blue"}]


def test_a_new_id_in_each_piece_of_one_call() -> None:
    """So vLLM has sent them, with one more empty piece at the end."""
    parts = ["", '{"colour"', ': "red', '"}', ""]
    pieces = [piece(0, f"id-{n}", NO if n else "paint", part) for n, part in enumerate(parts)]
    assert put_together(pieces) == [ToolCall("id-0", "paint", {"colour": "red"})]


def test_two_calls_without_arguments() -> None:
    assert [call.id for call in put_together([piece(0, "a", "end"), piece(0, "b", "end")])] == ["a", "b"]


def test_marks_inside_of_texts_end_nothing() -> None:
    text = '{"a": "}\\\\\\"}{", "b": [{}]}'
    for cut in range(1, len(text)):
        pieces = [
            piece(0, "a", "paint", text[:cut]),
            piece(0, "a", "paint", text[cut:]),
            piece(0, "b", "end"),
        ]
        first, second = put_together(pieces)
        assert first.arguments == {"a": '}\\"}{', "b": [{}]}
        assert second.name == "end"


def test_arguments_in_very_many_pieces() -> None:
    calls = ToolCalls()
    calls.add(piece(NO, "a", "paint", '{"x": "'))
    for number in range(20_000):
        calls.add(piece(NO, f"id-{number}", NO, "}"))
    calls.add(piece(NO, NO, NO, '"}'))
    (call,) = calls.calls()
    assert call.arguments == {"x": "}" * 20_000}


async def test_ids_of_calls_are_unlike_those_of_the_conversation() -> None:
    """Some servers count the calls of each reply from 0."""
    call = {"function": {"name": "look_up", "arguments": "{}"}}
    said = stream(
        event({"choices": [{"delta": {"tool_calls": [{**call, "index": 0}]}}]}), b"data: [DONE]\n\n"
    )
    made: list[ToolCall] = []
    messages: list[Message] = [{"role": "user", "content": "Hello."}]
    async with http_server(said) as server, outside() as reach:
        model = await model_of(reach, {"provider": "custom-llm", "model": "m", "url": server.url})
        for _ in range(3):
            async for one in model.respond(messages, ()):
                if isinstance(one, ToolCall):
                    made.append(one)
                    wire = {"id": one.id, "type": "function", "function": call["function"]}
                    messages.append({"role": "assistant", "content": None, "tool_calls": [wire]})
                    messages.append({"role": "tool", "tool_call_id": one.id, "content": "ok"})
    assert len({one.id for one in made}) == 3
