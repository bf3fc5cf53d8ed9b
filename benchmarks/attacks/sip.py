"""SIP from strangers, over UDP and TCP."""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

from benchmarks.attacks.attack import Group, Target, at_once
from benchmarks.attacks.phone import calling, flood, message, sdp, udp

attack: Final = Group("SIP")


async def _again(at: Target, data: bytes) -> None:
    async with udp(at) as sock:
        await flood(sock, at.sip, itertools.repeat(data))


def _lines(name: str, value: str, times: int) -> str:
    return f"{name}: {value}\r\n" * times


@attack("an INVITE with 7,700 Accept elements")
async def _(at: Target) -> None:
    await _again(at, message(at, "INVITE", at.victim, more="Accept: " + "a/b," * 7700 + "c/d\r\n"))


@attack("INVITEs with lists of 128 in each header that has one")
async def _(at: Target) -> None:
    lists = "".join(
        f"{name}: " + ",".join([element] * 120) + "\r\n"
        for name, element in (
            ("Accept", "application/sdp;q=0.5"), ("Allow", "INVITE"), ("Supported", "timer"),
            ("Require", "100rel"), ("Record-Route", "<sip:a;lr>"), ("Route", "<sip:b;lr>"),
            ("Accept-Language", "en;q=0.1"), ("Contact", "<sip:a@b;x=y>"),
        )
    )  # fmt: skip
    await _again(at, message(at, "INVITE", at.victim, more=lists))


@attack("250 Via lines")
async def _(at: Target) -> None:
    await _again(
        at, message(at, "INVITE", at.victim, more=_lines("Via", "SIP/2.0/UDP a.b:5060;branch=z9;x=y", 245))
    )


@attack("250 Record-Route lines of 64 parameters")
async def _(at: Target) -> None:
    route = "<sip:a@b;" + ";".join(f"p{n}=v" for n in range(20)) + ">"
    await _again(at, message(at, "INVITE", at.victim, more=_lines("Record-Route", route, 240)))


@attack("60 kB of quotation marks, brackets and backslashes")
async def _(at: Target) -> None:
    for odd in ('"', "<", '\\"', '"\\', "(", ";", ",", "\t;", '",<', ";a=", "%41", "@", ":"):
        text = (odd * 20_000)[:30_000]
        async with udp(at) as sock:
            for name in ("Contact", "Accept", "X-A", "Require", "Route"):
                data = message(at, "INVITE", at.victim, more=f"{name}: {text}\r\n")
                await flood(sock, at.sip, [data] * 40)
            await flood(sock, at.sip, [message(at, "INVITE", at.victim, to=text)] * 40)


@attack("heads of 1,000 lines without colons, folded, with control characters")
async def _(at: Target) -> None:
    odd = "no colon here\r\n" * 400 + "X-B: a\r\n b\r\n" * 300 + "X-C: \x01\x02\r\n" * 50
    await _again(at, message(at, "OPTIONS", at.victim, more=odd))


@attack("lines of 60 kB that are not UTF-8")
async def _(at: Target) -> None:
    await _again(
        at,
        message(at, "OPTIONS", at.victim, more="X-A: " + "\u00e9" * 10_000 + "\r\n").replace(
            b"\xc3\xa9", b"\xe9\xff"
        ),
    )


@attack("a session description of 60 kB of media lines")
async def _(at: Target) -> None:
    body = sdp(at.host, more="m=audio 9 RTP/AVP 0\r\n" * 2500)
    await _again(at, message(at, "INVITE", at.victim, body=body))


@attack("a session description of 60 kB of attributes and formats")
async def _(at: Target) -> None:
    more = "".join(
        f"a=rtpmap:{n % 128} X/8000\r\na=fmtp:{n % 128} 0-15\r\n"
        f"a=candidate:{n} 1 UDP 1 1.2.3.4 9 typ host\r\n"
        for n in range(700)
    )
    body = sdp(at.host, more=more).replace(
        b"RTP/AVP 0", b"RTP/AVP " + b" ".join(b"%d" % (n % 128) for n in range(4000)) + b" 0"
    )
    await _again(at, message(at, "INVITE", at.victim, body=body))


@attack("noise")
async def _(at: Target) -> None:
    async with udp(at) as sock:
        noise = [
            bytes(range(256)) * 4,
            b"\0" * 1000,
            b"INVITE ",
            b"\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"x" * 60_000,
        ]
        await flood(sock, at.sip, itertools.cycle(noise))


@attack("OPTIONS from 50 ports")
async def _(at: Target) -> None:
    async def one() -> None:
        await _again(at, message(at, "OPTIONS", at.victim))

    await at_once(50, one)


@attack("INVITEs to numbers that nobody has")
async def _(at: Target) -> None:
    async with udp(at) as sock:
        await flood(sock, at.sip, (message(at, "INVITE", f"nobody{n}") for n in itertools.count()))


@attack("INVITEs to a number, of which none is acknowledged")
async def _(at: Target) -> None:
    async with udp(at) as sock:
        await flood(sock, at.sip, (message(at, "INVITE", at.victim) for n in itertools.count()))


@attack("the same INVITE again and again")
async def _(at: Target) -> None:
    await _again(at, message(at, "INVITE", "nobody"))


@attack("CANCELs, ACKs and BYEs of nothing")
async def _(at: Target) -> None:
    async with udp(at) as sock:
        await flood(
            sock, at.sip, (message(at, ("CANCEL", "ACK", "BYE")[n % 3], at.victim) for n in itertools.count())
        )


@attack("responses that nobody asked for")
async def _(at: Target) -> None:
    head = message(at, "INVITE", at.victim).partition(b"\r\n")[2]
    await _again(at, b"SIP/2.0 200 OK\r\n" + head)


