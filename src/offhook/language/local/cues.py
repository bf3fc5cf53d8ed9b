"""What a prompt tells the assistant to do in a case: "If the caller has lost a card, transfer them to the
fraud team." The case becomes words to listen for, and what is to be done becomes deeds; of what is neither
said, asked for, nor a transfer or an end nothing is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from offhook.language.local.first_person import addressed, reported


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class PutThrough:
    """`whom`: as the prompt has it, or nothing."""

    whom: str


@dataclass(frozen=True, slots=True)
class TakeDetails:
    """Name, number and matter are asked for."""


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


@dataclass(frozen=True, slots=True)
class TellOf:
    """What the prompt knows about this is said."""

    topic: str


Deed = Say | PutThrough | TakeDetails | HangUp | TellOf


@dataclass(frozen=True, slots=True)
class Cue:
    """`case`: what the caller is about, in the prompt's words."""

    case: str
    deeds: tuple[Deed, ...]


_LONGEST_CASE = 300
_THEM = (
    r"(?:(?:to )?(?:them|him|her|callers?|customers?|users?|patients?|clients?|guests?|tenants?|parents?"
    r"|people"
    r"|the (?:caller|customer|user|patient|client|guest|tenant|parent|person|employee|student|member)s?)\b)"
)
_DO = (
    r"(?:(?:then|please|politely|immediately|just|simply|always|you (?:should|must|can|may)|calmly|first)"
    r" ){0,4}"
    r"(?:say|tell|ask|inform|transfer|connect|forward|escalate|hand|put|explain|let|take|collect|get|gather"
    r"|offer"
    r"|mention|apologi[sz]e|hang up|end|call|direct|refer|advise|reassure|give|do not|don'?t|never|make|use"
    r"|respond|reply|answer|acknowledge|go|proceed|provide|schedule|note|log|remind|thank|suggest|recommend"
    r"|instruct"
    r"|send|point|route|record|read|confirm|verify|stay|be|continue|move|return|repeat|assist|help|help them"
    r"|mark|try|check|invite|encourage|redirect|disconnect)\b"
)
_CONDITIONAL = re.compile(
    rf"^(?:and |but |also |otherwise,? )?(?:if|when|whenever|in case|should|once|as soon as|for)\b,? "
    rf"(?P<case>.{{2,{_LONGEST_CASE}}}?)(?:(?:\s*[,:;]|\s[–—-]|\s*->)\s*(?=(?:then )?(?P<quote>[\"“'])"
    rf"|{_DO})|\s(?={_DO}))"
    rf"(?P<do>.+)$",
    re.I | re.S,
)
_ARROW = re.compile(r"^(?P<case>[^.!?\n]{2,120}?)\s*(?:->|→|=>|⇒)\s*(?P<do>.+)$", re.S)
_LABELLED = re.compile(
    rf"^(?P<case>[\"“']?[^:\n]{{2,120}}?[\"”']?)\s*(?::|\s[–—-])\s+(?P<do>(?:[\"“]|{_DO}).+)$", re.I | re.S
)
_WHO_SHOULD = re.compile(
    r"^(?P<case>(?:callers?|customers?|people|anyone|those|anybody|patients?|clients?|guests?|tenants?"
    r"|employees?"
    r"|members?)\s(?:who|that|with|asking|wanting|looking|calling)\b.{2,150}?)\s(?:should|must|may|can"
    r"|need to"
    r"|are to|have to)\s(?P<do>.+)$",
    re.I,
)
_ABOUT_THEM = re.compile(
    rf"^{_THEM}|^(?:they|someone|somebody|anyone|anybody|you are|you're|callers?)\b"
    r"|\b(?:is|are|has|have|asks?|asked|asking|wants?|wanting|needs?|says?|saying|said|mentions?|reports?"
    r"|calls?"
    r"|calling|inquires?|would like|brings? up|about|for|to know|whether|if|you)\b",
    re.I,
)
_ALTERNATIVES = re.compile(r",|;|/|\bor\b|\bsuch as\b|\blike\b|\bincluding\b|\be\.g\.?|[()\"“”]", re.I)
_QUOTED = re.compile(r"[\"“](?P<words>[^\"”“]{2,400})[\"”]|(?<![\w'])'(?P<single>[^']{8,400}?)'(?!\w)")
_CLAUSES = re.compile(
    rf"(?<=[.!?])[\"”']?\s+|;\s*|,?\s+(?:and|then|and then|&)\s+(?={_DO})|,\s+(?={_DO})|,\s+and\s+(?=that\b)",
    re.I,
)
_LEADING = re.compile(
    r"^(?:(?:then|please|politely|immediately|just|simply|always|calmly|first|and|you (?:should|must|can|may)"
    r"|also)\s+)+",
    re.I,
)
_THAT = re.compile(
    rf"^(?:(?:say|tell|inform|remind|explain|answer|reply|respond|advise|mention|let|reassure|note|state"
    rf"|clarify)\b"
    rf"(?:\s{_THEM})?(?:\sknow)?(?:\swith)?)\s*(?:that\s|:\s*|,\s*)?(?P<what>.*)$",
    re.I,
)
_THEM_TO = re.compile(
    rf"^(?:tell|ask|advise|instruct|direct|remind|encourage|invite"
    rf"|urge)\s{_THEM}\s(?:not\s)?to\s(?P<what>.+)$",
    re.I,
)
_THEIRS = re.compile(
    r"(?:call|go|stay|leave|use|send|bring|check|try|visit|wait|keep|move|return|do not|don'?t|make"
    r"|disconnect"
    r"|get|hang up|read)\b",
    re.I,
)
"""What somebody does who was told to do another thing before."""
_REFERRED = re.compile(
    rf"^(?:(?:be\s)?(?:refer(?:red)?|direct(?:ed)?|sen[dt]|point(?:ed)?)\s(?:{_THEM}\s)?to)\s(?P<whom>.+)$",
    re.I,
)
_TRANSFER = re.compile(
    rf"^(?:be\s)?(?:transfer|connect|forward|escalate|hand|put|route|redirect)(?:r?ed)?\b(?:\s{_THEM}"
    rf"|\sthe call|\sover|\sit"
    rf"|\sthrough|\simmediately|\sdirectly)*(?:\s(?:to|through to|with)\s(?P<whom>.+))?$",
    re.I,
)
_END = re.compile(
    r"^(?:hang up|end the (?:call|conversation)|disconnect the call|close the call|end call)\b", re.I
)
_TAKE = re.compile(
    r"^(?:take|collect|get|gather|note|log|record|ask(?:\sfor|\s\w+\sfor)?|ask\sthem|obtain"
    r"|offer to take)\b.*"
    r"\b(?:name|number|phone|message|details|contact|information|info|complaint|reservation|order|address"
    r"|e-?mail"
    r"|date|unit|problem|make|model)",
    re.I,
)
_ASK = re.compile(rf"^ask\s(?:{_THEM}\s)?for\s(?P<what>.+)$", re.I)
_SORRY = re.compile(r"^(?:say\s(?:you'?re\s|that you are\s)?sorry|apologi[sz]e)\b", re.I)
_TELL_OF = re.compile(
    r"^(?:mention|offer|suggest|recommend|explain|describe|tell\s\w+(?:\s\w+)?\sabout"
    r"|promote)\s(?P<what>.+)$",
    re.I,
)
_FURTHER = re.compile(r"^that\s", re.I)


