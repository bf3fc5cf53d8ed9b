"""The vendors' own clients against the fakes of those that hear over a socket: what they take for their
vendors, ours may be tested with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest
import speechmatics.rt as speechmatics_rt
from assemblyai.streaming.v3 import models as assemblyai_models
from assemblyai.streaming.v3.async_client import AsyncRealTimeTranscriber
from soniox import AsyncSonioxClient
from soniox.types.realtime import RealtimeSTTConfig

from offhook.rtp.codecs import PCMU
from tests.fakes import assembly_ai, openai_transcription, soniox, speechmatics
from tests.fakes.deepgram import silence, speech
from tests.fakes.ears import KEY, EarsFake, served
from tests.machine import PATIENCE

ASKED = "How late are you open?"
SOUND = silence(0.1) + speech(0.6) + silence(0.5)


async def by_assemblyai(fake: EarsFake, key: str) -> str:
    found: list[Any] = []
    over = asyncio.Event()
    model = assemblyai_models.SpeechModel.universal_streaming_english
    pcm = assemblyai_models.Encoding.pcm_s16le
    options = assemblyai_models.RealTimeTranscriberOptions(
        api_key=key, api_host=fake.url.replace("http", "ws")
    )
    client = AsyncRealTimeTranscriber(options)

    def heard(_: Any, turn: Any) -> None:
        found.append(turn)
        if turn.turn_is_formatted:
            over.set()

    def failed(_: Any, error: Any) -> None:
        found.append(error)
        over.set()

    client.on(assemblyai_models.RealTimeEvents.Turn, heard)
    client.on(assemblyai_models.RealTimeEvents.Error, failed)
    asked = {"sample_rate": 8000, "encoding": pcm, "speech_model": model, "format_turns": True}
    await client.connect(assemblyai_models.RealTimeParameters(**asked))
    await client.stream(SOUND[:9600])
    await client.stream(SOUND[9600:])
    await over.wait()
    await client.disconnect(terminate=True)
    if isinstance(found[-1], Exception):
        raise found[-1]
    assert [one.end_of_turn for one in found][-3:] == [False, True, True]
    assert found[0].words[1].word_is_final is False
    return str(found[-1].transcript)


async def by_soniox(fake: EarsFake, key: str) -> str:
    url = fake.url.replace("http", "ws") + "/transcribe-websocket"
    config = RealtimeSTTConfig(
        model="stt-rt-v4", audio_format="pcm_s16le", sample_rate=8000, num_channels=1,
        enable_endpoint_detection=True,
    )  # fmt: skip
    text = ""
    async with (
        AsyncSonioxClient(api_key=key, websocket_base_url=url) as client,
        client.realtime.stt.connect(config=config) as session,
    ):
        if key == KEY:
            await session.send_bytes(SOUND)
        async for event in session.receive_events():
            if event.error_code:
                raise PermissionError(event.error_code, event.error_message)
            text += "".join(one.text for one in event.tokens if one.is_final)
            if text.endswith("<end>"):
                return text.removesuffix("<end>")
    raise AssertionError("it ended")


async def by_openai(fake: EarsFake, key: str) -> str:
    client = openai.AsyncOpenAI(api_key=key, base_url=fake.url + "/v1")
    heard: Any = {
        "format": {"type": "audio/pcmu"},
        "transcription": {"model": "gpt-4o-transcribe"},
        "turn_detection": {"type": "server_vad"},
    }
    connecting = client.realtime.connect(extra_query={"intent": "transcription"})
    said = ""
    async with client, connecting as connection:
        await connection.session.update(session={"type": "transcription", "audio": {"input": heard}})
        async for event in connection:
            if event.type == "session.updated":
                audio = PCMU.coding().encode(SOUND)
                await connection.input_audio_buffer.append(audio=_base64(audio))
            if event.type == "conversation.item.input_audio_transcription.delta":
                said += event.delta or ""
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert said == event.transcript
                return event.transcript
    raise AssertionError("it ended")


async def by_speechmatics(fake: EarsFake, key: str) -> str:
    kind = speechmatics_rt.ServerMessageType
    client = speechmatics_rt.AsyncClient(api_key=key, url=fake.url.replace("http", "ws") + "/v2")
    said: list[str] = []
    over = asyncio.Event()
    client.on(kind.ADD_TRANSCRIPT, lambda told: said.append(told["metadata"]["transcript"]))
    client.on(kind.END_OF_UTTERANCE, lambda told: over.set())
    pcm = speechmatics_rt.AudioFormat(
        encoding=speechmatics_rt.AudioEncoding.PCM_S16LE, sample_rate=8000, chunk_size=4096
    )
    turns = speechmatics_rt.ConversationConfig(end_of_utterance_silence_trigger=0.3)
    config = speechmatics_rt.TranscriptionConfig(
        language="en", enable_partials=True, max_delay=3.0, conversation_config=turns
    )
    try:
        await client.start_session(transcription_config=config, audio_format=pcm)
        await client.send_audio(SOUND)
        await over.wait()
        await client.stop_session()
    finally:
        await client.close()
    return "".join(said).strip()


def _base64(audio: bytes) -> str:
    from base64 import b64encode

    return b64encode(audio).decode()


Client = Callable[[EarsFake, str], Awaitable[str]]
CLIENTS: dict[str, tuple[Callable[..., EarsFake], Client]] = {
    "assembly-ai": (assembly_ai.Fake, by_assemblyai),
    "soniox": (soniox.Fake, by_soniox),
    "openai": (openai_transcription.Fake, by_openai),
    "speechmatics": (speechmatics.Fake, by_speechmatics),
}


@pytest.mark.parametrize("name", CLIENTS)
async def test_the_vendors_client_hears_by_it(name: str) -> None:
    fake, client = CLIENTS[name]
    async with served(fake([ASKED])) as vendor, asyncio.timeout(PATIENCE):
        assert await client(vendor, KEY) == ASKED
    async with served(fake([ASKED])) as vendor, asyncio.timeout(PATIENCE):
        with pytest.raises(Exception, match=r"401|[Uu]nauthorized|Missing|1008|Refused"):
            await client(vendor, "a-wrong-key")
