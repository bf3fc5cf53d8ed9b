"""`offhook doctor --engines`: each configured key is tried, and the table says how it went."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from offhook.cli import app
from offhook.engines.probes import PROBES
from offhook.engines.vendors import KEYED
from offhook.settings import PREFIX, load_settings
from offhook.speech.vendor_variables import variable
from offhook.store import Database, IdMaker
from tests.store.databases import make_newest

GOOD, BAD = "sk-canary-good-1", "sk-canary-bad-01"


class Vendor(ThreadingHTTPServer):
    """Takes GOOD wherever a vendor takes its key, and quotes what it refuses."""

    daemon_threads = True

    def __init__(self) -> None:
        self.paths: list[str] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vendor.paths.append(self.path)
                words = " ".join(self.headers.values()).split()
                key = next((word for word in words if "canary" in word), "")
                body = b"{}" if key == GOOD else json.dumps({"error": {"message": f"wrong {key}"}}).encode()
                self.send_response(200 if key == GOOD else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def doctor(folder: Path, *flags: str, **variables: str) -> tuple[int, str]:
    env = {PREFIX + name: value for name, value in {"DATA": str(folder), **variables}.items()}
    done = CliRunner().invoke(app, ["doctor", "--engines", *flags], env=env)
    assert GOOD not in done.output
    assert BAD not in done.output
    return done.exit_code, done.output


def names(provider: str, key: str, url: str) -> dict[str, str]:
    return {variable(provider, "api_key").upper(): key, variable(provider, "base_url").upper(): url}


def test_each_key_is_tried(tmp_path: Path, vendor: Vendor) -> None:
    given = {**names("openai", GOOD, vendor.url + "/v1"), **names("anthropic", BAD, vendor.url)}
    code, output = doctor(tmp_path, **given, GROQ_BASE_URL=vendor.url)
    lines = output.splitlines()
    assert code == 1
    assert lines[0].split() == ["engine", "key", "answer"]
    assert lines[1].split() == ["openai", "the", "node's", "accepted"]
    assert lines[2].split() == ["anthropic", "the", "node's", "refused:", "HTTP", "401", "wrong", "***"]
    assert len(lines) == 3
    assert sorted(vendor.paths) == ["/v1/models", "/v1/models?limit=1"]


@pytest.mark.parametrize("provider", sorted(PROBES.keys() & set(KEYED)))
def test_every_vendor_has_its_request(tmp_path: Path, vendor: Vendor, provider: str) -> None:
    for key, code in ((GOOD, 0), (BAD, 1)):
        found, output = doctor(tmp_path, "--json", **names(provider, key, vendor.url))
        (row,) = json.loads(output)["engines"]
        assert (found, row["engine"], row["accepted"]) == (code, provider, not code)


def test_every_vendor_with_a_key_is_known() -> None:
    assert set(KEYED) <= PROBES.keys()


def test_a_vendor_that_is_not_reached_is_said_to_be(tmp_path: Path) -> None:
    code, output = doctor(tmp_path, **names("openai", GOOD, "http://127.0.0.1:1"))
    assert code == 1
    assert "not reached" in output


def test_without_keys_it_says_how_to_have_some(tmp_path: Path) -> None:
    code, output = doctor(tmp_path)
    assert (code, "OFFHOOK_<PROVIDER>_API_KEY" in output) == (0, True)


def test_the_keys_of_orgs_are_tried_too(tmp_path: Path, vendor: Vendor) -> None:
    org = kept(
        tmp_path, {"provider": "groq", "apiKey": GOOD}, {"provider": "webhook", "authenticationPlan": {}}
    )
    code, output = doctor(tmp_path, GROQ_BASE_URL=vendor.url)
    assert code == 0
    assert f"of org {org}  accepted" in output
    assert vendor.paths == ["/models"]


def test_the_keys_of_deployments_and_those_within_assistants_are_tried_too(
    tmp_path: Path, vendor: Vendor
) -> None:
    azure = {"provider": "azure-openai", "region": "eastus", "models": [], "openAIKey": GOOD}
    storage = {"provider": "azure", "service": "blob_storage", "region": "eastus", "apiKey": BAD}
    inline = [{"provider": "groq", "apiKey": GOOD}, {"provider": "webhook", "authenticationPlan": {}}]
    kept(tmp_path, {**azure, "openAIEndpoint": vendor.url}, storage, assistants=[{"credentials": inline}])
    code, output = doctor(tmp_path, GROQ_BASE_URL=vendor.url, ALLOW_PRIVATE_URLS="1")
    assert (code, output.count("accepted")) == (0, 2)
    assert "assistant " in output
    assert sorted(vendor.paths) == ["/models", "/openai/models?api-version=2024-10-21"]


def test_the_nodes_key_goes_to_no_region_of_an_orgs(tmp_path: Path, vendor: Vendor) -> None:
    named = {"provider": "azure", "service": "speech", "region": "azure.invalid/"}
    kept(tmp_path, named, {**named, "apiKey": ""}, {**named, "apiKey": BAD})
    code, output = doctor(tmp_path, **names("azure", GOOD, vendor.url))
    assert (code, output.count("accepted")) == (0, 3)
    assert set(vendor.paths) == {"/cognitiveservices/voices/list"}


def test_one_whose_address_may_not_be_reached_does_not_keep_the_others_from_being_tried(
    tmp_path: Path, vendor: Vendor
) -> None:
    kept(tmp_path, {"provider": "deepgram", "apiKey": BAD, "apiUrl": vendor.url})
    code, output = doctor(tmp_path, **names("openai", GOOD, vendor.url + "/v1"))
    assert code == 1
    assert "not reached" in output
    assert "accepted" in output


def kept(folder: Path, *credentials: dict[str, Any], assistants: Sequence[dict[str, Any]] = ()) -> str:
    """An org with these."""

    async def store() -> str:
        settings = load_settings({"data": folder})
        await make_newest(settings.database)
        clock = iter(range(1_790_000_000, 1_790_001_000))

        def now() -> float:
            return float(next(clock))

        database = await Database.open(settings.database, now=now, new_id=IdMaker(now, random.Random(7)))
        async with database.transaction() as tx:
            org = await tx.orgs.create({"name": "First"})
            for credential in credentials:
                await tx.credentials.create(org.id, credential)
            for assistant in assistants:
                await tx.assistants.create(org.id, assistant)
        await database.close()
        return org.id

    return asyncio.run(store())
