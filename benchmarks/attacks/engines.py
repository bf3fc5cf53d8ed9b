"""What an owner's engines may send: models' streams, voices' audio, transcribers' words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from benchmarks.attacks.attack import Group, Target
from benchmarks.attacks.phone import answered_by, calling
from benchmarks.attacks.servers import BOMB, CHUNKED, Behaviour, Writer, answer, chunk, event, frame, pour

attack: Final = Group("engines")
STREAM: Final = CHUNKED % b"text/event-stream"
MODEL: Final = {"provider": "openai", "model": "gpt-4o"}


def _streams(*pieces: bytes, endless: bytes = b"", pause: float = 0) -> Behaviour:
    """A model's server that sends these, and then `endless` as long as it is heard."""

    async def stream(writer: Writer) -> None:
        writer.write(STREAM)
        for piece in pieces:
            await pour(writer, chunk(piece), 1)
        while endless:
            await pour(writer, chunk(endless), 1)
            await asyncio.sleep(pause)
        await pour(writer, chunk(b"data: [DONE]\n\n") + chunk(b""), 1)

    return stream


async def _modelled(at: Target, name: str, made: Callable[[], Behaviour]) -> None:
    """Call an assistant whose first words are its model's."""
    if name not in at.made:
        model = {"provider": "custom-llm", "model": "a", "url": at.servers.add(made())}
        mode = "assistant-speaks-first-with-model-generated-message"
        at.made[name] = await at.number({"name": "A", "model": model, "firstMessageMode": mode})
    await answered_by(at, at.made[name], 2.5)


def _model(name: str, made: Callable[[], Behaviour]) -> None:
    async def act(at: Target) -> None:
        await _modelled(at, name, made)

    attack(f"a model: {name}")(act)


