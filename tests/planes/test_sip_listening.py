"""What is said of the node's certificate while it serves."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from offhook.network.certificates import DAY, Certificates
from offhook.planes.sip_listening import SOON, warn_in_time
from tests.virtual import run_virtual


@pytest.mark.parametrize(("days", "warned"), [(SOON + 5, 0), (SOON - 5, 3), (-5, 3), (None, 0)])
def test_each_day_a_certificate_that_is_to_be_replaced_is_told_of(
    days: int | None, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates()
    certificates.expires = None if days is None else time.time() + days * DAY

    async def tale() -> None:
        warning = asyncio.create_task(warn_in_time(certificates))
        await asyncio.sleep(3.5 * DAY)
        warning.cancel()

    run_virtual(tale())
    assert [one.levelno for one in caplog.records if "certificate" in one.getMessage()] == [
        logging.WARNING
    ] * warned
