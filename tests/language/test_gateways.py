"""Answers in the shapes in which servers and gateways of OpenAI's chat API are known to give them."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest

from offhook.language.habits import MOST_MODELS, Habits
from offhook.language.language_model import Finished, ModelError, Reply, Text, ToolCall
from tests.language.test_openai import (
    CALL,
    DONE,
    HELLO,
    MESSAGES,
    ask,
    completion,
    custom,
    delta,
    event,
    model,
    stream,
)
from tests.network.servers import Heard, serving
from tests.network.servers import reply as whole
from tests.speech.servers import answer, http_server, in_pieces

CUSTOM = {"provider": "custom-llm", "model": "m"}


def said(replies: list[Reply]) -> str:
    return "".join(each.text for each in replies if isinstance(each, Text))


def line(payload: object) -> bytes:
    return json.dumps(payload).encode() + b"\n"


def ollamas(*messages: dict[str, Any], reason: str = "stop") -> list[bytes]:
    """A stream of Ollama's own API."""
    end = {"done": True, "done_reason": reason, "prompt_eval_count": 7, "eval_count": 2}
    pieces = [{"message": {"role": "assistant", "content": "", **each}, "done": False} for each in messages]
    return [line(each) for each in [*pieces, {"message": {"role": "assistant", "content": ""}, **end}]]


async def test_ollamas_own_stream() -> None:
    pieces = ollamas({"thinking": "Hm."}, {"content": "Hel"}, {"content": "lo."}, reason="length")
    async with http_server(in_pieces(pieces, kind="application/x-ndjson")) as server:
        got = await ask(custom(server))
    assert got == [Text("Hel"), Text("lo."), Finished("length", 7, 2)]


async def test_two_tool_calls_in_ollamas_own_stream() -> None:
    calls = [{"tool_calls": [{"function": {"name": "look_up", "arguments": {"id": n}}}]} for n in (1, 2)]
    async with http_server(in_pieces(ollamas(*calls), kind="application/x-ndjson")) as server:
        got = await ask(custom(server))
    assert [each.arguments for each in got if isinstance(each, ToolCall)] == [{"id": 1}, {"id": 2}]


def message_pieces(*texts: str) -> list[bytes]:
    return [event({"choices": [{"index": 0, "delta": None, "message": {"content": text}}]}) for text in texts]


@pytest.mark.parametrize(
    "texts",
    [("Hel", "lo", "."), ("Hel", "Hello", "Hello."), ("Hello.",), ("Hello.", "Hello."), ("", "Hello.", "")],
)
async def test_messages_in_place_of_deltas(texts: tuple[str, ...]) -> None:
    """Parts of the text, or all of it up to there."""
    async with http_server(stream(*message_pieces(*texts), DONE)) as server:
        assert said(await ask(custom(server))) == "Hello."


def packed(pieces: list[bytes], window: int) -> list[bytes]:
    packer = zlib.compressobj(wbits=window)
    return [packer.compress(each) + packer.flush(zlib.Z_SYNC_FLUSH) for each in pieces] + [packer.flush()]


@pytest.mark.parametrize(
    ("encoding", "window"), [("gzip", 31), ("GZIP", 31), ("x-gzip", 31), ("deflate", 15)]
)
async def test_a_proxy_that_compresses_all_the_same(encoding: str, window: int) -> None:
    body = b"".join(packed(HELLO, window))
    async with http_server(answer(body, kind="text/event-stream", Content_Encoding=encoding)) as server:
        assert said(await ask(custom(server))) == "Hello."


async def test_a_compressed_stream_is_said_as_it_comes() -> None:
    first, *_ = packed([HELLO[1]], 31)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head + first)
        await asyncio.Event().wait()

    async with http_server(reply) as server, model(custom(server)) as made:
        replies = made.respond(MESSAGES, ())
        assert await anext(replies) == Text("Hel")
        await replies.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "piece",
    [
        event({"error": {"message": "it is gone", "code": 500}}),
        event({"error": "it is gone"}),
        event({"object": "error", "message": "it is gone", "type": "ServerError", "code": 500}),
        b'event: error\ndata: {"message": "it is gone", "type": "overloaded_error"}\n\n',
        b'error: {"code": 500, "message": "it is gone", "type": "server_error"}\n\n',
        event({"choices": [{"delta": {}, "finish_reason": "error", "error": {"message": "it is gone"}}]}),
        line({"error": "it is gone"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [[], HELLO[:2]])
async def test_an_error_within_the_answer_is_told_in_its_words(before: list[bytes], piece: bytes) -> None:
    async with http_server(stream(*before, piece, DONE)) as server:
        with pytest.raises(ModelError) as caught:
            await ask(custom(server))
    assert caught.value.detail == "it is gone"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no such model"}},
        {"error": "no such model"},
        {"message": "no such model", "object": "error"},
        {"detail": "no such model"},
        [{"error": {"code": 404, "message": "no such model"}}],
    ],
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_refusal_is_told_in_its_words(body: object, encoding: str) -> None:
    text = json.dumps(body).encode()
    text = gzip.compress(text) if encoding == "gzip" else text
    async with http_server(answer(text, "404 Not Found", Content_Encoding=encoding)) as server:
        with pytest.raises(ModelError) as caught:
            await ask(custom(server))
    assert caught.value.detail == "HTTP 404: no such model"


ASKED = {"messages": [{"role": "user", "content": "It is the flu."}]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"detail": [{"loc": ["body"], "msg": "Field required", "input": ASKED}]}, "Field required"),
        ({"detail": [{"msg": "one", "input": ASKED}, {"msg": "two", "input": ASKED}]}, "one, two"),
        ({"error": {"message": "too long", "request": ASKED}}, "too long"),
        ({"error": {"code": 7}, "message": "too long", "request": ASKED}, "too long"),
        ({"request": ASKED}, ""),
        ([ASKED], ""),
        ({"request": {"messages": [{"content": "It is the flu." * 2000}]}}, ""),
    ],
)
async def test_a_refusal_tells_nothing_of_what_was_asked(body: object, told: str) -> None:
    async with http_server(answer(json.dumps(body).encode(), "422 Unprocessable")) as server:
        with pytest.raises(ModelError) as caught:
            await ask(custom(server))
    assert caught.value.detail == f"HTTP 422: {told}"


