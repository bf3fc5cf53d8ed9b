"""What a caller wants besides an answer: a person, an end, the last sentence again."""

from __future__ import annotations

import re
from enum import Enum, auto

from offhook.language.words import alike, distance, hums, word_set, words


class Intent(Enum):
    NOTHING = auto()
    REPEAT = auto()
    GOODBYE = auto()
    THANKS = auto()
    GREETING = auto()
    HEARING = auto()
    WAIT = auto()
    PERSON = auto()
    NAME = auto()
    WHO = auto()
    ROBOT = auto()
    HOW_ARE_YOU = auto()
    HELP = auto()
    YES = auto()
    NO = auto()
    ACKNOWLEDGE = auto()
    TELLS = auto()
    WRONG = auto()
    QUESTION = auto()


_ACKNOWLEDGEMENTS = word_set(
    """ok okay right alright mhm mm hmm mmhmm uh huh um ah oh i see sure fine good great got it perfect
    cool understood"""
)
_YES = word_set("yes yeah yep yup sure please correct exactly absolutely definitely")
_NO = word_set("no nope nah wrong not")
_CALL_FOR_A_PERSON = ("transfer", "connect", "forward", "redirect")
_PERSON = word_set(
    """person human agent representative operator someone somebody manager supervisor receptionist
    reception staff colleague desk office department team employee"""
)

_REPEAT = re.compile(
    r"\b(?:(?:say|repeat) (?:that|it|this)|repeat(?: please)?$|come again|pardon|what did you (?:just )?say"
    r"|what was that|say again|one more time|(?:didnt|did not) (?:hear|catch|get"
    r"|understand) (?:that|you|it))\b"
)
_GOODBYE = re.compile(
    r"\b(?:good ?bye|bye|by by|see you|talk to you later|take care|good night|hang up|end the call"
    r"|have a (?:nice|good|great) (?:day|evening|one|weekend)|nothing else|no more questions"
    r"|(?:that is|that|thats|that will be|thatll be) (?:all|everything))\b"
)
_HEARING = re.compile(
    r"\b(?:can you hear me|do you hear me|are you (?:still )?there|is (?:anyone|anybody) there)\b"
)
_WAIT = re.compile(
    r"^(?:no )?(?:wait|weight|hold on|hang on|stop|one moment|one second|just a (?:moment"
    r"|minute|second|sec))\b"
)
_NAME = re.compile(
    r"\b(?:my name is|my names|name is|this is|i am called|im called)\s+(?P<name>[^,.!?;]+)", re.I
)
_NAME_WORD = re.compile(r"[A-Z][\w'’-]*")
_WHO = re.compile(
    r"\b(?:who are you|who is this|whos this|what is your name|whats your name|what your name|your name"
    r"|who am i (?:speaking|talking)|who is speaking"
    r"|(?:what|which) (?:company|business|place|practice|restaurant|office) is this)\b"
)
_ROBOT = re.compile(
    r"\bare you (?:an? )?(?:real|human|robot|bot|machine|person|computer|ai|artificial|recording)\b"
    r"|\bis this a (?:robot|recording|machine|real person|bot)\b"
)
_HOW_ARE_YOU = re.compile(r"\bhow(?: are|re) you(?: doing)?(?: today)?$|\bhows it going\b")
_HELP = re.compile(
    r"\b(?:what can you (?:do|tell me|help)|how can you help|can you help me|i need (?:some )?help$|help me$"
    r"|what do you know)\b"
)
_GREETING = re.compile(
    r"^(?:hello|hi|hey|hallo|good (?:morning|afternoon|evening))(?: there| hello| again)?$"
)
_THANKS = re.compile(r"\bthank(?:s| you)\b")
_WRONG = re.compile(
    r"\b(?:(?:that|this|it|thats|its) ?(?:is )?(?:all )?(?:wrong|incorrect|not (?:right|correct|true|it))"
    r"|not what i (?:said|asked|meant)|you (?:misunderstood|got me wrong))\b"
)
_TELLS = re.compile(
    r"\bmy (?:\w+ )?(?:number|email|e mail|mail|address|birthday|date of birth|birth date"
    r"|account|zip code) is\b"
)
_ASKS = re.compile(
    r"^(?:what|where|when|who|how|why|which|do|does|is|are|can|could|would|will|may|did|have)\b|\?$"
    r"|\b(?:could you|can you|tell me|i would like|id like|i want|i wanna|i need|do you"
    r"|how much|what|where)\b"
)


