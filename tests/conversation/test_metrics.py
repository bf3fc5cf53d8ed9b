from __future__ import annotations

from offhook.conversation.metrics import Marks, measured


def test_engines_that_run_beside_the_wait_are_counted_once() -> None:
    marks = Marks(ended=10.0, released=10.4, words=10.3, transcribing=0.1, asked=10.3, first_piece=10.35)
    marks.voice_asked, marks.first_audio = 10.35, 10.38
    turn = measured(marks, 3, 10.41)
    assert (turn.transcriber, turn.model, turn.voice) == (100.0, 50.0, 30.0)
    assert turn.endpointing == 220.0
    assert turn.total == 410.0
    assert turn.platform == 10.0


def test_a_slow_model_is_the_model_s_time() -> None:
    marks = Marks(
        ended=10.0,
        released=10.4,
        words=10.3,
        asked=10.3,
        first_piece=12.0,
        voice_asked=12.0,
        first_audio=12.1,
    )
    turn = measured(marks, 0, 12.12)
    assert (turn.endpointing, turn.model, turn.voice, turn.platform) == (300.0, 1700.0, 100.0, 20.0)


def test_what_was_not_marked_takes_no_time() -> None:
    turn = measured(Marks(ended=1.0, released=1.5), 0, 2.0)
    assert (turn.transcriber, turn.model, turn.voice, turn.endpointing, turn.platform) == (
        0,
        0,
        0,
        500.0,
        500.0,
    )
