from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.network import AddressGuard, AddressRefused, NameNotFound
from offhook.network.outside import Outside
from offhook.schema.authentication_plan import OAuth2AuthenticationPlan, read_plan
from offhook.store import IdMaker
from offhook.webhooks import AskFailed, Client, Receiver
from offhook.webhooks.client import OutsideRequest
from tests.machine import PATIENCE
from tests.network.servers import Answer, Heard, Server, always, client_tls, reply, server_tls, serving

NOW = 1_767_225_600.5
MESSAGE = {"message": {"type": "assistant-request", "text": "\u00fc\u0000\ud800"}}


async def resolver(name: str) -> list[str]:
    if name == "nothing.example.com":
        raise NameNotFound(name)
    return ["127.0.0.1"]


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made = Outside(AddressGuard(allow_private=True, resolver=resolver), tls=client_tls())
    yield made
    await made.aclose()


@pytest.fixture
def client(outside: Outside) -> Client:
    return Client(outside, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))


async def failure(client: Client, url: str, timeout: float = 5) -> AskFailed:
    with pytest.raises(AskFailed) as caught:
        await client.ask(Receiver(url), MESSAGE, timeout)
    return caught.value


async def test_an_answer_comes_back(client: Client) -> None:
    async with serving(always(reply(201, b'\xef\xbb\xbf{"assistantId": "a"}'))) as server:
        receiver = Receiver(server.url, secret="s")
        assert await client.ask(receiver, MESSAGE, 5, {"X-Call-Id": "c", "Host": "evil"}) == {
            "assistantId": "a"
        }
    (heard,) = server.heard
    assert (heard.method, heard.path) == ("POST", "/hook")
    assert json.loads(heard.body) == MESSAGE
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-vapi-secret"] == "s"
    assert heard.headers["x-call-id"] == "c"
    assert heard.headers["host"] == f"127.0.0.1:{server.port}"
    assert heard.headers["webhook-timestamp"] == "1767225600"
    assert len(heard.headers["webhook-id"]) == 36


