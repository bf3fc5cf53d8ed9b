from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.conversation.text.dictated import as_dictated
from offhook.speech.joined import joined, without_loops

PHONE = "What is your phone number?"
CODE = "Can I have your order number, please?"
SPELL = "Could you spell your last name for me?"
MAIL = "What is your e-mail address?"
HELP = "How can I help you?"
ORDER = "Can I take your order?"


@pytest.mark.parametrize(
    ("asked", "heard", "written"),
    [
        (PHONE, "Four one five. Five, five, five. Zero one nine two.", "415-555-0192."),
        (PHONE, "It's 617-328-9941.", "It's 617-328-9941."),
        (PHONE, "Three o five double eight four, one two two six.", "305-884-1226."),
        (PHONE, "Nine, one, six. Triple two. Four o seven three.", "916-222-4073."),
        (PHONE, "My number is. Two, one, two. 555. Zero one four seven.", "My number is. 212-555-0147."),
        (PHONE, "For one five, too two two", "415222"),
        (PHONE, "Eight hundred five five five oh one three two.", "800-555-0132."),
        (PHONE, "One eight hundred 555 0132", "1-800-555-0132"),
        (PHONE, "Sure, it's forty two, twenty one.", "Sure, it's 4221."),
        (PHONE, "I would rather not say.", "I would rather not say."),
        (CODE, "Seven, three, nine. One one four.", "739114."),
        (CODE, "Five double seven three nine o.", "577390."),
        (CODE, "It is nineteen eighty four.", "It is 1984."),
        (CODE, "I have it for you.", "I have it for you."),
        (PHONE, "For one five. Five five five. Zero one nine to.", "415-555-0192."),
        (PHONE, "two hundred fifty dollars", "250 dollars"),
        (PHONE, "Twenty five to thirty", "25 to 30"),
        ("What is your address?", "One twenty one Twenty First Street.", "121 Twenty First Street."),
        ("What is your zip code?", "Nine four one one oh.", "94110."),
        ("What is your address?", "Seven forty two Evergreen Terrace.", "742 Evergreen Terrace."),
        (HELP, "Call me back at four one five. 555. Zero one nine two.", "Call me back at 415-555-0192."),
        (HELP, "Call me back at 415. Five-five-five. 0192.", "Call me back at 415-555-0192."),
        (HELP, "My account number is five five one zero nine three", "My account number is 551093"),
        (HELP, "A table for four at seven, please.", "A table for four at seven, please."),
        (HELP, "Two adults and three children.", "Two adults and three children."),
        (HELP, "It was in nineteen ninety nine.", "It was in nineteen ninety nine."),
        (HELP, "One or two, for me.", "One or two, for me."),
        (SPELL, "C, A, R, T, E, R.", "C-A-R-T-E-R."),
        (SPELL, "Carter, C, a r t, e r.", "Carter, C-A-R-T-E-R."),
        (SPELL, "See a are T E are", "C-A-R-T-E-R"),
        (SPELL, "S as in Sam, t is in Tom, o, n e.", "S-T-O-N-E."),
        (SPELL, "L double E", "L-E-E"),
        (SPELL, "Double you, A, double L", "W-A-L-L"),
        (SPELL, "Sure, it's Emmy Y, e r.", "Sure, it's M-E-Y-E-R."),
        (SPELL, "K-o-w a. l. s-k-i.", "K-O-W-A-L-S-K-I."),
        (SPELL, "B for boy, R O W and", "B-R-O-W and"),
        (SPELL, "Are you sure?", "Are you sure?"),
        (SPELL, "I am in the car", "I am in the car"),
        (SPELL, "I see you are", "I see you are"),
        (MAIL, "Daniel dot Carter at. Example dot com.", "daniel.carter@example.com."),
        (MAIL, "It's info at green garden dot org", "It's info@greengarden.org"),
        (MAIL, "anna underscore lee at mail dot co dot uk", "anna_lee@mail.co.uk"),
        (MAIL, "It is j smith dash two at example dot com, thanks.", "It is jsmith-two@example.com, thanks."),
        (MAIL, "I have it at home.", "I have it at home."),
        (MAIL, "Daniel dot carter at", "Daniel dot carter at"),
        (MAIL, "daniel@example.com", "daniel@example.com"),
    ],
)  # fmt: skip
def test_what_is_dictated_is_written_as_it_was_meant(asked: str, heard: str, written: str) -> None:
    assert as_dictated(heard, asked, True) == written


