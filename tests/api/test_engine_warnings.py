"""An assistant whose engines will not work here is stored all the same; the answer says which, and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from offhook.engines.vendors import CLOSED
from offhook.store import Repository
from tests.api.conftest import client_of, open_house

CANARY = "sk-canary-5f1e0c77"
MODERN = {
    "transcriber": {"provider": "talkscriber"},
    "model": {"provider": "anthropic", "model": "claude-sonnet-5"},
    "voice": {"provider": "playht", "voiceId": "jennifer"},
}


def warned(response: httpx2.Response) -> list[str]:
    """The texts of the header, each with its engine first."""
    written = response.headers.get("warning", "")
    values = re.findall(r'199 offhook "((?:[^"\\\\]|\\\\.)*)"', written)
    assert ", ".join(f'199 offhook "{value}"' for value in values) == written
    return values


def engines(response: httpx2.Response) -> list[str]:
    return [text.partition(":")[0] for text in warned(response)]


async def test_it_names_each_engine_and_what_to_do(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    created = await client.post("/assistant", json=MODERN)
    assert created.status_code == 201
    assert created.json()["model"] == MODERN["model"]
    assert engines(created) == ["talkscriber transcriber", "anthropic model", "playht voice"]
    unserved, keyless, closed = warned(created)
    assert "not served here" in unserved
    assert "not served here" in closed
    assert "store a credential of the provider anthropic" in keyless
    assert "OFFHOOK_ANTHROPIC_API_KEY" in keyless
    assert f"assistant {created.json()['id']}: anthropic model: there is no key" in caplog.text


@pytest.mark.parametrize("provider", CLOSED)
async def test_why_one_can_be_served_by_nobody_is_said(client: httpx2.AsyncClient, provider: str) -> None:
    settings = {
        "talkscriber": {"transcriber": {"provider": provider}},
        "anyscale": {"model": {"provider": provider, "model": "m"}},
        "inflection-ai": {"model": {"provider": provider, "model": "inflection_3_pi"}},
        "sesame": {"voice": {"provider": provider, "voiceId": "v", "model": "csm-1b"}},
    }
    given = settings.get(provider, {"voice": {"provider": provider, "voiceId": "v"}})
    created = await client.post("/assistant", json=given)
    assert created.status_code == 201
    (text,) = warned(created)
    assert CLOSED[provider] in text


async def test_nothing_is_said_of_engines_that_work(client: httpx2.AsyncClient) -> None:
    custom = {"provider": "custom-llm", "model": "m", "url": "https://llm.example.org"}
    for given in ({}, {"model": {"provider": "vapi"}}, {"model": custom}):
        assert "warning" not in (await client.post("/assistant", json=given)).headers


async def test_a_key_of_any_place_is_one(client: httpx2.AsyncClient) -> None:
    model = {"model": MODERN["model"]}
    own = [{"provider": "anthropic", "apiKey": CANARY}]
    assert engines(await client.post("/assistant", json={**model, "credentials": own})) == []
    assert engines(await client.post("/assistant", json=model)) == ["anthropic model"]
    stored = await client.post("/credential", json={"provider": "anthropic", "apiKey": CANARY})
    assert stored.status_code == 201
    assert engines(await client.post("/assistant", json=model)) == []
    assert engines(await client.post("/assistant", json={**model, "credentialIds": []})) == [
        "anthropic model"
    ]


@pytest.mark.parametrize(
    "flags", [{"anthropic_api_key": CANARY}, {"anthropic_base_url": "http://127.0.0.1:1"}]
)
async def test_the_nodes_key_or_address_is_one(tmp_path: Path, flags: dict[str, Any]) -> None:
    async with open_house(tmp_path, **flags) as house, client_of(house) as client:
        assert engines(await client.post("/assistant", json={"model": MODERN["model"]})) == []


async def test_those_that_take_over_are_named_too(client: httpx2.AsyncClient) -> None:
    spare = {"voices": [{"provider": "lmnt", "voiceId": "lily"}, {"provider": "vapi"}]}
    voice = {"provider": "playht", "voiceId": "jennifer", "fallbackPlan": spare}
    created = await client.post("/assistant", json={"voice": voice})
    assert engines(created) == ["playht voice", "lmnt voice"]


async def test_a_change_is_looked_at_as_a_whole(client: httpx2.AsyncClient) -> None:
    created = (await client.post("/assistant", json={"model": MODERN["model"]})).json()
    path = f"/assistant/{created['id']}"
    assert engines(await client.patch(path, json={"name": "Ada"})) == ["anthropic model"]
    assert engines(await client.patch(path, json={"model": {"provider": "vapi"}})) == []
    assert "warning" not in (await client.get(path)).headers


async def test_what_stands_in_is_said(tmp_path: Path) -> None:
    async with open_house(tmp_path, substitute="local") as house, client_of(house) as client:
        (text,) = warned(await client.post("/assistant", json={"model": MODERN["model"]}))
    assert text.endswith("until then the local engine stands in (OFFHOOK_SUBSTITUTE)")


async def test_assistants_within_a_squad_are_looked_at(client: httpx2.AsyncClient) -> None:
    squad = {"members": [{"assistant": {"name": "Ada", "model": MODERN["model"]}}]}
    assert engines(await client.post("/squad", json=squad)) == ["anthropic model"]


async def test_a_key_is_in_no_answer_and_no_log(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    credential = await client.post("/credential", json={"provider": "anthropic", "apiKey": CANARY})
    at = f"/credential/{credential.json()['id']}"
    own = {"credentials": [{"provider": "openai", "apiKey": CANARY}], **MODERN}
    answers = [
        credential,
        await client.get(at),
        await client.patch(at, json={"name": "Ours"}),
        await client.get("/credential"),
        await client.post("/assistant", json=own),
        await client.get("/assistant"),
        await client.post("/credential", json={"provider": "openai", "apiKey": f"{CANARY} spaced"}),
    ]
    assert all(CANARY not in one.text + str(one.headers) for one in answers)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("provider", ["openai", "anthropic", "deepgram", "11labs", "cartesia"])
@pytest.mark.parametrize("key", ["", " ", "sk-1 ", "sk-1\n", "sk-\u00e9", "x" * 10_001])
async def test_a_key_that_cannot_be_one_is_refused(
    client: httpx2.AsyncClient, provider: str, key: str
) -> None:
    refused = await client.post("/credential", json={"provider": provider, "apiKey": key})
    assert refused.status_code == 400
    assert "apiKey" in str(refused.json()["message"])


@pytest.mark.parametrize(
    "given",
    [
        {"provider": "deepgram", "apiKey": "k", "apiUrl": "http://127.0.0.1:1"},
        {"provider": "cartesia", "apiKey": "k", "apiUrl": "http://10.0.0.1/"},
        {
            "provider": "azure-openai",
            "region": "eastus",
            "models": ["gpt-4o-2024-08-06"],
            "openAIKey": "k",
            "openAIEndpoint": "http://169.254.169.254/",
        },
    ],
)
async def test_an_address_that_may_not_be_reached_is_refused(
    client: httpx2.AsyncClient, given: dict[str, Any]
) -> None:
    refused = await client.post("/credential", json=given)
    assert refused.status_code == 400
    assert "cannot be reached" in str(refused.json()["message"])


@pytest.mark.parametrize(
    ("part", "plan"),
    [
        ("transcriber", {"provider": "deepgram", "fallbackPlan": {"transcribers": [{"provider": "vapi"}]}}),
        ("voice", {"provider": "playht", "voiceId": "v", "fallbackPlan": {"voices": [{"provider": "vapi"}]}}),
    ],
)
async def test_the_platforms_own_may_take_over(client: httpx2.AsyncClient, part: str, plan: Any) -> None:
    assert (await client.post("/assistant", json={part: plan})).status_code == 201


async def test_credentials_are_looked_up_once_however_many_engines_there_are(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls wait for the transaction in which that is done."""
    asked: list[Any] = []
    whole = Repository.list

    async def counted(self: Repository, *given: Any, **more: Any) -> Any:
        asked.append(given)
        return await whole(self, *given, **more)

    monkeypatch.setattr(Repository, "list", counted)
    voices = [{"provider": "11labs", "voiceId": str(number)} for number in range(200)]
    voice = {"provider": "11labs", "voiceId": "x", "fallbackPlan": {"voices": voices}}
    created = await client.post("/assistant", json={"voice": voice})
    assert engines(created) == ["11labs voice"]
    assert len(asked) <= 2


