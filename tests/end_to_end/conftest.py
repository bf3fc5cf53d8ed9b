"""The service that the tests of this folder share, and what each test has for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.end_to_end.node import Node, Number, assistant, new_number
from tests.end_to_end.sink import WebhookSink


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for all tests that do not break it; each makes its own number. It serves both families."""
    node = Node(tmp_path_factory.mktemp("service"), sip_host="::")
    node.start()
    yield node
    node.stop()
    assert "Traceback" not in node.log, node.log


@pytest.fixture
def sink() -> Iterator[WebhookSink]:
    receiver = WebhookSink()
    yield receiver
    receiver.down()


ALL_MESSAGES = [
    "status-update",
    "end-of-call-report",
    "speech-update",
    "transcript",
    "conversation-update",
    "user-interrupted",
]

MakeNumber = Callable[..., Number]


@pytest.fixture
def number(service: Node, sink: WebhookSink) -> MakeNumber:
    """`number(**changes of the assistant)`: answered by a receptionist who reports to the test's sink."""

    def make(**changes: Any) -> Number:
        return new_number(
            service,
            answered_by=assistant(server={"url": sink.url}, serverMessages=ALL_MESSAGES, **changes),
        )

    return make
