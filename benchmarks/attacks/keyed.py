"""HTTP from whoever has a key: bodies, lists, and what an assistant may be told to be."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from benchmarks.attacks.attack import Group, Target

attack: Final = Group("HTTP with a key")
MODEL: Final = {"provider": "openai", "model": "gpt-4o"}


async def _posted(at: Target, body: bytes, path: str = "/assistant", times: int = 10) -> None:
    """The same body, a few times; what the service makes of it is its own affair."""
    async with at.api() as api:
        for _ in range(times):
            await api.post(path, content=body, headers={"Content-Type": "application/json"})


def _made(**assistant: Any) -> bytes:
    return json.dumps({"name": "A", "model": MODEL, **assistant}).encode()


@attack("a body that is 300,000 levels deep")
async def _(at: Target) -> None:
    await _posted(at, b'{"metadata":' + b"[" * 300_000 + b"]" * 300_000 + b"}")


@attack("a body of 19,000 names")
async def _(at: Target) -> None:
    await _posted(at, _made(metadata={f"name{n}": n for n in range(9000)}))


@attack("a body of half a million values")
async def _(at: Target) -> None:
    await _posted(at, b'{"metadata":[' + b"1," * 500_000 + b"1]}")


@attack("a body of 300,000 times the same name")
async def _(at: Target) -> None:
    await _posted(at, b"{" + b'"a":1,' * 150_000 + b'"a":1}')


@attack("numbers of 4,000 and of a million digits")
async def _(at: Target) -> None:
    await _posted(at, b'{"metadata":[' + b",".join([b"7" * 4000] * 250) + b"]}")
    await _posted(at, b'{"metadata":' + b"7" * 1_000_000 + b"}")
    await _posted(at, b'{"metadata":' + b"0." + b"7" * 1_000_000 + b"}")


@attack("a megabyte of escapes, half surrogate pairs among them")
async def _(at: Target) -> None:
    await _posted(at, b'{"name":"' + b"\\u0041" * 170_000 + b'"}')
    await _posted(at, b'{"metadata":["' + b"\\ud800" * 170_000 + b'"]}')


@attack("5,000 properties that are not known")
async def _(at: Target) -> None:
    await _posted(at, _made(**{f"unknown{n}": {"a": 1} for n in range(5000)}))


@attack("mistakes at every place of 3,000 messages and tools")
async def _(at: Target) -> None:
    await _posted(
        at, _made(model={**MODEL, "messages": [{"role": 7}] * 3000, "tools": [{"type": "odd"}] * 3000})
    )


@attack("tools of a union within unions")
async def _(at: Target) -> None:
    tool: Any = {"type": "transferCall", "destinations": [{"type": "number", "number": 7}] * 20}
    await _posted(at, _made(model={**MODEL, "tools": [tool] * 200}))


@attack("a schema of a tool that is 60 levels deep and 2,000 wide")
async def _(at: Target) -> None:
    deep: Any = {"type": "string"}
    for _ in range(25):
        deep = {"type": "object", "properties": {"a": deep}, "items": {"type": "string", "enum": ["x"] * 20}}
    wide = {
        "type": "object",
        "properties": {f"p{n}": {"type": "string", "pattern": "(a+)+$"} for n in range(1500)},
    }
    for parameters in (deep, wide):
        function = {"name": "f", "parameters": {"type": "object", "properties": {"a": parameters}}}
        await _posted(at, _made(model={**MODEL, "tools": [{"type": "function", "function": function}]}))


@attack("patterns that repeat, in lists of a hundred")
async def _(at: Target) -> None:
    for odd in (
        r"(a{0,30}){0,30}",
        r"(.*)*$" * 100,
        r"[\p{L}\p{N}]{500}",
        "(" * 400 + ")" * 400,
        "a|" * 490,
        r"(?:\w{100}){9}",
    ):
        rules = [{"type": "customer", "regex": f"{odd}{n}", "timeoutSeconds": 1} for n in range(100)]
        await _posted(at, _made(startSpeakingPlan={"customEndpointingRules": rules}), times=2)


@attack("100,000 characters of patterns that are not even closed")
async def _(at: Target) -> None:
    for odd in ("(" * 999, "[" * 999, "\\" * 999, "{" * 999, "(?" * 499, "(?<a>" * 199, "*" * 999):
        replacements = [{"type": "regex", "regex": odd, "value": "a"}] * 100
        await _posted(
            at,
            _made(
                voice={
                    "provider": "vapi",
                    "voiceId": "a",
                    "chunkPlan": {"formatPlan": {"replacements": replacements}},
                }
            ),
            times=2,
        )


@attack("assistants of 700 kB, made and changed")
async def _(at: Target) -> None:
    async with at.api() as api:
        made = await api.post(
            "/assistant", json={"name": "A", "firstMessage": "word " * 140_000, "model": MODEL}
        )
        if made.status_code == 201:
            for n in range(10):
                await api.patch(
                    f"/assistant/{made.json()['id']}", json={"firstMessage": f"word {n} " * 100_000}
                )
            await api.delete(f"/assistant/{made.json()['id']}")


@attack("lists of 1,000 and pages of assistants of 50 kB")
async def _(at: Target) -> None:
    async with at.api() as api:
        if "large" not in at.made:
            at.made["large"] = "made"
            for n in range(200):
                await api.post(
                    "/assistant", json={"name": f"L{n}", "firstMessage": "w " * 25_000, "model": MODEL}
                )
        for path in ("/assistant?limit=1000", "/call?limit=1000", "/phone-number?limit=1000"):
            await api.get(path)


@attack("lists of 500 ids, dates and orders")
async def _(at: Target) -> None:
    query = "&".join(f"idAny={'i' * 60}{n}" for n in range(500))
    async with at.api() as api:
        for _ in range(5):
            await api.get(f"/call?{query}")
            await api.get("/v2/call?page=1000000&limit=1000&sortBy=duration&search=%25")


@attack("a squad of 200 members with overrides")
async def _(at: Target) -> None:
    member = {
        "assistant": {"name": "A", "model": MODEL, "firstMessage": "Hi"},
        "assistantOverrides": {"variableValues": {"a": "b" * 1000}},
    }
    await _posted(at, json.dumps({"name": "S", "members": [member] * 200}).encode(), "/squad")


@attack("a prompt of 900 kB")
async def _(at: Target) -> None:
    await _posted(
        at,
        _made(
            model={"provider": "vapi", "messages": [{"role": "system", "content": "We open at 9. " * 65_000}]}
        ),
    )


@attack("bodies that are no JSON, in other encodings and types")
async def _(at: Target) -> None:
    async with at.api() as api:
        for kind, body in (
            ("application/json", b"\xff\xfe" * 300_000),
            ("application/json", b'"' + b"a" * 900_000),
            ("application/json; charset=utf-7", b"{" * 900_000),
            ("multipart/form-data; boundary=a", b"--a\r\n" * 180_000),
            ("application/x-www-form-urlencoded", b"a=b&" * 200_000),
        ):
            await api.post("/assistant", content=body, headers={"Content-Type": kind})


@attack("ten writers at once")
async def _(at: Target) -> None:
    async def one() -> None:
        await _posted(at, _made(firstMessage="Hello."), times=30)

    await asyncio.gather(*(one() for _ in range(10)))


@attack("chunked bodies of a byte, with a key")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(
            b"POST /assistant HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer "
            + at.key.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        )  # fmt: skip
        await stream.without_end(b"1\r\n \r\n" * 2000)