SPANISH = {"transcriber": {"provider": "vapi", "language": "es"}}
LOCAL = ["vapi transcriber", "vapi model", "vapi voice"]


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        (SPANISH, LOCAL),
        ({"transcriber": {"provider": "vapi", "languages": ["en", "fr"]}}, LOCAL),
        ({"transcriber": {"provider": "vapi", "language": "multi"}}, LOCAL),
        ({"voice": {"provider": "vapi", "voiceId": "Elliot", "language": "de-DE"}}, ["vapi voice"]),
        ({**SPANISH, "voice": {"provider": "vapi", "voiceId": "Elliot", "language": "en"}}, LOCAL[:2]),
        ({"transcriber": {"provider": "vapi", "language": "en-GB"}}, []),
        ({"transcriber": {"provider": "vapi", "language": "English"}}, []),
        ({"voice": {"provider": "vapi", "voiceId": "Elliot"}}, []),
    ],
)
async def test_a_language_that_the_local_engines_do_not_have_is_named(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, given: dict[str, Any], lacking: list[str]
) -> None:
    created = await client.post("/assistant", json=given)
    assert created.status_code == 201
    assert engines(created) == lacking
    assert all("but en only" in text for text in warned(created))
    assert ("but en only" in caplog.text) is bool(lacking)
    changed = await client.patch(f"/assistant/{created.json()['id']}", json={"name": "Ana"})
    assert engines(changed) == lacking
