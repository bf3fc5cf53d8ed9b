"""A whole call with each of the other vendors, over the fakes that stand in for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.speech.engine_request import Account
from tests.calls.test_vendor_calls import ASKED, WHOLE, World, lines, visit
from tests.fakes import ears, gemini, streamed_voices
from tests.fakes.streamed_voices import MOUTHS, Mouth
from tests.speech.test_vendors_ears import EARS, Ear

pytestmark = pytest.mark.slow
MIND = {"provider": "groq", "model": "gpt-4o"}


@pytest.mark.parametrize("ear", EARS.values(), ids=EARS)
async def test_a_call_that_a_vendor_hears(tmp_path: Path, ear: Ear) -> None:
    async with ear.served(ear.fake([ASKED] * 3)) as fake:
        account = Account(ears.KEY, fake.url + ear.base)
        world = World(
            assistant={"transcriber": ear.settings, "model": MIND}, accounts={ear.provider: account}
        )
        house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE
    assert house.report["endedReason"] == "customer-ended-call"


@pytest.mark.parametrize("mouth", MOUTHS.values(), ids=MOUTHS)
async def test_a_call_in_which_a_vendor_speaks(tmp_path: Path, mouth: Mouth) -> None:
    fake = streamed_voices.Fake(mouth)
    async with streamed_voices.served(fake) as server:
        account = Account(streamed_voices.KEY, server.url)
        world = World(assistant={"voice": mouth.settings}, accounts={mouth.settings["provider"]: account})
        house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE
    assert len(fake.asked) == 2


async def test_a_call_that_googles_models_hear(tmp_path: Path) -> None:
    async with gemini.served(gemini.Fake(text=ASKED)) as server:
        account = Account(gemini.KEY, server.url)
        world = World(assistant={"transcriber": {"provider": "google"}}, accounts={"google": account})
        house, _ = await visit(tmp_path, world)
    assert lines(house) == WHOLE
