"""What a new vendor takes: one file, one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.engines.registry import ProviderNotServed
from offhook.engines.vendors import VENDORS, Vendor
from offhook.planes.call_plane import engines_of
from tests.calls.house import House, open_house, virtual
from tests.calls.test_whole_call import ended
from tests.engines.making import assistant_with, registry_of
from tests.engines.trial_vendor import HEARD
from tests.speech.servers import outside

HERE = "tests.engines.trial_vendor"
TRIAL = {
    "transcriber": {"provider": "xai"},
    "model": {"provider": "xai", "model": "trial-1"},
    "voice": {"provider": "xai", "voiceId": "x"},
}


async def visit(folder: Path) -> House:
    """The greeting, a question, its answer."""
    async with outside() as reach, open_house(folder) as house:
        object.__setattr__(house.services, "engines", engines_of(registry_of(reach)))
        house.directory.credentials["c"] = {"provider": "xai", "apiKey": "of-the-org"}
        house.assistant.update(TRIAL)
        phone = await house.phone()
        call = await phone.dial().connect()
        await call.hears_the_end()
        await call.says("...", 1.5)
        await call.hears_the_end()
        call.hang_up()
        await ended(house)
    return house


@virtual
async def test_a_vendor_is_a_file_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VENDORS, "xai", Vendor(HERE, HERE, HERE))
    house = await visit(tmp_path)
    assert house.report["transcript"].splitlines()[1:] == [
        f"User: {HEARD}",
        "AI: This is trial-1 with the key of-the-org. We are open until five.",
    ]
    assert house.report["endedReason"] == "customer-ended-call"


async def test_without_its_line_it_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(VENDORS, "xai")
    async with outside() as reach:
        registry, assistant = registry_of(reach), assistant_with(**TRIAL)
        for make in (registry.transcriber, registry.model, registry.voice):
            with pytest.raises(ProviderNotServed):
                await make(assistant)