async def test_a_signing_secret_signs_every_message(outside: Outside) -> None:
    client = Client(outside, now=lambda: NOW, new_id=lambda: "id-1", signing_secret="0123456789abcdef")
    async with serving(always(reply(200, b"{}"))) as server:
        await client.ask(Receiver(server.url), {"message": {}}, 5)
    assert server.heard[0].headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200), "empty"),
        (reply(204), "empty"),
        (reply(200, b"  \r\n"), "empty"),
        (reply(200, b"<html>"), "not-json"),
        (reply(200, b'{"a": NaN}'), "not-json"),
        (reply(200, b'{"a": 1'), "not-json"),
        (reply(200, b"\xff\xfe{}"), "not-json"),
        (reply(200, b"[" * 100_000), "not-json"),
        (reply(200, b"9" * 10_000), "not-json"),
        (reply(200, b"[1]"), "wrong-json"),
        (reply(200, b'"text"'), "wrong-json"),
        (reply(200, b"null"), "wrong-json"),
        (reply(200, b" " * (1024 * 1024 + 1)), "too-large"),
        (reply(200, b"{}", "content-encoding: gzip"), "protocol"),
        (reply(302, b"{}", "location: http://169.254.169.254/"), "redirect"),
        (reply(400, b'{"error": "no"}'), "status"),
        (reply(500, b"<h1>oh</h1>"), "status"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 x\r\ncontent-length: -5\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 100_000, "protocol"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_named(client: Client, answer: bytes, kind: str) -> None:
    async with serving(always(answer)) as server:
        failed = await failure(client, server.url)
    assert failed.kind == kind
    assert "\n" not in str(failed)


async def test_a_refusal_says_what_the_server_said(client: Client) -> None:
    async with serving(always(reply(429, b'{"error": "slow"}', "retry-after: 7"))) as server:
        failed = await failure(client, server.url)
    assert (failed.status, failed.response, failed.retry_after) == (429, {"error": "slow"}, 7)
    async with serving(always(reply(500, b"\xffoh\x00" + b"x" * 5000))) as server:
        failed = await failure(client, server.url)
    assert isinstance(failed.response, str)
    assert failed.response.startswith("\ufffdoh\ufffdxxx")
    assert len(failed.response) == 2000


@pytest.mark.parametrize(
    "answer",
    [
        reply(404, b"zip", "content-encoding: gzip"),
        reply(404, b"x" * 1_100_000),
        b"HTTP/1.1 404 x\r\ncontent-length: 100\r\n\r\nbroken o",
    ],
)
async def test_a_refusal_is_one_whatever_its_body(client: Client, answer: bytes) -> None:
    async def once(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with serving(once) as server:
        failed = await failure(client, server.url)
        assert (failed.kind, failed.status, failed.response) == ("status", 404, None)
        with pytest.raises(AskFailed) as caught:
            await client.deliver(
                Receiver(server.url), b"{}", webhook_id="id", timeout=PATIENCE, taken=lambda status: None
            )
    assert (caught.value.kind, caught.value.status) == ("status", 404)


async def test_a_connection_that_breaks_is_named(client: Client) -> None:
    async def hang_up(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    async with serving(hang_up) as server:
        assert (await failure(client, server.url)).kind == "protocol"


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again(client: Client) -> None:
    async def answer_and_leave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"{}"))
        await writer.drain()
        writer.close()

    async with serving(answer_and_leave) as server:
        for _ in range(5):
            assert await client.ask(Receiver(server.url), MESSAGE, 5) == {}
            await asyncio.sleep(0.01)
    assert server.connections == 5


def once_then(last: bytes) -> Answer:
    """Answers the first request of each connection; to the second it says `last` and hangs up."""
    answered: set[asyncio.StreamWriter] = set()

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if writer in answered:
            writer.write(last)
            writer.close()
        else:
            answered.add(writer)
            writer.write(reply(200, b"{}"))

    return answer


async def test_a_connection_that_is_closed_on_use_is_replaced_at_once(client: Client) -> None:
    async with serving(once_then(b"")) as server:
        for _ in range(3):
            assert await client.ask(Receiver(server.url), MESSAGE, 5) == {}
    ids = [heard.headers["webhook-id"] for heard in server.heard]
    assert (server.connections, len(ids)) == (3, 5)
    assert ids[1] == ids[2]
    assert ids[3] == ids[4]


async def test_an_answer_that_has_begun_is_not_asked_for_again(client: Client) -> None:
    async with serving(once_then(b"HTTP/1.1 20")) as server:
        assert await client.ask(Receiver(server.url), MESSAGE, 5) == {}
        assert (await failure(client, server.url)).kind == "protocol"
    assert (server.connections, len(server.heard)) == (1, 2)


async def test_a_new_connection_that_is_closed_is_not_tried_again(client: Client) -> None:
    async def hang_up(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(hang_up) as server:
        assert (await failure(client, server.url)).kind == "protocol"
    assert len(server.heard) == 1


async def test_the_second_try_has_what_is_left_of_the_time(client: Client) -> None:
    answer = once_then(b"")

    async def first_connection_only(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if server.connections == 1:
            await answer(heard, writer)

    async with serving(first_connection_only) as server:
        assert await client.ask(Receiver(server.url), MESSAGE, 5) == {}
        assert (await failure(client, server.url, timeout=0.2)).kind == "timeout"
    assert server.connections == 2


async def test_an_owner_s_own_request_is_never_sent_twice(client: Client) -> None:
    async with serving(once_then(b"")) as server:
        request = OutsideRequest("POST", server.url, {}, b"{}")
        await client.fetch(request, 5)
        with pytest.raises(AskFailed) as caught:
            await client.fetch(request, 5)
    assert caught.value.kind == "protocol"
    assert len(server.heard) == 2


async def deliver(client: Client, url: str, timeout: float = 5) -> list[int]:
    taken: list[int] = []
    await client.deliver(Receiver(url), b"{}", webhook_id="id", timeout=timeout, taken=taken.append)
    return taken


@pytest.mark.parametrize(
    "answer",
    [
        reply(204),
        reply(200, b"thank you"),
        reply(200, b"zip", "content-encoding: gzip"),
        reply(200, b"x" * 1_000_000),
        b"HTTP/1.1 202 x\r\ncontent-length: 100\r\n\r\nbroken o",
        b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nno chunk\r\n",
    ],
)
async def test_a_message_is_taken_whatever_the_receiver_has_to_say(client: Client, answer: bytes) -> None:
    async def once(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with serving(once) as server:
        assert len(await deliver(client, server.url)) == 1
    assert len(server.heard) == 1


async def test_a_message_is_taken_before_the_receiver_has_said_all(client: Client) -> None:
    taken: asyncio.Queue[int] = asyncio.Queue()
    known = asyncio.Event()

    async def hesitate(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"ok")[:-1])
        await known.wait()
        writer.write(b"k")

    async with serving(hesitate) as server:
        delivery = asyncio.create_task(
            client.deliver(
                Receiver(server.url), b"{}", webhook_id="id", timeout=PATIENCE, taken=taken.put_nowait
            )
        )
        assert await asyncio.wait_for(taken.get(), PATIENCE) == 200
        known.set()
        await delivery
        assert await deliver(client, server.url) == [200]
    assert server.connections == 1


async def test_a_message_that_is_refused_was_not_taken(client: Client) -> None:
    async with serving(always(reply(500, b"no"))) as server:
        with pytest.raises(AskFailed) as caught:
            await deliver(client, server.url)
    assert (caught.value.kind, caught.value.status, caught.value.response) == ("status", 500, "no")


async def test_nobody_there_is_refused(client: Client) -> None:
    async with serving(always(b"")) as server:
        url = server.url
    assert (await failure(client, url)).kind == "refused"


async def test_an_unknown_name_is_dns(client: Client) -> None:
    assert (await failure(client, "http://nothing.example.com/")).kind == "dns"


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "file:///etc/passwd", "no url", "", "http://", "http://[::1", "//x", "http://169.254.169.254/",
     "http://0x7f.1/", "http://x.invalid/\ud800", "http://\ud800/", "http://x\0/",
     "http://x:99999/", "http://a b/", "javascript:alert(1)"],
)  # fmt: skip
async def test_a_url_that_may_not_be_reached_is_refused_by_policy(client: Client, url: str) -> None:
    assert (await failure(client, url)).kind == "refused-by-policy"


async def test_private_addresses_are_refused_by_policy() -> None:
    outside = Outside(AddressGuard())
    client = Client(outside, now=lambda: NOW, new_id=lambda: "i")
    async with serving(always(reply(200, b"{}"))) as server:
        assert (await failure(client, server.url)).kind == "refused-by-policy"
    assert server.connections == 0
    await outside.aclose()


async def test_tls_is_verified(client: Client) -> None:
    async with serving(always(reply(200, b"{}")), tls=server_tls()) as server:
        assert await client.ask(Receiver(f"https://hooks.example.com:{server.port}/"), MESSAGE, 5) == {}
        assert (await failure(client, f"https://other.example.com:{server.port}/")).kind == "tls"


async def test_a_server_without_tls_is_tls(client: Client) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await failure(client, f"https://hooks.example.com:{port}/")).kind == "tls"