async def test_a_server_that_has_moved_is_told() -> None:
    async with http_server(answer(b"", "308 Moved", Location="https://x.test/v1")) as server:
        with pytest.raises(ModelError, match=r"moved to https://x\.test/v1"):
            await ask(custom(server))


async def test_a_name_in_pieces() -> None:
    pieces = [
        {"index": 0, "id": "a", "function": {"name": "look"}},
        {"index": 0, "function": {"name": "_up"}},
        {"index": 0, "function": {"arguments": '{"id": "7"}'}},
    ]
    async with http_server(stream(*[delta(tool_calls=[each]) for each in pieces], DONE)) as server:
        assert (await ask(custom(server)))[0] == ToolCall("a", "look_up", {"id": "7"})


async def test_arguments_that_are_written_twice() -> None:
    function = {"name": "look_up", "arguments": json.dumps('{"id": "7"}')}
    async with http_server(answer(completion({"tool_calls": [{**CALL, "function": function}]}))) as server:
        assert (await ask(custom(server)))[0] == ToolCall("a", "look_up", {"id": "7"})


async def test_a_kept_connection_that_the_server_closes_is_no_failure() -> None:
    """Its FIN and the next request may cross."""
    body = b"".join(HELLO)

    async def converse(_: Heard, writer: asyncio.StreamWriter) -> None:
        if len(server.heard) == 2:
            writer.transport.abort()
        else:
            writer.write(whole(200, body))

    async with serving(converse) as server, model({**CUSTOM, "url": server.url}) as made:
        for _ in range(2):
            assert said([each async for each in made.respond(MESSAGES, ())]) == "Hello."
    assert (len(server.heard), server.connections) == (3, 2)


async def test_an_answer_that_is_left_leaves_nothing_to_the_next() -> None:
    async def converse(_: Heard, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"%x\r\n%s\r\n" % (len(HELLO[1]), HELLO[1]))

    async with serving(converse) as server, model({**CUSTOM, "url": server.url}) as made:
        for _ in range(3):
            replies = made.respond(MESSAGES, ())
            assert await anext(replies) == Text("Hel")
            await replies.aclose()  # type: ignore[attr-defined]
    assert server.connections == 3


THOUGHT = ("The caller ", "greets.", "</th", "ink>", "\n\nHel", "lo.")


async def test_a_model_whose_prompt_opens_its_thoughts_is_known_from_its_first_answer_on() -> None:
    async with http_server(stream(*[delta(content=each) for each in THOUGHT], DONE)) as server:
        async with model(custom(server)) as made:
            first, second = [[each async for each in made.respond(MESSAGES, ())] for _ in range(2)]
        assert said(await ask(custom(server, model="deepseek-r1:8b"))) == "\n\nHello."
    assert said(first) == "The caller greets.\n\nHello."
    assert second[:-1] == [Text("\n\nHel"), Text("lo.")]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([{"content": "Hel"}, {"content": "lo."}], [["Hello."], ["Hel", "lo."]]),
        ([{"reasoning_content": "Hm."}, {"content": "Hel"}, {"content": "lo."}], [["Hel", "lo."]] * 2),
        ([{"content": "<think>Hm.</think>Hel"}, {"content": "lo."}], [["Hel", "lo."]] * 2),
    ],
)
async def test_a_model_that_only_sounds_like_one(
    pieces: list[dict[str, str]], words: list[list[str]]
) -> None:
    """Its first answer waits where nothing shows what it is; then it is known."""
    reply = stream(*[delta(**each) for each in pieces], DONE)
    async with http_server(reply) as server, model(custom(server, model="Qwen3-Thinking")) as made:
        for expected in words:
            got = [each async for each in made.respond(MESSAGES, ())]
            assert [each.text for each in got if isinstance(each, Text)] == expected


async def test_a_thought_that_takes_all_that_may_be_written_is_not_said() -> None:
    async with http_server(stream(*[delta(content=each) for each in THOUGHT[:2]], delta("length"))) as server:
        assert await ask(custom(server, model="QwQ")) == [Finished("length")]


def test_models_that_are_remembered_are_bounded() -> None:
    habits = Habits()
    kept = habits.of("http://x", "0")
    for number in range(MOST_MODELS):
        habits.of("http://x", str(number))
        assert habits.of("http://x", "0") is kept
    assert len(habits._known) == MOST_MODELS
    habits.of("http://x", "one more")
    assert len(habits._known) == MOST_MODELS
