"""Is what the caller said open at its end? English words alone decide: transcribers put a full stop behind
every piece, and a question mark behind "Can I"."""

from __future__ import annotations

import re
from typing import Final, Literal

from offhook.conversation.turns.interruption import words_of

Openness = Literal["closed", "perhaps", "open", "thinking"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ALWAYS: Final = _set(
    "a an the my your our their every and or but because if although unless whether than whose into its "
    "without between until since during regarding concerning im id ill ive theyre youre were youd theyd "
    "wed weve youve thats theres heres whats hes shes um uh er erm uhm very quite such also just let "
    "lets needs wanted wanna gonna gotta trying hoping wondering calling looking supposed wants i"
)
"""Nothing ends with these, whatever stands before them; with `?` no more than without."""
_WEAK: Final[dict[str, frozenset[str]]] = {
    # the word: what stands before it where it ends a phrase
    "to": _set("like love want need have used supposed going able dont not"),
    "for": _set("that this it what waiting asked looking paying"),
    "of": _set("course heard thought think kind sort"),
    "at": _set("where looking good"),
    "from": _set("you that it they come are"),
    "with": _set("you that it them him her"),
    "in": _set("come log sign check move moved call get fill go drop walk stay"),
    "on": _set("it that this hold hang come go later carry whats move turn put so log going"),
    "by": _set("drop stop come go pass stand"),
    "about": _set("it that this what how talking thinking come"),
    "like": _set("you i that it feels would looks be"),
    "as": _set("well"),
    "so": _set("think hope guess suppose believe dont afraid if say much"),
    "is": _set("it that this he she what there where who name as how"),
    "are": _set("you they we what there these those who how"),
    "was": _set("it that this he she what there i"),
    "were": _set("they we you there"),
    "am": _set("i"),
    "be": _set("will would can could may might should to it"),
    "do": _set("i we they you to can what this that please will"),
    "does": _set("it that he she"),
    "did": _set("i we they you it he she"),
    "can": _set("i we you they it"),
    "will": _set("i we you they it that"),
    "could": _set("i we you if they it"),
    "would": _set("i we you that it they"),
    "should": _set("i we you it they"),
    "have": _set("i we you to they can"),
    "has": _set("he she it"),
    "had": _set("i we you they"),
    "need": _set("i you we all thats"),
    "want": _set("i you we they what"),
    "end": _set("the this week weeks month year low high rear"),  # a misheard "and"
}
_AUXILIARIES: Final = _set("is are was were am be do does did can will could would should have has had")
_ASKED_FOR: Final = _set("looking waiting asked paying talking thinking going")
"""Behind these a preposition ends a question only: "What are you looking for?"."""
_CLAUSE: Final = _set("because if when and but that whether since as while then so what where")
_THAT: Final = _set(
    "invoice bill letter email order thing one problem person so sure told said hope think say such"
)
_SUBJECTS: Final = _set("we they he she it you there")
_WH: Final = _set("what where who when how why which whose whats wheres whos hows")
_ANSWERS: Final = _set("yes no yeah yep nope sure of that he she please dont")
"""How a short answer begins that may end with a word as weak as "Yes, I can"."""
_OPEN_TAIL: Final = re.compile(
    r"(?:^| )(?:(?:two|three|four|a few|some|several|a couple of|one more|one other) (?:more )?"
    r"(?:questions?|things?|points|issues|problems)|first of all|for example|for instance|"
    r"(?:my|the|his|her|our) (?:\w+ )?(?:number|name|address|code|e ?mail|birthday) (?:is|its)|"
    r"(?:would|id|we would|wed) like|"
    r"(?:im|i am|we are|were|was|am) (?:interested in|interested|planning|calling|thinking|looking)|"
    r"(?:like|want|need|have|trying|going|wanted|able|supposed|used) to|how about|what about|"
    r"such as|as well as|in order|at least|so that|"
    r"(?:tell|show|give|send|ask|let|call|help) (?:me|us) "
    r"(?:when|where|what|how|if|about|that|which)(?: that)?)$"
)
_AUXILIARY_FIRST: Final = re.compile(
    r"(?:^| )(?:can|could|may|will|would|should|do|did|does) (?:i|we|you|they|he|she)$"
)
_PERHAPS_TAIL: Final = re.compile(
    r"(?:^| )(?:any|some|another|have (?:a|another) question|"
    r"to (?:make|ask|get|know|see|find|say|check|schedule|book|change))$"
)
_THINKING: Final = re.compile(
    r"(?:^| )(?:let me (?:just )?(?:see|check|think|look|find|get|grab|have a look)(?: \w+){0,4}|"
    r"(?:just )?(?:one|a|give me a|just a) (?:moment|second|sec|minute)|hold on|hang on|bear with me|"
    r"how (?:do|can|should) i (?:say|put)(?: it| that| this)?|what was (?:it|that) again|"
    r"where (?:is it|did i put it)|(?:im|i am) (?:just )?(?:thinking|looking|checking))(?: please)?$"
)
_STALLS: Final = _set("um uh er erm uhm hmm well so you know like anyway okay")


def openness(text: str) -> Openness:
    """`closed`: it may be all. `perhaps`: as often all as not. `open`: in the middle of a phrase. `thinking`:
    the caller asks for time."""
    words = words_of(text[-200:])
    if not words:
        return "perhaps"
    said = " ".join(words)
    if _THINKING.search(said):
        return "thinking"
    stripped = text.rstrip(" \"'”’)")
    if stripped.endswith((",", "-", "–", "…", "...", ":", ";")):
        return "open"
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _ALWAYS or (len(words) < 4 and set(words) <= _STALLS and last not in ("okay", "hmm")):
        return "open"
    asks = stripped.endswith("?")
    if last in _WEAK and words[0] in _ANSWERS and len(words) <= 5 and before in _WEAK[last]:
        return "closed"
    if _AUXILIARY_FIRST.search(said) or (_OPEN_TAIL.search(said) and not (asks and len(words) > 3)):
        return "open"
    if _PERHAPS_TAIL.search(said):
        return "perhaps"
    if last in _WEAK:
        return _weak(words, before, asks)
    if last in ("it", "this"):
        return "perhaps" if before in ("looking", "about", "for", "a") and not asks else "closed"
    if last == "that" and before in ("when", "if", "where", "how", "whether"):
        return "open"  # a misheard "the"
    if last == "that":
        return "open" if before in _THAT and not asks else "closed"
    if last in ("when", "where", "which", "who", "while", "though"):
        return "closed" if len(words) == 1 or (asks and len(words) < 4) else "open"
    if last in _SUBJECTS and before in _CLAUSE:
        return "closed" if asks and before == "and" else "open"
    return "closed"


def _weak(words: list[str], before: str, asks: bool) -> Openness:
    """It ends with a word that ends a phrase only behind some others."""
    last = words[-1]
    if len(words) == 1 or before not in _WEAK[last]:
        return "open"
    question = not _WH.isdisjoint(words)
    if question and (asks or last not in _AUXILIARIES):
        return "closed"
    if before in _ASKED_FOR or last in ("need", "want"):
        return "closed" if {"all", "thats", "everything"} & set(words) else "open"
    if last not in _AUXILIARIES and last != "to":
        return "closed"
    return "perhaps" if len(words) <= 5 else "open"
