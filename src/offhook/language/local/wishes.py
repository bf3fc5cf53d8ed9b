"""A wish that only a person can fulfil: name, number and matter are asked for one after the other, and told
as variables of the call. What has been asked and answered is read from the conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offhook.language.local.details import grouped, number_in, told_name
from offhook.language.local.intents import Intent, intent_of, is_problem, is_wish
from offhook.language.words import WEAK_STEMS, stems, words

NAME = "callerName"
NUMBER = "callerNumber"
MATTER = "callerMatter"

MORE = "Is there anything else I can help you with?"
ASK_NAME = "May I have your name, please?"
ASK_NUMBER = "And what is your phone number?"
ASK_MATTER = "What is it about?"
ASK_TIME = "What day and time would suit you?"
OFFER_MESSAGE = "Would you like to leave a message?"
WILL_NOTE = "I will note that for you."
_QUESTIONS = (ASK_NAME, ASK_NUMBER, ASK_MATTER, ASK_TIME)
_NOTED = "I have noted"
_ENOUGH_ASKED = 2
_LONGEST_MATTER = 500
_LEAST_TELLING = 2
_LONGEST_ECHO = 12
_TIMED = re.compile(
    r"\b(?:appointment|book|reserv\w+|schedul\w+|table (?:for|at|on|to)|consultation|slot)\b", re.I
)
_HAS_TIME = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\btomorrow\b|\btonight\b|\btoday\b|\b\d{1,2} ?(?:am"
    r"|pm|:\d\d)"
    r"|\bnext week\b|\bat (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon)\b"
    r"|\bo'?clock\b",
    re.I,
)
_ECHO = re.compile(
    r"\b(?:order|book|reserve|schedule|make|report|get)\s+(?P<what>(?:an?|the|some|two|three|\d+)\s.+)$", re.I
)
_SAYS_NOTHING = re.compile(
    r"\b(?:call(?:ed)?|ring|phone|get) (?:me |you |us )?back|\bmessage\b|\bperson\b|\bspeak\b|\btalk\b"
    r"|\bquestion\b"
    r"|\bcomplain\b|\bappointment$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class TurnPair:
    """What the assistant said last before the caller's words; empty at the beginning."""

    before: str
    said: str


@dataclass(slots=True)
class Details:
    """What is known of a wish. A part is "" if it was asked for in vain."""

    wish: str = ""
    name: str | None = None
    number: str | None = None
    matter: str | None = None

    def variables(self) -> dict[str, str]:
        told = ((NAME, self.name), (NUMBER, self.number), (MATTER, self.matter))
        return {name: value for name, value in told if value}

    @property
    def question(self) -> str | None:
        """What is still to be asked; None when all is known."""
        if self.name is None:
            return ASK_NAME
        if self.number is None:
            return ASK_NUMBER
        if self.matter is None:
            return ASK_TIME if _TIMED.search(self.wish) else ASK_MATTER
        return None

    def summary(self) -> str:
        thanks = f"Thank you, {self.name}." if self.name else "Thank you."
        echo = _ECHO.search(self.wish.rstrip(".!? "))
        what = f": {echo['what']}" if echo and len(echo["what"].split()) <= _LONGEST_ECHO else ""
        noted = f"{_NOTED} your request{what}"
        if self.number:
            noted += f", and your number, {grouped(self.number)}"
        return f"{thanks} {noted}. I will pass it on. {MORE}"


def question_of(said: str) -> str | None:
    """The last question about a wish in this. What is said behind it ("Are you still there?") leaves it open,
    and so does a caller who answers before its end."""
    found = max(_QUESTIONS, key=said.rfind)
    if found in said:
        return found
    cut = said.rstrip(" ,.-")
    return next((one for one in _QUESTIONS if any(map(cut.endswith, _beginnings(one)))), None)


