"""Where a custom engine lives, and what it is told about the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from offhook.network import without
from offhook.network.error_words import LONGEST
from offhook.network.guard import AddressRefused
from offhook.speech.engine_protocols import EngineError, Stage

CallContext = Callable[[], Mapping[str, object]]
"""What is known of the call now, as the API writes it: any of `call`, `phoneNumber`, `customer`, `assistant`,
`metadata`. Merged into what custom engines are sent."""

Settings = BaseModel | Mapping[str, object] | None
"""A transcriber, voice or model of an assistant: the schema's model, or the same as JSON (camelCase)."""

CUSTOM = "custom"
"""`provider` in errors of custom engines: the reason is `pipeline-error-custom-voice-failed`, not
`-custom-voice-voice-failed` (vapi-wire Appendix A)."""

DEFAULT_TIMEOUT = 20.0

REFUSED = (AddressRefused, OSError, ValueError)
"""What a guarded connection to a strange address may raise besides its library's own errors. `ValueError`: a
URL or a header that cannot be sent. TimeoutError is an OSError."""


def no_context() -> Mapping[str, object]:
    return {}


def json_of(settings: Settings) -> Mapping[str, object]:
    if isinstance(settings, BaseModel):
        return settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    return settings or {}


@dataclass(frozen=True, slots=True)
class Remote:
    """A `server` object (vapi-wire §1.5) as an engine needs it. `timeout` in seconds."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = DEFAULT_TIMEOUT

    def told(self, words: str) -> str:
        """What the server, or a library, has said about a request, without what was sent in its headers."""
        return without(self.headers.values(), words)[:LONGEST]

    @classmethod
    def of(cls, settings: Mapping[str, object], stage: Stage) -> Remote:
        """From `settings.server`. Raises EngineError if there is no URL in it."""
        server = settings.get("server")
        url = server.get("url") if isinstance(server, Mapping) else None
        if not isinstance(server, Mapping) or not isinstance(url, str) or not url:
            raise EngineError(stage, CUSTOM, "no server.url is set")
        headers = server.get("headers")
        sent = {str(k): str(v) for k, v in headers.items()} if isinstance(headers, Mapping) else {}
        secret = server.get("secret")
        if isinstance(secret, str) and secret:
            sent["X-Vapi-Secret"] = secret
        if not all(name.isprintable() and value.isprintable() for name, value in sent.items()):
            raise EngineError(stage, CUSTOM, "a header of the server cannot be sent: it has a line break")
        timeout = server.get("timeoutSeconds")
        seconds = float(timeout) if isinstance(timeout, int | float) and timeout > 0 else DEFAULT_TIMEOUT
        return cls(url, sent, seconds)
