"""What a node's own settings for a vendor are called in its environment."""

from __future__ import annotations

from typing import Literal


def variable(provider: str, what: Literal["api_key", "base_url"]) -> str:
    """The name without OFFHOOK_, in lower case: `deep-seek`'s key is `deep_seek_api_key`."""
    return f"{provider.lower().replace('-', '_')}_{what}"
