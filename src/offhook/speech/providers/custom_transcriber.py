"""Provider `custom-transcriber`: the owner's own server hears the call over a WebSocket (vapi-wire §5.1).

We send one text frame that describes the audio, then binary frames: s16le at 16 kHz, two channels
interleaved, the customer first and the assistant second. The server answers with text frames:
`{"type": "transcriber-response", "transcription", "channel": "customer" | "assistant"}`, and optionally
`"transcriptType": "partial" | "final"`; without it the words are final.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK, WebSocketException

from offhook.network import turns, words_of
from offhook.network.outside import Outside
from offhook.schema.assistants.transcriber import CustomTranscriber as CustomTranscriberSettings
from offhook.speech.bounded_socket import FRAMES, BoundedConnection
from offhook.speech.engine_protocols import EngineError, FailureSink, Transcriber, Transcript, TranscriptSink
from offhook.speech.engine_request import EngineRequest
from offhook.speech.remote import CUSTOM, REFUSED, Remote, json_of
from offhook.speech.token_bucket import TokenBucket

if TYPE_CHECKING:
    from offhook.speech.resample import LiveStereo

log = logging.getLogger(__name__)

START = json.dumps(
    {"type": "start", "encoding": "linear16", "container": "raw", "sampleRate": 16000, "channels": 2}
)

RECONNECTS = 3
RECONNECT_SECONDS = (0.1, 0.5, 1.5)
_STEADY_SECONDS = 10.0
"""A connection that lasted this long gets all its reconnects again."""

_MOST_WAITING = 250  # frames: 5 s
_MOST_AT_ONCE = 25
_LONGEST_MESSAGE = 65536
_LONGEST_TRANSCRIPT = 4000
_MOST_FRAGMENTS = 64
_RECEIVED_BYTES = 32 * 1024
"""Of the socket's buffer: so much at most is taken in at one time, however fast it comes."""
_UNSENT_BYTES = 256 * 1024
"""A server that pings and does not read is let go."""

MESSAGES = (200, 50)
"""Messages at once, and a second; each 4 kB of one count as one."""
CHARACTERS = (20_000, 100)
"""Of final words at once, and a second: several times of what anybody can say."""
_PER_MESSAGE = 4096
_MESSAGE_COST = 300  # what a conversation makes of words, in microseconds, about
_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}


class Flood(Exception):
    """The server sends more than a call can bring. The text says of what."""


def parse_response(text: str) -> Transcript | None:
    """The words of the customer in one message, or None if it has none: another type, the other channel.
    Raises ValueError for what is not in the form above."""
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("not an object")
    if message.get("type") != "transcriber-response":
        return None
    # Servers in typed languages send null, or nothing between quotes, for what is not set.
    words, channel = message.get("transcription"), message.get("channel") or "customer"
    if not isinstance(words, str) or len(words) > _LONGEST_TRANSCRIPT:
        raise ValueError("no transcription, or too long a one")
    if channel not in ("customer", "assistant"):
        raise ValueError("an unknown channel")
    kind = message.get("transcriptType") or "final"
    if kind not in ("partial", "final"):
        raise ValueError("an unknown transcriptType")
    if channel == "assistant" or not words.strip():
        return None
    return Transcript(words.strip(), final=kind == "final")


def _stereo() -> LiveStereo:
    from offhook.speech.resample import LiveStereo

    return LiveStereo()


