"""Every mistake is answered in the same envelope (vapi-wire §1.6)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from offhook.api.http.body import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from tests.api.conftest import KEY, PUBLIC_KEY, House, Served, client_of
from tests.machine import PATIENCE

INVALID_KEY_BODY = (
    b'{"message":"Invalid Key. Hot tip, you may be using the private key instead of the public key, or vice'
    b' versa.","error":"Unauthorized","statusCode":401}'
)


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEY}", f"Bearer {PUBLIC_KEY}", KEY],
)
async def test_a_wrong_key_gets_the_150_bytes_of_the_original(
    house: House, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    async with client_of(house, None) as client:
        answer = await client.get("/assistant", headers=headers)

    assert answer.status_code == 401
    assert answer.content == INVALID_KEY_BODY
    assert len(answer.content) == 150
    assert answer.headers["content-type"] == "application/json"


async def test_the_scheme_is_case_insensitive(house: House) -> None:
    async with client_of(house, None) as client:
        answer = await client.get("/assistant", headers={"Authorization": f"bearer {KEY}"})

    assert answer.status_code == 200


async def test_a_revoked_key_opens_nothing(house: House, client: httpx2.AsyncClient) -> None:
    async with house.services.database.transaction() as tx:
        private = next(key for key in await tx.keys.list(house.org_id) if key.tag == "private")
        await tx.keys.revoke(house.org_id, private.id)

    assert (await client.get("/assistant")).status_code == 401


async def test_an_unknown_path_and_method(client: httpx2.AsyncClient) -> None:
    path = await client.get("/nothing/here")
    method = await client.put("/assistant", json={})

    assert path.status_code == 404
    assert path.json() == {"message": "Cannot GET /nothing/here", "error": "Not Found", "statusCode": 404}
    assert method.status_code == 405
    assert method.json() == {
        "message": "Cannot PUT /assistant",
        "error": "Method Not Allowed",
        "statusCode": 405,
    }
    assert method.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/assistant/", "/assistant///"])
async def test_a_slash_at_the_end_makes_no_difference(client: httpx2.AsyncClient, path: str) -> None:
    made = await client.post(path, json={"name": "Ann"})
    wrong = await client.put(path, json={})

    assert (made.status_code, wrong.status_code) == (201, 405)
    assert (await client.get(path)).json() == [made.json()]
    assert wrong.headers["allow"] == "GET, HEAD, POST"


def test_head_answers_as_get_without_a_body(served: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=served.url, headers=headers, timeout=PATIENCE) as client:
        for path, status in (("/assistant", 200), ("/assistant/none", 404), ("/docs", 200)):
            head, get = client.head(path), client.get(path)

            assert (head.status_code, head.content) == (status, b"")
            assert head.headers["content-type"] == get.headers["content-type"]
            assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the body is not valid JSON"),
        (b"{", "the body is not valid JSON"),
        (b"\xff{}", "the body is not valid JSON"),
        (b'{"metadata": {"x": NaN}}', "the body is not valid JSON"),
        (b'{"metadata": {"x": 1e999}}', "the body is not valid JSON"),
        (b'{"metadata": {"x": ' + b"9" * 5000 + b"}}", "the body is not valid JSON"),
        (b"[" * 100_000, "the body is not valid JSON"),
        (b"[]", "the body must be a JSON object"),
        (b'"text"', "the body must be a JSON object"),
        (b'{"name": "a\\u0000b"}', "the body holds a character that cannot be stored"),
        (b'{"name": "\\ud800"}', "the body holds a character that cannot be stored"),
        (b'{"metadata":{"x":[' + b"0," * MAX_VALUES + b"0]}}", "the body holds more than 20000 names and"),
        (b'{"metadata":' + b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH + b"}", "nested deeper than 64"),
    ],
)
async def test_a_body_that_is_not_a_json_object(
    client: httpx2.AsyncClient, content: bytes, says: str
) -> None:
    answer = await client.post("/assistant", content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    body = answer.json()
    assert says in body["message"]
    assert (body["error"], body["statusCode"]) == ("Bad Request", 400)


async def test_another_content_type_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/assistant", content=b"{}", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 415
    assert answer.json()["error"] == "Unsupported Media Type"


async def test_a_charset_is_no_other_content_type(client: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    assert (await client.post("/assistant", content=b"{}", headers=headers)).status_code == 201


@pytest.mark.parametrize("says_its_length", [True, False])
async def test_a_body_that_is_too_large(client: httpx2.AsyncClient, says_its_length: bool) -> None:
    content = b'{"name":"' + b"x" * MAX_BYTES + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    headers = {"Content-Type": "application/json"}
    answer = await client.post(
        "/assistant", content=content if says_its_length else pieces(), headers=headers
    )

    assert answer.status_code == 413
    assert answer.json()["error"] == "Payload Too Large"


async def test_a_failure_inside_says_nothing_and_is_logged_once_with_the_request_id(
    house: House,
    client: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("offhook.api.resources.resource.listed", broken)
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/assistant")

    assert answer.status_code == 500
    assert answer.json() == {
        "message": "Internal server error",
        "error": "Internal Server Error",
        "statusCode": 500,
    }
    assert len(caplog.records) == 1
    assert f"request={answer.headers['x-request-id']}" in caplog.records[0].getMessage()


async def test_every_answer_has_its_own_request_id(client: httpx2.AsyncClient) -> None:
    ids = {(await client.get("/health/live")).headers["x-request-id"] for _ in range(5)}

    assert len(ids) == 5
