from __future__ import annotations

import asyncio
import gzip
import ssl

import httpx2
import pytest

from offhook.network import AddressGuard, AddressRefused, NameNotFound
from offhook.network.http import BodyRefused, BodyTooLarge, causes, guarded_client, read_bounded
from offhook.network.outside import Outside
from tests.network.servers import Heard, always, client_tls, reply, server_tls, serving
from tests.network.test_guard import Names


async def test_a_request_carries_the_name_and_goes_to_the_checked_address() -> None:
    async with serving(always(reply(200, b"{}"))) as server:
        guard = AddressGuard(allow_private=True, resolver=Names(["127.0.0.1"]))
        async with guarded_client(guard) as client:
            answer = await client.post(f"http://hooks.example.com:{server.port}/x?y=1", content=b"hi")
    assert answer.status_code == 200
    (heard,) = server.heard
    assert (heard.path, heard.body, heard.headers["host"]) == (
        "/x?y=1",
        b"hi",
        f"hooks.example.com:{server.port}",
    )
    assert heard.headers["accept-encoding"] == "identity"


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    async with serving(always(reply(200))) as server:
        rebinding = Names(["93.184.216.34"], ["127.0.0.1"])
        guard = AddressGuard(resolver=rebinding)
        assert await guard.resolve("rebind.example.com", server.port)  # public when asked first
        async with guarded_client(guard) as client:
            with pytest.raises(AddressRefused):
                await client.get(f"http://rebind.example.com:{server.port}/")
        assert rebinding.asked == 2
        assert server.connections == 0


async def test_the_address_is_looked_up_once_for_a_connection() -> None:
    async with serving(always(reply(200))) as server:
        rebinding = Names(["127.0.0.1"], ["127.0.0.9"])
        guard = AddressGuard(allow_private=True, resolver=rebinding)
        async with guarded_client(guard) as client:
            await client.get(f"http://a.example.com:{server.port}/")
            await client.get(f"http://a.example.com:{server.port}/")
        assert rebinding.asked == 1
        assert (server.connections, len(server.heard)) == (1, 2)


async def test_a_redirect_is_not_followed() -> None:
    async with (
        serving(always(reply(200))) as inner,
        serving(always(reply(302, b"", f"location: {inner.url}"))) as outer,
        guarded_client(AddressGuard(allow_private=True)) as client,
    ):
        answer = await client.post(outer.url, content=b"x")
    assert answer.status_code == 302
    assert inner.heard == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(always(reply(200))) as proxy, serving(always(reply(200))) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with guarded_client(AddressGuard(allow_private=True)) as client:
            await client.get(server.url)
    assert (len(server.heard), proxy.connections) == (1, 0)


async def test_cookies_are_not_taken() -> None:
    """They would go to whoever else has a server at the same host: another org's."""
    async with (
        serving(always(reply(200, b"", "set-cookie: session=secret; path=/"))) as server,
        guarded_client(AddressGuard(allow_private=True)) as client,
    ):
        for _ in range(2):
            await client.get(server.url)
    assert [heard.headers.get("cookie") for heard in server.heard] == [None, None]


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async with serving(always(reply(200))) as server:
        guard = AddressGuard(allow_private=True, resolver=Names(["127.0.0.9", "127.0.0.1"]))
        async with guarded_client(guard) as client:
            assert (await client.get(f"http://two.example.com:{server.port}/")).status_code == 200


async def test_an_unknown_name_is_a_connect_error_with_its_cause() -> None:
    async with guarded_client(AddressGuard(resolver=Names([]))) as client:
        with pytest.raises(httpx2.ConnectError) as caught:
            await client.get("http://nothing.example.com/")
    assert any(isinstance(cause, NameNotFound) for cause in causes(caught.value))


async def test_a_resolver_that_hangs_runs_into_the_connect_timeout() -> None:
    async def hang(name: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with guarded_client(AddressGuard(resolver=hang), timeout=httpx2.Timeout(0.02)) as client:
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get("http://slow.example.com/")


async def test_tls_verifies_the_name_not_the_address() -> None:
    async with serving(always(reply(200, b"safe")), tls=server_tls()) as server:
        guard = AddressGuard(allow_private=True, resolver=Names(["127.0.0.1"]))
        async with guarded_client(guard, tls=client_tls()) as client:
            answer = await client.get(f"https://hooks.example.com:{server.port}/")
            assert answer.text == "safe"
            with pytest.raises(httpx2.ConnectError, match=r"(?i)hostname mismatch"):
                await client.get(f"https://other.example.com:{server.port}/")
        async with guarded_client(guard) as strangers:
            with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate verify failed") as caught:
                await strangers.get(f"https://hooks.example.com:{server.port}/")
    assert any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(caught.value))


async def read(answer_bytes: bytes, limit: int) -> bytes:
    async with (
        serving(always(answer_bytes)) as server,
        guarded_client(AddressGuard(allow_private=True)) as client,
        client.stream("GET", server.url) as response,
    ):
        return await read_bounded(response, limit)


async def test_a_body_is_read_up_to_its_limit() -> None:
    assert await read(reply(200, b"x" * 1000), 1000) == b"x" * 1000
    with pytest.raises(BodyTooLarge):
        await read(reply(200, b"x" * 1001), 1000)


async def test_a_body_without_a_length_is_bounded_too() -> None:
    chunks = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n"
    with pytest.raises(BodyTooLarge):
        await read(chunks + b"400\r\n" + b"x" * 1024 + b"\r\n", 1500)


async def test_an_endless_body_is_left() -> None:
    async def pour(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with (
        serving(pour) as server,
        guarded_client(AddressGuard(allow_private=True)) as client,
        client.stream("GET", server.url) as response,
    ):
        with pytest.raises(BodyTooLarge):
            await read_bounded(response, 100_000)


async def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(BodyRefused, match="gzip"):
        await read(reply(200, gzip.compress(b"0" * 1000), "content-encoding: gzip"), 10_000)


async def test_outside_offers_http_and_sockets_behind_one_guard() -> None:
    async with serving(always(reply(200))) as server:
        outside = Outside(AddressGuard(allow_private=True))
        assert (await outside.http.get(server.url)).status_code == 200
        (await outside.connect("127.0.0.1", server.port)).close()
        await outside.aclose()
        closed = Outside(AddressGuard())
        with pytest.raises(AddressRefused):
            await closed.http.get(server.url)
        with pytest.raises(AddressRefused):
            await closed.connect("127.0.0.1", server.port)
        await closed.aclose()
