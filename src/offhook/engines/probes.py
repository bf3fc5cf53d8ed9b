"""Whether a key is one: for each vendor one request that costs nothing and wants a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from offhook.language.http_model import ModelServer
from offhook.language.providers import anthropic, google, openai
from offhook.network import without, words_of
from offhook.network.http import BodyRefused, at_most, read_bounded
from offhook.network.outside import Outside
from offhook.network.refusal import explained
from offhook.speech.engine_request import Account
from offhook.speech.providers import azure
from offhook.speech.remote import REFUSED

SECONDS: Final = 10.0
"""For one request."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of an answer: lists of models are long."""
LONGEST_WORDS: Final = 100


@dataclass(frozen=True, slots=True)
class Probe:
    """A GET of `path` below `url`, unless the node has another address for the vendor. `written`: ends that
    people give an address, which `path` has already."""

    url: str
    path: str
    headers: Callable[[str], Mapping[str, str]]
    query: str = ""
    written: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """`accepted` None: the vendor was reached, or not asked, and its answer says nothing of the key."""

    accepted: bool | None
    words: str


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _of_openai(provider: str) -> Probe:
    paths = {"openrouter": "/key", "perplexity-ai": "/async/chat/completions"}  # their models are public
    return Probe(openai.SHAPES[provider].url, paths.get(provider, "/models"), _bearer)


_SPEECH_OF_AZURE: Final = Probe("", "/cognitiveservices/voices/list", lambda key: {azure.KEY_HEADER: key})

PROBES: Final[Mapping[str, Probe]] = {
    **{provider: _of_openai(provider) for provider in openai.SHAPES},
    "anthropic": Probe(
        anthropic.URL,
        "/v1/models",
        lambda key: {"x-api-key": key, "anthropic-version": anthropic.VERSION},
        "limit=1",
        ("/v1/messages", "/v1"),
    ),
    "google": Probe(
        google.URL,
        f"/{google.VERSION}/models",
        lambda key: {"x-goog-api-key": key},
        "pageSize=1",
        (f"/{google.VERSION}/models", f"/{google.VERSION}", "/v1"),
    ),
    "deepgram": Probe(
        "https://api.deepgram.com",
        "/v1/auth/token",
        lambda key: {"Authorization": f"Token {key}"},
        written=("/v1",),
    ),
    "11labs": Probe(
        "https://api.elevenlabs.io", "/v1/models", lambda key: {"xi-api-key": key}, written=("/v1",)
    ),
    "cartesia": Probe(
        "https://api.cartesia.ai",
        "/voices",
        lambda key: {"X-API-Key": key, "Cartesia-Version": "2025-04-16"},
        "limit=1",
    ),
    "azure-openai": Probe(
        "", "/openai/models", lambda key: {"api-key": key}, f"api-version={openai.AZURE_VERSION}"
    ),
    "azure": _SPEECH_OF_AZURE,
    "microsoft": _SPEECH_OF_AZURE,
    "speechmatics": Probe("https://asr.api.speechmatics.com", "/v2/jobs", _bearer, "limit=1", ("/v2",)),
    # It knows no other request: a right key is told that the method is wrong.
    "rime-ai": Probe("https://users.rime.ai", "/v1/rime-tts", _bearer, written=("/v1",)),
    "smallest-ai": Probe("https://api.smallest.ai", "/waves/v1/lightning-v3.1/get_voices", _bearer),
    "soniox": Probe("https://api.soniox.com", "/v1/models", _bearer, written=("/v1",)),
    "gladia": Probe(
        "https://api.gladia.io", "/v2/live", lambda key: {"X-Gladia-Key": key}, "limit=1", ("/v2",)
    ),
    "lmnt": Probe("https://api.lmnt.com", "/v1/account", lambda key: {"X-API-Key": key}, written=("/v1",)),
    "hume": Probe(
        "https://api.hume.ai",
        "/v0/tts/voices",
        lambda key: {"X-Hume-Api-Key": key},
        "provider=CUSTOM_VOICE",
        ("/v0",),
    ),
    "inworld": Probe(
        "https://api.inworld.ai", "/tts/v1/voices", lambda key: {"Authorization": f"Basic {key}"}
    ),
    "neuphonic": Probe("https://api.neuphonic.com", "/voices", lambda key: {"x-api-key": key}),
    "assembly-ai": Probe(
        "https://api.assemblyai.com", "/v2/transcript", lambda key: {"Authorization": key}, "limit=1"
    ),
}


async def probed(provider: str, account: Account, outside: Outside) -> Probed:
    """What the vendor says of the account's key; never raises for what goes wrong on the way."""
    probe = PROBES.get(provider)
    if probe is None:
        return Probed(None, "not tried: no request is known that costs nothing")
    if not (account.url or probe.url):
        return Probed(None, "not tried: there is no address for it")
    try:
        async with asyncio.timeout(SECONDS):
            return await _asked(provider, probe, account, outside)
    except TimeoutError:
        return Probed(False, "no answer in time")
    except (httpx2.HTTPError, httpx2.InvalidURL, BodyRefused, *REFUSED) as error:
        return Probed(False, f"not reached: {without([account.key], words_of(error))}")


async def _asked(provider: str, probe: Probe, account: Account, outside: Outside) -> Probed:
    base = account.url or probe.url
    if probe is _SPEECH_OF_AZURE:
        base = azure.located(base, "tts")
    base = base.replace("wss://", "https://", 1).replace("ws://", "http://", 1)
    where = ModelServer(provider, "", base, probe.path, query=probe.query, written=probe.written)
    headers = {"Accept": "application/json", **probe.headers(account.key)}
    async with outside.http.stream(
        "GET", where.url, headers=headers, extensions=at_most(MOST_BYTES)
    ) as response:
        body = await read_bounded(response, MOST_BYTES)
    if response.is_success:
        return Probed(True, "accepted")
    told = "".join(c if c.isprintable() else " " for c in without([account.key], explained(body)))
    words = f"HTTP {response.status_code} {told[:LONGEST_WORDS]}".strip()
    refused = response.status_code in (401, 402, 403) or (
        response.status_code == 400 and b"API_KEY_INVALID" in body
    )
    return Probed(False, f"refused: {words}") if refused else Probed(None, f"reached: {words}")
