"""Links to recordings that work without a key: the signature is the permission.

A link that a report carries lasts as long as the recording; one that a redirect leads to expires.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args
from urllib.parse import urlencode

RecordingKind = Literal["mono", "stereo", "customer", "assistant"]
KINDS: Final[tuple[RecordingKind, ...]] = get_args(RecordingKind)

BRIEF_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class RecordingLinks:
    """`key` signs; `base_url` is where others reach the API, without a slash at its end."""

    key: bytes = field(repr=False)
    base_url: str

    def lasting(self, call_id: str) -> Mapping[str, str]:
        """URLs of one call's recording by its kinds, valid until the call is deleted."""
        return {kind: f"{self.base_url}{self._path(call_id, kind, 0)}" for kind in KINDS}

    def brief(self, call_id: str, kind: RecordingKind, now: float) -> str:
        """A path, relative to the API, that is valid for five minutes."""
        return self._path(call_id, kind, int(now) + BRIEF_SECONDS)

    def allows(self, call_id: str, kind: str, expires: int, signature: str, now: float) -> bool:
        """Whether a link was signed here and has not expired; `expires` 0 is a lasting one."""
        genuine = hmac.compare_digest(self._signature(call_id, kind, expires).encode(), signature.encode())
        return genuine and (expires == 0 or now <= expires)

    def _path(self, call_id: str, kind: str, expires: int) -> str:
        query = urlencode({"expires": expires, "signature": self._signature(call_id, kind, expires)})
        return f"/recording/{call_id}/{kind}?{query}"

    def _signature(self, call_id: str, kind: str, expires: int) -> str:
        text = f"recording\n{call_id}\n{kind}\n{expires}"
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()


def signing_key(configured: str | None, data: Path) -> bytes:
    """The key for links: the configured secret, else one made once and kept in the data folder.

    Raises OSError when it has to be made and cannot be written.
    """
    if configured is not None:
        return configured.encode()
    file = data / "secret"
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True)
        _keep(file, secrets.token_hex(32).encode())
    return file.read_bytes()


def _keep(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, unless another process was quicker: whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".secret-")
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(content)
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