def cue_of(statement: str, told: bool, keyed: bool) -> Cue | None:
    """What a statement tells the assistant to do in a case. `told`: it stands below a heading of
    instructions, where a quotation behind a label is what is to be said; `keyed`: its label is the key of a
    fact."""
    for pattern in (_CONDITIONAL, _ARROW, _WHO_SHOULD, *(() if keyed else (_LABELLED,))):
        match = pattern.match(statement)
        if match is None or (pattern is _LABELLED and not told and match["do"][0] in '"“'):
            continue
        do = match["do"].strip()
        if pattern is _LABELLED and _is_script(match["case"], do):
            return Cue(match["case"], ())
        if pattern is _WHO_SHOULD and not _referral(do):
            return Cue(match["case"], (Say(f"Please {addressed(do)}"),))
        return Cue(match["case"], tuple(_deeds(do)))
    return None


_SCRIPTED = re.compile(
    r"(?:start|begin|open|close|end|set|summari[sz]e|assess|explain|confirm|acknowledge|introduce|greet"
    r"|conclude|ask|say"
    r"|offer|provide|clarify|verify|thank|step)\b",
    re.I,
)


def _is_script(case: str, do: str) -> bool:
    """Whether what is quoted belongs to a step of the conversation, and answers nothing a caller says."""
    if do[0] not in '"“' or case[0] in '"“':
        return False
    return _SCRIPTED.match(case) is not None or do.rstrip('"” ').endswith("?")


