"""What an owner's server may answer when it is asked who answers a call, and when it is told of one."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any, Final

from benchmarks.attacks.attack import Group, Target
from benchmarks.attacks.phone import answered_by
from benchmarks.attacks.servers import BOMB, CHUNKED, Behaviour, Writer, answer, chunk, pour, poured, says

attack: Final = Group("webhooks' answers")
OK: Final = b"HTTP/1.1 200 OK\r\n"
JSON: Final = CHUNKED % b"application/json"


async def _asked(at: Target, behave: Behaviour, seconds: float = 3.0) -> None:
    """Call a number whose owner's server is asked who answers."""
    name = f"asking {behave.__qualname__} {id(behave)}"
    if name not in at.made:
        at.made[name] = await at.number(server={"url": at.servers.add(behave), "timeoutSeconds": 7})
    await answered_by(at, at.made[name], seconds)


async def _told(at: Target, *documents: Any) -> None:
    for document in documents:
        await _asked(at, _says(json.dumps(document).encode()), 1.0)


_SAID: dict[bytes, Behaviour] = {}


def _says(body: bytes) -> Behaviour:
    """The same for the same body, so that its number is made once."""
    return _SAID.setdefault(body, says(body))


_HEAD = poured(OK + b"X: ", b"a" * 16_384)
_FIELDS = poured(OK, b"X: y\r\n" * 1000)
_CONTINUES = poured(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500)
_BODY = poured(OK + b"Content-Length: 1000000000\r\n\r\n", b"{" * 16_384)
_SLOW = poured(OK + b"Content-Length: 1000000\r\n\r\n", b"{", 0.01)
_SLOW_HEAD = poured(OK, b"a: b\r\n", 0.01)
_BYTES = poured(JSON, chunk(b"{") * 2000)
_EXTENSIONS = poured(JSON + b"1", b";a=b" * 4000)
_TRAILERS = poured(JSON + b"0\r\n", b"a: b\r\n" * 2000)


@attack("a head line without an end")
async def _(at: Target) -> None:
    await _asked(at, _HEAD)


@attack("header fields without an end")
async def _(at: Target) -> None:
    await _asked(at, _FIELDS)


@attack("100 Continue without an end")
async def _(at: Target) -> None:
    await _asked(at, _CONTINUES)


@attack("a body of a gigabyte")
async def _(at: Target) -> None:
    await _asked(at, _BODY)


@attack("a body, and a head, that come a byte at a time")
async def _(at: Target) -> None:
    await asyncio.gather(_asked(at, _SLOW), _asked(at, _SLOW_HEAD))


@attack("chunks of one byte")
async def _(at: Target) -> None:
    await _asked(at, _BYTES)


@attack("chunk extensions and trailers without an end")
async def _(at: Target) -> None:
    await asyncio.gather(_asked(at, _EXTENSIONS), _asked(at, _TRAILERS))


async def _bomb(writer: Writer) -> None:
    writer.write(answer(BOMB, "application/json", "Content-Encoding: gzip"))
    await writer.drain()


@attack("64 MB of zeros in 64 kB of gzip")
async def _(at: Target) -> None:
    await _asked(at, _bomb, 1.0)