async def never(heard: Heard, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(heard: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("answer", [never, drip])
async def test_the_deadline_holds_for_the_whole_answer(client: Client, answer: Any) -> None:
    async with serving(answer) as server:
        failed = await failure(client, server.url, timeout=0.1)
    assert failed.kind == "timeout"
    assert "0.1 s" in failed.detail


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
ENDLESS = {
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102 Processing": (b"", b"HTTP/1.1 102 Processing\r\nx-step: one of many\r\n\r\n"),
    "headers": (HEAD, b"x-one: more\r\n"),
    "one header": (HEAD + b"x-one: ", b"m"),
    "a status line": (b"HTTP/1.1 200 ", b"O"),
    "chunks of a byte": (CHUNKED, b"1\r\n \r\n"),
    "chunk extensions": (CHUNKED, b"1;" + b"x" * 5000 + b"\r\n \r\n"),
    "one chunk extension": (CHUNKED + b"1;", b"x"),
    "trailers after a chunk": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x-one: more\r\n"),
    "a refusal in pieces": (CHUNKED.replace(b"200 OK", b"500 No"), b"1\r\n \r\n"),
}
MOST_SENT = 8_000_000
"""What the limits leave, and what waits in the buffers of both systems."""


class Endless:
    """Sends the beginning, and then the same again and again, as long as somebody takes it."""

    def __init__(self, kind: str) -> None:
        self._beginning, again = ENDLESS[kind]
        self._again = again * (20_000 // len(again) + 1)
        self.sent = 0

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(self._beginning)
        with contextlib.suppress(ConnectionError):
            while self.sent < 50_000_000:
                writer.write(self._again)
                self.sent += len(self._again)
                await writer.drain()


@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_answer_without_an_end_is_not_read_to_it(client: Client, kind: str) -> None:
    endless = Endless(kind)
    async with serving(endless) as server:
        failed = await failure(client, server.url, timeout=PATIENCE)
    assert failed.kind in ("protocol", "too-large", "status")
    assert endless.sent < MOST_SENT


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a_message_is_taken_or_not_by_an_answer_without_an_end(client: Client, kind: str) -> None:
    endless, taken = Endless(kind), list[int]()
    async with serving(endless) as server:
        with contextlib.suppress(AskFailed):
            receiver = Receiver(server.url)
            await client.deliver(receiver, b"{}", webhook_id="1", timeout=PATIENCE, taken=taken.append)
    assert taken == ([200] if "chunk" in kind else [])
    assert endless.sent < MOST_SENT


@pytest.mark.parametrize("kind", ["100 Continue", "chunks of a byte", "chunk extensions", "headers"])
async def test_a_token_or_a_tool_s_answer_without_an_end_is_not_read_to_it(client: Client, kind: str) -> None:
    endless = Endless(kind)
    async with serving(endless) as server:
        plan = {"type": "oauth2", "url": server.url, "clientId": "me", "clientSecret": "hush"}
        with pytest.raises(AskFailed) as of_token:
            await client.ask(Receiver(server.url, authentication=plan), {"message": {}}, 60)
        with pytest.raises(AskFailed) as of_tool:
            await client.fetch(OutsideRequest("GET", server.url, {}), 60)
    assert "timeout" not in (of_token.value.kind, of_tool.value.kind)
    assert endless.sent < 2 * MOST_SENT


async def test_a_bounded_answer_in_many_pieces_is_read(client: Client) -> None:
    text = json.dumps({"said": "x" * 500}).encode()
    pieces = b"".join(b"1\r\n%c\r\n" % octet for octet in text) + b"0\r\n\r\n"
    continues = b"HTTP/1.1 100 Continue\r\n\r\n" * 3
    async with serving(always(continues + CHUNKED + pieces)) as server:
        assert await client.ask(Receiver(server.url), {"message": {}}, 30) == {"said": "x" * 500}


# -- OAuth 2 ----------------------------------------------------------------------------------


class OAuth:
    """Gives token-1, token-2... and a receiver that takes only `good`."""

    def __init__(self, **extra: Any) -> None:
        self.given = 0
        self.good = "token-1"
        self.extra = extra

    async def token(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        self.given += 1
        answer = {"access_token": f"token-{self.given}", "token_type": "bearer", **self.extra}
        writer.write(reply(200, json.dumps(answer).encode()))

    async def hook(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        taken = heard.headers.get("authorization") == f"Bearer {self.good}"
        writer.write(reply(200 if taken else 401, b"{}"))


def behind(oauth: Server, hook: Server) -> Receiver:
    plan = {"type": "oauth2", "url": oauth.url, "clientId": "me", "clientSecret": "hush", "scope": "a b"}
    return Receiver(hook.url, authentication=plan)


async def test_a_token_is_fetched_once_for_all_who_need_it(client: Client) -> None:
    oauth = OAuth(expires_in=3600)
    async with serving(oauth.token) as tokens, serving(oauth.hook) as hook:
        receiver = behind(tokens, hook)
        await asyncio.gather(*(client.ask(receiver, MESSAGE, 5) for _ in range(5)))
    (heard,) = tokens.heard
    assert parse_qs(heard.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["me"],
        "client_secret": ["hush"],
        "scope": ["a b"],
    }
    assert len(hook.heard) == 5


async def test_a_token_that_is_no_longer_taken_is_renewed(client: Client) -> None:
    oauth = OAuth(expires_in=3600)
    async with serving(oauth.token) as tokens, serving(oauth.hook) as hook:
        await client.ask(behind(tokens, hook), MESSAGE, 5)
        oauth.good = "token-2"
        await client.ask(behind(tokens, hook), MESSAGE, 5)
        oauth.good = "none"
        with pytest.raises(AskFailed) as caught:
            await client.ask(behind(tokens, hook), MESSAGE, 5)
    assert caught.value.status == 401
    assert oauth.given == 3


@pytest.mark.parametrize("life", ["nan", float("nan"), "inf", 1e300])
async def test_a_token_of_an_endless_life_is_kept_for_a_while(
    client: Client, life: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    oauth = OAuth(expires_in=life)
    loop = asyncio.get_running_loop()
    async with serving(oauth.token) as tokens, serving(oauth.hook) as hook:
        await client.ask(behind(tokens, hook), MESSAGE, 5)
        oauth.good = "token-2"
        real = loop.time
        with monkeypatch.context() as later:
            later.setattr(loop, "time", lambda: real() + 90_000)
            plan = read_plan(behind(tokens, hook).authentication or {})
            assert isinstance(plan, OAuth2AuthenticationPlan)
            assert await client._tokens.get(plan) == "token-2"


async def test_a_token_without_a_life_is_not_kept(client: Client) -> None:
    oauth = OAuth(expires_in=0)
    async with serving(oauth.token) as tokens, serving(oauth.hook) as hook:
        await client.ask(behind(tokens, hook), MESSAGE, 5)
        oauth.good = "token-2"
        await client.ask(behind(tokens, hook), MESSAGE, 5)
    assert len(hook.heard) == 2


@pytest.mark.parametrize(
    "answer", [reply(500, b"{}"), reply(200, b"x"), reply(200, b"[]"), reply(200, b'{"access_token": 5}')]
)
async def test_an_oauth_server_that_gives_no_token_is_a_credential_failure(
    client: Client, answer: bytes
) -> None:
    async with serving(always(answer)) as tokens, serving(always(reply(200, b"{}"))) as hook:
        with pytest.raises(AskFailed) as caught:
            await client.ask(behind(tokens, hook), MESSAGE, 5)
    assert caught.value.kind == "credential"
    assert "hush" not in str(caught.value)
    assert hook.connections == 0


# -- whatever was typed -----------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text(st.characters(exclude_categories=[]), max_size=60).map(lambda text: "http://" + text),
        st.from_regex(r"\Ahttps?://[^/]{0,20}(:\d{0,7})?(/.{0,20})?\Z"),
    )
)
def test_any_text_for_a_url_is_refused_and_never_reached(url: str) -> None:
    async def no_such_name(name: str) -> list[str]:
        raise NameNotFound(name)

    async def story() -> AskFailed:
        outside = Outside(AddressGuard(resolver=no_such_name), tls=TLS)
        # A literal address that is public would be connected to: names only, in this test.
        cast("Any", outside.guard)._check_address = refuse
        client = Client(outside, now=lambda: NOW, new_id=lambda: "i")
        try:
            return await failure(client, url)
        finally:
            await outside.aclose()

    assert asyncio.run(story()).kind in ("refused-by-policy", "dns")


TLS = client_tls()


def refuse(host: str, address: object) -> None:
    raise AddressRefused(host, "no addresses in this test")


@pytest.mark.parametrize("token", ["line\nbreak", "\U0001f600"])
async def test_a_credential_that_cannot_be_sent_is_named(client: Client, token: str) -> None:
    async with serving(always(reply(200, b"{}"))) as server:
        receiver = Receiver(server.url, authentication={"type": "bearer", "token": token})
        with pytest.raises(AskFailed) as caught:
            await client.ask(receiver, MESSAGE, 5)
    assert caught.value.kind == "credential"
    assert server.connections == 0


async def test_a_request_goes_out_as_it_is(client: Client) -> None:
    request = OutsideRequest("PATCH", "", {"X-A": "1"}, b'{"a": 1}', {"type": "bearer", "token": "t0ken"})
    async with serving(always(reply(201, b"done"))) as server:
        answer = await client.fetch(replace(request, url=server.url), 5)
        own = replace(request, url=server.url, headers={"authorization": "own", "content-type": "text/plain"})
        await client.fetch(own, 5)
    first, second = server.heard
    assert (answer.status, answer.body) == (201, b"done")
    assert first.body == b'{"a": 1}'
    assert first.headers["x-a"] == "1"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["authorization"] == "Bearer t0ken"
    assert second.headers["authorization"] == "own"
    assert second.headers["content-type"] == "text/plain"
    assert not any(name.startswith("webhook-") for name in first.headers)


@pytest.mark.parametrize(("method", "body"), [("PUT", b'{"a": 1}'), ("GET", None)])
async def test_a_request_is_signed_as_a_message_is(client: Client, method: str, body: bytes | None) -> None:
    plan = {"type": "hmac", "secretKey": "k", "payloadFormat": "{method} {url} {timestamp}.{body}"}
    async with serving(always(reply(200, b"done"))) as server:
        await client.fetch(OutsideRequest(method, server.url, {}, body, plan), 5)
    (heard,) = server.heard
    timestamp = heard.headers["x-timestamp"]
    signed = f"{method} {server.url} {timestamp}.".encode() + (body or b"")
    assert heard.headers["x-signature"] == hmac.new(b"k", signed, "sha256").hexdigest()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"headers": {"X-A": "one\r\ntwo"}}, "credential"),
        ({"headers": {"Host": "other"}}, "credential"),
        ({"authentication": {"type": "hmac", "secretKey": "k", "algorithm": "md5"}}, "credential"),
        ({"authentication": {"type": "basic"}}, "credential"),
        ({"url": "ftp://example.org"}, "refused-by-policy"),
        ({"url": "http://[::bad"}, "refused-by-policy"),
    ],
)
async def test_a_request_that_cannot_be_made_is_named(
    client: Client, changes: dict[str, Any], kind: str
) -> None:
    async with serving(always(reply(200))) as server:
        request = replace(OutsideRequest("GET", server.url, {}), **changes)
        with pytest.raises(AskFailed) as failed:
            await client.fetch(request, 5)
    assert failed.value.kind == kind
    assert server.heard == []


async def test_a_request_that_is_refused_says_what_came_back(client: Client) -> None:
    async with serving(always(reply(409, b'{"reason": "full"}'))) as server:
        with pytest.raises(AskFailed) as failed:
            await client.fetch(OutsideRequest("GET", server.url, {}), 5)
    assert (failed.value.status, failed.value.response) == (409, {"reason": "full"})