def _beginnings(question: str) -> list[str]:
    """Those of half of it and more."""
    return [question[:length] for length in range(len(question) // 2, len(question))]


def details_of(exchanges: Sequence[TurnPair]) -> Details:
    """What the caller has told since the wish came up, whose exchange is the first."""
    details = Details()
    asked = 0
    for at, exchange in enumerate(exchanges):
        question = question_of(exchange.before)
        asked = asked + 1 if at and question == question_of(exchanges[at - 1].before) else 1
        if at == 0:
            details.wish = exchange.said
            _begin(details, exchange.said)
        elif question is not None:
            _answer(details, question, exchange.said, asked >= _ENOUGH_ASKED)
    return details


def since_the_wish(exchanges: Sequence[TurnPair]) -> Sequence[TurnPair]:
    """The exchanges from the one on that brought up the wish which is being asked about; none if none is."""
    start = len(exchanges)
    while start > 0 and question_of(exchanges[start - 1].before) is not None:
        start -= 1
    if start == len(exchanges):
        return ()
    start = max(start - 1, 0)
    while start > 0 and exchanges[start].before.endswith(OFFER_MESSAGE):
        start -= 1  # "yes" to the offer of a message: what was asked before is the matter
    return exchanges[start:]


def _begin(details: Details, said: str) -> None:
    details.number = number_in(said) if re.search(r"\d{3}|\b(?:number|reach me|zero|five)\b", said) else None
    details.name = _name_within(said)
    if _SAYS_NOTHING.search(said) or not (_tells(said) or is_problem(said)):
        return
    if not _TIMED.search(said) or _HAS_TIME.search(said):
        details.matter = said[:_LONGEST_MATTER]


def _tells(said: str) -> bool:
    return sum(each not in WEAK_STEMS for each in stems(said)) >= _LEAST_TELLING


def _name_within(said: str) -> str | None:
    """A name that comes with the wish: "it's Paul Weber"."""
    found = re.search(r"(?:[Tt]his is|[Mm]y name is|[Ii]t'?s|[Ii] am|[Ii]'m)((?: [A-Z][\w'’-]+){1,3})", said)
    return told_name(found[0]) if found else None


def _answer(details: Details, question: str, said: str, enough: bool) -> None:
    refused = refuses(said)
    number = number_in(said)
    if question == ASK_NAME:
        details.name = (None if refused else told_name(said)) or ("" if enough or refused else None)
        details.number = details.number or number
    elif question == ASK_NUMBER:
        details.number = number or ("" if enough or refused else None)
    else:
        told = " ".join(part for part in (details.wish if question == ASK_TIME else "", said) if part)
        details.matter = told[:_LONGEST_MATTER]


_REFUSES = re.compile(
    r"\b(?:rather not|don'?t (?:want|have)|do not (?:want|have)|won'?t (?:give|tell|say)|none of your"
    r"|no number"
    r"|not (?:giving|telling)|skip)\b",
    re.I,
)
_GIVES_UP = re.compile(r"\b(?:never ?mind|forget it|cancel that|no thanks?|no thank you|changed my mind)\b")


def refuses(said: str) -> bool:
    return _REFUSES.search(said) is not None or intent_of(said) is Intent.NO


def gives_up(said: str) -> bool:
    return _GIVES_UP.search(" ".join(words(said))) is not None


def asks_instead(said: str) -> bool:
    """Whether an answer to one of the questions is a question itself."""
    return said.rstrip().endswith("?") and not is_wish(said)


def pairs_of(turns: Iterator[tuple[str, str]]) -> list[TurnPair]:
    """From (role, text) in their order; what one side says in pieces is one."""
    found: list[TurnPair] = []
    before, said = "", ""
    for role, text in turns:
        if role == "assistant":
            if said:
                found.append(TurnPair(before, said))
                before, said = "", ""
            before = f"{before} {text}".strip()
        else:
            said = f"{said} {text}".strip()
    if said:
        found.append(TurnPair(before, said))
    return found
