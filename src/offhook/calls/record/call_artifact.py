"""The documents of what is left of a call (vapi-wire §8.2): artifact, measurements, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from offhook.calls.privacy import without_learned
from offhook.calls.record.call_facts import CallFacts, Document
from offhook.conversation.events import TurnMeasured
from offhook.schema.calls.call_document import (
    ArtifactDocument,
    CostBreakdownDocument,
    CostItemDocument,
    CostsDocument,
    MonoDocument,
    PerformanceDocument,
    RecordingDocument,
    RecordingUrlsDocument,
    SaidInTransfer,
    TurnLatencyDocument,
)


def artifact_of(facts: CallFacts, *, words: bool = True) -> Document:
    """Everything that is known of the call, as its owner gets it. `words` False: as it is stored where words
    are not."""
    # What a caller's headers brought is in the overrides, and nobody has used it.
    variables = facts.variables if facts.answered else {}
    if not words:
        variables = without_learned(variables, facts.learned)
    artifact = ArtifactDocument(
        messages=facts.messages() if words else [],
        messages_open_ai_formatted=facts.messages_openai() if words else [],
        transcript=facts.text() if words else "",
        transfers=facts.transfers if words else [{**one, **_UNSAID} for one in facts.transfers],
        variable_values=variables,
        variables=variables,
        performance_metrics=performance(facts.turns, facts.user_interrupted, facts.assistant_interrupted),
    ).document()
    return artifact | _recording(facts.recording_urls) if facts.recording_urls else artifact


_UNSAID: Final = SaidInTransfer().document()


def _recording(urls: Mapping[str, str]) -> Document:
    mono = MonoDocument(
        combined_url=urls["mono"], assistant_url=urls.get("assistant"), customer_url=urls.get("customer")
    )
    return RecordingUrlsDocument(
        recording=RecordingDocument(stereo_url=urls["stereo"], mono=mono),
        recording_url=urls["mono"],
        stereo_recording_url=urls["stereo"],
    ).document()


def performance(turns: Sequence[TurnMeasured], user: int = 0, assistant: int = 0) -> Document:
    """`performanceMetrics` in milliseconds, with the platform's own share beside the API's stages. `user` and
    `assistant`: how often they were interrupted."""
    latencies = [
        TurnLatencyDocument(
            model_latency=round(turn.model, 1),
            voice_latency=round(turn.voice, 1),
            transcriber_latency=round(turn.transcriber, 1),
            endpointing_latency=round(turn.endpointing, 1),
            platform_latency=round(turn.platform, 1),
            turn_latency=round(turn.total, 1),
        )
        for turn in turns
    ]
    return PerformanceDocument(
        turn_latencies=[one.document() for one in latencies],
        num_user_interrupted=user,
        num_assistant_interrupted=assistant,
        model_latency_average=_average([one.model_latency for one in latencies]),
        voice_latency_average=_average([one.voice_latency for one in latencies]),
        transcriber_latency_average=_average([one.transcriber_latency for one in latencies]),
        endpointing_latency_average=_average([one.endpointing_latency for one in latencies]),
        platform_latency_average=_average([one.platform_latency for one in latencies]),
        turn_latency_average=_average([one.turn_latency for one in latencies]),
    ).given()


def _average(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def costs_of(facts: CallFacts) -> CostsDocument:
    """Costs of zero, item by item. Nothing is billed here, but consumers read the keys and the quantities."""
    minutes = round(facts.duration / 60, 4)
    speaking, prompt, completion = facts.speaking, facts.prompt_tokens, facts.completion_tokens
    items = (
        CostItemDocument(type="transport", provider="vapi.sip", minutes=minutes),
        CostItemDocument(type="transcriber", transcriber=_provider(speaking.transcriber), minutes=minutes),
        CostItemDocument(
            type="model",
            model=_provider(speaking.model),
            prompt_tokens=prompt,
            completion_tokens=completion,
        ),
        CostItemDocument(type="voice", voice=_provider(speaking.voice), characters=facts.voice_characters),
        CostItemDocument(type="vapi", sub_type="normal", minutes=minutes),
    )
    breakdown = CostBreakdownDocument(
        llm_prompt_tokens=prompt, llm_completion_tokens=completion, tts_characters=facts.voice_characters
    )
    return CostsDocument(cost_breakdown=breakdown, costs=[one.given() for one in items])


def _provider(engine: Any) -> dict[str, str]:
    return {"provider": str(getattr(engine, "provider", None) or "vapi")}
