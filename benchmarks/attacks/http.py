"""HTTP from whoever has no key."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.attacks.attack import Group, Target, at_once

attack: Final = Group("HTTP without a key")
HEAD: Final = b"POST /assistant HTTP/1.1\r\nHost: a\r\n"
CHUNKED: Final = HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
ASKED: Final = b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n"
LONG: Final = b"a" * 16_384


@attack("a head line without an end")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(HEAD + b"X: ")
        await stream.without_end(LONG)


@attack("a request line without an end")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(b"GET /")
        await stream.without_end(b"%41/.." * 2000)


@attack("header fields without an end")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(HEAD)
        await stream.without_end(b"a: b\r\n" * 2000)


@attack("heads of 60 kB, one after the other, on 50 connections")
async def _(at: Target) -> None:
    head = b"GET /live HTTP/1.1\r\nHost: a\r\n" + b"".join(
        b"X-%d: %s\r\n" % (n, b"v" * 600) for n in range(95)
    )

    async def one() -> None:
        async with at.stream() as stream:
            while True:
                await stream.send(head + b"\r\n")
                await stream.answer()

    await at_once(50, one)


@attack("chunk extensions without an end")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(CHUNKED + b"1")
        await stream.without_end(b";" + LONG)


@attack("chunks of one byte with extensions")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(CHUNKED)
        await stream.without_end(b"1;a=b\r\n{\r\n" * 1000)


@attack("trailers without an end")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(CHUNKED + b"1\r\n{\r\n0\r\n")
        await stream.without_end(b"t: v\r\n" * 1000)


@attack("a body of chunks of one byte, no key")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        await stream.send(CHUNKED)
        await stream.without_end(b"1\r\n{\r\n" * 2000)


@attack("bodies of a megabyte, no key, 20 at once")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            await stream.send(HEAD + b"Content-Type: application/json\r\nContent-Length: 1048576\r\n\r\n")
            for _ in range(64):
                await stream.send(LONG)
            await stream.wait()

    await at_once(20, one)


@attack("10,000 requests in one line of a pipeline")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        drinking = asyncio.ensure_future(stream.wait())
        await stream.send(ASKED * 10_000)
        await drinking


@attack("pipelines on 100 connections whose answers nobody reads")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            await stream.without_end(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 200)

    await at_once(100, one)


@attack("300 connections that send a byte of a head now and then")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            for byte in (HEAD + LONG) * 2:
                await stream.send(bytes([byte]))
                await asyncio.sleep(0.2)

    await at_once(300, one)


@attack("100 bodies that come a byte at a time")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            await stream.send(HEAD + b"Content-Length: 100000\r\n\r\n")
            for _ in range(100):
                await stream.send(b"{")
                await asyncio.sleep(0.05)

    await at_once(100, one)


@attack("connections that come and go")
async def _(at: Target) -> None:
    async def one() -> None:
        while True:
            async with at.stream():
                pass
            await asyncio.sleep(0.001)

    await at_once(30, one)


@attack("a connection for each request")
async def _(at: Target) -> None:
    async def one() -> None:
        while True:
            async with at.stream() as stream:
                await stream.send(ASKED)
                await stream.answer()
            await asyncio.sleep(0.001)

    await at_once(30, one)


@attack("TLS and other noise on the plain port")
async def _(at: Target) -> None:
    for noise in (
        b"\x16\x03\x01\x02\x00" + bytes(range(256)) * 4,
        b"\0" * 60_000,
        b"\r\n" * 30_000,
        b"PRI * HTTP/2.0",
    ):
        async with at.stream() as stream:
            await stream.send(noise)
            await stream.answer()
    await asyncio.sleep(0.01)


@attack("wrong keys of 60 kB")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        while True:
            await stream.send(
                b"GET /call HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + b"k" * 60_000 + b"\r\n\r\n"
            )
            await stream.answer()


@attack("wrong keys, one after the other, on 20 connections")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            number = 0
            while True:
                number += 1
                await stream.send(
                    b"GET /call HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong-%d\r\n\r\n" % number
                )
                await stream.answer()

    await at_once(20, one)


@attack("a query of 10,000 parameters")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        query = b"&".join(b"a%d=%%41" % n for n in range(6000))
        while True:
            await stream.send(b"GET /call?" + query[:60_000] + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            await stream.answer()


@attack("paths of 20,000 segments")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        while True:
            await stream.send(b"GET " + b"/a%2F" * 12_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            await stream.answer()


@attack("upgrades to other protocols")
async def _(at: Target) -> None:
    async with at.stream() as stream:
        while True:
            await stream.send(
                b"GET /live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                b"Upgrade: h2c, websocket\r\n"
                b"Sec-WebSocket-Key: AAAA\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            if not await stream.answer():
                return


@attack("Expect: 100-continue without a body")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            await stream.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
            await stream.wait()

    await at_once(20, one)


@attack("links to recordings that are guessed, with 1,000 ranges")
async def _(at: Target) -> None:
    ranges = b",".join(b"%d-%d" % (n, n) for n in range(0, 6000, 2))
    async with at.stream() as stream:
        while True:
            await stream.send(
                b"GET /recording/0/mono?expires=9999999999&signature="
                + b"a" * 64
                + b" HTTP/1.1\r\nHost: a\r\n"
                b"Range: bytes=" + ranges + b"\r\n\r\n"
            )
            await stream.answer()


@attack("the reference, which is the largest page, on 20 connections")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream() as stream:
            while True:
                await stream.send(b"GET /docs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                await stream.wait()
                return

    await at_once(20, one)
