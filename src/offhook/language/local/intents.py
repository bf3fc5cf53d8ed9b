"""What a caller wants besides an answer: a person, an end, the last sentence again."""

from __future__ import annotations

import re
from enum import Enum, auto

from offhook.language.words import alike, distance, hums, joined, word_set, words


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
    EMERGENCY = auto()
    STOP_CALLING = auto()
    NOT_INTERESTED = auto()
    INSTRUCTIONS = auto()
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
_PLACES = word_set("reception desk office department")
_WAY = re.compile(r"\bhow (?:do|can|could|would|should) (?:i|we|you) get\b")
"""Asked of a place: where it is."""

_REPEAT = re.compile(
    r"\b(?:(?:say|repeat) (?:that|it|this)|repeat(?: please)?$|come again|pardon|what did you (?:just )?say"
    r"|what was that|say again|one more time|once more|(?:didnt|did not|couldnt|could not|dont"
    r"|cant) (?:hear|catch|get"
    r"|understand) (?:that|you|it)|(?:more|bit|little) slow(?:er|ly)|slow down|slower|speak up|louder"
    r"|too (?:fast|quick|quiet))\b|^(?:what|huh|sorry|excuse me|hm|say what|im sorry|sorry what|what sorry)$"
)
_GOODBYE = re.compile(
    r"\b(?:good ?bye|bye|by by|see you|talk to you later|take care|good night|hang up|end the call"
    r"|have a (?:nice|good|great) (?:day|evening|one|weekend)|nothing else|no more questions"
    r"|(?:that is|that|thats|that will be|thatll be) (?:all|everything))\b"
)
_NO_MORE = re.compile(
    r"(?:(?:okay|ok) )?(?:nothing|(?:im|i am|i|all) (?:good|fine|set)|that(?:s| is)? it|that was (?:it|all"
    r"|everything))(?: thanks| thank you)?"
)
_HEARING = re.compile(
    r"\b(?:can you hear me|do you hear me|are you (?:still )?there$|is (?:anyone|anybody) there)"
)
_WAIT = re.compile(
    r"^(?:i have a (?:quick )?question$|(?:a )?quick question$|(?:can|may"
    r"|could) i ask (?:you )?(?:something|a question)$)"
    r"|^(?:no )?(?:wait|weight|hold on|hang on|stop|one moment|one second|just a (?:moment"
    r"|minute|second|sec))\b"
)
_NAME = re.compile(
    r"\b(?:my name is|my names|name is|this is|i am called|im called)\s+(?P<name>[^,.!?;]+)", re.I
)
_NAME_WORD = re.compile(r"[A-Z][\w'’-]*")
_WHO = re.compile(
    r"\b(?:who are you|who is this|whos this|what is your name|whats your name|what your name|your name"
    r"|who am i (?:speaking|talking)|who is speaking"
    r"|(?:what|which) (?:company|business|place|practice|restaurant|office) (?:is this|are you|did you say"
    r"|is it)"
    r"|who (?:do you work for|did i call|have i called|are you with)|where (?:are you calling from"
    r"|did i call))\b"
)
_ROBOT = re.compile(
    r"\bare you (?:an? )?(?:real|human|robot|bot|machine|person|computer|ai|artificial|recording)\b"
    r"|\b(?:is this|am i (?:talking|speaking) (?:to|with)) (?:an? )?(?:robot|recording|machine"
    r"|real (?:person|human)"
    r"|bot|ai|human|computer|person)\b|\byou(?: are|re|r) (?:just )?an? (?:robot|bot|machine|computer"
    r"|recording|ai)\b"
)
_HOW_ARE_YOU = re.compile(r"\bhow(?: are|re) you(?: doing)?(?: today)?$|\bhows it going\b")
_HELP = re.compile(
    r"\b(?:what (?:all )?can you (?:do|tell me$|help)|how can you help|can you help me"
    r"|i need (?:some )?help$|help me$"
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
    r"|account number|zip code) is\b.*(?:\d|\bat\b|\b(?:zero|one|two|three|four|five|six|seven|eight|nine)\b)"
)
_EMERGENCY = re.compile(
    r"\bemergenc(?:y|ies)\b|\bheart attack\b|\bchest pains?\b|\bcant breathe\b|\b(?:trouble|difficulty"
    r"|hard) (?:to )?breath"
    r"|\b(?:having|had|has) a (?:stroke|seizure)\b|\bunconscious\b|\bpassed out\b|\boverdos|\bsuicid"
    r"|\bkill (?:my|him|her)self\b"
    r"|\bbleeding\b|\bon fire\b|\bthere is a fire\b|\btheres a fire\b|\bsmell(?:s|ing)? (?:of )?(?:gas"
    r"|smoke)\b|\bgas leak"
    r"|\b(?:power )?lines? (?:is |are )?down\b|\bdowned\b.*\bline|\bcall (?:911|nine one one|an ambulance"
    r"|the police)\b"
    r"|\bis dying\b|\bchoking\b|\bnot breathing\b|\bcarbon monoxide\b|\bbeen (?:shot|stabbed|electrocuted)\b"
    r"|\ballergic reaction\b|\bflood(?:ed|ing)\b|\bsparks?\b|\bon oxygen\b"
)
_STOP_CALLING = re.compile(
    r"\b(?:stop (?:calling|phoning|ringing|bothering)|take (?:me|us|my (?:name|number)) off|remove (?:me|us"
    r"|my (?:name|number))"
    r"|(?:do not|dont|never) (?:ever )?(?:call|contact|phone|ring|bother) (?:me|us|here|this|again)"
    r"|unsubscribe"
    r"|do not call list|leave me alone)\b"
)
_CALL_ANOTHER_TIME = re.compile(
    r"\b(?:call|contact|phone|ring) (?:me|us) (?:back|before|after|at|until|till|between|during|today"
    r"|tomorrow|tonight|if|unless|while|on \w+days?)\b(?!.*\b(?:again|anymore|ever)\b)"
)
"""What is asked for with this is no end of calls: "do not call me before nine"."""
_NOT_INTERESTED = re.compile(
    r"\b(?:not (?:really |at all |very )?interested|no interest|arent interested)\b"
    r"|\b(?:dont|do not) (?:want|need) (?:any|anything|it|to buy(?: anything)?)(?: thanks| thank you| bye)*$"
)
_INSTRUCTIONS = re.compile(
    r"\b(?:system )?prompt\b|\byour (?:instructions|rules|guidelines|programming|script)\b"
    r"|\bignore (?:all|your|the|any|every|previous)\b|\bwhat were you told\b"
)
_WISH = re.compile(
    r"\b(?:(?:i|we)(?: would|d)? (?:like|love|want|need|wanna|have|gotta|wish)(?: to| an?| some)?|(?:can"
    r"|could|may|might"
    r"|shall) (?:i|we|you|somebody|someone)(?: please)?|please|calling to|trying to|looking to|lets|let me"
    r"|want to"
    r"|like to|need to|id like|ill) (?:\w+ ){0,2}?(?:book|reserve|order|schedule|make (?:an?"
    r"|my) (?:\w+ )?(?:appointment|reservation"
    r"|booking|order|complaint)|get an? (?:appointment|reservation|table|quote)|place an order|appointment"
    r"|reservation|callback"
    r"|(?:\w+ ){0,3}callback|refund|my money back|complain|file a (?:complaint|claim)|leave a message"
    r"|take a message|report"
    r"|reschedule|cancel"
    r"|set up|sign up|register|quote|estimate|pass (?:on|along)|tell (?:him|her|them))\b"
    r"|\bmessage for\b|\b(?:have|ask|get) (?:\w+ ){1,3}(?:to )?callback\b|^(?:a )?callback\b"
    r"|\bsend (?:somebody|someone|a technician)\b"
)
_INQUIRES = re.compile(
    r"(?:(?:and|so|hi|hello|okay|well) )*(?:what|how|where|when|which|who|why|whats|do i|does|is|are)\b"
)
_PROBLEM = re.compile(
    r"\b(?:hurts|hurting|in (?:a lot of )?pain|toothache|(?:is|are|went|keeps going) (?:down|out|off|dead"
    r"|stuck|gone)$|broken|broke|broke down"
    r"|not working|(?:doesnt|dont|wont|isnt|didnt|stopped|quit) (?:work|working"
    r"|start|turn on|turning on|arrive"
    r"|open|flush|heat|heating)|leak(?:s|ing)?|clogged|flicker(?:s|ing)?|damaged|defective|cracked"
    r"|never (?:came|arrived|showed)|still not here"
    r"|hasnt (?:arrived|come)|(?:wrong|missing) (?:order|item|pizza|food|part)|no (?:heat|power|hot water"
    r"|water|internet)"
    r"|crash(?:es|ed|ing)|frozen|freezing|error|out of order|keeps? \w+ing|(?:is|was|were) (?:cold|late"
    r"|rude|dirty|missing)"
    r"|power is out|power outage|lost power|complain\w*|ridiculous|unacceptable|terrible|awful|disappointed"
    r"|rude|horrible"
    r"|very (?:angry|upset|unhappy)|overcharged|charged (?:me )?twice|scammed me|third time)\b"
)
_UPSET = re.compile(
    r"\b(?:complain\w*|complaint|ridiculous|unacceptable|terrible|awful|disappointed|rude|horrible|angry"
    r"|upset|unhappy"
    r"|damaged|defective|overcharged|broken|late|third time|still not|never (?:came|arrived)|wrong order)\b"
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
    asks = _ASKS.search(plain) is not None
    if _STOP_CALLING.search(plain) and not _CALL_ANOTHER_TIME.search(plain):
        return Intent.STOP_CALLING
    if _NOT_INTERESTED.search(plain) and not asks:
        return Intent.NOT_INTERESTED
    if _INSTRUCTIONS.search(plain):
        return Intent.INSTRUCTIONS
    if _ROBOT.search(plain):
        return Intent.ROBOT
    if wants_person(said):
        return Intent.PERSON
    if _EMERGENCY.search(plain):
        return Intent.EMERGENCY
    if _HEARING.search(plain):
        return Intent.HEARING
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
        return Intent.NO if said[0] in _NO else Intent.THANKS
    if all(word in _ACKNOWLEDGEMENTS or hums(word) for word in said):
        return Intent.ACKNOWLEDGE
    if len(said) <= 4 and not asks:
        if said[0] in _YES:
            return Intent.YES
        if said[0] in _NO or said[:2] == ["know", "that"]:
            return Intent.NO
    return Intent.QUESTION


def wants_no_more(text: str, intent: Intent) -> bool:
    """Whether this declines the offer of more help."""
    return intent is Intent.NO or _NO_MORE.fullmatch(" ".join(words(text))) is not None


def is_wish(text: str) -> bool:
    """Whether the caller wants something done that takes a person: a booking, an order, a call back."""
    plain = " ".join(words(joined(text)))
    return _WISH.search(plain) is not None and _INQUIRES.match(plain) is None


def is_problem(text: str) -> bool:
    """Whether the caller tells that something is wrong."""
    return _PROBLEM.search(" ".join(words(text))) is not None


def is_upset(text: str) -> bool:
    return _UPSET.search(" ".join(words(text))) is not None


def is_question(text: str) -> bool:
    return _ASKS.search(" ".join(words(text))) is not None or text.rstrip().endswith("?")


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
    whoever = _PERSON - _PLACES if _WAY.search(plain) else _PERSON
    if any(word in whoever for word in whom):
        return True
    # "Nice to talk to you" is said to the assistant.
    asks = re.search(r"\b(?:speak|talk) (?:to|with)\b", plain) is not None
    return asks and bool(whom) and whom[0] != "you"


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
