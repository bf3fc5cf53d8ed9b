"""Whoever has nothing but `/openapi.json` gets a client that works: three generators of clients read it, and
what they made is used. Each runs once for all tests of this file."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from offhook.api.app import ROOMS
from offhook.api.openapi.openapi_document import build
from tests.api.conftest import KEY, Served
from tests.machine import generator
from tests.schema.samples import sample

pytestmark = [pytest.mark.foreign, pytest.mark.slow, pytest.mark.timeout(600)]

MISSION = {
    "fallback_destination",
    "provider",
    "id",
    "org_id",
    "created_at",
    "updated_at",
    "name",
    "assistant_id",
    "squad_id",
    "server_url",
    "server_url_secret",
    "sip_uri",
}
"""The properties of VapiPhoneNumber as it was first published, by their names in Python."""
FILES = Path(__file__).resolve().parent.parent / "generators"
PYTHON = "python/bin/python"


@dataclass(frozen=True)
class Generated:
    """`said`: what the generator of the whole client had to say."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    folder = tmp_path_factory.mktemp("clients")
    document = folder / "openapi.json"
    document.write_text(json.dumps(build([route for room in ROOMS for route in room.routes()], "/")), "utf-8")
    settings = folder / "settings.yaml"
    settings.write_text("post_hooks: []\ncontent_type_overrides: {audio/wav: application/octet-stream}\n")
    client = ["--path", str(document), "--config", str(settings), "--meta", "none"]
    client += ["--output-path", str(folder / "offhook_client")]
    models = ["--input", str(document), "--input-file-type", "openapi", "--formatters", "builtin"]
    models += ["--output-model-type", "pydantic_v2.BaseModel"]
    commands = [
        [generator("python/bin/openapi-python-client"), "generate", *client],
        [generator("python/bin/datamodel-codegen"), *models, "--output", str(folder / "models.py")],
        [
            generator("node/node_modules/.bin/openapi-typescript"),
            str(document),
            "-o",
            str(folder / "api.d.ts"),
        ],
    ]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    said = [one.communicate(timeout=500)[0] for one in running]
    assert [one.returncode for one in running] == [0, 0, 0], said
    return Generated(folder, said[0])


def run(*command: str | Path, given: str = "", folder: Path | None = None) -> str:
    ended = subprocess.run(
        [str(part) for part in command], input=given, capture_output=True, text=True, timeout=200, cwd=folder
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_client_is_generated_of_all_that_the_document_says(generated: Generated) -> None:
    assert "Unable" not in generated.said
    assert "WARNING" not in generated.said
    made = {path.stem for path in (generated.folder / "offhook_client/api/phone_numbers").glob("*.py")}
    assert {f"phone_number_controller_{action}" for action in ("create", "update", "find_one")} <= made


def test_the_client_makes_reads_and_changes_a_number(generated: Generated, served: Served) -> None:
    seen = json.loads(
        run(generator(PYTHON), FILES / "use_client.py", generated.folder, served.url, KEY, folder=FILES)
    )

    assert seen["class"] == "VapiPhoneNumber"
    assert set(seen["attributes"]) >= MISSION
    assert seen["patch"] == {"name": "Back desk"}
    assert seen["made"]["sipUri"].startswith("sip:")
    kept = ("id", "orgId", "createdAt", "provider", "sipUri", "serverUrl", "serverUrlSecret")
    for name in (*kept, "fallbackDestination"):
        assert seen["made"][name] == seen["read"][name] == seen["changed"][name], name
    assert (seen["read"]["name"], seen["changed"]["name"]) == ("Front desk", "Back desk")
    assert seen["listed"] == [seen["made"]["id"]]
    assert (seen["absent"]["statusCode"], seen["absent"]["error"]) == (404, "Not Found")


def test_the_generated_models_read_what_is_answered(generated: Generated, served: Served) -> None:
    documents: dict[str, dict[str, Any]] = {}
    with httpx2.Client(base_url=served.url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        for path, name, body in (
            ("/phone-number", "VapiPhoneNumber", {"provider": "vapi", "name": "Front desk"}),
            ("/assistant", "Assistant", {"model": {"provider": "groq", "model": "m"}, "name": "Ann"}),
            ("/squad", "Squad", {"members": [{"assistant": {"firstMessage": "Hello."}}]}),
            ("/tool", "EndCallTool", {"type": "endCall"}),
            ("/credential", "OpenAICredential", {"provider": "openai", "apiKey": "sk"}),
        ):
            made = client.post(path, json=body)
            assert made.status_code == 201, made.text
            documents[name] = made.json()
        documents["PhoneNumberPaginatedResponse"] = client.get("/v2/phone-number").json()
        documents["ErrorEnvelope"] = client.get("/phone-number/none").json()
    documents["CreateVapiPhoneNumberDTO"] = sample("CreateVapiPhoneNumberDTO")
    documents["UpdateFunctionToolDTO"] = {"messages": []}

    written = json.loads(
        run(
            generator(PYTHON),
            FILES / "use_models.py",
            generated.folder / "models.py",
            given=json.dumps(documents),
        )
    )

    assert {name: document.keys() for name, document in written.items()} == {
        name: document.keys() for name, document in documents.items()
    }
    assert written["VapiPhoneNumber"]["sipUri"] == documents["VapiPhoneNumber"]["sipUri"]


def test_the_types_for_typescript_fit_what_is_written_and_refuse_what_is_wrong(generated: Generated) -> None:
    shutil.copy(FILES / "use_types.ts", generated.folder)

    run(
        generator("node/node_modules/.bin/tsc"),
        "--strict",
        "--noEmit",
        "--skipLibCheck",
        "false",
        "--target",
        "es2022",
        "use_types.ts",
        folder=generated.folder,
    )
