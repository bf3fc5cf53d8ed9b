"""Models behind a small real server that speaks, more or less, OpenAI's chat API."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import httpx2
import pytest

from offhook.engines.registry import ProviderNotServed
from offhook.language.event_reader import LONGEST_REPLY
from offhook.language.language_model import (
    Finished,
    LanguageModel,
    Message,
    ModelError,
    Reply,
    Text,
    ToolCall,
    ToolDefinition,
)
from offhook.language.tool_calls import NOT_AN_OBJECT
from offhook.speech.engine_protocols import EngineError
from offhook.speech.engine_request import Account
from tests.engines.making import model_of
from tests.machine import PATIENCE
from tests.speech.servers import HttpServer, Request, answer, http_server, in_pieces, never, outside

CONTEXT: Mapping[str, Any] = {
    "call": {"id": "c1"},
    "phoneNumber": {"number": "+1"},
    "customer": {"number": "+2"},
    "assistant": {"name": "not sent"},
    "metadata": {"plan": "gold", "model": "evil", "messages": []},
}
MESSAGES: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}]
TOOL = ToolDefinition("look_up", "Looks up.", {"type": "object", "properties": {"id": {"type": "string"}}})


def event(payload: object) -> bytes:
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


def delta(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event(
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    )


def usage(prompt: int, completion: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event(
        {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [],
            "usage": counts,
        }
    )


DONE = event(b"[DONE]")
HELLO = [delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo."), delta("stop"), DONE]


def stream(*events: bytes, pause: float = 0.0, end: bool = True) -> Any:
    return in_pieces(list(events), pause, "text/event-stream", end)


def custom(server: HttpServer, **more: Any) -> dict[str, Any]:
    return {"provider": "custom-llm", "url": server.url + "/v1", "model": "mine", **more}


@asynccontextmanager
async def model(
    settings: Mapping[str, Any], node: Account | None = None, allow_private: bool = True
) -> AsyncIterator[LanguageModel]:
    async with outside(allow_private) as reach, asyncio.timeout(PATIENCE):
        accounts = {} if node is None else {"openai": node}
        made = await model_of(reach, settings, lambda: CONTEXT, **accounts)
        await made.start()
        yield made
        await made.close()


async def ask(
    settings: Mapping[str, Any], node: Account | None = None, tools: Sequence[ToolDefinition] = ()
) -> list[Reply]:
    async with model(settings, node) as made:
        return [reply async for reply in made.respond(MESSAGES, tools)]


async def failure(reply: Any, **more: Any) -> ModelError:
    async with http_server(reply) as server:
        with pytest.raises(ModelError) as caught:
            await ask(custom(server, **more))
    assert caught.value.provider == "custom-llm"
    return caught.value


async def test_a_reply_is_streamed_and_the_request_is_openais() -> None:
    async with http_server(stream(*HELLO[:-1], usage(7, 2), DONE)) as server:
        got = await ask(custom(server, headers={"Authorization": "Bearer mine", "X-Own": "1"}), tools=[TOOL])
    assert got == [Text("Hel"), Text("lo."), Finished("stop", 7, 2)]
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer mine"
    assert request.headers["x-own"] == "1"
    body = request.body
    assert body["model"] == "mine"
    assert body["messages"] == MESSAGES
    assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.5, 250, True)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "look_up", "description": "Looks up.", "parameters": dict(TOOL.parameters)},
        }
    ]


async def test_no_tools_are_no_property() -> None:
    async with http_server(stream(*HELLO)) as server:
        await ask(custom(server, temperature=0, maxTokens=99))
    body = server.requests[0].body
    assert "tools" not in body
    assert (body["temperature"], body["max_tokens"]) == (0, 99)


@pytest.mark.parametrize(
    ("mode", "sent"),
    [
        (None, {"call", "phoneNumber", "customer", "metadata"}),
        ("variable", {"call", "phoneNumber", "customer", "metadata"}),
        ("destructured", {"call", "phoneNumber", "customer", "plan"}),
        ("off", set()),
    ],
)
async def test_what_is_told_of_the_call(mode: str | None, sent: set[str]) -> None:
    async with http_server(stream(*HELLO)) as server:
        await ask(custom(server, metadataSendMode=mode))
    body = server.requests[0].body
    chat = {"model", "messages", "stream", "stream_options", "temperature", "max_tokens"}
    assert set(body) - chat == sent
    assert (body["model"], body["messages"]) == ("mine", MESSAGES)


async def test_tool_calls_are_put_together() -> None:
    def piece(index: int, **function: str) -> dict[str, Any]:
        return {"index": index, "type": "function", "function": function}

    events = [
        delta(content="One moment."),
        delta(tool_calls=[{**piece(0, name="look_up", arguments=""), "id": "a"}]),
        delta(tool_calls=[piece(0, arguments='{"id": ')]),
        delta(tool_calls=[piece(0, arguments='"7"}')]),
        delta(tool_calls=[{**piece(1, name="endCall", arguments=""), "id": "b"}]),
        delta("tool_calls"),
        DONE,
    ]
    async with http_server(stream(*events)) as server:
        got = await ask(custom(server), tools=[TOOL])
    assert got == [
        Text("One moment."),
        ToolCall("a", "look_up", {"id": "7"}),
        ToolCall("b", "endCall", {}),
        Finished("tool_calls"),
    ]


async def test_tool_calls_of_servers_that_leave_things_out() -> None:
    """No index, no id, arguments parsed, finish_reason stop: seen at Ollama and vLLM."""
    call = {"function": {"name": "look_up", "arguments": {"id": 7}}}
    async with http_server(stream(delta(tool_calls=[call]), delta("stop"), DONE)) as server:
        got = await ask(custom(server))
    assert got == [ToolCall("call_0", "look_up", {"id": 7}), Finished("tool_calls")]


@pytest.mark.parametrize("arguments", ["{oh", '{"cut": "of', "[1]", "5", '{"n": NaN}', "[" * 50_000])
async def test_arguments_that_are_no_object_can_be_given_again(arguments: str) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "look_up", "arguments": arguments}}
    async with http_server(stream(delta(content="One moment."), delta(tool_calls=[call]), DONE)) as server:
        words, called, _ = await ask(custom(server))
    assert words == Text("One moment.")
    assert called == ToolCall("a", "look_up", {}, problem=NOT_AN_OBJECT)


async def test_a_cut_reply_says_so() -> None:
    async with http_server(stream(delta(content="And"), delta("length"), DONE)) as server:
        assert (await ask(custom(server)))[-1] == Finished("length")


async def test_text_is_given_as_it_comes_and_closing_ends_the_request() -> None:
    endless = stream(*[delta(content="word ")] * 500, pause=0.01)
    async with http_server(endless) as server, model(custom(server)) as made:
        replies = made.respond(MESSAGES, ())
        assert await anext(replies) == Text("word ")
        await cast("AsyncGenerator[Any, None]", replies).aclose()
        await server.closed_by_peer.wait()


@pytest.mark.parametrize(
    ("status", "suffix"),
    [
        ("400 Bad", "400-bad-request-validation-failed"),
        ("401 No", "401-unauthorized"),
        ("403 No", "403-model-access-denied"),
        ("404 No", "llm-failed"),
        ("429 Slow", "429-exceeded-quota"),
        ("500 Oh", "500-server-error"),
        ("503 Busy", "503-server-overloaded-error"),
        ("302 Found", "llm-failed"),
    ],
)
async def test_a_status_makes_the_reason(status: str, suffix: str) -> None:
    body = json.dumps({"error": {"message": "because"}}).encode()
    attempts = http_server(answer(body, status, "application/json", location="http://127.0.0.1:1/"))
    async with attempts as server:
        with pytest.raises(ModelError) as caught:
            await ask(custom(server))
    assert caught.value.suffix == suffix
    assert status[:3] in caught.value.detail
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"hello", kind="text/plain"),
        answer(b"", kind="text/event-stream"),
        stream(DONE),
        stream(event(b"{broken")),
        stream(event({"error": {"message": "overloaded"}})),
        stream(event([1, 2])),
        stream(event({"choices": "none"})),
        stream(delta(content="Hel"), end=False),
        stream(delta(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]), DONE),
        stream(*[delta(tool_calls=[{"index": i, "function": {"name": "x"}}]) for i in range(40)], DONE),
        stream(*[delta(content="x" * 10000)] * (LONGEST_REPLY // 10000 + 2)),
    ],
)
async def test_a_server_that_speaks_nonsense_is_an_error(reply: Any) -> None:
    assert (await failure(reply)).suffix == "llm-failed"


async def test_a_slow_server_is_given_up() -> None:
    assert "too long" in (await failure(never, timeoutSeconds=0.3)).detail
    assert "too long" in (await failure(stream(event({"choices": []}), pause=5), timeoutSeconds=0.3)).detail
    alive = [b": still here\n\n"] * 100
    assert "too long" in (await failure(stream(*alive, pause=0.1), timeoutSeconds=0.3)).detail


async def test_nobody_listens() -> None:
    async with http_server(never) as server:
        pass
    with pytest.raises(ModelError, match="Connect"):
        await ask(custom(server))


async def test_a_private_address_is_refused() -> None:
    async with http_server(stream(*HELLO)) as server, model(custom(server), allow_private=False) as made:
        with pytest.raises(ModelError, match="private"):
            await anext(made.respond(MESSAGES, ()))
    assert server.requests == []


@pytest.mark.parametrize("url", ["ftp://x", "", "http://", "http://[::1", "https://exa mple"])
async def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ModelError):
        await ask({"provider": "custom-llm", "url": url, "model": "m"})


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("", "/chat/completions"),
        ("/", "/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1?version=7", "/v1/chat/completions?version=7"),
        ("/v1/chat/completions?version=7/", "/v1/chat/completions?version=7/"),
        ("/v1?like=/chat/completions", "/v1/chat/completions?like=/chat/completions"),
        ("/org%2Fmodel/v1", "/org%2Fmodel/v1/chat/completions"),
    ],
)
async def test_the_address_before_chat_completions(written: str, asked: str) -> None:
    async with http_server(stream(*HELLO)) as server:
        await ask({**custom(server), "url": server.url + written})
        await ask({"provider": "openai", "model": "m"}, Account(url=server.url + written))
    assert [request.path for request in server.requests] == [asked] * 2


async def test_openai_at_the_address_of_the_settings() -> None:
    async with http_server(stream(*HELLO)) as server:
        node = Account("sk-1", server.url + "/v1")
        got = await ask({"provider": "openai", "model": "gpt-x", "reasoningEffort": "low"}, node)
    assert got[0] == Text("Hel")
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer sk-1"
    assert (request.body["model"], request.body["reasoning_effort"]) == ("gpt-x", "low")
    assert "call" not in request.body
    assert "sk-1" not in repr(node)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("gpt-4o", {"temperature": 0.5, "max_completion_tokens": 250}),
        ("gpt-5-chat-latest", {"temperature": 0.5, "max_completion_tokens": 250}),
        # What they think counts too: a limit that nobody has set would leave no word of the answer.
        ("gpt-5-mini", {}),
        ("o3", {}),
    ],
)
async def test_what_openai_itself_takes_depends_on_the_model(name: str, sent: dict[str, Any]) -> None:
    requests: list[dict[str, Any]] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        assert request.url == "https://api.openai.com/v1/chat/completions"
        requests.append(json.loads(request.content))
        return httpx2.Response(200, stream=httpx2.ByteStream(b"".join(HELLO)))

    async with outside() as reach:
        await reach.aclose()
        reach.http = httpx2.AsyncClient(transport=httpx2.MockTransport(handle))
        made = await model_of(reach, {"provider": "openai", "model": name}, openai=Account("sk-1"))
        assert [reply async for reply in made.respond(MESSAGES, ())][-1] == Finished("stop")
    (body,) = requests
    assert {
        key: body[key] for key in ("temperature", "max_tokens", "max_completion_tokens") if key in body
    } == sent


async def test_openai_without_address_and_key_says_what_to_set() -> None:
    async with outside() as reach:
        with pytest.raises(EngineError, match="OFFHOOK_OPENAI_API_KEY"):
            await model_of(reach, {"provider": "openai", "model": "gpt-x"})


async def test_other_providers_name_those_that_are_served() -> None:
    async with outside() as reach:
        with pytest.raises(ProviderNotServed, match="vapi, custom-llm, openai") as caught:
            await model_of(reach, {"provider": "anthropic-bedrock", "model": "x"})
    assert (caught.value.stage, caught.value.suffix) == ("model", "llm-failed")


async def test_without_settings_the_default_is_taken() -> None:
    async with outside() as reach:
        assert (await model_of(reach, None)).name == "extractive"


WHOLE = {"role": "assistant", "content": "We are open until five. Come by."}
CALL = {"id": "a", "type": "function", "function": {"name": "look_up", "arguments": '{"id": "7"}'}}


def completion(message: object, **more: Any) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"object": "chat.completion", "choices": [choice], **more}).encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (completion(WHOLE), "application/json"),
        (completion(WHOLE), "text/event-stream"),
        (json.dumps(json.loads(completion(WHOLE)), indent=4).encode(), "application/json; charset=utf-8"),
        (completion({**WHOLE, "content": [{"type": "text", "text": WHOLE["content"]}]}), "application/json"),
        (completion({**WHOLE, "content": ["We are open ", "until five. Come by."]}), "application/json"),
        (
            completion(
                {
                    **WHOLE,
                    "content": [
                        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                        {"type": "text", "text": "We are open "},
                        {"type": "text", "text": "until five. Come by."},
                    ],
                }
            ),
            "application/json",
        ),
        (completion({**WHOLE, "content": f"Hm.</think>{WHOLE['content']}"}), "application/json"),
        (completion({**WHOLE, "reasoning_content": "Hm."}), "application/json"),
        (completion({"refusal": WHOLE["content"], "content": None}), "application/json"),
        (event(json.loads(completion(WHOLE))) + DONE, "text/event-stream"),
        (json.dumps({"model": "m", "message": WHOLE, "done": True}).encode(), "application/json"),
    ],
)
async def test_an_answer_that_comes_whole(body: bytes, kind: str) -> None:
    async with http_server(answer(body, kind=kind)) as server:
        got = await ask(custom(server))
    assert "".join(each.text for each in got if isinstance(each, Text)) == WHOLE["content"]
    assert got[-1] == Finished("stop")


async def test_a_whole_answer_with_a_tool_call_and_its_cost() -> None:
    body = completion(
        {"content": None, "tool_calls": [CALL]}, usage={"prompt_tokens": 7, "completion_tokens": 2}
    )
    async with http_server(answer(body, kind="application/json")) as server:
        assert await ask(custom(server)) == [
            ToolCall("a", "look_up", {"id": "7"}),
            Finished("tool_calls", 7, 2),
        ]


async def test_what_a_function_call_was_before_there_were_tools() -> None:
    events = [
        delta(function_call={"name": "look_up", "arguments": ""}),
        delta(function_call={"arguments": '{"id": '}),
        delta(function_call={"arguments": '"7"}'}),
        delta("function_call"),
        DONE,
    ]
    async with http_server(stream(*events)) as server:
        assert await ask(custom(server)) == [
            ToolCall("call_0", "look_up", {"id": "7"}),
            Finished("tool_calls"),
        ]


async def test_pieces_and_then_all_of_it_again() -> None:
    async with http_server(stream(*HELLO[:-1], event(json.loads(completion(WHOLE))), DONE)) as server:
        assert await ask(custom(server)) == [Text("Hel"), Text("lo."), Finished("stop")]


@pytest.mark.parametrize("strict", [True, False])
async def test_strict_is_sent_as_it_was_given(strict: bool) -> None:
    async with http_server(stream(*HELLO)) as server:
        await ask(custom(server), tools=[replace(TOOL, strict=strict), TOOL])
    functions = [tool["function"] for tool in server.requests[0].body["tools"]]
    assert [function.get("strict", "none") for function in functions] == [strict, "none"]


async def test_thoughts_in_a_stream_are_not_said() -> None:
    tokens = ["<th", "ink>", "Let me ", "think.</thi", "nk>", "\n\nHel", "lo."]
    async with http_server(stream(*[delta(content=each) for each in tokens], DONE)) as server:
        got = await ask(custom(server))
    assert "".join(each.text for each in got if isinstance(each, Text)) == "\n\nHello."


async def test_a_server_that_says_it_is_done_and_stays() -> None:
    """Neither [DONE] nor the end of the body comes."""

    async def reply(request: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"".join(HELLO[:-1]))
        await never(request, writer)

    async with http_server(reply) as server:
        assert await ask(custom(server)) == [Text("Hel"), Text("lo."), Finished("stop")]


def without_end(head: str, part: bytes) -> Any:
    async def reply(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode())
        while True:
            writer.write(part)
            await writer.drain()

    return reply


OK = "HTTP/1.1 200 OK\r\n"
STREAMED = f"{OK}Content-Type: text/event-stream\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "reply",
    [
        without_end(STREAMED, b"x" * 60_000),
        without_end(STREAMED, b"data: " + b"x" * 60_000),
        without_end(STREAMED, b": ping\n" * 9_000),
        without_end(STREAMED, b"\n" * 60_000),
        without_end(STREAMED, b"data: {}\n\n" * 1_000),
        without_end(STREAMED, delta(content="...") * 500),
        without_end(STREAMED, delta(content="x") * 500),
        without_end(STREAMED, delta(content="<think>") * 500),
        without_end(STREAMED, delta(reasoning_content="hm " * 1000)),
        without_end(STREAMED, delta(tool_calls=[{**CALL, "id": "x"}]) * 100),
        without_end(f"{OK}Content-Type: application/json\r\n\r\n", b"[" * 60_000),
        without_end(f"{OK}Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
        without_end(f"{OK}Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 60_000),
        without_end(OK, b"X-More: x\r\n" * 5_000),
        without_end("HTTP/1.1 500 Oh\r\n\r\n", b"x" * 60_000),
        answer(gzip.compress(b" " * 10**8, 1), kind="text/event-stream", Content_Encoding="gzip"),
        answer(gzip.compress(b" " * 10**8, 1), "500 Oh", Content_Encoding="gzip"),
    ],
)
async def test_what_never_ends_is_ended(reply: Any) -> None:
    """By its size, long before a time limit."""
    assert "took too long" not in (await failure(reply, timeoutSeconds=PATIENCE)).detail


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip", "deflate"])
async def test_what_cannot_be_unpacked_is_refused(encoding: str) -> None:
    reply = answer(b"xyz", kind="text/event-stream", Content_Encoding=encoding)
    assert ("not asked for" in (told := (await failure(reply)).detail)) or "broken" in told


CANARY = "sk-canary-0123456789abcdef"


@pytest.mark.parametrize("before", ["", "x" * 270])
@pytest.mark.parametrize(
    ("status", "in_stream"), [("401 Unauthorized", False), ("500 Oops", False), ("200 OK", True)]
)
async def test_a_key_that_the_server_quotes_is_told_nobody(status: str, in_stream: bool, before: str) -> None:
    async def quoting(request: Request, writer: asyncio.StreamWriter) -> None:
        key = request.headers.get("x-key") or request.headers["authorization"]
        said = json.dumps({"error": {"message": f"{before} no such key: {key}!"}}).encode()
        await (stream(event(said)) if in_stream else answer(said, status))(request, writer)

    async with http_server(quoting) as server:
        for settings, node in (
            (custom(server, headers={"X-Key": CANARY}), None),
            (custom(server, headers={"Authorization": f"Bearer {CANARY}"}), None),
            ({"provider": "openai", "model": "mine"}, Account(CANARY, server.url + "/v1")),
        ):
            with pytest.raises(ModelError, match="no such key") as caught:
                await ask(settings, node)
            assert "sk-" not in str(caught.value) + caught.value.unquoted


@pytest.mark.parametrize("odd", [f"{CANARY}\nX: y", f"{CANARY}\x00"])
async def test_a_header_that_cannot_be_sent_is_told_nobody(odd: str) -> None:
    async with http_server(stream(*HELLO)) as server:
        with pytest.raises(ModelError) as caught:
            await ask(custom(server, headers={"X-Key": odd}))
    assert "sk-" not in str(caught.value)