@pytest.mark.parametrize(
    ("asked", "heard", "written"),
    [
        (PHONE, "It's 617 328 9941.", "It's 617 328 9941."),
        (PHONE, "(415) 555-0192", "(415) 555-0192"),
        (PHONE, "four one five five five five zero one nine two", "415-555-0192"),
        (PHONE, "for one five", "for 15"),
        (SPELL, "See a are", "See a are"),
        (SPELL, "C A R T E R", "C-A-R-T-E-R"),
        (HELP, "I have 2 or 3 of them.", "I have 2 or 3 of them."),
    ],
)
def test_what_a_transcriber_has_put_in_form_stays_so(asked: str, heard: str, written: str) -> None:
    assert as_dictated(heard, asked, False) == written


@pytest.mark.parametrize("heard_as_words", [True, False])
@pytest.mark.parametrize("asked", [PHONE, CODE, ORDER, HELP])
@pytest.mark.parametrize(
    "said",
    [
        "I have two for you.", "I'd like two or three pizzas.", "One for me and two for my wife.",
        "Can I get two to go?", "I ate one or two.", "Oh, one moment, please.", "One second.",
        "You can call me at ten thirty.", "Call me back at seven thirty.", "Seven thirty pm.",
        "Two thousand twenty five.", "The total was $3.50.", "It was 12.5 percent.", "In 5-10 minutes.",
        "(415) 555-0192", "I have 2 for you.", "Oh, are you open?", "See you at four.",
    ],
)  # fmt: skip
def test_what_is_plainly_said_stays_as_it_was_said(said: str, asked: str, heard_as_words: bool) -> None:
    assert as_dictated(said, asked, heard_as_words) == said


@pytest.mark.parametrize("heard_as_words", [True, False])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (SPELL, "Am I a new customer?"),
        (SPELL, "I see, I see."),
        ("Can I have your name, please?", "J. R. Smith."),
        (HELP, "They are two, four and six."),
        (HELP, "They are two, four, six."),
        (ORDER, "Twenty five, please."),
    ],
)
def test_letters_and_numbers_that_are_words_stay_words(asked: str, said: str, heard_as_words: bool) -> None:
    assert as_dictated(said, asked, heard_as_words) == said


@pytest.mark.parametrize(
    ("asked", "pieces"),
    [
        (PHONE, ["four one five", "five five five", "zero one nine two"]),
        (PHONE, ["It's oh two oh", "seven nine four six", "oh nine five eight."]),
        (CODE, ["nine four", "six eight two"]),
        (SPELL, ["C A R", "T E R"]),
        (SPELL, ["Sure, K. O. W.", "A L S", "K I."]),
        (MAIL, ["Daniel dot carter at", "example dot com."]),
        (HELP, ["My number is two one two", "five five five", "zero one four seven"]),
    ],
)
def test_pieces_written_one_by_one_make_the_whole(asked: str, pieces: list[str]) -> None:
    whole = as_dictated(joined(*pieces), asked, True)
    so_far = ""
    for piece in pieces:
        so_far = as_dictated(joined(so_far, piece), asked, True)
    assert so_far == whole


HEARD = "four one oh double at dot see are C and , . 415 for hundred you is".split()  # noqa: SIM905


@given(
    st.sampled_from([PHONE, CODE, SPELL, MAIL, HELP]),
    st.lists(st.sampled_from(HEARD), max_size=14),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_written_once(asked: str, words: list[str], heard_as_words: bool) -> None:
    once = as_dictated(" ".join(words), asked, heard_as_words)
    assert len(once) <= 3 * len(" ".join(words)) + 10


@pytest.mark.parametrize(
    ("heard", "kept"),
    [
        ("Fort. " * 14, "Fort."),
        ("Fort, Fort, Fort, Fort, Fort, Fort", "Fort"),
        ("I want to, I want to, I want to, I want to, go.", "I want to, go."),
        ("Thank you. Thank you. Thank you. Thank you. Thank you.", "Thank you."),
        ("No, no, no.", "No, no, no."),
        ("Five, five, five. Five five five.", "Five, five, five. Five five five."),
        ("0 0 0 0 0 0 0 0", "0 0 0 0 0 0 0 0"),
        ("zero " * 30, "zero"),
        ("Very very good", "Very very good"),
        ("İyi İyi İyi İyi İyi", "İyi"),
        ("", ""),
    ],
)
def test_what_a_transcriber_makes_up_is_left_out(heard: str, kept: str) -> None:
    assert without_loops(heard) == kept
