from __future__ import annotations

import pytest

from offhook.conversation.audio.playout_queue import PlayoutQueue, UtteranceListener
from offhook.conversation.audio.spoken_utterance import (
    Delivery,
    SpokenPiece,
    SpokenUtterance,
)
from offhook.engines.unspoken import CHARACTERS_PER_SECOND
from offhook.frames import FRAME_BYTES
from offhook.media.playout import PREBUFFER_BYTES
from offhook.speech.engine_protocols import SpokenSound, TimedWord
from tests.line import TestLine

TEXT = "We are open from nine to five."


class Playing(PlayoutQueue):
    """With the media plane that plays it."""

    def __init__(self, listener: UtteranceListener) -> None:
        self.line = TestLine(lambda: 0.0)
        super().__init__(listener, self.line.channel)

    def next_frame(self) -> bytes | None:
        return self.line.tick()


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def utterance_began(self, utterance: SpokenUtterance) -> None:
        self.lines.append("began")

    def piece_played(self, utterance: SpokenUtterance, piece: SpokenPiece) -> None:
        self.lines.append(piece.text)

    def utterance_finished(self, utterance: SpokenUtterance) -> None:
        self.lines.append("finished")


def piece(text: str, frames: int, *, complete: bool = True) -> SpokenPiece:
    made = SpokenPiece(text)
    made.add(b"\x01\x02" * (FRAME_BYTES // 2) * frames)
    made.complete = complete
    return made


def utterance(
    *pieces: SpokenPiece, closed: bool = True, released: bool = True, interruptible: bool = True
) -> SpokenUtterance:
    made = SpokenUtterance(
        said=None,
        interruptible=interruptible,
        delivery=Delivery.RELEASED if released else Delivery.HELD,
    )
    for each in pieces:
        made.add(each)
    if closed:
        made.close()
    return made


def test_pieces_play_in_order_and_are_told_when_they_are_over() -> None:
    log = Log()
    playout = Playing(log)
    playout.put(utterance(piece("One.", 2), piece("Two.", 1)))
    frames = [playout.next_frame() for _ in range(5)]
    assert [frame is not None for frame in frames] == [True, True, True, False, False]
    assert log.lines == ["began", "One.", "Two.", "finished"]
    assert playout.idle


def test_the_end_of_a_piece_is_padded_to_a_frame() -> None:
    playout = Playing(Log())
    made = SpokenPiece("Hi.")
    made.add(b"\x01" * 322)
    made.complete = True
    playout.put(utterance(made))
    assert playout.next_frame() == b"\x01" * 320
    assert playout.next_frame() == b"\x01\x01" + bytes(318)
    assert playout.next_frame() is None


def test_a_piece_that_still_streams_begins_with_a_little_in_hand() -> None:
    playout = Playing(Log())
    made = piece("Hi.", 1, complete=False)
    playout.put(utterance(made))
    assert playout.next_frame() is None
    made.add(bytes(PREBUFFER_BYTES - FRAME_BYTES))
    assert [playout.next_frame() is not None for _ in range(4)] == [True, True, True, False]
    made.add(bytes(FRAME_BYTES))
    assert playout.next_frame() is not None


def test_what_is_not_released_waits_and_lets_others_by() -> None:
    log = Log()
    playout = Playing(log)
    prepared = utterance(piece("Later.", 1), released=False)
    playout.put(prepared)
    playout.put(utterance(piece("Now.", 1)))
    assert playout.next_frame() is not None
    assert playout.next_frame() is None
    prepared.release()
    assert playout.next_frame() is not None
    playout.next_frame()
    assert log.lines == ["began", "Now.", "finished", "began", "Later.", "finished"]


def test_while_the_caller_speaks_only_the_uninterruptible_begins() -> None:
    playout = Playing(Log())
    playout.hold = True
    playout.put(utterance(piece("Polite.", 1)))
    assert playout.next_frame() is None
    playout.put(utterance(piece("Urgent.", 1), interruptible=False))
    assert playout.next_frame() is not None


def test_cut_silences_at_once_and_keeps_what_cannot_be_interrupted() -> None:
    playout = Playing(Log())
    speaking, queued = utterance(piece(TEXT, 50)), utterance(piece("More.", 1))
    goodbye = utterance(piece("Goodbye.", 1), interruptible=False)
    for each in (speaking, queued, goodbye):
        playout.put(each)
    playout.next_frame()
    assert playout.cut() is speaking
    assert playout.all() == [goodbye]
    assert playout.cut() is None


@pytest.mark.parametrize("played", range(0, 76))
def test_heard_and_rest_are_the_text_at_every_frame(played: int) -> None:
    playout = Playing(Log())
    made = utterance(piece(TEXT, 30), piece("And you?", 15), piece("Fine.", 30))
    playout.put(made)
    for _ in range(played):
        playout.next_frame()
    assert " ".join([made.heard(), *made.rest()]).strip() == f"{TEXT} And you? Fine."
    assert made.rest_seconds() == pytest.approx((75 - played) * 0.02)


def test_words_count_when_they_were_played_to_their_end() -> None:
    playout = Playing(Log())
    made = utterance(piece("one two three", 13))
    playout.put(made)
    heard = []
    for _ in range(13):
        playout.next_frame()
        heard.append(made.heard())
    assert heard == ["", "", *["one"] * 4, *["one two"] * 6, "one two three"]


def test_of_text_without_spaces_the_signs_that_were_played_count() -> None:
    half = piece("我们九点开门。", 14)
    playout = Playing(Log())
    playout.put(utterance(half))
    for _ in range(7):
        playout.next_frame()
    assert half.heard() == "我们九"


def test_a_word_that_occurs_twice_is_found_where_it_stands() -> None:
    playout = Playing(Log())
    made = utterance(piece("no no no no", 11))
    playout.put(made)
    for _ in range(5):
        playout.next_frame()
    assert made.heard() == "no no"


def test_a_piece_of_unknown_length_is_estimated() -> None:
    playout = Playing(Log())
    made = utterance(piece(TEXT, 10, complete=False), closed=False)
    playout.put(made)
    for _ in range(10):
        playout.next_frame()
    assert TEXT.startswith(made.heard())
    assert made.heard() != TEXT
    assert made.rest_seconds() == pytest.approx(len(TEXT) / CHARACTERS_PER_SECOND - 0.2)


def test_nothing_to_say_finishes_without_beginning() -> None:
    log = Log()
    playout = Playing(log)
    playout.put(utterance())
    assert playout.next_frame() is None
    assert log.lines == ["finished"]


def timed(*words: tuple[str, float]) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(text, end - 0.2, end) for text, end in words)


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [(0.1, ""), (0.3, "We"), (1.4, "We are"), (1.5, "We are open,"), (1.8, "We are open, today.")],
)
def test_with_the_voices_own_times_what_was_heard_is_exact(seconds: float, heard: str) -> None:
    """The pause is in the middle of it: an even pace would have it all wrong."""
    made = SpokenPiece("We are open, today.")
    made.take(SpokenSound(bytes(16000), timed(("We", 0.3), ("are", 0.5))))
    made.take(SpokenSound(bytes(16000), timed(("open", 1.5), ("today", 1.8)), last=True))
    made.begun, made.played = True, round(seconds * 8000) * 2
    assert made.heard() == heard


def test_times_of_other_words_than_are_written_go_by_their_share() -> None:
    made = SpokenPiece("It is $5, sir, today.")
    made.spoken = "It is five dollars, sir, today."
    words = timed(("It", 0.1), ("is", 0.2), ("five", 0.5), ("dollars,", 0.9), ("sir,", 1.2), ("today.", 1.6))
    made.take(SpokenSound(bytes(32000), words, last=True))
    made.begun, made.played = True, round(0.9 * 16000)
    assert made.heard() == "It is $5,"
    made.played = round(0.25 * 16000)
    assert made.heard() == "It"


def test_words_that_are_not_in_the_text_end_what_is_known_by_time() -> None:
    made = SpokenPiece("One two three.")
    made.take(SpokenSound(bytes(16000), timed(("One", 0.2), ("deux", 0.4), ("three", 0.6)), last=True))
    made.begun, made.played = True, round(0.7 * 16000)
    assert made.heard() == "One"
