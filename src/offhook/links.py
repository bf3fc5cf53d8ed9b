"""Links to recordings that work without a key: the signature is the permission.

A link that a report carries lasts for a year, one that a redirect leads to for minutes. There is one way to
write each: what was not made here to the letter opens nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

RecordingKind = Literal["mono", "stereo", "customer", "assistant"]
KINDS: Final[tuple[RecordingKind, ...]] = get_args(RecordingKind)

BRIEF_SECONDS: Final = 300
LASTING_SECONDS: Final = 366 * 86_400

LEAST_SECRET: Final = 16
"""Characters. A shorter one could be guessed, and links forged."""

_BLANK: Final = b"\0 \t\r\n\v\f"
"""What says nothing; a file that was not written in full before the power went may be all zeros."""

_QUERY: Final = re.compile(rb"expires=([1-9][0-9]{0,14})&signature=([0-9a-f]{64})")


class ShortSecret(Exception):
    """One line that says what to do about it."""


@dataclass(frozen=True, slots=True)
class RecordingLinks:
    """`key` signs; `base_url` is where others reach the API, without a slash; `now` gives seconds since the
    epoch."""

    key: bytes = field(repr=False)
    base_url: str
    now: Callable[[], float]

    def lasting(self, call_id: str) -> Mapping[str, str]:
        """URLs of one call's recording by its kinds, valid for a year unless the call is deleted."""
        expires = int(self.now()) + LASTING_SECONDS
        return {kind: f"{self.base_url}{self._path(call_id, kind, expires)}" for kind in KINDS}

    def brief(self, call_id: str, kind: RecordingKind) -> str:
        """A path, relative to the API, that is valid for five minutes."""
        return self._path(call_id, kind, int(self.now()) + BRIEF_SECONDS)

    def allows(self, call_id: str, kind: str, path: bytes, query: bytes) -> bool:
        """Whether a request's `path` and `query`, as they were sent, are a link to this recording that was
        made here and has not expired."""
        given = _QUERY.fullmatch(query)
        if given is None or self.now() > int(given[1]):
            return False
        made = self._path(call_id, kind, int(given[1]))
        return hmac.compare_digest(made.encode(), path + b"?" + query)

    def _path(self, call_id: str, kind: str, expires: int) -> str:
        text = f"recording\n{call_id}\n{kind}\n{expires}"
        signature = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()
        return f"/recording/{call_id}/{kind}?expires={expires}&signature={signature}"


def signing_key(configured: str | None, data: Path) -> bytes:
    """The key for links: the configured secret, else one made once and kept in the data folder.

    Raises ShortSecret for one that could be guessed, OSError when it cannot be read or made.
    """
    if configured is not None:
        return configured.encode()
    file = data / "secret"
    if not file.exists():
        data.mkdir(parents=True, exist_ok=True)
        _keep(file, secrets.token_hex(32).encode())
    key = file.read_bytes()
    if len(key.strip(_BLANK)) < LEAST_SECRET:
        raise ShortSecret(
            f"{file} is empty or shorter than {LEAST_SECRET} characters: put the copy of your backup in its"
            " place, or remove it (a new one is made, and links to recordings that were given out end)"
        )
    return key


def _keep(file: Path, content: bytes) -> None:
    """Write a file that only its owner may read, unless another process was quicker: whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".secret-")
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(content)
            made.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
