"""Lists of what Offhook does not have are empty, in the shape that the original gives them."""

from __future__ import annotations

import re
from uuid import UUID

import httpx2
import pytest

from offhook.api.resources.unserved import LISTS, PAGES
from tests.api.conftest import House, client_of
from tests.schema.official import ENDPOINTS

NO_LISTS = {
    "/call/{id}/assistant-recording",
    "/call/{id}/call-logs",
    "/call/{id}/customer-recording",
    "/call/{id}/mono-recording",
    "/call/{id}/pcap",
    "/call/{id}/stereo-recording",
    "/call/{id}/video-recording",
    "/eval/simulation/concurrency",
    "/reporting/board/default/metrics-overview",
}
PUBLISHED = sorted(
    path
    for path in (line.removeprefix("GET ") for line in ENDPOINTS if line.startswith("GET "))
    if path not in NO_LISTS and (not path.endswith("}") or path.endswith("{resourceName}"))
)


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "11111111-2222-4333-8444-555555555555", path)


async def test_every_published_list_is_answered(client: httpx2.AsyncClient) -> None:
    answers = {path: await client.get(filled(path)) for path in PUBLISHED}

    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
    assert len(answers) > 25


@pytest.mark.parametrize("path", ["/block", "/knowledge-base", "/workflow"])
async def test_lists_of_older_versions(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).json() == []


@pytest.mark.parametrize("path", ["/logs", "/test-suite", "/test-suite/s1/run", "/test-suite/s1/test"])
async def test_pages_of_older_versions(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path, params={"page": 1})).json()["results"] == []


async def test_empty_lists(client: httpx2.AsyncClient) -> None:
    params = {"limit": "5", "status": "any", "createdAtGt": "2026-01-01"}
    found = {path: (await client.get(filled(path), params=params)).json() for path in LISTS}

    assert found == {path: [] for path in LISTS}


async def test_empty_pages(client: httpx2.AsyncClient) -> None:
    params = {"limit": "5", "page": "2", "sortOrder": "ASC", "name": "any", "updatedAtLe": "2026-01-01"}
    found = {path: (await client.get(filled(path), params=params)).json() for path in PAGES}

    metadata = {
        "itemsPerPage": 5,
        "totalItems": 0,
        "currentPage": 2,
        "totalPages": 0,
        "hasNextPage": False,
        "sortOrder": "ASC",
        "itemsBeyondRetention": False,
    }
    assert found == {path: {"results": [], "metadata": metadata} for path in PAGES}


async def test_lists_are_for_who_has_a_key(house: House) -> None:
    async with client_of(house, "wrong") as stranger:
        statuses = {(await stranger.get(filled(path))).status_code for path in (*LISTS, *PAGES)}

    assert statuses == {401}


@pytest.mark.parametrize("path", ["/file", "/structured-output", "/eval/simulation/suite"])
async def test_there_is_nothing_to_be_made_or_read(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.post(path, json={})).status_code == 405
    assert (await client.get(f"{path}/{UUID(int=7)}")).status_code == 404


async def test_resources_are_told_apart_by_the_first_digits_of_their_ids(client: httpx2.AsyncClient) -> None:
    made = [(await client.post("/assistant", json={"name": f"A{n}"})).json()["id"] for n in range(20)]
    tool = (await client.post("/tool", json={"type": "endCall"})).json()["id"]

    assert {UUID(one).version for one in [*made, tool]} == {4}
    assert len({one[:8] for one in made}) == 20