class CustomTranscriber:
    """One call's custom transcriber. Audio that the server does not take in time is dropped from its oldest
    on, five seconds are kept; a lost connection is made again a few times before the call is told."""

    provider = "custom-transcriber"
    segmented = False
    turn_patience = None

    def __init__(self, remote: Remote, outside: Outside) -> None:
        self._remote = remote
        self._outside = outside
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._more = asyncio.Event()
        self._stereo: LiveStereo | None = None
        self._task: asyncio.Task[None] | None = None
        self._on_transcript: TranscriptSink | None = None
        self._on_failure: FailureSink | None = None
        now = asyncio.get_running_loop().time()
        self._messages = TokenBucket(*MESSAGES, now)
        self._characters = TokenBucket(*CHARACTERS, now)
        self._transport: asyncio.Transport | None = None
        self._lane = turns.lane("engines")
        self._odd_logged = False
        self._late_logged = False

    async def start(self, on_transcript: TranscriptSink, on_failure: FailureSink) -> None:
        self._on_transcript = on_transcript
        self._on_failure = on_failure
        # No other engine here computes with it: the first call that needs numpy loads it, beside the loop.
        self._stereo = await asyncio.to_thread(_stereo)
        connection = await self._connect()
        self._task = asyncio.create_task(self._stay(connection))
        self._task.add_done_callback(self._ended)

    def push(self, heard: bytes, said: bytes) -> None:
        if len(self._waiting) == _MOST_WAITING and not self._late_logged:
            self._late_logged = True
            log.warning("custom transcriber: it takes audio too slowly, some is dropped")
        if self._transport is not None and self._transport.get_write_buffer_size() > _UNSENT_BYTES:
            self._transport.abort()
        assert self._stereo is not None
        self._waiting.append(self._stereo.push(heard, said))
        self._more.set()

    def speech_started(self) -> None:
        """The server decides for itself what is speech."""

    def speech_stopped(self) -> None:
        """The server decides for itself what is speech."""

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _connect(self) -> BoundedConnection:
        """Raises EngineError."""
        try:
            async with asyncio.timeout(self._remote.timeout):
                return await self._open()
        except TimeoutError:
            raise EngineError("transcriber", CUSTOM, "the server took too long to connect to") from None
        except (WebSocketException, *REFUSED) as error:
            raise EngineError("transcriber", CUSTOM, self._remote.told(words_of(error))) from None

    async def _open(self) -> BoundedConnection:
        url = urlsplit(self._remote.url)
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError("server.url is not a WebSocket URL (wss://...)")
        if url.scheme.startswith("http"):
            url = url._replace(scheme="ws" + url.scheme.removeprefix("http"))
        sock = await self._outside.connect(url.hostname or "", url.port or _PORTS[url.scheme])
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
            connection = await connect(
                url.geturl(),
                sock=sock,
                additional_headers=self._remote.headers,
                proxy=None,
                compression=None,
                open_timeout=None,
                close_timeout=1.0,
                max_size=_LONGEST_MESSAGE,
                max_queue=32,
                create_connection=BoundedConnection,
            )
            assert isinstance(connection, BoundedConnection)
            await connection.send(START)
        except BaseException:
            sock.close()
            raise
        return connection

    async def _stay(self, connection: BoundedConnection) -> None:
        loop = asyncio.get_running_loop()
        attempts = 0
        while True:
            connected_at = loop.time()
            try:
                detail = await self._talk(connection)
            except Flood as error:
                self._fail(str(error))
                return
            if loop.time() - connected_at > _STEADY_SECONDS:
                attempts = 0
            log.warning("custom transcriber: connection lost: %s", detail)
            again: BoundedConnection | None = None
            while again is None:
                if attempts == RECONNECTS:
                    self._fail(detail)
                    return
                await asyncio.sleep(RECONNECT_SECONDS[attempts])
                attempts += 1
                try:
                    again = await self._connect()
                except EngineError as error:
                    detail = error.detail
            connection = again

    async def _talk(self, connection: BoundedConnection) -> str:
        """Send and receive until the connection ends; says why it did. Raises Flood."""
        sender = asyncio.create_task(self._send(connection))
        self._transport = connection.transport
        try:
            while True:
                message = await _message(connection)
                await self._lane.turn(_MESSAGE_COST + len(message) // 10)
                self._received(message)
        except ConnectionClosedOK:
            return "closed by the server"
        except (WebSocketException, OSError) as error:
            if connection.is_flooded:
                raise Flood(f"it sends more than {FRAMES[1]} frames a second") from None
            return self._remote.told(words_of(error))
        finally:
            self._transport = None
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            await connection.close()

    async def _send(self, connection: BoundedConnection) -> None:
        try:
            while True:
                await self._more.wait()
                count = min(len(self._waiting), _MOST_AT_ONCE)
                audio = b"".join([self._waiting.popleft() for _ in range(count)])
                if not self._waiting:
                    self._more.clear()
                if audio:
                    await connection.send(audio)
        except (WebSocketException, OSError):
            return  # the receiving side says why

    def _received(self, message: str | bytes) -> None:
        """Raises Flood."""
        now = asyncio.get_running_loop().time()
        if not self._messages.take(1 + len(message) // _PER_MESSAGE, now):
            raise Flood(f"it sends more than {MESSAGES[1]} messages a second")
        try:
            if isinstance(message, bytes):
                raise ValueError("a binary message")
            transcript = parse_response(message)
        except (ValueError, RecursionError) as error:
            if not self._odd_logged:
                self._odd_logged = True
                log.warning("custom transcriber: a message is ignored: %s", error)
            return
        if transcript is None or self._on_transcript is None:
            return
        if transcript.final and not self._characters.take(len(transcript.text), now):
            raise Flood("it hears more words than anybody can say")
        self._on_transcript(transcript)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the custom transcriber stopped", exc_info=error)
            self._fail("it stopped working")

    def _fail(self, detail: str) -> None:
        on_failure, self._on_failure = self._on_failure, None
        if on_failure is not None:  # it is told once
            on_failure(EngineError("transcriber", CUSTOM, detail))


async def transcriber(request: EngineRequest[CustomTranscriberSettings]) -> Transcriber:
    return CustomTranscriber(Remote.of(json_of(request.settings), "transcriber"), request.node.outside)


async def _message(connection: BoundedConnection) -> str | bytes:
    """One message, put together. Raises Flood for one in more pieces than there is reason for."""
    parts: list[str | bytes] = []
    async for part in connection.recv_streaming():
        parts.append(part)
        if len(parts) > _MOST_FRAGMENTS:
            raise Flood(f"it sends a message in more than {_MOST_FRAGMENTS} pieces")
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(parts) else b""