@attack("REGISTER, SUBSCRIBE, REFER, PUBLISH, MESSAGE and what there is not")
async def _(at: Target) -> None:
    async with udp(at) as sock:
        methods = ("REGISTER", "SUBSCRIBE", "REFER", "PUBLISH", "MESSAGE", "NOTIFY", "PRACK", "X" * 500)
        await flood(sock, at.sip, (message(at, method, at.victim) for method in itertools.cycle(methods)))


@attack("wrong passwords with 30 parameters")
async def _(at: Target) -> None:
    user = await at.number(
        {"firstMessage": "Hi."}, authentication={"realm": "a", "username": "u", "password": "p" * 20}
    )
    async with udp(at) as sock:
        fields = ", ".join(f'p{n}="{"v" * 200}"' for n in range(25))
        known = 'username="u", realm="a", nonce="n", uri="sip:a@b", response="0"'
        more = f"Authorization: Digest {known}, {fields}\r\n"
        await flood(sock, at.sip, (message(at, "INVITE", user, more=more) for _ in itertools.count()))


@attack("X- headers of 30 kB in calls that are answered")
async def _(at: Target) -> None:
    more = "".join(f"X-Name-{n}: {{{{ a | b }}}} {'v' * 300}\r\n" for n in range(80))

    async def one() -> None:
        async with calling(at, at.victim, more=more):
            await asyncio.sleep(0.2)

    await at_once(4, one)


@attack("INFO and OPTIONS within a call")
async def _(at: Target) -> None:
    async with calling(at, at.victim) as call:
        if call is None:
            return
        body = b"Signal=5\r\nDuration=160\r\n" * 400
        kind = "application/dtmf-relay"
        await flood(
            call.sock,
            at.sip,
            (call.request(("INFO", "OPTIONS")[n % 2], body, kind=kind) for n in itertools.count()),
        )


@attack("re-INVITEs within a call")
async def _(at: Target) -> None:
    async with calling(at, at.victim) as call:
        if call is None:
            return
        port = call.rtp.getsockname()[1]
        await flood(
            call.sock, at.sip,
            (
                call.request("INVITE", sdp(at.host, port + n % 2), kind="application/sdp")
                for n in itertools.count()
            ),
        )  # fmt: skip


@attack("calls that come and go")
async def _(at: Target) -> None:
    async def one() -> None:
        async with calling(at, at.victim):
            pass

    await at_once(2, one)
    await asyncio.sleep(0.05)


@attack("500 INVITEs to a number whose owner thinks for long")
async def _(at: Target) -> None:
    user = await at.number(server={"url": at.servers.add(_never)})
    async with udp(at) as sock:
        await flood(sock, at.sip, (message(at, "INVITE", user) for _ in range(500)))
        await asyncio.sleep(3)


async def _never(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


# Over TCP


@attack("TCP: a line without an end")
async def _(at: Target) -> None:
    async with at.stream(at.sip) as stream:
        await stream.send(b"INVITE sip:a@b SIP/2.0\r\nX: ")
        await stream.without_end(b"a" * 16_384)


@attack("TCP: header lines without an end")
async def _(at: Target) -> None:
    async with at.stream(at.sip) as stream:
        await stream.send(b"INVITE sip:a@b SIP/2.0\r\n")
        await stream.without_end(b"X: y\r\n" * 2000)


@attack("TCP: empty lines without an end")
async def _(at: Target) -> None:
    async with at.stream(at.sip) as stream:
        drinking = asyncio.ensure_future(stream.wait())
        try:
            await stream.without_end(b"\r\n\r\n" * 4000)
        finally:
            drinking.cancel()


@attack("TCP: 10,000 requests at once")
async def _(at: Target) -> None:
    async with at.stream(at.sip) as stream:
        drinking = asyncio.ensure_future(stream.wait())
        try:
            while True:
                requests = b"".join(message(at, "OPTIONS", "nobody", transport="TCP") for _ in range(500))
                await stream.send(requests)
        finally:
            drinking.cancel()


@attack("TCP: INVITEs whose answers nobody reads")
async def _(at: Target) -> None:
    async with at.stream(at.sip) as stream:
        await stream.without_end(
            b"".join(message(at, "INVITE", "nobody", transport="TCP") for _ in range(50))
        )


@attack("TCP: a byte at a time, on 100 connections")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream(at.sip) as stream:
            for byte in message(at, "OPTIONS", at.victim, transport="TCP") * 10:
                await stream.send(bytes([byte]))
                await asyncio.sleep(0.005)

    await at_once(100, one)


@attack("TCP: bodies that never come, on 300 connections")
async def _(at: Target) -> None:
    async def one() -> None:
        async with at.stream(at.sip) as stream:
            data = message(at, "INVITE", at.victim, transport="TCP", body=b"v" * 60_000)
            await stream.send(data[:30_000])
            await stream.wait()

    await at_once(300, one)


@attack("TCP: connections that come and go")
async def _(at: Target) -> None:
    async def one() -> None:
        for _ in range(1000):
            async with at.stream(at.sip):
                pass
            await asyncio.sleep(0.001)

    await at_once(30, one)


@attack("TCP: lengths that are wrong")
async def _(at: Target) -> None:
    for length in (b"-1", b"99999999999999999999", b"1e3", b"0x10", b"1, 2", b"65536"):
        async with at.stream(at.sip) as stream:
            data = message(at, "OPTIONS", at.victim, transport="TCP").replace(
                b"Content-Length: 0", b"Content-Length: " + length
            )
            await stream.send(data * 20)
            await asyncio.sleep(0.01)
