"""URLs in a body that the node would never reach are refused when they are given, not when a call needs them:
those of servers, tools, models, logins and sounds, wherever they stand. Names are looked up only later."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from pydantic import BaseModel

from offhook.api.http.api_errors import BadRequest
from offhook.api.http.work import Work
from offhook.network import AddressRefused
from offhook.network.guard import check_url

_URLS: Final = frozenset(
    {"url", "server_url", "hold_audio_url", "transfer_complete_audio_url", "api_url", "open_ai_endpoint"}
)
_WEB: Final = ("http", "https")
_SOCKETS: Final = ("ws", "wss", *_WEB)
"""What a transcriber of the owner's is reached by."""


def check_urls(work: Work, model: BaseModel, given: Collection[str]) -> None:
    """`given`: the properties of `model` that the body has. Raises BadRequest with all that is refused."""
    allowed = work.services.settings.allow_private_urls
    problems: list[str] = []
    for path, url in urls(model):
        if path.partition(".")[0] not in given or _is_template(url):
            continue
        try:
            check_url(url, allowed, _SOCKETS if "transcriber." in path else _WEB)
        except AddressRefused as refused:
            problems.append(f"{path} cannot be reached: {refused}")
    if problems:
        raise BadRequest(problems)


def urls(model: BaseModel, path: str = "") -> Iterator[tuple[str, str]]:
    """Every URL that the node would ask for something, with its dotted path."""
    for attribute, info in type(model).model_fields.items():
        if attribute not in model.model_fields_set:
            continue
        below = f"{path}.{info.alias or attribute}" if path else info.alias or attribute
        value = getattr(model, attribute)
        if isinstance(value, str):
            if attribute in _URLS and value:
                yield below, value
        elif isinstance(value, BaseModel):
            yield from urls(value, below)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from urls(item, f"{below}.{index}")


def _is_template(url: str) -> bool:
    """Where it leads is known only in a call."""
    return "{{" in url or "{%" in url