_model("one word without an end", lambda: _streams(endless=event(content="word" * 20)))
_model("words without an end", lambda: _streams(endless=event(content="word ") * 100))
_model("letters, one an event, without an end", lambda: _streams(endless=event(content="a") * 500))
_model("dots", lambda: _streams(*[event(content="." * 400)] * 120))
_model("digits and commas", lambda: _streams(*[event(content="1,2 3." * 60)] * 120))
_model("tags that begin", lambda: _streams(*[event(content="<" * 100 + "<fl" + "<thi" * 20)] * 200))
_model("sentences of one letter", lambda: _streams(*[event(content="A b. " * 60)] * 160))
_model(
    "thoughts without an end", lambda: _streams(event(content="<think>"), endless=event(content="hm " * 20))
)
_model("comments that keep it alive", lambda: _streams(endless=b": alive\n\n" * 200))
_model("empty lines", lambda: _streams(endless=b"\n" * 4000))
_model("events without an end of line", lambda: _streams(b"data: ", endless=b'{"a":' * 800))
_model("a line of half a megabyte", lambda: _streams(*[b"data: " + b"[" * 500_000 + b"\n\n"] * 4))
_model(
    "events of 900 kB that are JSON",
    lambda: _streams(*[b'data: {"choices":[], "a":[' + b"1," * 440_000 + b"1]}\n\n"] * 8),
)
_model(
    "objects within objects",
    lambda: _streams(b"data: " + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n\n"),
)
_model("events without anything", lambda: _streams(endless=b'data: {"choices":[{"delta":{}}]}\n\n' * 100))
_model("pieces of a byte", lambda: _streams(*[bytes([byte]) for byte in event(content="word ") * 400]))
_model(
    "10,000 tool calls",
    lambda: _streams(
        *[
            event(tool_calls=[{"index": n, "function": {"name": f"f{n}", "arguments": "{}"}}])
            for n in range(3000)
        ]
    ),
)
_model(
    "arguments of tools, a bracket an event",
    lambda: _streams(
        event(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": ""}}]),
        *[
            event(tool_calls=[{"index": 0, "function": {"arguments": '[{"a":'[n % 6]}}])
            for n in range(20_000)
        ],
    ),
)
_model(
    "all it has said again in each event",
    lambda: _streams(
        *[
            b"data: " + json.dumps({"choices": [{"message": {"content": "word " * n}}]}).encode() + b"\n\n"
            for n in range(0, 6000, 3)
        ]
    ),
)


async def _packed(writer: Writer) -> None:
    writer.write(answer(BOMB, "text/event-stream", "Content-Encoding: gzip"))
    await writer.drain()


_model("64 MB in 64 kB of gzip", lambda: _packed)


async def _refusing(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 500 Odd\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n")
    await pour(writer, b'{"error":' * 5000)


_model("a refusal of 100 MB", lambda: _refusing)


async def _heads(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    await pour(writer, b"X: y\r\n" * 1000)


_model("header fields without an end", lambda: _heads)


# Voices


async def _voiced(at: Target, name: str, behave: Behaviour) -> None:
    if name not in at.made:
        voice = {"provider": "custom-voice", "server": {"url": at.servers.add(behave)}}
        assistant = {
            "name": "A",
            "model": MODEL,
            "voice": voice,
            "firstMessage": "A long greeting for everybody. " * 20,
        }
        at.made[name] = await at.number(assistant)
    await answered_by(at, at.made[name], 2.5)


def _sounds(head: bytes, piece: bytes) -> Behaviour:
    async def sound(writer: Writer) -> None:
        writer.write(head)
        await pour(writer, piece)

    return sound


def _voice(name: str, behave: Behaviour) -> None:
    async def act(at: Target) -> None:
        await _voiced(at, name, behave)

    attack(f"a voice: {name}")(act)


AUDIO: Final = CHUNKED % b"audio/raw"
_voice("sound without an end", _sounds(AUDIO, chunk(bytes(range(256)) * 64)))
_voice("sound a byte at a time", _sounds(AUDIO, chunk(b"a") * 1000))
_voice(
    "sound at once, of a length that is not true",
    _sounds(
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/raw\r\nContent-Length: 900000000\r\n\r\n", bytes(65_536)
    ),
)
_voice(
    "a WAV header without an end",
    _sounds(AUDIO, chunk(b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\x00\x00\x00\x00" * 500)),
)
_voice(
    "JSON in place of sound, without an end", _sounds(CHUNKED % b"application/json", chunk(b'{"a":' * 1000))
)
_voice("heads without an end", _heads)


# Transcribers


def _hears(*, once: bytes = b"", endless: bytes = b"", pause: float = 0) -> Behaviour:
    async def hear(writer: Writer) -> None:
        writer.write(once)
        while endless:
            await pour(writer, endless, 1)
            await asyncio.sleep(pause)
        await asyncio.sleep(3600)

    return hear


def _said(text: str, kind: str = "final", channel: str = "customer") -> bytes:
    return json.dumps(
        {"type": "transcriber-response", "transcription": text, "channel": channel, "transcriptType": kind}
    ).encode()


def _transcriber(name: str, behave: Behaviour, **more: Any) -> None:
    async def act(at: Target) -> None:
        if name not in at.made:
            transcriber = {"provider": "custom-transcriber", "server": {"url": at.servers.add(behave, "ws")}}
            assistant = {
                "name": "A",
                "model": MODEL,
                "transcriber": transcriber,
                "firstMessage": "Hi.",
                **more,
            }
            at.made[name] = await at.number(assistant)
        await answered_by(at, at.made[name], 2.5)

    attack(f"a transcriber: {name}")(act)


_transcriber("words without an end", _hears(endless=frame(_said("one word after the other ")) * 50))
_transcriber("4,000 characters, again and again", _hears(endless=frame(_said("ab " * 1300)), pause=0.03))
_transcriber(
    "guesses that change, 45 a second", _hears(endless=frame(_said("maybe " * 650, "partial")), pause=0.022)
)
_transcriber(
    "fillers and numbers, 45 a second",
    _hears(endless=frame(_said("uh hm 1 2 3 " * 300, "partial")), pause=0.022),
)
_transcriber(
    "words that patterns of its owner look at",
    _hears(endless=frame(_said("a" * 3900, "partial")), pause=0.022),
    startSpeakingPlan={
        "customEndpointingRules": [
            {"type": "customer", "regex": f"(a|b{n}){{0,90}}$", "timeoutSeconds": 1} for n in range(15)
        ]
    },
)
_transcriber("messages of 64 kB", _hears(endless=frame(_said("word " * 12_000))))
_transcriber("a message of 16 MB", _hears(once=frame(b"a" * (16 << 20))))
_transcriber(
    "fragments of a byte", _hears(once=frame(b"{", 1, fin=False), endless=frame(b" ", 0, fin=False) * 1000)
)
_transcriber(
    "empty fragments", _hears(once=frame(b"{", 1, fin=False), endless=frame(b"", 0, fin=False) * 1000)
)
_transcriber("pings without an end", _hears(endless=frame(b"a" * 100, 9) * 500))
_transcriber("pongs without an end", _hears(endless=frame(b"", 10) * 1000))
_transcriber("frames that no protocol knows", _hears(endless=b"\xff\xff\xff\xff" * 100))
_transcriber("JSON that is deep", _hears(endless=frame(b"[" * 60_000), pause=0.1))
_transcriber("bytes in place of text", _hears(endless=frame(bytes(60_000), 2)))
_transcriber(
    "letters that no alphabet has",
    _hears(endless=frame(_said("\ud800\u0301\u200d" * 400, "partial")), pause=0.03),
)


async def _answering(writer: Writer) -> None:
    writer.write(answer(b'{"results":[{"toolCallId":"a","result":"' + b"word " * 180_000 + b'"}]}'))
    await writer.drain()


@attack("a tool whose result is a megabyte")
async def _(at: Target) -> None:
    if "tool" not in at.made:
        called = event(tool_calls=[{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}])
        tool = {
            "type": "function", "function": {"name": "look"}, "server": {"url": at.servers.add(_answering)},
            "variableExtractionPlan": {"aliases": [{"key": "b", "value": "{{ $ | json | uniq }}"}]},
        }  # fmt: skip
        model = {
            "provider": "custom-llm",
            "model": "a",
            "url": at.servers.add(_streams(called)),
            "tools": [tool],
        }
        mode = "assistant-speaks-first-with-model-generated-message"
        at.made["tool"] = await at.number({"name": "A", "model": model, "firstMessageMode": mode})
    async with calling(at, at.made["tool"]):
        await asyncio.sleep(2.5)