def cases_of(case: str) -> list[str]:
    """The alternatives of a case, each without what it says of the caller."""
    return [
        bare
        for one in _ALTERNATIVES.split(case[:_LONGEST_CASE])
        if (bare := _ABOUT_THEM.sub(" ", one).strip())
    ]


def _referral(do: str) -> bool:
    return _REFERRED.match(do) is not None or _TRANSFER.match(do) is not None


def _deeds(do: str) -> Iterator[Deed]:
    """In their order. A quotation is said as it is, whatever stands before it."""
    said: list[str] = []

    def keep(found: re.Match[str]) -> str:
        said.append(found["words"] or found["single"])
        return f"\x00{len(said) - 1}\x00"

    asked_to = False
    for clause in _CLAUSES.split(_QUOTED.sub(keep, do)):
        bare = _LEADING.sub("", clause.strip()).rstrip(".!; ")
        quoted = [said[int(number)] for number in re.findall("\x00(\\d+)\x00", bare)]
        if quoted and not re.match(r"(?:do not|don'?t|never|avoid|if|unless)\b", bare, re.I):
            yield from (Say(one) for one in quoted)
        elif asked_to and _THEIRS.match(bare):
            yield Say(f"Please {addressed(bare)}")
        elif bare:
            asked_to = _THEM_TO.match(bare) is not None
            yield from _deed(bare)


def _deed(bare: str) -> Iterator[Deed]:
    if _SORRY.match(bare):
        yield Say("I am sorry about that.")
    elif _END.match(bare):
        yield HangUp()
    elif match := _THEM_TO.match(bare):
        negated = re.search(r"\bnot\sto\s", bare[: match.start("what")], re.I)
        yield Say(f"Please {'do not ' if negated else ''}{addressed(match['what'])}")
    elif match := _REFERRED.match(bare):
        yield Say(f"Please contact {addressed(match['whom'])}")
    elif match := _TRANSFER.match(bare):
        yield PutThrough(match["whom"] or "")
    elif _TAKE.match(bare):
        yield TakeDetails()
    elif match := _ASK.match(bare):
        yield Say(f"Could you please tell me {addressed(match['what'])}?")
    elif _FURTHER.match(bare):
        yield Say(reported(_FURTHER.sub("", bare)))
    elif (match := _THAT.match(bare)) and _is_clause(match["what"]):
        yield Say(reported(match["what"]))
    elif match := _TELL_OF.match(bare):
        yield TellOf(match["what"])


_VERB = re.compile(
    r"\b(?:is|are|was|will|can|may|must|has|have|do|does|costs?|takes?|needs?|returns?|calls?|comes?|opens?"
    r"|closes?"
    r"|works?|applies|begins?|starts?|offers?|accepts?|accept|offer|charge|charges|deliver|serve|'ll|'re"
    r"|won'?t|cannot"
    r"|can'?t|cover|covers|arrives?|gets?|needs|closed|open|should)\b",
    re.I,
)


def _is_clause(text: str) -> bool:
    return len(text.split()) >= 3 and _VERB.search(text) is not None