def intent_of(text: str) -> Intent:
    said = words(text)
    plain = " ".join(said)
    if not said:
        return Intent.NOTHING
    if _REPEAT.search(plain):
        return Intent.REPEAT
    if _ROBOT.search(plain):
        return Intent.ROBOT
    if wants_person(said):
        return Intent.PERSON
    if _HEARING.search(plain):
        return Intent.HEARING
    asks = _ASKS.search(plain) is not None
    if _GOODBYE.search(plain) and not asks:
        return Intent.GOODBYE
    for pattern, intent in _QUESTIONS_OF_THEIR_OWN:
        if pattern.search(plain):
            return intent
    if name_in(text) is not None:
        return Intent.NAME
    return _short(said, plain, asks)


_QUESTIONS_OF_THEIR_OWN = (
    (_WHO, Intent.WHO),
    (_HOW_ARE_YOU, Intent.HOW_ARE_YOU),
    (_HELP, Intent.HELP),
    (_WRONG, Intent.WRONG),
    (_TELLS, Intent.TELLS),
    (_GREETING, Intent.GREETING),
)


def _short(said: list[str], plain: str, asks: bool) -> Intent:
    if _WAIT.match(plain) and not re.search(r"\b(?:where|when|how|what)\b", plain):
        return Intent.WAIT
    if _THANKS.search(plain) and not asks:
        return Intent.THANKS
    if all(word in _ACKNOWLEDGEMENTS or hums(word) for word in said):
        return Intent.ACKNOWLEDGE
    if len(said) <= 4 and not asks:
        if said[0] in _YES:
            return Intent.YES
        if said[0] in _NO or said[:2] == ["know", "that"]:
            return Intent.NO
    return Intent.QUESTION


def wants_person(said: list[str]) -> bool:
    """Whether these words ask to be put through. "Transform me to the front desk" does: so it is heard."""
    plain = " ".join(said)
    for number, word in enumerate(said):
        if (
            any(_heard_as(word, verb) for verb in _CALL_FOR_A_PERSON)
            and "me" in said[number + 1 : number + 3]
        ):
            return True
    if re.search(r"\bput me through\b|\b(?:real|live|actual) (?:person|human|agent)\b", plain):
        return True
    talk = re.search(
        r"\b(?:speak|talk|spoke|get|reach|connect|transfer(?:red)?)(?: \w+)? (?:to|with|a|the)\b(?P<whom>.*)",
        plain,
    )
    if talk is None:
        return plain in _PERSON
    whom = talk["whom"].split()
    if any(word in _PERSON for word in whom):
        return True
    return re.search(r"\b(?:speak|talk|transfer\w*|connect\w*) (?:to|with)\b", plain) is not None and bool(
        whom
    )


def _heard_as(word: str, verb: str) -> bool:
    return alike(word, verb) or (len(word) >= 7 and word[:4] == verb[:4] and distance(word, verb, 3) <= 3)


def name_in(text: str) -> str | None:
    """The caller's name, if he or she tells it: capitalised, three words at most."""
    match = _NAME.search(text)
    if match is None:
        return None
    names: list[str] = []
    for word in match["name"].split():
        if not _NAME_WORD.fullmatch(word) or len(names) == 3:
            break
        names.append(word)
    return " ".join(names) or None