async def _redirects(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /" + b"a" * 30_000 + b"\r\nContent-Length: 0\r\n\r\n")


@attack("redirects and cookies")
async def _(at: Target) -> None:
    await _asked(at, _redirects, 1.0)


async def _breaks(writer: Writer) -> None:
    writer.transport.abort()


@attack("connections that break")
async def _(at: Target) -> None:
    await _asked(at, _breaks, 1.0)


@attack("JSON of a megabyte, deep")
async def _(at: Target) -> None:
    await _asked(at, _says(b'{"assistant":' + b"[" * 500_000 + b"]" * 500_000 + b"}"), 1.0)


@attack("JSON of a megabyte, wide")
async def _(at: Target) -> None:
    await _asked(at, _says(b'{"assistant":{"metadata":[' + b"{}," * 340_000 + b"{}]}}"), 1.0)
    await _asked(at, _says(b'{"a":[' + b"1," * 500_000 + b"1]}"), 1.0)
    await _asked(at, _says(b"{" + b",".join(b'"%d":{}' % n for n in range(90_000)) + b"}"), 1.0)


@attack("numbers of 4,000 digits and of a million")
async def _(at: Target) -> None:
    await _asked(
        at, _says(b'{"assistant":{"metadata":{"a":[' + b",".join([b"7" * 4000] * 250) + b"]}}}"), 1.0
    )
    await _asked(at, _says(b'{"assistant":{"metadata":{"a":' + b"7" * 1_000_000 + b"}}}"), 1.0)


@attack("an assistant with 9,000 unknown properties, in layers")
async def _(at: Target) -> None:
    layer: dict[str, Any] = {f"x{n}": {} for n in range(1400)}
    assistant = {
        "firstMessage": "Hi",
        **layer,
        "model": {"provider": "openai", "model": "a", **layer},
        "voice": layer,
    }
    await _told(at, {"assistant": assistant}, {"assistant": {f"x{n}": 1 for n in range(9000)}})


@attack("an assistant with 900 mistakes in unions")
async def _(at: Target) -> None:
    tools = [
        {"type": "function", "function": {"name": n}, "messages": [{"type": "odd"}] * 2} for n in range(400)
    ]
    await _told(at, {"assistant": {"model": {"provider": "openai", "model": "a", "tools": tools}}})


@attack("an assistant of large templates, patterns and schemas")
async def _(at: Target) -> None:
    rules = [
        {"type": "customer", "regex": f"(a{{0,30}}){{0,30}}{n}", "timeoutSeconds": 1} for n in range(300)
    ]
    liquid = "{% for a in (1..2000) %}{{ a | append: a | split: '' | uniq | join: ' ' }}{% endfor %}"
    prompts = [{"role": "system", "content": f"{n} {liquid}"} for n in range(200)]
    await _told(
        at,
        {"assistant": {"firstMessage": "Hi", "startSpeakingPlan": {"customEndpointingRules": rules}}},
        {
            "assistant": {
                "firstMessage": liquid,
                "model": {"provider": "openai", "model": "a", "messages": prompts},
            }
        },
    )


@attack("an error, and a number, of a megabyte")
async def _(at: Target) -> None:
    await _told(
        at,
        {"error": "a" * 900_000},
        {"destination": {"type": "number", "number": "1" * 900_000}},
        {"assistantId": "i" * 900_000},
    )


@attack("squads of 300 members")
async def _(at: Target) -> None:
    member = {"assistant": {"name": "A", "firstMessage": "Hi", "model": {"provider": "openai", "model": "a"}}}
    await _told(
        at,
        {
            "squad": {
                "members": [
                    {**member, "assistantDestinations": [{"type": "assistant", "assistantName": "A"}] * 5}
                ]
                * 300
            }
        },
    )


async def _floods_reports(writer: Writer) -> None:
    writer.write(OK + b"Content-Length: 100000000\r\n\r\n")
    await pour(writer, b"x" * 65_536)


@attack("receivers of messages that answer with a flood")
async def _(at: Target) -> None:
    if "flooded" not in at.made:
        url = at.servers.add(_floods_reports)
        assistant = {
            "name": "A", "firstMessage": "Hi.", "model": {"provider": "openai", "model": "a"},
            "server": {"url": url}, "serverMessages": ["status-update", "conversation-update"],
        }  # fmt: skip
        at.made["flooded"] = await at.number(assistant)
    await answered_by(at, at.made["flooded"], 1.0)


@attack("JSON in UTF-16, with marks, in gzip that is not said")
async def _(at: Target) -> None:
    await _asked(at, _says("{}".encode("utf-16") * 100_000), 1.0)
    await _asked(at, _says(b"\xef\xbb\xbf" * 300_000 + b"{}"), 1.0)
    await _asked(at, _says(_PACKED), 1.0)


_PACKED: Final = gzip.compress(bytes(1 << 20))
