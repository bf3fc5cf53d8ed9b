"""What voices have in common that are asked over HTTP for each text, and stream its sound in the answer."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx2

from offhook.frames import SAMPLE_RATE
from offhook.network import turns, without, words_of
from offhook.network.outside import Outside
from offhook.network.pool import REPEATABLE
from offhook.network.refusal import explained
from offhook.schema.calls.ended_reason import EngineFailure
from offhook.speech.engine_protocols import EngineError
from offhook.speech.remote import REFUSED
from offhook.speech.sentence_voice import SentenceVoice
from offhook.speech.streaming.context_voice import SOUND_SECONDS
from offhook.speech.streaming.engine_socket import LONGEST_WAIT, PASSING, RETRY_SECONDS
from offhook.speech.streaming.voice_limits import SLOWEST, most_audio

_MOST_CHUNKS: Final = 20_000
_CHUNK_COST: Final = 40
_LONGEST_REFUSAL: Final = 4096


Convert = Callable[[bytes], bytes]


class SoundReader(Protocol):
    def feed(self, data: bytes) -> bytes:
        """Pieces of an answer -> whole samples, s16le at 8 kHz. Raises NotSpoken, and ValueError for what is
        no sound."""
        ...

    def end(self) -> bytes:
        """What was held back."""
        ...


class PlainSound:
    """The answer is the sound itself. `convert`: from the vendor's rate to 8 kHz, whole samples or not."""

    __slots__ = ("_convert", "_held")

    def __init__(self, convert: Convert | None = None) -> None:
        self._convert = convert
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        if self._convert is not None:
            return self._convert(data)
        data = self._held + data
        whole = len(data) & ~1
        self._held = data[whole:]
        return data[:whole]

    def end(self) -> bytes:
        return b""  # half a sample at most


@dataclass(frozen=True, slots=True)
class VoiceRequest:
    url: str
    body: str = field(repr=False)


class NotSpoken(Exception):
    """`detail` with the vendor's own words, `unquoted` without. `status`: of HTTP, or what means the same;
    `wait`: seconds until another try may do, None where none would."""

    def __init__(self, detail: str, unquoted: str, status: int = 0, wait: float | None = None) -> None:
        super().__init__(detail)
        self.unquoted, self.status, self.wait = unquoted, status, wait


class HttpVoice(SentenceVoice):
    """One call's voice."""

    provider: str
    rate = 1
    """Bytes of an answer for each of sound at 8 kHz."""
    in_objects = False
    """The sound comes in JSON."""

    def __init__(
        self, outside: Outside, secret: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> None:
        """`secret`: the headers that are told nobody else, `headers`: those that anybody may know."""
        self._outside = outside
        usual = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        self._headers = {**usual, **(headers or {}), **secret}
        self._secrets = tuple(secret.values())

    @abstractmethod
    def asked(self, text: str) -> VoiceRequest: ...

    def failure(self, status: int) -> EngineFailure | None:
        """What the API calls it, None if it has no name of its own."""
        return None

    def reader(self) -> SoundReader:
        return PlainSound()

    async def start(self) -> None:
        """Nothing to do: each text is a request of its own, over connections that are kept."""

    async def close(self) -> None:
        """Nothing to give back: a `speak` under way ends with its iterator."""

    async def say(self, text: str) -> AsyncIterator[bytes]:
        given = False
        for last in (False, True):
            try:
                async with aclosing(self._pieces(text)) as pieces:
                    async for piece in pieces:
                        given = True
                        yield piece
                return
            except NotSpoken as refused:
                if given or last or refused.wait is None:
                    detail = without(self._secrets, str(refused))
                    failure = self.failure(refused.status)
                    raise EngineError("voice", self.provider, detail, refused.unquoted, failure) from None
                await asyncio.sleep(refused.wait)
            except TimeoutError:
                raise EngineError("voice", self.provider, f"no sound for {SOUND_SECONDS:g} s") from None
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, *REFUSED) as error:
                detail = without(self._secrets, words_of(error))
                raise EngineError("voice", self.provider, detail) from None

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        response = await self._answer(text)
        try:
            if not response.is_success:
                raise await _refusal(response)
            if problem := _not_sound(response, self.in_objects):
                raise _no_speech(problem)
            reader, lane, loop = self.reader(), turns.lane("engines"), asyncio.get_running_loop()
            most, taken, count, given = most_audio(text) * self.rate, 0, 0, 0
            chunks, begun = response.aiter_raw(), loop.time()
            while True:
                seconds = taken / (2 * SAMPLE_RATE * self.rate)
                latest = begun + 2 * SOUND_SECONDS + SLOWEST * seconds
                async with asyncio.timeout_at(min(loop.time() + SOUND_SECONDS, latest)):
                    chunk = await anext(chunks, None)
                if chunk is not None:
                    taken, count = taken + len(chunk), count + 1
                    if taken > most or count > _MOST_CHUNKS:
                        raise _no_speech("it sends more sound than anybody takes to say it")
                if piece := reader.end() if chunk is None else reader.feed(chunk):
                    given += len(piece)
                    yield piece
                if chunk is None and not given:
                    raise _no_speech("an answer without sound")
                if chunk is None:
                    return
                await lane.turn(_CHUNK_COST)
        finally:
            await response.aclose()

    async def _answer(self, text: str) -> httpx2.Response:
        asked, http = self.asked(text), self._outside.http
        extensions: dict[str, Any] = {REPEATABLE: True}
        request = http.build_request(
            "POST", asked.url, content=asked.body.encode(), headers=self._headers, extensions=extensions
        )
        async with asyncio.timeout(SOUND_SECONDS):
            return await http.send(request, stream=True)


def json_body(**given: object) -> str:
    """With what is not None."""
    return json.dumps({name: value for name, value in given.items() if value is not None})


def _not_sound(response: httpx2.Response, in_objects: bool) -> str:
    """What an answer is that would be heard as noise; "" for sound, and for objects that bring it."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    words = kind.startswith("text/") or kind.endswith(("/json", "+json"))
    if words and (not in_objects or kind == "text/html"):
        return "words instead of sound"
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return "" if encoding in ("", "identity") else "compressed sound, which was not asked for"


def _no_speech(words: str) -> NotSpoken:
    return NotSpoken(words, words)


async def _refusal(response: httpx2.Response) -> NotSpoken:
    body = b""
    async with asyncio.timeout(SOUND_SECONDS):
        async for chunk in response.aiter_raw(512):
            body += chunk
            if len(body) > _LONGEST_REFUSAL:
                break
    status = response.status_code
    unquoted = f"HTTP {status}"
    words = "".join(char if char.isprintable() else " " for char in explained(body[:_LONGEST_REFUSAL])[:300])
    wait: float | None = None
    if status in PASSING:
        try:
            asked = float(response.headers.get("retry-after", ""))
            wait = asked if 0 <= asked <= LONGEST_WAIT else None
        except ValueError:
            wait = RETRY_SECONDS if status >= 500 else None
    return NotSpoken(f"{unquoted}: {words}" if words else unquoted, unquoted, status, wait)
