from __future__ import annotations

from offhook.speech.gate import WINDOW_SECONDS, SpeechBegan, SpeechEnded, SpeechGate


def feed(gate: SpeechGate, probabilities: list[float], start: float = 0.0) -> list[SpeechBegan | SpeechEnded]:
    edges = []
    for index, probability in enumerate(probabilities):
        edge = gate.feed(probability, start + (index + 1) * WINDOW_SECONDS)
        if edge is not None:
            edges.append(edge)
    return edges


def test_speech_is_timed_by_its_real_beginning_and_end() -> None:
    began, ended = feed(SpeechGate(), [0.1] * 10 + [0.9] * 20 + [0.1] * 10)
    assert isinstance(began, SpeechBegan)
    assert isinstance(ended, SpeechEnded)
    assert abs(began.at - 10 * WINDOW_SECONDS) < 1e-9
    assert abs(ended.at - 30 * WINDOW_SECONDS) < 1e-9


def test_a_click_is_not_speech() -> None:
    assert feed(SpeechGate(), [0.9, 0.9, 0.1] * 20) == []


def test_the_gap_inside_a_word_does_not_end_speech() -> None:
    edges = feed(SpeechGate(), [0.9] * 5 + [0.1] * 5 + [0.9] * 5 + [0.4] * 30)
    assert len(edges) == 1


def test_voice_is_counted_without_the_pauses() -> None:
    gate = SpeechGate()
    feed(gate, [0.9] * 10 + [0.1] * 3)
    assert abs(gate.voiced - 10 * WINDOW_SECONDS) < 1e-9
    feed(gate, [0.1] * 3)
    assert gate.voiced == 0.0
